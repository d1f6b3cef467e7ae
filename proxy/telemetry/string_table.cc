#include "telemetry/string_table.h"

#include <algorithm>

#include "base/assert.h"

namespace epaulet::telemetry {

StringTable::StringTable(Bounds bounds) : bounds_(bounds) {
  EPAULET_ASSERT(bounds.strings >= 2 && bounds.strings <= limits::kInternedStringsMax);
  const std::scoped_lock lock(mutex_);
  (void)append("");
  (void)append("overflow");
}

StringTable::~StringTable() {
  for (auto& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
}

StringId StringTable::intern(std::string_view text, Origin origin) {
  text = text.substr(0, limits::kInternedStringBytesMax);
  const std::scoped_lock lock(mutex_);
  if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
  if (!has_room(text.size(), origin)) return kOverflow;
  if (origin == Origin::foreign) {
    ++foreign_strings_;
    foreign_bytes_ += text.size();
  }
  return append(text);
}

std::string_view StringTable::text_of(StringId id) const {
  if (id >= count_.load(std::memory_order_acquire)) return {};
  const Chunk* chunk = chunks_[id / kPerChunk].load(std::memory_order_relaxed);
  return (*chunk)[id % kPerChunk];
}

bool StringTable::has_room(std::size_t bytes, Origin origin) const {
  if (count_.load(std::memory_order_relaxed) >= bounds_.strings) return false;
  if (bytes_ + bytes > bounds_.bytes) return false;
  if (origin == Origin::own) return true;
  return foreign_strings_ < bounds_.strings / limits::kForeignStringsShare &&
         foreign_bytes_ + bytes <= bounds_.bytes / limits::kForeignStringsShare;
}

std::string_view StringTable::store(std::string_view text) {
  if (text.empty()) return {};
  if (arena_left_ < text.size()) {
    arenas_.push_back(std::make_unique_for_overwrite<char[]>(kArenaBytes));
    arena_left_ = kArenaBytes;
  }
  char* place = arenas_.back().get() + (kArenaBytes - arena_left_);
  text.copy(place, text.size());
  arena_left_ -= text.size();
  bytes_ += text.size();
  return {place, text.size()};
}

StringId StringTable::append(std::string_view text) {
  const StringId id = count_.load(std::memory_order_relaxed);
  auto& slot = chunks_[id / kPerChunk];
  Chunk* chunk = slot.load(std::memory_order_relaxed);
  if (chunk == nullptr) {
    chunk = new Chunk;
    slot.store(chunk, std::memory_order_relaxed);  // Published by the count below.
  }
  const std::string_view stored = store(text);
  (*chunk)[id % kPerChunk] = stored;
  ids_.emplace(stored, id);
  count_.store(id + 1, std::memory_order_release);
  return id;
}

}  // namespace epaulet::telemetry
