#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "runtime/clock.h"

namespace epaulet::resilience {

/// The last good responses of one route, for when it fails. Bounded by the bytes of all of them
/// with their keys: the one that was kept longest ago makes room. One for all workers, outside
/// snapshots; a lock, held for a look or an exchange of pointers.
class LastGood {
 public:
  explicit LastGood(std::uint64_t bytes) : bytes_max_(bytes) {}

  struct Response {
    std::uint16_t status = 200;
    std::string fields;  ///< Complete lines with CRLF.
    std::string body;
    TimePoint since{};
    TimePoint until{};  ///< Not given to anybody from then on.
  };
  using ResponsePtr = std::shared_ptr<const Response>;

  /// Replaces what was kept under the key. What is larger than all that may be kept is not.
  void keep(std::string key, Response response);
  /// What was kept has been found to be no longer true, or not to be kept.
  void forget(const std::string& key);
  /// Null: there is none, or its time is over.
  [[nodiscard]] ResponsePtr find(const std::string& key, TimePoint now);

  [[nodiscard]] std::size_t entries() const;
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Entry {
    std::string key;
    ResponsePtr response;
    std::uint64_t bytes = 0;
  };
  void drop(std::list<Entry>::iterator entry);

  const std::uint64_t bytes_max_;
  mutable std::mutex mutex_;  // Guards all below.
  std::list<Entry> entries_;  ///< The one kept longest ago first.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
  std::uint64_t bytes_ = 0;
};

}  // namespace epaulet::resilience
