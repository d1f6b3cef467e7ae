#pragma once

#include <string>

#include "http/body.h"
#include "io/block.h"

namespace epaulet::http {

/// Gives a body more than once, as far as it is small: keeps what passes, up to
/// limits::kReplayBytesMax. Retries use it and nothing else. Larger bodies stream through and can
/// no longer be given again.
class ReplayBuffer final : public BodySource {
 public:
  /// `source` outlives this. Also where no retries are allowed another attempt may want it: on a
  /// connection that was stale nothing has been tried.
  void begin(BodySource& source);

  Task<Result<Chunk>> pull(Scope& scope) override;
  [[nodiscard]] bool ready() const override;
  void abort(const Error& why) override { source_->abort(why); }

  /// Nothing was lost: rewind() would give the whole body again.
  [[nodiscard]] bool replayable() const { return complete_record_; }
  /// Starts again from the first byte. Only if replayable().
  void rewind();
  void release() { kept_.reset(); }

 private:
  void record(const Chunk& chunk);

  BodySource* source_ = nullptr;
  Block kept_;
  std::size_t kept_bytes_ = 0;
  std::string trailers_;
  bool complete_record_ = true;  ///< Everything pulled so far is kept.
  bool ended_ = false;           ///< The source has given its end, and it is kept.
  bool replaying_ = false;
};

}  // namespace epaulet::http
