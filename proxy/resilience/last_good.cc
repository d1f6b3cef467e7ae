#include "resilience/last_good.h"

namespace epaulet::resilience {
namespace {

constexpr std::uint64_t kEntryBytes = 256;  ///< What an entry takes besides its text.

}  // namespace

void LastGood::drop(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes;
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

/// `bytes` and what is reserved are together no more than there may be.
void LastGood::make_room(std::uint64_t bytes) {
  while (bytes_ + reserved_ + bytes > bytes_max_) drop(entries_.begin());
}

bool LastGood::Room::grow(std::uint64_t bytes) {
  if (of_ == nullptr) return false;
  LastGood& all = *of_;
  const std::lock_guard lock(all.mutex_);
  const bool is_alone = all.reserved_ == bytes_;
  const auto most = is_alone ? all.bytes_max_ : all.bytes_max_ / 2;
  if (bytes > most || all.reserved_ > most - bytes) {
    ++all.refused_;
    return false;
  }
  all.make_room(bytes);
  all.reserved_ += bytes;
  bytes_ += bytes;
  return true;
}

void LastGood::Room::release() {
  const auto all = std::exchange(of_, nullptr);
  if (all == nullptr) return;
  const std::lock_guard lock(all->mutex_);
  all->reserved_ -= std::exchange(bytes_, 0);
}

std::uint64_t LastGood::bytes_of(const std::string& key, const Response& response) {
  return key.size() + response.fields.size() + response.body.size() + kEntryBytes;
}

void LastGood::keep(std::string key, Response response, Room room) {
  const auto bytes = bytes_of(key, response);
  auto shared = std::make_shared<const Response>(std::move(response));
  room.release();
  const std::lock_guard lock(mutex_);
  if (const auto known = by_key_.find(key); known != by_key_.end()) drop(known->second);
  if (bytes > bytes_max_ || reserved_ > bytes_max_ - bytes) {
    ++refused_;
    return;
  }
  make_room(bytes);
  entries_.push_back({std::move(key), std::move(shared), bytes});
  by_key_.emplace(entries_.back().key, std::prev(entries_.end()));
  bytes_ += bytes;
}

void LastGood::forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (const auto known = by_key_.find(key); known != by_key_.end()) drop(known->second);
}

LastGood::ResponsePtr LastGood::find(const std::string& key, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return nullptr;
  if (now < known->second->response->until) return known->second->response;
  drop(known->second);
  return nullptr;
}

std::size_t LastGood::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::uint64_t LastGood::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::uint64_t LastGood::reserved() const {
  const std::lock_guard lock(mutex_);
  return reserved_;
}

std::uint64_t LastGood::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

}  // namespace epaulet::resilience
