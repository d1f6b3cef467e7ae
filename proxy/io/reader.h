#pragma once

#include <algorithm>
#include <coroutine>
#include <optional>

#include "io/block.h"
#include "io/stream.h"
#include "runtime/scope.h"

namespace epaulet {

/// Reads ahead from a stream into one pooled block: codecs look at buffered() and consume() what
/// they understood. The read may stay pending while nobody waits, so that an abort, a FIN or a
/// reset is noticed at once; an observer hears of it. While nothing is buffered no block is held.
class StreamReader final : private ReadOp {
 public:
  explicit StreamReader(ByteStream& stream) : stream_(stream) {}
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;
  /// The stream outlives the reader; a pending read is detached.
  ~StreamReader();

  [[nodiscard]] ConstBytes buffered() const { return {block_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes);
  /// Somebody uses a view into buffered() while a read may be pending: until the next consume(),
  /// those bytes stay where they are.
  void hold() { held_ = true; }
  /// The peer's FIN was read: nothing comes after what is buffered.
  [[nodiscard]] bool at_end() const { return ended_; }
  [[nodiscard]] const std::optional<Error>& failed() const { return failed_; }

  /// Nothing was read that has not been announced yet.
  [[nodiscard]] bool is_quiet() const {
    return buffered().empty() && !ended_ && !failed_ && !prepared_;
  }

  /// Makes room for `bytes` in all (buffered ones included), at most limits::kLargeBlockBytes.
  void reserve(std::size_t bytes);

  /// Keeps a read pending. If it completes while nobody waits in fill(), `observer` runs (through
  /// the loop).
  void watch();
  class Observer {
   public:
    /// Bytes came, or at_end(), or failed().
    virtual void on_input() = 0;

   protected:
    ~Observer() = default;
  };
  void observe(Observer* observer) { observer_ = observer; }

  /// `co_await reader.fill(scope)`: bytes added by one read, 0 at the end of the stream, or an
  /// error. The buffer must have room.
  class Fill final : private Cancellable, private ReadyItem {
   public:
    Fill(StreamReader& reader, Scope& scope) : reader_(reader), scope_(scope) {}
    ~Fill() {
      if (reader_.filling_ == this) reader_.filling_ = nullptr;
    }
    bool await_ready();
    void await_suspend(std::coroutine_handle<> waiter);
    Result<std::size_t> await_resume() { return result_; }

   private:
    friend class StreamReader;
    void complete();
    void on_cancel(const Error& why) override;
    void run() override { waiter_.resume(); }
    StreamReader& reader_;
    Scope& scope_;
    std::coroutine_handle<> waiter_;
    std::size_t had_ = 0;
    Result<std::size_t> result_ = std::size_t{0};
  };
  [[nodiscard]] Fill fill(Scope& scope) { return Fill(*this, scope); }

 private:
  Bytes prepare() override;
  void unprepare() override;
  void release_if_empty();
  void run() override;
  void take_result();
  [[nodiscard]] bool has_room() const {
    return !block_ || end_ - begin_ < std::max(block_.size(), reserve_);
  }
  void move_to(Block larger_or_fresh);

  ByteStream& stream_;
  Block block_;
  Block retired_;  ///< Held bytes that a read had to be moved away from.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t reserve_ = limits::kBlockBytes;
  bool pending_ = false;
  /// The stream has the address of our memory, and may have filled it already: the block stays,
  /// whatever is consumed, until the read completes.
  bool prepared_ = false;
  bool held_ = false;
  bool ended_ = false;
  std::optional<Error> failed_;
  Observer* observer_ = nullptr;
  Fill* filling_ = nullptr;
};

}  // namespace epaulet
