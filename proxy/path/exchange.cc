#include "path/exchange.h"

#include "http/grpc.h"
#include "path/background.h"

namespace epaulet::path {

void Exchange::begin() {
  longest.reset();
  scope.emplace(parent);
  record.start = now();
  record.trace.begin(now());
  record.direction =
      connection.inbound() ? telemetry::Direction::inbound : telemetry::Direction::outbound;
  record.downstream = connection.peer_address;
  record.peer = connection.peer_id;
  record.mesh_tls = connection.mesh_tls;
  record.multiplexed = connection.is_carried;
}

bool Exchange::is_grpc() const {
  return http1 == nullptr && http::is_grpc(request);
}

bool Exchange::came_by_http2() const {
  return delivery != nullptr ? delivery->came_by_http2 : http1 == nullptr;
}

void Exchange::watch_downstream(http::ClientStream* upstream) {
  half_close_to_ = upstream;
  server.watch(this);
}

void Exchange::unwatch_downstream() {
  server.watch(nullptr);
  if (half_close_to_ != nullptr) half_close_to_->stop_half_close();
  half_close_to_ = nullptr;
}

void Exchange::on_caller_half_closed() {
  if (half_close_to_ == nullptr) return;
  half_close_to_->half_close();
  server.watch(nullptr);
}

}  // namespace epaulet::path
