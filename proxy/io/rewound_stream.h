#pragma once

#include <string>

#include "io/stream.h"

namespace epaulet {

/// A stream whose first bytes were read already, to look at them: gives those again, then the rest.
class RewoundStream final : public ByteStream {
 public:
  RewoundStream(StreamPtr lower, ConstBytes first)
      : lower_(std::move(lower)), first_(as_text(first)) {}

  bool start_read(ReadOp& op) override;
  void cancel_read(const Error& why) override { lower_->cancel_read(why); }
  bool start_write(WriteOp& op) override { return lower_->start_write(op); }
  void cancel_write(const Error& why) override { lower_->cancel_write(why); }
  void reset() override { lower_->reset(); }
  bool has_pending_input() override { return !first_.empty() || lower_->has_pending_input(); }
  const Info& info() const override { return lower_->info(); }
  Loop& loop() const override { return lower_->loop(); }
  int raw_socket() const override { return first_.empty() ? lower_->raw_socket() : -1; }

 private:
  StreamPtr lower_;
  std::string first_;
};

}  // namespace epaulet
