#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "base/intrusive_list.h"
#include "base/result.h"
#include "runtime/scope.h"
#include "runtime/task.h"

namespace epaulet::resilience {

/// `limits.connections` and `limits.pending` of one backend: one number over all workers.
/// A permit stands for one open connection, busy or idle. Who finds the limit reached asks for an
/// idle one to be closed (`on_exhausted`) and queues under its deadline; permits come in the order
/// of asking. The numbers may change: the count goes on, since the connections do. Outlives every
/// worker; any thread, but a waiter is woken on its own loop.
class ConnectionLimit : public std::enable_shared_from_this<ConnectionLimit> {
 public:
  ConnectionLimit(std::uint32_t connections, std::uint32_t pending)
      : connections_max_(connections), pending_max_(pending) {}

  class Permit {
   public:
    Permit() = default;
    explicit Permit(ConnectionLimit& limit) : limit_(limit.shared_from_this()) {}
    Permit(Permit&& other) noexcept = default;
    Permit& operator=(Permit&& other) noexcept {
      if (this != &other) {
        release();
        limit_ = std::move(other.limit_);
      }
      return *this;
    }
    ~Permit() { release(); }
    void release() {
      if (const auto limit = std::exchange(limit_, nullptr)) limit->give_back();
    }
    /// Somebody waits for a permit, or there are more than there may be now.
    [[nodiscard]] bool contended() const {
      return limit_ != nullptr && (limit_->waiting() > 0 || limit_->excess() > 0);
    }
    [[nodiscard]] explicit operator bool() const { return limit_ != nullptr; }

   private:
    std::shared_ptr<ConnectionLimit>
        limit_;  // Shared: connections outlive the snapshot they began under.
  };

  /// Waits for a stream of a connection that others share, or for the one who waits for a permit
  /// for all of them; counts as pending, for who comes later.
  class Place {
   public:
    Place() = default;
    explicit Place(ConnectionLimit& limit) : limit_(limit.shared_from_this()) {
      limit.queued_.fetch_add(1, std::memory_order_relaxed);
    }
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&&) = delete;
    ~Place() { leave(); }
    void leave() {
      if (const auto limit = std::exchange(limit_, nullptr))
        limit->queued_.fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    std::shared_ptr<ConnectionLimit> limit_;
  };
  /// As many wait, of either kind, as may.
  [[nodiscard]] bool is_crowded() const {
    return waiting() + queued_.load(std::memory_order_relaxed) >= pending_max();
  }

  /// A reload has changed the numbers. Connections beyond a lower one are closed when they are
  /// idle: by whoever reloads those that are so now, and later ones instead of being pooled. Who
  /// waits already stays, though it be more than `pending`.
  void change(std::uint32_t connections, std::uint32_t pending);
  /// By how many there are more than there may be, since change().
  [[nodiscard]] std::uint32_t excess() const {
    const auto most = connections_max();
    const auto now = in_use();
    return now > most ? now - most : 0;
  }

  /// A permit if one is free and nobody waits.
  [[nodiscard]] Permit try_acquire();
  /// Waits for one. Errors: limit_pending if too many wait already; the scope's.
  [[nodiscard]] Task<Result<Permit>> acquire(Scope& scope);

  [[nodiscard]] std::uint32_t in_use() const { return in_use_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t connections_max() const {
    return connections_max_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint32_t pending_max() const {
    return pending_max_.load(std::memory_order_relaxed);
  }

 private:
  struct Waiter : ListNode {
    explicit Waiter(ConnectionLimit& limit_) : limit(limit_) {}
    /// The coroutine that waits may be destroyed with its loop.
    ~Waiter() { (void)leave(); }
    /// Leaves the queue: with the permit if one was granted.
    Permit leave();
    ConnectionLimit& limit;
    bool queued = false;
    bool granted = false;        // Under mutex_.
    std::function<void()> wake;  ///< Posted to the waiter's loop.
  };
  void give_back();
  /// Gives those who wait what is free. Under mutex_.
  void grant();

  std::atomic<std::uint32_t> connections_max_;
  std::atomic<std::uint32_t> pending_max_;
  std::atomic<std::uint32_t> in_use_{0};
  std::atomic<std::uint32_t> waiting_{0};
  std::atomic<std::uint32_t> queued_{0};
  std::mutex mutex_;
  IntrusiveList<Waiter> waiters_;  // Under mutex_.
};

}  // namespace epaulet::resilience
