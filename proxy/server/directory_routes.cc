#include "server/directory_routes.h"

namespace epaulet::server {
namespace {

ConfigText text_of(const ServiceView::Route& route) {
  return {"directory: " + route.name, route.document, ""};
}

}  // namespace

LoadedWithRoutes load_with_routes(const ConfigFiles& files,
                                  std::span<const ServiceView::Route> routes) {
  std::vector<ConfigText> texts;
  for (const auto& route : routes) texts.push_back(text_of(route));
  LoadedWithRoutes result;
  result.loaded = load_settings(files, texts);
  if (result.loaded.ok() || routes.empty()) return result;
  texts.clear();
  result.loaded = load_settings(files);
  if (!result.loaded.ok()) return result;
  for (const auto& route : routes) {
    texts.push_back(text_of(route));
    auto tried = load_settings(files, texts);
    if (tried.ok()) {
      result.loaded = std::move(tried);
      continue;
    }
    texts.pop_back();
    result.left_out.push_back({route.name, tried.diagnostics.front().message});
  }
  return result;
}

}  // namespace epaulet::server
