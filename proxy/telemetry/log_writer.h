#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/clock.h"
#include "telemetry/log_ring.h"

namespace epaulet::telemetry {

/// Writes the lines of all threads to one descriptor, on a thread of its own. If nobody reads the
/// descriptor, the rings fill up and lines are dropped where they are made; no worker ever waits.
/// If it is closed or its disk is full, lines are lost, counted, and the next ones tried again.
/// Once lines are written again, one of them tells how many are missing.
class LogWriter {
 public:
  /// `descriptor`: borrowed, usually standard output; its flags are left alone.
  explicit LogWriter(int descriptor);
  /// As stop(), without patience.
  ~LogWriter();

  /// A ring for one producing thread. Before start(); lives as long as the writer.
  [[nodiscard]] LogRing& add_ring();
  void start();
  /// Writes what waits, for at most `patience` if the descriptor blocks, and ends the thread.
  void stop(std::chrono::milliseconds patience);

  /// Lines that could not be written. Any thread.
  [[nodiscard]] std::uint64_t lines_lost() const {
    return lines_lost_.load(std::memory_order_relaxed);
  }

 private:
  /// Lines that nobody will read, since the start.
  struct Missing {
    std::uint64_t ring_full = 0;
    std::uint64_t write_failed = 0;
    friend bool operator==(const Missing&, const Missing&) = default;
  };
  enum class Kind : std::uint8_t { file, socket, other };

  void run();
  /// Returns whether there was anything.
  bool drain(LogRing& ring);
  bool drain_all();
  [[nodiscard]] bool anything_waits() const;
  void sleep();
  void pause();

  /// Writes as much as it can; what it cannot is lost. Returns the bytes done with.
  std::size_t write_some(std::string_view text);
  [[nodiscard]] bool wait_writable();
  void lose(std::string_view text);
  [[nodiscard]] Missing missing() const;
  void tell_of_missing();

  const int descriptor_;
  Kind kind_ = Kind::other;
  LogWake wake_;
  std::vector<std::unique_ptr<LogRing>> rings_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::int64_t> patience_ms_{0};
  std::atomic<std::uint64_t> lines_lost_{0};
  bool within_line_ = false;   // The last byte written was not a line feed.
  bool line_is_torn_ = false;  // ... and its rest was lost.
  bool is_failing_ = false;    // The last write did.
  Missing told_;               // What the log says of itself,
  TimePoint told_at_{};        // and since when.
};

}  // namespace epaulet::telemetry
