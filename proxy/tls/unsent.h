#pragma once

#include <cstddef>
#include <span>

#include "io/stream.h"

namespace epaulet {

/// What remains to be encrypted of a write: a position in its list of buffers, which must stay in
/// place.
class Unsent {
 public:
  Unsent() = default;
  explicit Unsent(std::span<const ConstBytes> buffers);

  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] bool empty() const { return bytes_ == 0; }
  /// How many records the rest takes at least.
  [[nodiscard]] std::size_t records() const;

  /// The plaintext of the next record, at most `bytes_max` bytes (1 to TlsEngine::kRecordBytesMax):
  /// a view into the buffers where that costs no record more, else pieces put together, valid until
  /// the next call on this thread. Call skip() with its size afterwards. Only when not empty.
  [[nodiscard]] ConstBytes next_record(std::size_t bytes_max) const;
  void skip(std::size_t bytes);

 private:
  void step_over_empty_buffers();

  std::span<const ConstBytes> buffers_;
  std::size_t index_ = 0;   // Never at an empty buffer,
  std::size_t offset_ = 0;  // and within it.
  std::size_t bytes_ = 0;
};

}  // namespace epaulet
