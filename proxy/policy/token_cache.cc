#include "policy/token_cache.h"

#include <cstring>
#include <utility>

namespace epaulet {

std::size_t TokenCache::KeyHash::operator()(const Sha256& key) const {
  std::size_t hash = 0;
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

void TokenCache::use(const Sha256& generation) {
  if (generation == generation_) return;
  entries_.clear();
  generation_ = generation;
}

std::shared_ptr<const VerifiedToken> TokenCache::find(const Sha256& key, WallTime now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    ++misses_;
    return nullptr;
  }
  Entry& entry = found->second;
  if (now >= entry.token->valid_until) {
    entries_.erase(found);
    ++misses_;
    return nullptr;
  }
  ++hits_;
  entry.unlink();
  by_use_.push_front(entry);
  return entry.token;
}

void TokenCache::insert(const Sha256& key, std::shared_ptr<const VerifiedToken> token) {
  if (max_ == 0) return;
  Entry& entry = entries_[key];
  entry.key = key;
  entry.token = std::move(token);
  entry.unlink();
  by_use_.push_front(entry);
  if (entries_.size() > max_) entries_.erase(Sha256(by_use_.back().key));
}

}  // namespace epaulet
