#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/limits.h"

namespace epaulet::telemetry {

/// Wakes the log's writer thread. A system call only if it sleeps, which it does no more than once
/// in limits::kLogBatchTime.
class LogWake {
 public:
  LogWake();
  LogWake(const LogWake&) = delete;
  LogWake& operator=(const LogWake&) = delete;
  ~LogWake();

  /// Any thread, after it published a line. Does not block.
  void line_added() {
    if (sleeping_.load(std::memory_order_seq_cst)) signal();
  }
  void signal();

  // The writer thread only.

  /// Before it looks for lines one last time and sleeps.
  void about_to_sleep() { sleeping_.store(true, std::memory_order_seq_cst); }
  /// Takes the signals that came.
  void awake();
  /// Readable when signalled.
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  std::atomic<bool> sleeping_{false};
};

/// Lines on their way from one thread to the log's writer. One producer, one consumer, no lock:
/// each owns one end. A line is taken whole or not at all.
class LogRing {
 public:
  explicit LogRing(LogWake& wake);

  /// The producing thread only. False: no room, the line is dropped; the caller counts it. `line`:
  /// ends with its only line feed.
  [[nodiscard]] bool push(std::string_view line);
  /// Lines for which there was no room. Any thread.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  struct Waiting {
    std::string_view first;
    std::string_view second;  ///< What follows where the ring starts again.
    [[nodiscard]] std::size_t size() const { return first.size() + second.size(); }
  };
  /// The consuming thread only: whole lines, in order; valid until release().
  [[nodiscard]] Waiting waiting() const;
  void release(std::size_t bytes);

 private:
  static constexpr std::size_t kSize = limits::kLogRingBytes;
  static_assert((kSize & (kSize - 1)) == 0);

  LogWake& wake_;
  std::unique_ptr<char[]> bytes_;  // Not touched before it is used: an idle worker pays no memory.
  // Counts of bytes since the start. On lines of their own: producer and consumer run in parallel.
  alignas(64) std::atomic<std::size_t> head_{0};
  std::size_t known_tail_ = 0;
  std::atomic<std::uint64_t> dropped_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
};

}  // namespace epaulet::telemetry
