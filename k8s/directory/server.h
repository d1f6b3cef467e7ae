#pragma once

#include <memory>

#include "https/server.h"
#include "k8s/directory/hub.h"
#include "telemetry/process_log.h"

namespace epaulet::kube {

struct DirectoryCounts {
  std::uint64_t streams = 0;  ///< Begun.
  std::uint64_t refused = 0;  ///< Answered with a status other than 200.
  std::uint64_t lines = 0;    ///< Views sent.
  std::uint64_t slow = 0;     ///< Cut because their reader took nothing for too long.
  std::uint64_t handshakes_failed = 0;
  std::uint64_t connections_full = 0;
  std::uint64_t replaced = 0;  ///< Ended because their peer had more than kConnectionsPerPeer.
};

/// What sidecars ask: POST /v1/watch over mesh-authenticated HTTPS, answered with lines of JSON: a
/// view for each service asked for, then {"version":...}, which says that the client has all up to
/// there; then each change, and a version at least each kHeartbeat. A loop's own.
class DirectoryServer {
 public:
  static constexpr std::size_t kConnectionsMax = 8192;
  /// Of one identity at one address. That is one pod, or those of a node where its network hides
  /// pods behind the node's address; all of them together leave others room in kAskedBytesMax.
  static constexpr std::size_t kConnectionsPerPeer = 32;
  static constexpr std::chrono::seconds kHeartbeat{15};
  static constexpr std::chrono::seconds kSlowMax{30};
  /// Between one word to a client and the next: changes that follow closely become one.
  static constexpr std::chrono::milliseconds kPause{100};
  /// Then a client asks again, with its version: connections spread over the replicas, and whose
  /// certificate has ended is noticed.
  static constexpr std::chrono::minutes kStreamMax{30};

  /// `hub` is shared with streams that end later; `log` outlives this. `connections`: at most.
  DirectoryServer(Loop& loop, std::shared_ptr<Hub> hub, telemetry::ProcessLog& log,
                  std::size_t connections = kConnectionsMax);

  /// Ours, from now on. Members of its mesh are answered, nobody else comes in.
  [[nodiscard]] Checked<void> set_identity(std::shared_ptr<const Identity> identity);
  /// Before all lists are there nothing is answered: what is not known yet is not absent.
  void set_complete();
  [[nodiscard]] https::Server& https() { return server_; }
  [[nodiscard]] std::size_t connections() const { return server_.connections(); }
  [[nodiscard]] const DirectoryCounts& counts() const;

 private:
  class Handler;
  std::shared_ptr<Handler> handler_;
  https::Server server_;
};

/// How many connections leave enough of a process's descriptors to hear the API server, to renew
/// the certificate, and for probes.
[[nodiscard]] std::size_t connections_that_fit(std::uint64_t descriptors);

}  // namespace epaulet::kube
