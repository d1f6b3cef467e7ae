#include "peer.h"

#include <array>

namespace epaulet::sim {

Task<bool> Peer::read_more() {
  const auto got = co_await read_some(*stream_, buffer_, scope_);
  if (!got) {
    failed_ = true;
    co_return false;
  }
  if (*got == 0) {
    ended_ = true;
    reader.end_of_stream();
    co_return false;
  }
  reader.append(as_text(ConstBytes(buffer_).first(*got)));
  co_return true;
}

Task<bool> Peer::read_at_least(std::size_t bytes) {
  while (reader.rest().size() < bytes) {
    const bool more = co_await read_more();
    if (!more) co_return false;
  }
  co_return true;
}

Task<bool> Peer::write(std::string bytes) {
  const std::array<ConstBytes, 1> buffers{as_bytes(bytes)};
  const auto written = co_await write_all(*stream_, buffers, scope_);
  if (!written) failed_ = true;
  co_return written.has_value();
}

Task<bool> Peer::finish() {
  const auto written = co_await write_end(*stream_, scope_);
  co_return written.has_value();
}

Task<bool> Peer::read_message(bool head_only) {
  for (;;) {
    if (!reader.advance()) {
      failed_ = true;
      co_return false;
    }
    const Message& message = reader.message();
    if (message.complete || (head_only && message.has_head)) co_return true;
    if (ended_ || failed_) co_return false;
    (void)co_await read_more();
  }
}

void Acceptor::accept() {
  while (listener_->start_accept(*this)) {
    if (!result) return;
    serve_(std::move(*result));
  }
}

void Acceptor::run() {
  if (!result) return;
  serve_(std::move(*result));
  accept();
}

}  // namespace epaulet::sim
