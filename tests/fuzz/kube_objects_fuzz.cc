#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "k8s/directory/model.h"
#include "k8s/directory/question.h"
#include "k8s/directory/route_status.h"

namespace {

using namespace epaulet::kube;

template <class Facts>
void take(std::string_view text, Model& model) {
  if (auto page = read_page<Facts>(text)) {
    for (auto& each : page->items) model.put(std::move(each));
  }
  auto event = read_event<Facts>(text);
  if (event.kind == EventKind::put) model.put(std::move(event.facts));
  if (event.kind == EventKind::removed) model.remove(event.facts);
}

}  // namespace

/// What an API server sends, line by line, as all kinds: the model stays whole, its views are one
/// line each, and what is written back of a route is written once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Model model("td", "i");
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
    take<ServiceFacts>(line, model);
    take<SliceFacts>(line, model);
    take<PodFacts>(line, model);
    take<HttpRouteFacts>(line, model);
    take<GrpcRouteFacts>(line, model);
    (void)read_question(line);
  }
  for (const auto& [key, route] : model.routes().all()) {
    auto facts = route.facts;
    const auto wanted = conditions_of(key, route, model);
    (void)event_of(facts, key.first, route.refused, "T");
    const auto parents = new_parents(facts, wanted, "T");
    if (!parents) continue;
    facts.status_parents = *parents;
    if (new_parents(facts, wanted, "T")) std::abort();
  }
  for (const auto& service : model.take_changes()) {
    const auto view = model.line(service);
    if (view->find('\n') != view->size() - 1) std::abort();
  }
  for (const auto kind : {ObjectKind::service, ObjectKind::slice, ObjectKind::pod,
                          ObjectKind::http_route, ObjectKind::grpc_route}) {
    model.begin_list(kind);
    model.end_list(kind);
    if (model.count(kind) != 0) std::abort();
  }
  if (model.endpoints() != 0 || model.nodes() != 0) std::abort();
  return 0;
}
