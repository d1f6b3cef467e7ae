#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "balance/load.h"
#include "runtime/clock.h"
#include "runtime/random.h"

namespace epaulet::balance {

/// What requests that belong together have in common, hashed; nothing: they may go anywhere.
using SessionKey = std::optional<std::uint64_t>;

/// Of text that names a session or an endpoint. The same in every process and version: sidecars
/// beside the replicas of one caller must agree.
[[nodiscard]] std::uint64_t session_hash(std::string_view text);

/// Chooses one of `count` endpoints. One picker per worker and backend; keeps its own place.
class Picker {
 public:
  virtual ~Picker() = default;
  /// An index below `count`, not in `tried` where another is left; nothing if count is 0.
  [[nodiscard]] virtual std::optional<std::size_t> pick(std::size_t count,
                                                        std::span<const std::size_t> tried,
                                                        SessionKey key = {},
                                                        TimePoint now = {}) = 0;
};

/// The endpoints of a backend, side by side in one order; copied by who needs them.
struct Members {
  std::span<const std::uint64_t> names;    ///< session_hash() of each address.
  std::span<const std::uint32_t> weights;  ///< Each at least 1.
  std::span<const LoadPtr> loads;
};

/// Who has just come gets its full share after `window`, a tenth of it at first.
struct SlowStart {
  std::chrono::nanoseconds window{0};

  /// By how much more an endpoint of this age seems to have to do.
  [[nodiscard]] double factor(std::chrono::nanoseconds age) const {
    if (age >= window) return 1;
    const auto tenth = window / 10 + std::chrono::nanoseconds(1);
    return static_cast<double>(window.count()) /
           static_cast<double>((age < tenth ? tenth : age).count());
  }
};

/// One after the other. `start` spreads the first picks of many workers.
[[nodiscard]] std::unique_ptr<Picker> make_round_robin(std::uint64_t start);

/// In proportion to the weights, each at least 1; for as many endpoints as there are weights.
[[nodiscard]] std::unique_ptr<Picker> make_weighted(std::span<const std::uint32_t> weights,
                                                    std::uint64_t start);

/// The same endpoint for the same key, on every worker and in every process, by rendezvous hashing:
/// an endpoint that leaves gives up its own keys, one that comes takes its share of each other's,
/// and no other key moves. In proportion to the weights, each at least 1. What has no key goes
/// where `others` says. `endpoints`: session_hash() of each address.
[[nodiscard]] std::unique_ptr<Picker> make_sticky(std::span<const std::uint64_t> endpoints,
                                                  std::span<const std::uint32_t> weights,
                                                  std::unique_ptr<Picker> others);

/// Of two drawn at random, whoever is expected to answer sooner: latency (peak EWMA) times what is
/// under way. Never starves: who was slow is forgotten (Load). `random` outlives the picker.
[[nodiscard]] std::unique_ptr<Picker> make_p2c_ewma(Members members, SlowStart slow_start,
                                                    Random& random);

/// Of two drawn at random, whoever has less under way.
[[nodiscard]] std::unique_ptr<Picker> make_least_request(Members members, SlowStart slow_start,
                                                         Random& random);

/// Any, in proportion to the weights.
[[nodiscard]] std::unique_ptr<Picker> make_random(std::span<const std::uint32_t> weights,
                                                  Random& random);

/// As make_sticky(), in O(log n) of the endpoints, with shares that are less even.
[[nodiscard]] std::unique_ptr<Picker> make_ring_hash(Members members,
                                                     std::unique_ptr<Picker> others);

/// As make_sticky(), in O(1), with even shares; a few keys more move when endpoints come or leave.
[[nodiscard]] std::unique_ptr<Picker> make_maglev(Members members, std::unique_ptr<Picker> others);

using MakePicker = std::function<std::unique_ptr<Picker>(Members)>;

/// The own zone's endpoints, by a picker of their own, as long as enough of them may be asked; the
/// rest goes to the others, by another picker: own_zone_share() of each pick's `avoided`, in turns.
/// A session's key means nothing to it: who keeps sessions asks it for requests that have none.
/// `is_own`: beside the members, some of them and not all. `start`: in [0, 1), where turns begin.
[[nodiscard]] std::unique_ptr<Picker> make_own_zone_first(Members members,
                                                          const std::vector<bool>& is_own,
                                                          double factor,
                                                          const MakePicker& make_picker,
                                                          double start);

/// What the own zone gets of the requests if these shares of its endpoints, and of all others, are
/// well: as Envoy fills priorities, `factor` times what is well, up to all; then the others, up to
/// the rest; and if both together are too few, in proportion to what each could take.
[[nodiscard]] double own_zone_share(double own_well, double others_well, double factor);

}  // namespace epaulet::balance
