#include "tls/session_cache.h"

namespace epaulet {

void TlsSessionCache::put(Entry entry) {
  remove(entry.key);
  if (capacity_ == 0) return;
  if (entries_.size() == capacity_) remove(std::string(entries_.back().key));
  entries_.push_front(std::move(entry));
  by_key_.emplace(entries_.front().key, entries_.begin());
}

const TlsSessionCache::Entry* TlsSessionCache::find(std::string_view key, WallTime now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  if (found->second->expires <= now) {
    remove(key);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return &entries_.front();
}

void TlsSessionCache::remove(std::string_view key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const auto entry = found->second;
  by_key_.erase(found);
  entries_.erase(entry);
}

void TlsSessionCache::clear() {
  by_key_.clear();
  entries_.clear();
}

}  // namespace epaulet
