#include "path/connection.h"

#include "accept/original_destination.h"
#include "io/rewound_stream.h"
#include "telemetry/trace_context.h"

namespace epaulet::path {
namespace {

using telemetry::Counter;
using telemetry::Gauge;

bool is_expected_end(ErrorCode code) {
  return code == ErrorCode::none || code == ErrorCode::draining || code == ErrorCode::end_of_stream;
}

}  // namespace

Connection::Connection(Worker& worker_, StreamPtr stream, Entry entry_)
    : worker(worker_),
      entry(entry_),
      scope(worker_.root),
      view(worker_.view),
      peer_address(stream->info().peer),
      begun_(worker_.loop.now()),
      stream_(std::move(stream)),
      reader_(std::in_place, *stream_) {
  if (entry != Entry::background) {
    worker.telemetry.count(inbound() ? Counter::connections_accepted_inbound
                                     : Counter::connections_accepted_outbound);
  }
  begin();
}

Connection::Connection(Connection& carrier, Scope& parent, StreamPtr stream)
    : worker(carrier.worker),
      entry(carrier.entry),
      scope(parent),
      view(carrier.worker.view),
      peer_address(carrier.peer_address),
      destination(carrier.destination),
      mesh_tls(carrier.mesh_tls),
      peer(carrier.peer),
      peer_id(carrier.peer_id),
      mesh_protocol(detect::MeshProtocol::http1),
      trust(carrier.trust),
      authority(carrier.authority),
      is_carried(true),
      service(carrier.service),
      begun_(carrier.worker.loop.now()),
      stream_(std::move(stream)),
      reader_(std::in_place, *stream_) {
  worker.telemetry.count(Counter::multiplexed_inbound);
  begin();
}

telemetry::Gauge Connection::gauge() const {
  if (is_carried) return Gauge::multiplexed_inbound;
  return inbound() ? Gauge::connections_inbound : Gauge::connections_outbound;
}

void Connection::begin() {
  worker.connections.push_back(*this);
  if (entry == Entry::background) return;  // It was never accepted.
  trace(Stage::accept, telemetry::Event::accepted);
  worker.shared.connections.fetch_add(1, std::memory_order_relaxed);
  ++(inbound() ? worker.inbound_connections : worker.outbound_connections);
  worker.telemetry.adjust(gauge(), 1);
}

Connection::~Connection() {
  reader_.reset();
  if (entry == Entry::background) return;
  worker.shared.connections.fetch_sub(1, std::memory_order_relaxed);
  --(inbound() ? worker.inbound_connections : worker.outbound_connections);
  worker.telemetry.adjust(gauge(), -1);
}

telemetry::ConnectionRecord& Connection::record() {
  if (!record_) {
    record_ = std::make_unique<Record>();
    record_->trace.begin(begun_);
  }
  return *record_;
}

StreamPtr Connection::take_stream() {
  const auto read_already = reader_->buffered();
  StreamPtr whole = std::move(stream_);
  if (!read_already.empty()) {
    const std::string copy(as_text(read_already));
    reader_.reset();
    return std::make_unique<RewoundStream>(std::move(whole), as_bytes(copy));
  }
  reader_.reset();
  return whole;
}

void Connection::put_stream(StreamPtr stream) {
  stream_ = std::move(stream);
  reader_.emplace(*stream_);
}

void Connection::report(const Error& error, telemetry::ConnectionRecord::Kind kind) {
  auto& record = this->record();
  record.kind = kind;
  record.direction = inbound() ? telemetry::Direction::inbound : telemetry::Direction::outbound;
  record.downstream = peer_address;
  record.service = service;
  record.error = is_expected_end(error.code) ? Error{} : error;
  record.peer = peer_id;
  record.mesh_tls = mesh_tls;
  record.destination = destination;
  record.end = now();
  if (error.note != 0) record.diagnosis = error.note;
  if (record.id.view().empty()) {
    std::array<char, 32> id;
    telemetry::write_request_id(worker.loop.random(), id);
    record.id.assign({id.data(), id.size()});
  }
  trace(error.stage, telemetry::Event::ended, static_cast<std::uint32_t>(error.code));
  worker.telemetry.report(record, worker.loop.wall_now());
}

Result<SocketAddress> find_destination(Connection& connection) {
  const auto& info = connection.stream().info();
  const LoopGuard& guard = connection.worker.shared.guard;
  if (connection.entry == Entry::direct) return info.local;  // The port follows from SNI.
  const int socket = connection.stream().raw_socket();
  std::optional<SocketAddress> original = info.original_destination;
  if (socket >= 0) {
    const auto tracked = original_destination(socket);
    if (!tracked) return tracked.error();
    original = *tracked;
  }
  const auto destination = decide(original, info.local, guard);
  if (original) connection.destination = *original;  // For the record, also when it is refused.
  if (!destination || !connection.inbound()) return destination;
  const auto here = require_here(*destination, info.local, guard);
  if (!here) return here.error();
  return destination;
}

Task<void> serve_connection(Worker& worker, StreamPtr stream, Entry entry) {
  Connection connection(worker, std::move(stream), entry);
  const auto destination = find_destination(connection);
  if (!destination) {
    worker.telemetry.count(Counter::connections_refused_destination);
    connection.report(destination.error(), telemetry::ConnectionRecord::Kind::refused);
    connection.reset();
    co_return;
  }
  connection.destination = *destination;
  Service service;
  if (connection.inbound()) {
    service = co_await inbound_service(connection);
  } else {
    service = co_await outbound_service(connection);
  }
  co_await service;
}

}  // namespace epaulet::path
