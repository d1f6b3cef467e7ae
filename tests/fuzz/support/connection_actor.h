#pragma once

#include <functional>

#include "io/ops.h"
#include "runtime/event.h"
#include "runtime/fork.h"
#include "tests/fuzz/support/connection_script.h"

namespace epaulet::fuzz {

/// What one end of a connection said and heard.
struct Party {
  std::string said;  ///< All that it tried to write.
  std::string heard;
  bool finished = false;  ///< Its own FIN,
  bool reset = false;     ///< or reset.
  bool ended = false;     ///< The other's FIN,
  bool failed = false;    ///< or reset.
  [[nodiscard]] bool over() const { return ended || failed; }
};

/// Follows a script on a stream.
class Actor {
 public:
  Actor(StreamPtr stream, Party& side, Scope& scope, std::function<std::size_t()> messages)
      : stream_(std::move(stream)),
        side_(side),
        scope_(scope),
        news_(scope.loop()),
        reads_(scope.loop()),
        messages_(std::move(messages)) {
    reads_.set();
  }

  Task<void> say(std::string bytes) {
    if (scope_.cancelled()) co_return;
    side_.said += bytes;
    const std::array<ConstBytes, 1> buffers{as_bytes(bytes)};
    (void)co_await write_all(*stream_, buffers, scope_);
  }

  /// Follows the script, then goes on reading until the other end has ended or `scope` has.
  Task<void> live(const Steps& steps) {
    Scope ear(scope_);
    Fork<void> listening;
    listening.start(listen(ear));
    for (const Step& step : steps) {
      if (side_.reset) break;
      co_await take(step);
    }
    reads_.set();
    while (!side_.reset && !side_.over() && !scope_.cancelled()) co_await hear();
    ear.cancel({ErrorCode::cancelled, Side::self, Stage::none});
    co_await listening.join();
    if (side_.reset) stream_->reset();
    side_.finished = side_.finished || !side_.reset;
    stream_.reset();
  }

 private:
  using What = Step::What;

  Task<void> hear() {
    news_.reset();
    (void)co_await news_.wait(scope_);
  }

  Task<void> listen(Scope& ear) {
    std::array<std::byte, 4096> buffer;
    while (!side_.over()) {
      const auto may_read = co_await reads_.wait(ear);
      if (!may_read) break;
      const auto got = co_await read_some(*stream_, buffer, ear);
      if (ear.cancelled()) break;
      if (!got) {
        side_.failed = true;
      } else if (*got == 0) {
        side_.ended = true;
      } else {
        side_.heard += as_text(ConstBytes(buffer).first(*got));
      }
      news_.set();
    }
  }

  Task<void> take(const Step& step) {
    if (step.what == What::hear_more || step.what == What::hear_message) reads_.set();
    if (step.what == What::say && !side_.finished) {
      co_await say(step.bytes);
    } else if (step.what == What::pause) {
      (void)co_await sleep_until(scope_, scope_.loop().now() + step.pause);
    } else if (step.what == What::hear_more) {
      const auto had = std::exchange(heard_before_, side_.heard.size());
      while (side_.heard.size() <= had && !side_.over() && !scope_.cancelled()) co_await hear();
      heard_before_ = side_.heard.size();
    } else if (step.what == What::hear_message) {
      ++messages_awaited_;
      while (messages_() < messages_awaited_ && !side_.over() && !scope_.cancelled()) {
        co_await hear();
        // What comes in one instant is looked at once.
        (void)co_await sleep_until(scope_, scope_.loop().now() + std::chrono::microseconds(1));
      }
    } else if (step.what == What::finish && !side_.finished) {
      side_.finished = true;
      (void)co_await write_end(*stream_, scope_);
    } else if (step.what == What::reset) {
      side_.reset = true;
    } else if (step.what == What::stop_reading) {
      reads_.reset();
    } else if (step.what == What::go_on_reading) {
      reads_.set();
    }
  }

  StreamPtr stream_;
  Party& side_;
  Scope& scope_;
  Event news_;
  Event reads_;
  std::function<std::size_t()> messages_;
  std::size_t heard_before_ = 0;
  std::size_t messages_awaited_ = 0;
};

}  // namespace epaulet::fuzz
