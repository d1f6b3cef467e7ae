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

void LastGood::keep(std::string key, Response response) {
  const auto bytes = key.size() + response.fields.size() + response.body.size() + kEntryBytes;
  auto shared = std::make_shared<const Response>(std::move(response));
  const std::lock_guard lock(mutex_);
  if (const auto known = by_key_.find(key); known != by_key_.end()) drop(known->second);
  if (bytes > bytes_max_) return;
  while (bytes_ + bytes > bytes_max_) drop(entries_.begin());
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

}  // namespace epaulet::resilience
