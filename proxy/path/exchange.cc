#include "path/exchange.h"

namespace epaulet::path {

void Exchange::begin() {
  scope.emplace(connection.scope);
  end();
  record.reset(now());
  record.direction = connection.record.direction;
  record.downstream = connection.peer_address;
  record.peer = connection.peer_id;
  record.mesh_tls = connection.mesh_tls;
  committed = false;
}

void Exchange::end() {
  request.clear();
  response.clear();
  body.release();
}

void Exchange::watch_downstream(http::http1::ClientConnection* upstream) {
  half_close_to_ = upstream;
  server.reader().observe(this);
  on_input();
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
  // Pipelined bytes may lie before an abort: read on while there is room, until a read stays
  // pending.
  StreamReader& reader = server.reader();
  for (std::size_t had = SIZE_MAX;
       had != reader.buffered().size() && !reader.at_end() && !reader.failed();) {
    had = reader.buffered().size();
    reader.watch();
  }
  look_downstream();
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
