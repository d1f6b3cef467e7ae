#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "redirect/conntrack.h"
#include "redirect/options.h"
#include "redirect/scaffold.h"

/// What is tried to see whether a rule works, and what its outcome means. No system calls here.
namespace epaulet::redirect {

/// What should become of a flow.
enum class Fate : std::uint8_t {
  redirected,  ///< It is answered by `Probe::answered_by`.
  untouched,   ///< It is answered by its destination.
  refused,     ///< The sender learns at once that it cannot be: ECONNREFUSED, or EPERM for UDP.
  dropped,     ///< Nothing happens.
};

/// One flow that shows one rule at work. Dialled by a process of `uid`, or, without one, sent by
/// the scaffold's neighbour from outside.
struct Probe {
  std::string name;  ///< "<rule>/<family>", the rule as the ruleset's comments name it.
  std::optional<std::uint32_t> uid;
  Transport transport = Transport::tcp;
  SocketAddress destination;
  Fate fate = Fate::redirected;
  SocketAddress answered_by;  ///< With `Fate::redirected`.
  /// Its route ends at the scaffold's outside interface, to which it is bound unless it should be
  /// redirected: nobody answers there, and nothing leaves the pod.
  bool outside = false;
};

/// What became of it.
struct Observation {
  int error = 0;                             ///< errno of dialling or sending, 0 if none.
  std::optional<SocketAddress> answered_by;  ///< By connection tracking.
  /// Of a probe from outside: was any other one of its family seen? If not, silence proves nothing.
  bool path_works = true;
};

struct Check {
  std::string name;
  bool ok = false;
  std::string detail;
};

/// Where the probes of one family can go.
struct ProbeField {
  bool v4 = true;
  ScaffoldAddresses addresses;
  std::uint16_t decoy_port = 0;  ///< TCP, on every address of the family, listening, in no list.
};

/// A user that stands for the app: the first that is included, else one that is not exempt and no
/// real user of most images.
[[nodiscard]] std::uint32_t app_uid(const RedirectOptions& options);
/// A user that stands in no list.
[[nodiscard]] std::uint32_t other_uid(const RedirectOptions& options);

/// Every probe that `options` call for in one family.
[[nodiscard]] std::vector<Probe> plan(const RedirectOptions& options, const ProbeField& field);

/// The few probes that show a family closed (`--ipv6 off`).
[[nodiscard]] std::vector<Probe> plan_closed(const RedirectOptions& options,
                                             const ProbeField& field);

[[nodiscard]] Check judge(const Probe& probe, const Observation& seen);

}  // namespace epaulet::redirect
