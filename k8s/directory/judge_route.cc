#include "k8s/directory/judge_route.h"

#include <map>
#include <set>

#include "config/loader.h"

namespace epaulet::kube {
namespace {

constexpr std::uint16_t kAnyPort = 80;

/// RFC 6335 section 5.1, in part: what the loader takes for the name of a port.
bool is_port_name(std::string_view text) {
  constexpr std::size_t kBytesMax = 15;
  return !text.empty() && text.size() <= kBytesMax &&
         text.find_first_of("abcdefghijklmnopqrstuvwxyz") != text.npos &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == text.npos &&
         text.front() != '-' && text.back() != '-' && text.find("--") == text.npos;
}

/// A workload of the route's namespace that dials all of its parents, at ports that are there.
std::string dialling(const RouteFacts& route) {
  struct Ports {
    std::set<std::uint16_t> numbers;
    std::map<std::string, std::uint16_t> names;
  };
  std::map<std::string, Ports> services;
  for (const auto& parent : route.parents) {
    auto& ports = services[parent.service()];
    const auto port = parent.port == 0 ? kAnyPort : parent.port;
    ports.numbers.insert(port);
    if (is_port_name(parent.section_name)) ports.names.emplace(parent.section_name, port);
  }
  std::string text = "workload: { service: a." + route.name_space +
                     " }\nidentity: { dir: /i }\ndirectory: { url: \"https://d:1\", identities: "
                     "[\"spiffe://cluster.local/ns/d/sa/d\"] }\nservices:\n";
  for (const auto& [name, ports] : services) {
    text += "  " + name + ":\n    ports: {";
    for (const auto port : ports.numbers) text += " " + std::to_string(port) + ": http,";
    text += " }\n";
    if (!ports.names.empty()) {
      text += "    port_names: {";
      for (const auto& [port_name, port] : ports.names)
        text += " " + port_name + ": " + std::to_string(port) + ",";
      text += " }\n";
    }
    text += "    endpoints: { directory: " + name +
            ", port: " + std::to_string(*ports.numbers.begin()) + " }\n";
  }
  return text;
}

}  // namespace

std::string judge_route(const RouteFacts& route, RouteKind kind) {
  if (route.parents.empty()) return "";
  if (route.document.empty())
    return "the object is larger than " + std::to_string(kRouteBytesMax) + " bytes: split it";
  const auto own = dialling(route);
  const ConfigText texts[] = {{"a workload", own, ""},
                              {std::string(kind_word(kind)), route.document, ""}};
  const auto loaded = load_settings(texts);
  if (loaded.ok()) return "";
  const auto& first = loaded.diagnostics.front();
  std::string why = first.origin.object.empty() ? "" : first.origin.object + ": ";
  why += first.message;
  if (!first.did_you_mean.empty()) why += "; did you mean \"" + first.did_you_mean + "\"?";
  if (!first.remedy.empty()) why += "; " + first.remedy;
  if (loaded.diagnostics.size() > 1)
    why += " (and " + std::to_string(loaded.diagnostics.size() - 1) + " more)";
  return why;
}

}  // namespace epaulet::kube
