#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace epaulet::resilience {

/// How much of a route's requests may wait for their delivery in the background: a number of them,
/// and their bytes. One for all workers, outside snapshots; whoever waits has a place in it.
class BackgroundRoom : public std::enable_shared_from_this<BackgroundRoom> {
 public:
  BackgroundRoom(std::uint32_t requests, std::uint64_t bytes)
      : requests_max_(requests), bytes_max_(bytes) {}

  /// The place of one request, until it is destroyed.
  class Place {
   public:
    Place(Place&& other) noexcept
        : room_(std::move(other.room_)), bytes_(std::exchange(other.bytes_, 0)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (room_ == nullptr) return;
      room_->bytes_.fetch_sub(bytes_, std::memory_order_relaxed);
      room_->requests_.fetch_sub(1, std::memory_order_relaxed);
    }
    /// It takes so many more; false, and nothing has changed: there is no room.
    [[nodiscard]] bool grow(std::uint64_t bytes) {
      if (!add(room_->bytes_, bytes, room_->bytes_max_)) return false;
      bytes_ += bytes;
      return true;
    }
    /// It takes less than was asked for.
    void shrink(std::uint64_t bytes) {
      room_->bytes_.fetch_sub(bytes_ - bytes, std::memory_order_relaxed);
      bytes_ = bytes;
    }

   private:
    friend class BackgroundRoom;
    Place(std::shared_ptr<BackgroundRoom> room, std::uint64_t bytes)
        : room_(std::move(room)), bytes_(bytes) {}
    std::shared_ptr<BackgroundRoom> room_;
    std::uint64_t bytes_;
  };

  /// Nothing: it is full. Any thread.
  [[nodiscard]] std::optional<Place> enter(std::uint64_t bytes) {
    if (!add(requests_, 1, requests_max_)) return std::nullopt;
    if (!add(bytes_, bytes, bytes_max_)) {
      requests_.fetch_sub(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    return Place(shared_from_this(), bytes);
  }

  [[nodiscard]] std::uint64_t requests() const { return requests_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static bool add(std::atomic<std::uint64_t>& to, std::uint64_t by, std::uint64_t most) {
    auto now = to.load(std::memory_order_relaxed);
    do {
      if (now > most || by > most - now) return false;
    } while (!to.compare_exchange_weak(now, now + by, std::memory_order_relaxed));
    return true;
  }

  const std::uint64_t requests_max_;
  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace epaulet::resilience
