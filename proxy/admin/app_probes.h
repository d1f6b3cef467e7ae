#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/app_exchange.h"
#include "admin/page.h"
#include "config/settings.h"

namespace epaulet::admin {

/// Probes of the app. The kubelet has no mesh identity, so it asks the sidecar for
/// `/app-health/<n>`, which asks the app: `workload.probes[n]`, counted from 0. Nothing else can be
/// reached through it. Whoever reaches the port may ask, too: where a probe is more than a question
/// (a lifecycle hook ends the app), only who knows a secret finds it, at
/// `/app-health/<secret>/<n>`.
class AppProbes {
 public:
  /// `dialer`: of the control thread's loop; outlives this.
  explicit AppProbes(Dialer& dialer) : app_(dialer) {}

  /// From a new snapshot; running ones end as they began.
  void set(std::vector<ProbeSettings> probes) { probes_ = std::move(probes); }

  /// "": none, and everybody finds them.
  void set_secret(std::string secret) { secret_ = std::move(secret); }

  static constexpr std::string_view kPrefix = "/app-health/";

  /// Asks the app on `pod`, the address that the probe itself was sent to, and answers with the
  /// app's status, but not with its body; one by gRPC with 200 if the app says SERVING. 404: there
  /// is no such probe; 503: the app cannot be reached; 504: it is too slow. `path`: begins with
  /// kPrefix and need not live on.
  Task<Response> probe(std::string_view path, IpAddress pod, Scope& scope);

 private:
  using Answer = Task<Result<Response>>;
  Answer connect(ProbeSettings probe, SocketAddress to, Scope& scope);
  Answer over_http(ProbeSettings probe, SocketAddress to, Scope& scope);
  Answer over_grpc(ProbeSettings probe, SocketAddress to, Scope& scope);

  [[nodiscard]] std::optional<ProbeSettings> find(std::string_view path) const;

  AppClient app_;
  std::string secret_;
  std::vector<ProbeSettings> probes_;
};

}  // namespace epaulet::admin
