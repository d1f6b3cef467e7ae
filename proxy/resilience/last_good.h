#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "runtime/clock.h"

namespace epaulet::resilience {

/// The last good responses of one route, for when it fails. Bounded by the bytes of all of them
/// with their keys, and of copies that are being made (Room): the one that was kept longest ago
/// makes room. One for all workers, outside snapshots; a lock, held for a look or an exchange of
/// pointers.
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

  /// Of the bytes, for a response that is copied while it passes. Several copies together get half
  /// of all, so that slow ones do not drive out all that is kept; one alone may have them all.
  class Room {
   public:
    Room() = default;
    explicit Room(std::shared_ptr<LastGood> of) : of_(std::move(of)) {}
    Room(Room&& other) noexcept
        : of_(std::exchange(other.of_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Room& operator=(Room&& other) noexcept {
      release();
      of_ = std::exchange(other.of_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
      return *this;
    }
    ~Room() { release(); }
    /// False: there is no room for as many more, and the copy is not to go on; counted.
    [[nodiscard]] bool grow(std::uint64_t bytes);
    void release();

   private:
    friend class LastGood;
    std::shared_ptr<LastGood> of_;  ///< The route may have another one since.
    std::uint64_t bytes_ = 0;
  };

  /// What a response takes that is kept.
  [[nodiscard]] static std::uint64_t bytes_of(const std::string& key, const Response& response);

  /// Replaces what was kept under the key. What is larger than all that may be kept is not.
  /// `room`: the response's own, which ends.
  void keep(std::string key, Response response, Room room);
  void keep(std::string key, Response response) {
    keep(std::move(key), std::move(response), Room());
  }
  /// What was kept has been found to be no longer true, or not to be kept.
  void forget(const std::string& key);
  /// Null: there is none, or its time is over.
  [[nodiscard]] ResponsePtr find(const std::string& key, TimePoint now);

  [[nodiscard]] std::size_t entries() const;
  [[nodiscard]] std::uint64_t bytes() const;
  /// Of copies that are being made.
  [[nodiscard]] std::uint64_t reserved() const;
  /// Responses that could have been kept, but for the room.
  [[nodiscard]] std::uint64_t refused() const;

 private:
  struct Entry {
    std::string key;
    ResponsePtr response;
    std::uint64_t bytes = 0;
  };
  // Under mutex_.
  void drop(std::list<Entry>::iterator entry);
  void make_room(std::uint64_t bytes);

  const std::uint64_t bytes_max_;
  mutable std::mutex mutex_;  // Guards all below.
  std::list<Entry> entries_;  ///< The one kept longest ago first.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
  std::uint64_t bytes_ = 0;
  std::uint64_t reserved_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace epaulet::resilience
