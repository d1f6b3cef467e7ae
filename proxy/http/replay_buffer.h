#pragma once

#include <optional>
#include <string>

#include "http/body.h"
#include "io/block.h"

namespace epaulet::http {

/// Gives a body more than once, as far as it is small: keeps what passes, up to
/// limits::kReplayBytesMax. Retries use it and nothing else. Larger bodies stream through and can
/// no longer be given again. Nor can those that begin while others of their connection keep as much
/// as its streams may hold unread.
class ReplayBuffer final : public BodySource {
 public:
  /// `of_connection`: the bytes that all buffers of a connection hold; outlives this.
  explicit ReplayBuffer(std::size_t* of_connection = nullptr) : of_connection_(of_connection) {}
  ~ReplayBuffer() { release(); }
  ReplayBuffer(const ReplayBuffer&) = delete;
  ReplayBuffer& operator=(const ReplayBuffer&) = delete;

  /// `source` outlives this. Also where no retries are allowed another attempt may want it: on a
  /// connection that was stale nothing has been tried.
  void begin(BodySource& source);

  Task<Result<Chunk>> pull(Scope& scope) override;
  [[nodiscard]] bool ready() const override;
  void abort(const Error& why) override { source_->abort(why); }

  /// Nothing was lost: rewind() would give the whole body again.
  [[nodiscard]] bool replayable() const { return complete_record_; }
  /// All of it, if it has ended and was kept. Until the next begin() or release().
  [[nodiscard]] std::optional<ConstBytes> whole() const {
    if (!ended_ || !complete_record_) return std::nullopt;
    return kept_.span().first(kept_bytes_);
  }
  /// Starts again from the first byte. Only if replayable().
  void rewind();
  void release() { hold(Block()); }

 private:
  void record(const Chunk& chunk);
  [[nodiscard]] bool may_keep(std::size_t bytes) const;
  void hold(Block block);

  std::size_t* const of_connection_;
  BodySource* source_ = nullptr;
  Block kept_;
  std::size_t kept_bytes_ = 0;
  std::string trailers_;
  bool complete_record_ = true;  ///< Everything pulled so far is kept.
  bool ended_ = false;           ///< The source has given its end, and it is kept.
  bool replaying_ = false;
};

}  // namespace epaulet::http
