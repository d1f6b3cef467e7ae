#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/owned.h"
#include "crypto/wall_time.h"

namespace epaulet {

/// Sessions that a worker's clients may resume. Bounded: the one unused for longest goes first.
/// One per worker; must outlive the streams that use it.
class TlsSessionCache {
 public:
  struct Entry {
    std::string key;
    Owned<ssl_session_st> session;
    WallTime expires{};                      ///< Never later than the two below.
    WallTime fresh_until = WallTime::max();  ///< Behind it, a full handshake finds newer leafs.
    WallTime not_after = WallTime::max();    ///< Of the leafs of both ends, whichever ends first.
    Sha256 authority{};                      ///< Of the root that the peer's chain led to.
  };

  explicit TlsSessionCache(std::size_t capacity = limits::kTlsSessionsMax) : capacity_(capacity) {}
  TlsSessionCache(const TlsSessionCache&) = delete;
  TlsSessionCache& operator=(const TlsSessionCache&) = delete;

  /// Replaces the session of the same key.
  void put(Entry entry);
  /// Nothing if there is none or it has expired. Valid until the next call.
  [[nodiscard]] const Entry* find(std::string_view key, WallTime now);
  void remove(std::string_view key);
  void clear();
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  std::size_t capacity_;
  std::list<Entry> entries_;  // The most recently used first.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;  // Views into entries_.
};

}  // namespace epaulet
