#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

#include "base/limits.h"

namespace epaulet::telemetry {

/// A record that one thread overwrites and another copies, without either waiting: a sequence lock
/// whose words are atomic, so that a torn copy is seen and made again, not undefined. The reader of
/// a lock could be put off the processor while it holds it, and a worker would wait for it.
template <class Record>
class RecordSlot {
 public:
  static_assert(std::is_trivially_copyable_v<Record>);

  /// The writing thread only.
  void write(const Record& record) {
    Words words{};
    std::memcpy(words.data(), &record, sizeof record);
    const std::uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);  // Odd: being written.
    // Release: who reads a new word has the odd version before it.
    for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_release);
    version_.store(version + 2, std::memory_order_release);
  }

  /// Any thread. Nothing if it was being overwritten at every try, or never written.
  [[nodiscard]] std::optional<Record> read() const {
    for (int tries = 0; tries < 16; ++tries) {
      const std::uint64_t before = version_.load(std::memory_order_acquire);
      if (before == 0) return std::nullopt;
      if (before % 2 != 0) continue;
      Words words;
      // Acquire: the version below is read after the words.
      for (std::size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_acquire);
      if (version_.load(std::memory_order_relaxed) != before) continue;
      Record record;
      std::memcpy(static_cast<void*>(&record), words.data(), sizeof record);
      return record;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kWords = (sizeof(Record) + 7) / 8;
  using Words = std::array<std::uint64_t, kWords>;

  std::atomic<std::uint64_t> version_{0};
  std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

/// The newest limits::kExplainRecordsMax records of one thread. Slots are made when first used: a
/// worker on which nothing fails pays no memory.
template <class Record>
class ExplainRing {
 public:
  ExplainRing() = default;
  ExplainRing(const ExplainRing&) = delete;
  ExplainRing& operator=(const ExplainRing&) = delete;
  ~ExplainRing() {
    for (auto& slot : slots_) delete slot.load(std::memory_order_relaxed);
  }

  /// The writing thread only.
  void push(const Record& record) {
    auto& place = slots_[next_ % slots_.size()];
    ++next_;
    auto* slot = place.load(std::memory_order_relaxed);
    if (slot == nullptr) {
      slot = new RecordSlot<Record>;
      slot->write(record);
      place.store(slot, std::memory_order_release);
    } else {
      slot->write(record);
    }
  }

  /// Any thread: `visit(record)` with a copy of each, in no order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& place : slots_) {
      const auto* slot = place.load(std::memory_order_acquire);
      if (slot == nullptr) return;
      if (const auto record = slot->read()) visit(*record);
    }
  }

 private:
  std::array<std::atomic<RecordSlot<Record>*>, limits::kExplainRecordsMax> slots_{};
  std::size_t next_ = 0;  // Of the writing thread.
};

}  // namespace epaulet::telemetry
