#pragma once

#include <atomic>
#include <cstdint>

namespace epaulet::telemetry {

/// A number that one thread writes and any thread may read. No read-modify-write: a relaxed load
/// and a relaxed store are plain instructions, while an atomic addition would lock the cache line
/// for every request.
class Cell {
 public:
  /// The writing thread only.
  void add(std::uint64_t by = 1) { value_.store(value() + by, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// The same for a sum of fractions.
class SumCell {
 public:
  void add(double by) { value_.store(value() + by, std::memory_order_relaxed); }
  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

}  // namespace epaulet::telemetry
