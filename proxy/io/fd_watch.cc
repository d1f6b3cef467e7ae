#include "io/fd_watch.h"

#include <map>

namespace epaulet {
namespace {

class AsioFdWatch final : public FdWatch {
 public:
  explicit AsioFdWatch(AsioLoop& loop) : loop_(loop) {}
  ~AsioFdWatch() override { watched_.clear(); }

  void watch(int fd, bool readable, bool writable,
             std::function<void(bool readable, bool writable)> on_ready) override {
    if (!readable && !writable) {
      watched_.erase(fd);
      return;
    }
    auto& entry = watched_[fd];
    if (!entry) entry = std::make_unique<Watched>(loop_, fd);
    entry->set(readable, writable, std::move(on_ready));
  }

 private:
  class Watched final : private ReadyItem, private Readiness::Owner {
   public:
    Watched(AsioLoop& loop, int fd) : loop_(loop), readiness_(loop.watch(fd, *this)) {}
    ~Watched() { readiness_->give_back(); }
    void set(bool readable, bool writable, std::function<void(bool, bool)> on_ready) {
      want_read_ = readable;
      want_write_ = writable;
      on_ready_ = std::move(on_ready);
      arm();
    }
    void on_readable() override {
      is_readable_ = want_read_;
      announce();
    }
    void on_writable() override {
      is_writable_ = want_write_;
      announce();
    }

   private:
    void arm() {
      if (want_read_) readiness_->await_readable();
      if (want_write_) readiness_->await_writable();
    }
    void announce() {
      if ((is_readable_ || is_writable_) && !linked()) loop_.ready(*this);
    }
    void run() override {
      const bool readable = std::exchange(is_readable_, false);
      const bool writable = std::exchange(is_writable_, false);
      // A wait reports the present level each time it is armed, so arming again makes it
      // level-triggered. The callback may forget this descriptor: nothing of ours is touched after
      // it.
      arm();
      const auto callback = on_ready_;
      callback(readable, writable);
    }

    AsioLoop& loop_;
    Readiness* readiness_;
    std::function<void(bool, bool)> on_ready_;
    bool want_read_ = false;
    bool want_write_ = false;
    bool is_readable_ = false;
    bool is_writable_ = false;
  };

  AsioLoop& loop_;
  std::map<int, std::unique_ptr<Watched>> watched_;
};

}  // namespace

std::unique_ptr<FdWatch> make_fd_watch(AsioLoop& loop) {
  return std::make_unique<AsioFdWatch>(loop);
}

}  // namespace epaulet
