#include "path/exchange.h"

namespace epaulet::path {

void Exchange::begin() {
  scope.emplace(connection.scope);
  request.clear();
  response.clear();
  body.release();
  record.reset(now());
  record.direction = connection.record.direction;
  record.downstream = connection.peer_address;
  committed = false;
}

void Exchange::watch_downstream(http::http1::ClientConnection* upstream) {
  half_close_to_ = upstream;
  server.reader().observe(this);
  server.reader().watch();
  look_downstream();
}

void Exchange::unwatch_downstream() {
  server.reader().observe(nullptr);
  if (half_close_to_ != nullptr && half_close_.pending) {
    half_close_to_->stream().cancel_write({ErrorCode::cancelled, Side::self, Stage::send});
    half_close_.unlink();
    half_close_.pending = false;
  }
  half_close_to_ = nullptr;
}

void Exchange::on_input() {
  look_downstream();
  server.reader().watch();  // Pipelined bytes came: an abort behind them must still be noticed,
                            // while there is room.
}

void Exchange::look_downstream() {
  const StreamReader& reader = server.reader();
  if (reader.failed()) {
    scope->cancel({ErrorCode::downstream_reset, Side::downstream, Stage::receive});
  } else if (reader.at_end() && half_close_to_ != nullptr && !half_close_.pending) {
    half_close_to_->mark_half_closed();
    half_close_.buffers = {};
    half_close_.end = true;
    half_close_.pending = !half_close_to_->stream().start_write(half_close_);
    server.reader().observe(nullptr);
  }
}

}  // namespace epaulet::path
