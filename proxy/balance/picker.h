#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

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
                                                        SessionKey key = {}) = 0;
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

}  // namespace epaulet::balance
