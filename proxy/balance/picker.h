#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace epaulet::balance {

/// Chooses one of `count` endpoints. One picker per worker and backend; keeps its own place.
class Picker {
 public:
  virtual ~Picker() = default;
  /// An index below `count`, not in `tried` where another is left; nothing if count is 0.
  [[nodiscard]] virtual std::optional<std::size_t> pick(std::size_t count,
                                                        std::span<const std::size_t> tried) = 0;
};

/// One after the other. `start` spreads the first picks of many workers.
[[nodiscard]] std::unique_ptr<Picker> make_round_robin(std::uint64_t start);

/// In proportion to the weights, each at least 1; for as many endpoints as there are weights.
[[nodiscard]] std::unique_ptr<Picker> make_weighted(std::span<const std::uint32_t> weights,
                                                    std::uint64_t start);

}  // namespace epaulet::balance
