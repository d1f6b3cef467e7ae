#include "k8s/injector/probes.h"

#include <fmt/format.h>

#include <algorithm>

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

int bounded(std::int64_t seconds) {
  return static_cast<int>(std::clamp<std::int64_t>(seconds, 1, kProbeSecondsMax));
}

class Rewriter {
 public:
  Rewriter(const Ports& skipped, RewrittenProbes& rewritten)
      : skipped_(skipped), rewritten_(rewritten) {}

  /// `action`: what holds httpGet, tcpSocket, grpc or exec. `place`: its path in the container.
  std::optional<Reason> rewrite(const json::object& container, json::object& action,
                                std::string place, int seconds) {
    container_ = &container;
    place_ = std::move(place);
    const json::object original = action;
    Checked<std::optional<AppProbe>> asked = std::optional<AppProbe>();
    if (const auto* http = object_in(action, "httpGet")) {
      asked = of_http(*http);
    } else if (const auto* tcp = object_in(action, "tcpSocket")) {
      asked = of_tcp(*tcp);
    } else if (const auto* grpc = object_in(action, "grpc")) {
      asked = of_grpc(*grpc);
    }
    if (!asked) return asked.error();
    if (!*asked) return std::nullopt;
    (*asked)->seconds = seconds;
    lead_to_sidecar(std::move(**asked), action);
    object_at(rewritten_.originals, text_in(container, "name"))[place_] = original;
    return std::nullopt;
  }

 private:
  /// Nothing: it stays as it is.
  using Asked = Checked<std::optional<AppProbe>>;

  [[nodiscard]] Reason cannot(std::uint16_t port, std::string_view why) const {
    return Reason(
        fmt::format("{} of container {} {}, which the sidecar cannot ask; asked directly, a strict "
                    "port would refuse it and the pod would never be ready",
                    place_, text_in(*container_, "name"), why),
        fmt::format("mend it, use an exec probe, or, if everybody may reach port {} past the "
                    "sidecar, epaulet.io/skip-inbound-ports: \"{}\"",
                    port, port));
  }
  [[nodiscard]] Reason no_port() const {
    return Reason(fmt::format("{} of container {} names a port that the container does not declare",
                              place_, text_in(*container_, "name")),
                  "declare it under ports, or write its number");
  }

  Asked of_http(const json::object& http) const {
    AppProbe probe;
    probe.port = port_of(*container_, http);
    if (probe.port == 0) return no_port();
    if (skipped_.contains(probe.port) || probe.port == kHealthPort)
      return std::optional<AppProbe>();
    if (!text_in(http, "host").empty())
      return std::optional<AppProbe>();  // It is not this pod that is asked.
    probe.tls = text_in(http, "scheme") == "HTTPS";
    probe.path = text_in(http, "path");
    if (!probe.path.starts_with('/')) probe.path.insert(probe.path.begin(), '/');
    if (config::check_request_path(probe.path))
      return cannot(probe.port, "asks for what is no request path");
    if (const auto* headers = array_in(http, "httpHeaders")) {
      if (auto why = take_headers(*headers, probe)) return *why;
    }
    return std::optional<AppProbe>(std::move(probe));
  }

  std::optional<Reason> take_headers(const json::array& headers, AppProbe& probe) const {
    constexpr std::size_t kHeadersMax = 64;
    if (headers.size() > kHeadersMax)
      return cannot(probe.port, fmt::format("sends more than {} headers", kHeadersMax));
    for (const auto& each : headers) {
      const auto* header = each.if_object();
      if (header == nullptr) continue;
      std::string name(text_in(*header, "name"));
      std::string value(text_in(*header, "value"));
      if (config::check_probe_header(name) || config::check_field_value(value))
        return cannot(probe.port, "sends the header " + name);
      probe.headers.emplace_back(std::move(name), std::move(value));
    }
    return std::nullopt;
  }

  Asked of_tcp(const json::object& tcp) const {
    AppProbe probe;
    probe.port = port_of(*container_, tcp);
    if (probe.port == 0) return no_port();
    if (skipped_.contains(probe.port) || !text_in(tcp, "host").empty())
      return std::optional<AppProbe>();
    return std::optional<AppProbe>(std::move(probe));
  }

  Asked of_grpc(const json::object& grpc) const {
    AppProbe probe;
    probe.port = port_of(*container_, grpc);
    if (probe.port == 0) return no_port();
    if (skipped_.contains(probe.port)) return std::optional<AppProbe>();
    probe.grpc = text_in(grpc, "service");
    if (config::check_field_value(*probe.grpc))
      return cannot(probe.port, "asks for what is no name of a service");
    return std::optional<AppProbe>(std::move(probe));
  }

  void lead_to_sidecar(AppProbe probe, json::object& action) {
    json::object ours;
    ours["path"] = fmt::format("/app-health/{}/{}", rewritten_.secret, index_of(std::move(probe)));
    ours["port"] = std::int64_t{kHealthPort};
    ours["scheme"] = "HTTP";
    action.erase("tcpSocket");
    action.erase("grpc");
    action["httpGet"] = std::move(ours);
  }

  /// Readiness and liveness often ask the same.
  std::size_t index_of(AppProbe probe) {
    auto& probes = rewritten_.probes;
    const auto same = std::find(probes.begin(), probes.end(), probe);
    if (same != probes.end()) return static_cast<std::size_t>(same - probes.begin());
    probes.push_back(std::move(probe));
    return probes.size() - 1;
  }

  const Ports& skipped_;
  RewrittenProbes& rewritten_;
  const json::object* container_ = nullptr;
  std::string place_;
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
  for (const std::string_view kind : {"httpGet", "tcpSocket", "grpc"}) {
    const auto* asked = object_in(*original, kind);
    if (asked == nullptr) continue;
    action.erase("httpGet");
    action[kind] = *asked;
    return;
  }
}

}  // namespace

std::optional<Reason> rewrite_probes(json::array& containers, const Ports& skipped,
                                     std::int64_t grace_seconds, RewrittenProbes& rewritten) {
  Rewriter rewriter(skipped, rewritten);
  for (auto& each : containers) {
    auto* container = each.if_object();
    if (container == nullptr) continue;
    for (const auto name : kProbes) {
      if (object_in(*container, name) == nullptr) continue;
      auto& probe = container->at(name).get_object();
      const int seconds = bounded(number_in(probe, "timeoutSeconds").value_or(1));
      if (auto refusal = rewriter.rewrite(*container, probe, std::string(name), seconds))
        return refusal;
    }
    if (object_in(*container, "lifecycle") == nullptr) continue;
    auto& lifecycle = container->at("lifecycle").get_object();
    for (const auto name : kHooks) {
      if (object_in(lifecycle, name) == nullptr) continue;
      auto& hook = lifecycle.at(name).get_object();
      auto refusal = rewriter.rewrite(*container, hook, "lifecycle." + std::string(name),
                                      bounded(grace_seconds));
      if (refusal) return refusal;
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
