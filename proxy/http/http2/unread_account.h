#pragma once

#include <cstddef>

#include "base/limits.h"

namespace epaulet::http::http2 {

/// What all HTTP/2 connections of a worker hold unread, and how much they may.
struct UnreadTotal {
  std::size_t bytes = 0;
  std::size_t bytes_max = limits::kHttp2UnreadOfWorkerBytes;
};

/// What the streams of one connection hold unread, and whether that is too much. A stream that
/// nobody reads holds back its own sender only, so the sum needs a bound of its own.
class UnreadAccount {
 public:
  /// `total` outlives this; nullptr: nobody else counts.
  explicit UnreadAccount(UnreadTotal* total) : total_(total) {}
  ~UnreadAccount() { taken(bytes_); }
  UnreadAccount(const UnreadAccount&) = delete;
  UnreadAccount& operator=(const UnreadAccount&) = delete;

  void arrived(std::size_t bytes) {
    bytes_ += bytes;
    if (total_ != nullptr) total_->bytes += bytes;
  }
  void taken(std::size_t bytes) {
    bytes_ -= bytes;
    if (total_ != nullptr) total_->bytes -= bytes;
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// Streams get small windows from now on.
  [[nodiscard]] bool is_much() const {
    return bytes_ > limits::kHttp2UnreadBytes || takes_from_others();
  }
  /// No window lets this happen to a peer that keeps to them: nothing more is taken.
  [[nodiscard]] bool is_too_much() const {
    return bytes_ > limits::kHttp2UnreadBytesMax || takes_from_others();
  }

 private:
  /// The worker holds all that it may. What each connection may hold whatever the others do is one
  /// stream's window, so that none stands still for the sake of another.
  [[nodiscard]] bool takes_from_others() const {
    return total_ != nullptr && total_->bytes > total_->bytes_max &&
           bytes_ > limits::kHttp2StreamWindowBytes;
  }

  UnreadTotal* const total_;
  std::size_t bytes_ = 0;
};

}  // namespace epaulet::http::http2
