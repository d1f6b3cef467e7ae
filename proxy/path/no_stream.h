#pragma once

#include "io/stream.h"

namespace epaulet::path {

/// Where an exchange has no caller (any more): its connection, at whose other end is nobody.
class NoStream final : public ByteStream {
 public:
  NoStream(Loop& loop, const SocketAddress& caller) : loop_(loop) { info_.peer = caller; }
  [[nodiscard]] bool start_read(ReadOp& op) override {
    op.result = std::size_t{0};
    return true;
  }
  void cancel_read(const Error&) override {}
  [[nodiscard]] bool start_write(WriteOp& op) override {
    op.result = Result<void>();
    return true;
  }
  void cancel_write(const Error&) override {}
  void reset() override {}
  [[nodiscard]] bool has_pending_input() override { return false; }
  [[nodiscard]] const Info& info() const override { return info_; }
  [[nodiscard]] Loop& loop() const override { return loop_; }

 private:
  Loop& loop_;
  Info info_;
};

}  // namespace epaulet::path
