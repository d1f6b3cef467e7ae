#include "k8s/injector/probes.h"

#include <fmt/format.h>

#include "config/text_checks.h"

namespace epaulet::injector {
namespace {

constexpr std::uint16_t kHealthPort = 15021;
constexpr std::string_view kProbes[] = {"startupProbe", "readinessProbe", "livenessProbe"};
constexpr std::string_view kHooks[] = {"postStart", "preStop"};

/// A number, or the name of a port of the container; 0: neither.
std::uint16_t port_of(const json::object& container, const json::object& action) {
  const auto* port = action.if_contains("port");
  if (port == nullptr) return 0;
  if (const auto* number = port->if_int64())
    return *number > 0 && *number < 65536 ? static_cast<std::uint16_t>(*number) : 0;
  const auto* name = port->if_string();
  const auto* ports = array_in(container, "ports");
  if (name == nullptr || ports == nullptr) return 0;
  for (const auto& each : *ports) {
    const auto* entry = each.if_object();
    if (entry == nullptr || text_in(*entry, "name") != std::string_view(*name)) continue;
    const auto number = number_in(*entry, "containerPort").value_or(0);
    return number > 0 && number < 65536 ? static_cast<std::uint16_t>(number) : 0;
  }
  return 0;
}

class Rewriter {
 public:
  Rewriter(const Ports& skipped, RewrittenProbes& rewritten)
      : skipped_(skipped), rewritten_(rewritten) {}

  /// `action`: what holds httpGet, tcpSocket, grpc or exec. `place`: its path in the container.
  std::optional<Reason> rewrite(const json::object& container, json::object& action,
                                const std::string& place) {
    const json::object original = action;
    std::optional<Reason> refusal;
    bool changed = false;
    if (const auto* http = object_in(action, "httpGet")) {
      refusal = rewrite_http(container, *http, action, changed, place);
    } else if (const auto* tcp = object_in(action, "tcpSocket")) {
      refusal = rewrite_tcp(container, *tcp, action, changed, place);
    } else if (const auto* grpc = object_in(action, "grpc")) {
      const auto port = port_of(container, *grpc);
      if (!skipped_.contains(port)) refusal = cannot(container, place, port, "speaks gRPC");
    }
    if (refusal) return refusal;
    if (changed) object_at(rewritten_.originals, text_in(container, "name"))[place] = original;
    return std::nullopt;
  }

 private:
  static Reason cannot(const json::object& container, const std::string& place, std::uint16_t port,
                       std::string_view why) {
    return Reason(
        fmt::format("{} of container {} {}, which the sidecar cannot ask in this version; asked "
                    "directly, a strict port would refuse it and the pod would never be ready",
                    place, text_in(container, "name"), why),
        fmt::format("use an exec probe, plain HTTP or TCP, or, if everybody may reach port {} past "
                    "the sidecar, epaulet.io/skip-inbound-ports: \"{}\"",
                    port, port));
  }
  static Reason no_port(const json::object& container, const std::string& place) {
    return Reason(fmt::format("{} of container {} names a port that the container does not declare",
                              place, text_in(container, "name")),
                  "declare it under ports, or write its number");
  }

  std::optional<Reason> rewrite_http(const json::object& container, const json::object& http,
                                     json::object& action, bool& changed,
                                     const std::string& place) {
    const auto port = port_of(container, http);
    if (port == 0) return no_port(container, place);
    if (skipped_.contains(port) || port == kHealthPort) return std::nullopt;
    if (text_in(http, "scheme") == "HTTPS") return cannot(container, place, port, "uses HTTPS");
    const auto* host = http.if_contains("host");
    if (host != nullptr && host->is_string() && !host->get_string().empty())
      return std::nullopt;  // It is not this pod that is asked.
    const auto* headers = array_in(http, "httpHeaders");
    if (headers != nullptr && !headers->empty())
      return cannot(container, place, port, "sends headers of its own");
    std::string path(text_in(http, "path"));
    if (path.empty()) path = "/";
    if (path.front() != '/') path.insert(path.begin(), '/');
    if (config::check_request_path(path))
      return cannot(container, place, port, "asks for what is no request path");
    lead_to_sidecar(std::move(path), port, action, changed);
    return std::nullopt;
  }

  std::optional<Reason> rewrite_tcp(const json::object& container, const json::object& tcp,
                                    json::object& action, bool& changed, const std::string& place) {
    const auto port = port_of(container, tcp);
    if (port == 0) return no_port(container, place);
    if (skipped_.contains(port) || !text_in(tcp, "host").empty()) return std::nullopt;
    lead_to_sidecar("", port, action, changed);
    return std::nullopt;
  }

  void lead_to_sidecar(std::string path, std::uint16_t port, json::object& action, bool& changed) {
    json::object ours;
    ours["path"] = fmt::format("/app-health/{}", index_of(std::move(path), port));
    ours["port"] = std::int64_t{kHealthPort};
    ours["scheme"] = "HTTP";
    action.erase("tcpSocket");
    action["httpGet"] = std::move(ours);
    changed = true;
  }

  /// Readiness and liveness often ask the same.
  std::size_t index_of(std::string path, std::uint16_t port) {
    auto& probes = rewritten_.probes;
    for (std::size_t i = 0; i < probes.size(); ++i) {
      if (probes[i].path == path && probes[i].port == port) return i;
    }
    probes.push_back({std::move(path), port});
    return probes.size() - 1;
  }

  const Ports& skipped_;
  RewrittenProbes& rewritten_;
};

/// Whether we have led it to the sidecar.
bool is_led_to_sidecar(const json::object& action) {
  const auto* http = object_in(action, "httpGet");
  return http != nullptr && number_in(*http, "port") == kHealthPort &&
         text_in(*http, "path").starts_with("/app-health/");
}

/// `name` of `holder`, if it was led to the sidecar: asks again what `places` says that it asked.
/// That stands in an annotation, which anybody may have written who may write no probe: so nothing
/// else of it is taken, no command above all.
void restore(json::object& holder, std::string_view name, const json::object& places,
             const std::string& place) {
  const auto* original = object_in(places, place);
  if (original == nullptr || object_in(holder, name) == nullptr) return;
  auto& action = holder.at(name).get_object();
  if (!is_led_to_sidecar(action)) return;
  for (const std::string_view kind : {"httpGet", "tcpSocket"}) {
    const auto* asked = object_in(*original, kind);
    if (asked == nullptr) continue;
    action.erase("httpGet");
    action[kind] = *asked;
    return;
  }
}

}  // namespace

std::optional<Reason> rewrite_probes(json::array& containers, const Ports& skipped,
                                     RewrittenProbes& rewritten) {
  Rewriter rewriter(skipped, rewritten);
  for (auto& each : containers) {
    auto* container = each.if_object();
    if (container == nullptr) continue;
    for (const auto name : kProbes) {
      if (object_in(*container, name) == nullptr) continue;
      auto& probe = container->at(name).get_object();
      if (auto refusal = rewriter.rewrite(*container, probe, std::string(name))) return refusal;
    }
    if (object_in(*container, "lifecycle") == nullptr) continue;
    auto& lifecycle = container->at("lifecycle").get_object();
    for (const auto name : kHooks) {
      if (object_in(lifecycle, name) == nullptr) continue;
      auto& hook = lifecycle.at(name).get_object();
      if (auto refusal = rewriter.rewrite(*container, hook, "lifecycle." + std::string(name)))
        return refusal;
    }
  }
  return std::nullopt;
}

void restore_probes(json::array& containers, const json::object& originals) {
  for (auto& each : containers) {
    auto* container = each.if_object();
    if (container == nullptr) continue;
    const auto* places = object_in(originals, text_in(*container, "name"));
    if (places == nullptr) continue;
    for (const auto name : kProbes) restore(*container, name, *places, std::string(name));
    if (object_in(*container, "lifecycle") == nullptr) continue;
    auto& lifecycle = container->at("lifecycle").get_object();
    for (const auto name : kHooks)
      restore(lifecycle, name, *places, "lifecycle." + std::string(name));
  }
}

}  // namespace epaulet::injector
