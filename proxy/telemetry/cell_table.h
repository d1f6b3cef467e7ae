#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

namespace epaulet::telemetry {

/// Values by key, made on first use and kept: one thread finds and adds, any thread visits at the
/// same time. Entries never move, and a reader sees one only after the count that covers it was
/// published, so neither takes a lock. When all but one entry are taken, further keys share the
/// last one, under the key given for it.
///
/// `Key`: equality and `std::uint64_t hash() const`. `Max`: entries in all, a multiple of
/// kPerChunk. Memory: nothing before the first key; then a chunk for each kPerChunk keys and an
/// index of four to eight bytes a key. find_or_add() allocates only when it adds.
template <class Key, class Value, std::size_t Max>
class CellTable {
 public:
  explicit CellTable(const Key& overflow) : overflow_(overflow) {}
  CellTable(const CellTable&) = delete;
  CellTable& operator=(const CellTable&) = delete;
  ~CellTable() {
    for (auto& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
  }

  /// The writing thread only.
  [[nodiscard]] Value& find_or_add(const Key& key) {
    if (!index_.empty()) {
      const std::uint32_t found = index_[slot_of(key)];
      if (found != kFree) return entry(found).value;
    }
    if (size() >= Max - 1) return overflow_entry();
    return add(key).value;
  }

  /// Any thread: `visit(key, value)` for each entry, in the order in which they were made.
  template <class Visit>
  void for_each(Visit&& visit) const {
    const std::uint32_t count = count_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < count; ++i) {
      const Entry& each = entry(i);
      visit(each.key, each.value);
    }
  }
  [[nodiscard]] std::size_t size() const { return count_.load(std::memory_order_acquire); }

 private:
  static constexpr std::size_t kPerChunk = 16;
  static constexpr std::uint32_t kFree = UINT32_MAX;
  static_assert(Max % kPerChunk == 0);

  struct Entry {
    Key key{};
    Value value;
  };
  using Chunk = std::array<Entry, kPerChunk>;

  [[nodiscard]] Entry& entry(std::uint32_t i) const {
    return (*chunks_[i / kPerChunk].load(std::memory_order_relaxed))[i % kPerChunk];
  }

  /// Where the key is, or the free slot where it belongs. The index is never more than half full.
  [[nodiscard]] std::size_t slot_of(const Key& key) const {
    const std::size_t mask = index_.size() - 1;
    for (std::size_t slot = key.hash() & mask;; slot = (slot + 1) & mask) {
      if (index_[slot] == kFree || entry(index_[slot]).key == key) return slot;
    }
  }

  Entry& append(const Key& key) {
    const std::uint32_t position = count_.load(std::memory_order_relaxed);
    auto& chunk = chunks_[position / kPerChunk];
    if (chunk.load(std::memory_order_relaxed) == nullptr) {
      chunk.store(new Chunk, std::memory_order_relaxed);  // Published by the count below.
    }
    Entry& made = entry(position);
    made.key = key;
    count_.store(position + 1, std::memory_order_release);
    return made;
  }

  Entry& add(const Key& key) {
    if (2 * (size() + 1) > index_.size()) grow();
    Entry& made = append(key);
    index_[slot_of(key)] = static_cast<std::uint32_t>(size() - 1);
    return made;
  }

  Value& overflow_entry() {
    if (size() < Max) append(overflow_);
    return entry(Max - 1).value;
  }

  void grow() {
    index_.assign(index_.empty() ? 2 * kPerChunk : 2 * index_.size(), kFree);
    for (std::uint32_t i = 0; i < size(); ++i) index_[slot_of(entry(i).key)] = i;
  }

  const Key overflow_;
  std::vector<std::uint32_t> index_;  // Of the writing thread.
  std::array<std::atomic<Chunk*>, Max / kPerChunk> chunks_{};
  std::atomic<std::uint32_t> count_{0};
};

}  // namespace epaulet::telemetry
