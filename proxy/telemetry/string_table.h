#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/limits.h"
#include "telemetry/strings.h"

namespace epaulet::telemetry {

/// What stands behind strings.h; a class so that tests can fill one up.
///
/// Append-only: an id stays valid and its text stays where it is, so readers need no lock. They see
/// an entry only after the count that covers it was published.
class StringTable {
 public:
  struct Bounds {
    std::size_t strings = limits::kInternedStringsMax;
    std::size_t bytes = limits::kInternedBytesMax;
  };
  static constexpr StringId kEmpty = 0;
  static constexpr StringId kOverflow = 1;

  /// `bounds.strings`: 2 to limits::kInternedStringsMax.
  explicit StringTable(Bounds bounds);
  StringTable(const StringTable&) = delete;
  StringTable& operator=(const StringTable&) = delete;
  ~StringTable();

  enum class Origin : std::uint8_t { own, foreign };
  /// Cut at limits::kInternedStringBytesMax. Any thread; takes the lock.
  [[nodiscard]] StringId intern(std::string_view text, Origin origin);
  /// Any thread, without a lock.
  [[nodiscard]] std::string_view text_of(StringId id) const;
  [[nodiscard]] std::size_t size() const { return count_.load(std::memory_order_acquire); }

 private:
  static constexpr std::size_t kPerChunk = 1024;
  static constexpr std::size_t kArenaBytes = 64 * limits::kKiB;
  using Chunk = std::array<std::string_view, kPerChunk>;

  [[nodiscard]] bool has_room(std::size_t bytes, Origin origin) const;
  [[nodiscard]] std::string_view store(std::string_view text);
  StringId append(std::string_view text);

  const Bounds bounds_;
  std::array<std::atomic<Chunk*>, limits::kInternedStringsMax / kPerChunk> chunks_{};
  std::atomic<std::uint32_t> count_{0};

  std::mutex mutex_;  // Guards everything below, and appending.
  std::unordered_map<std::string_view, StringId> ids_;
  std::vector<std::unique_ptr<char[]>> arenas_;
  std::size_t arena_left_ = 0;
  std::size_t bytes_ = 0;
  std::size_t foreign_strings_ = 0;
  std::size_t foreign_bytes_ = 0;
};

}  // namespace epaulet::telemetry
