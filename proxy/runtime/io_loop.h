#pragma once

#include "runtime/loop.h"

namespace epaulet {

/// A descriptor in a loop's reactor, from IoLoop::watch() until close() or give_back().
class Readiness {
 public:
  /// Told through the reactor, never from inside a call of ours. It may be told more than it asked
  /// for: a reactor may report every change.
  class Owner {
   public:
    virtual void on_readable() = 0;
    virtual void on_writable() = 0;

   protected:
    ~Owner() = default;
  };

  [[nodiscard]] virtual int fd() const = 0;

  /// Owner::on_readable() will be called. For whoever has read until EAGAIN, or less than there was
  /// room for while may_have_more() was false.
  virtual void await_readable() = 0;
  /// The same for writing, after EAGAIN or connect(2).
  virtual void await_writable() = 0;
  /// A short read does not mean that nothing is left: a FIN, a reset or urgent data came, of which
  /// the reactor does not tell again.
  [[nodiscard]] virtual bool may_have_more() const = 0;

  /// Closes the descriptor. The owner hears nothing more, and this object is no more to be used.
  virtual void close() = 0;
  /// The same for a descriptor that lives on.
  virtual void give_back() = 0;

 protected:
  ~Readiness() = default;
};

/// A loop that can wait for descriptors: EpollLoop for workers, AsioLoop for the control thread.
class IoLoop : public Loop {
 public:
  using Loop::Loop;

  /// Turns until stop(). Runs on the loop's thread; may run again.
  virtual void run() = 0;
  /// From any thread.
  virtual void stop() = 0;

  /// `fd`: non-blocking, not watched by anybody else. The owner outlives the handle.
  [[nodiscard]] virtual Readiness* watch(int fd, Readiness::Owner& owner) = 0;

  /// A turn that brought much news gathers what it leads to be written, so that a peer which sleeps
  /// is woken once for all of it, and not for each: a wake-up of another core costs as much as a
  /// short write.
  [[nodiscard]] bool gathers_writes() const { return gathers_writes_; }
  /// Runs the item when the news of the turn is worked through, or kGatherMax later. To be asked
  /// for while gathers_writes().
  void write_with_others(ReadyItem& item) {
    if (writes_.empty()) gathered_since_ = now();
    writes_.push_back(item);
  }

  /// The real clocks, read now: for use before the loop runs.
  [[nodiscard]] static TimePoint read_clock();
  [[nodiscard]] static WallTime read_wall_clock();

 protected:
  void read_time() { set_time(read_clock(), read_wall_clock()); }
  /// So much news, and less is answered piece by piece: what one costs then delays no other.
  static constexpr std::size_t kGatherFrom = 8;
  /// A write waits no longer than this, and for the one piece of news that is worked through then.
  static constexpr std::chrono::microseconds kGatherMax{100};

  void gather_writes(bool gather) { gathers_writes_ = gather; }
  [[nodiscard]] bool gathered_for_long() const {
    return !writes_.empty() && now() - gathered_since_ >= kGatherMax;
  }
  /// The gathered ones, then what waited for them.
  void run_writes() {
    const bool gather = std::exchange(gathers_writes_, false);
    while (!writes_.empty()) writes_.pop_front().run();
    run_ready();
    gathers_writes_ = gather;
  }

 private:
  bool gathers_writes_ = false;
  TimePoint gathered_since_{};
  IntrusiveList<ReadyItem> writes_;
};

}  // namespace epaulet
