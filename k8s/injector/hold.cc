#include "k8s/injector/hold.h"

#include <fmt/format.h>

#include <algorithm>

namespace epaulet::injector {
namespace {

constexpr std::int64_t kHealthPort = 15021;
constexpr std::string_view kPath = "/end/";
constexpr std::int64_t kSeconds = 5;

json::object ask(std::string path) {
  json::object get;
  get["path"] = std::move(path);
  get["port"] = kHealthPort;
  get["scheme"] = "HTTP";
  json::object hook;
  hook["httpGet"] = std::move(get);
  return hook;
}

bool is_ours(const json::object& lifecycle) {
  const auto* hook = object_in(lifecycle, "preStop");
  const auto* http = hook == nullptr ? nullptr : object_in(*hook, "httpGet");
  return http != nullptr && number_in(*http, "port") == kHealthPort &&
         text_in(*http, "path").starts_with(kPath);
}

}  // namespace

int hold_seconds(std::int64_t grace_seconds) {
  return static_cast<int>(std::clamp<std::int64_t>(grace_seconds / 2, 0, kSeconds));
}

void hold_back(json::array& containers, const std::string& secret, int seconds) {
  for (auto& each : containers) {
    auto* container = each.if_object();
    if (container == nullptr) continue;
    auto& lifecycle = object_at(*container, "lifecycle");
    if (object_in(lifecycle, "preStop") == nullptr)
      lifecycle["preStop"] = ask(fmt::format("{}{}/{}", kPath, secret, seconds));
  }
}

void release(json::array& containers) {
  for (auto& each : containers) {
    auto* container = each.if_object();
    if (container == nullptr || object_in(*container, "lifecycle") == nullptr) continue;
    auto& lifecycle = container->at("lifecycle").get_object();
    if (!is_ours(lifecycle)) continue;
    lifecycle.erase("preStop");
    if (lifecycle.empty()) container->erase("lifecycle");
  }
}

json::object end_hook(const std::string& secret) {
  json::object lifecycle;
  lifecycle["preStop"] = ask(std::string(kPath) + secret);
  return lifecycle;
}

}  // namespace epaulet::injector
