#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "base/intrusive_list.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/jose_hash.h"
#include "policy/principals.h"
#include "runtime/clock.h"

namespace epaulet {

/// Tokens that were verified, by their SHA-256 (the tokens themselves are not kept), until they
/// expire. One per worker. Bounded: the least recently used one makes room. Refused tokens are not
/// kept, so that nobody can push good ones out without an issuer's signature.
class TokenCache {
 public:
  explicit TokenCache(std::size_t max = limits::kTokensCachedMax) : max_(max) {}

  /// Forgets everything if `generation` is not the one of the call before: tokens were verified
  /// under other keys, issuers or roles. Cost: a comparison.
  void use(const Sha256& generation);

  [[nodiscard]] static Sha256 key_of(std::string_view token) { return hash_token(token); }
  /// The token if it is known and `now` is before valid_until. Allocates nothing.
  [[nodiscard]] std::shared_ptr<const VerifiedToken> find(const Sha256& key, WallTime now);
  void insert(const Sha256& key, std::shared_ptr<const VerifiedToken> token);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  /// Lookups that found a token, and that did not, since the cache was made.
  [[nodiscard]] std::uint64_t hits() const { return hits_; }
  [[nodiscard]] std::uint64_t misses() const { return misses_; }

 private:
  struct KeyHash {
    /// A digest's bytes are a hash already.
    std::size_t operator()(const Sha256& key) const;
  };
  struct Entry : ListNode {
    Sha256 key{};
    std::shared_ptr<const VerifiedToken> token;
  };

  std::size_t max_;
  Sha256 generation_{};
  std::unordered_map<Sha256, Entry, KeyHash> entries_;
  IntrusiveList<Entry> by_use_;  ///< Most recently used first.
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

}  // namespace epaulet
