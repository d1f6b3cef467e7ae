#pragma once

#include <memory>
#include <optional>
#include <string>

#include "detect/mesh_alpn.h"
#include "io/reader.h"
#include "io/stream.h"
#include "path/port_use.h"
#include "path/worker.h"
#include "telemetry/record.h"

namespace epaulet::path {

/// Through which listener a connection came.
enum class Entry : std::uint8_t {
  outbound,    ///< 15001: our app dials.
  inbound,     ///< 15006: somebody dials our app, by redirect.
  direct,      ///< 15008: a sidecar dials us, naming the port in SNI.
  background,  ///< None: what our app asked for a while ago is delivered.
};

/// What `timeouts.max_duration` ends with.
inline constexpr Error kStreamIdle{ErrorCode::stream_idle_timeout, Side::upstream, Stage::relay};
inline constexpr Error kDurationExceeded{ErrorCode::duration_exceeded, Side::self, Stage::relay};

/// A downstream connection with all that is known of it so far. Lives in the frame of
/// serve_connection(), which waits for as long as the connection is idle: what is here, many idle
/// callers cost.
class Connection : public ListNode {
 public:
  Connection(Worker& worker, StreamPtr stream, Entry entry);
  /// One that a stream of `carrier` carries: whoever is at the other end, and where it goes, is the
  /// same. `carrier` and `parent` outlive it.
  Connection(Connection& carrier, Scope& parent, StreamPtr stream);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  Worker& worker;
  const Entry entry;
  Scope scope;
  ViewPtr view;  ///< Pinned for the connection; HTTP pins anew for each request.
  SocketAddress peer_address;
  SocketAddress destination;  ///< Where the caller meant to go.

  // What secure() finds out.
  bool mesh_tls = false;
  bool app_tls = false;  ///< The app's own TLS, opaque to us.
  std::string peer;      ///< Proven SPIFFE ID; empty for plaintext.
  telemetry::StringId peer_id = 0;
  std::optional<detect::MeshProtocol> mesh_protocol;
  std::uint64_t trust = 0;        ///< MeshTls::trust_generation() at the handshake.
  Sha256 authority{};             ///< Root of the peer's chain.
  const bool is_carried = false;  ///< By a stream that others' share a connection with.
  /// By us, between two requests or before the first: nothing of what may have come was looked at.
  bool ended_at_rest = false;

  telemetry::StringId service = 0;  ///< Inbound: our own; outbound: the one that was dialled.
  std::optional<PortUse> port_use;  ///< Inbound, once it is known what is spoken.
  std::size_t replay_bytes = 0;     ///< Its exchanges keep them for another attempt.

  [[nodiscard]] bool inbound() const { return entry == Entry::inbound || entry == Entry::direct; }
  [[nodiscard]] ByteStream& stream() { return *stream_; }
  [[nodiscard]] StreamReader& reader() { return *reader_; }
  [[nodiscard]] TimePoint now() const { return worker.loop.now(); }
  [[nodiscard]] const Snapshot& snapshot() const { return view->snapshot(); }
  /// How it ends, if it ends as a connection: what carries requests has their records.
  [[nodiscard]] telemetry::ConnectionRecord& record();
  /// It carries requests from now on.
  void let_go_of_record() { record_.reset(); }

  /// Gives the stream away, what was read of it included, to be wrapped.
  [[nodiscard]] StreamPtr take_stream();
  void put_stream(StreamPtr stream);

  void trace(Stage stage, telemetry::Event event, std::uint32_t a = 0, std::uint32_t b = 0) {
    record().trace.add(now(), stage, event, a, b);
  }
  /// Reports the connection as refused or failed, once. Expected ends (the peer left) are not
  /// failures.
  void report(const Error& error, telemetry::ConnectionRecord::Kind kind);
  /// Resets instead of closing: the peer learns that it was refused.
  void reset() {
    if (stream_) stream_->reset();
  }

 private:
  void begin();
  [[nodiscard]] telemetry::Gauge gauge() const;

  struct Record final : Pooled, telemetry::ConnectionRecord {};

  const TimePoint begun_;
  StreamPtr stream_;
  std::optional<StreamReader> reader_;
  std::unique_ptr<Record> record_;
};

/// The whole life of one connection. Ends when it is closed.
Task<void> serve_connection(Worker& worker, StreamPtr stream, Entry entry);

/// How a connection is served from here on, to be awaited by whoever serves it: what found that out
/// has ended, and takes no memory meanwhile.
using Service = Task<void>;

// The stages of serve_connection(), each in a file of its own.

/// original_destination.h for sockets, loop guard, declared port: where it is meant to go, or why
/// it is refused.
[[nodiscard]] Result<SocketAddress> find_destination(Connection& connection);
/// Terminates mesh TLS where the first bytes are a sidecar's ClientHello; judges plaintext and
/// foreign TLS by the port's `tls`. secure.cc
Task<Result<void>> secure(Connection& connection);
/// Finds out what came in, and how to serve it. inbound.cc, outbound.cc
Task<Service> inbound_service(Connection& connection);
Task<Service> outbound_service(Connection& connection);
/// A mesh connection whose streams carry connections of HTTP/1.1. carried_session.cc
Task<void> serve_multiplexed(Connection& connection);
/// One of those. inbound.cc
Task<void> serve_carried(Connection& connection);

}  // namespace epaulet::path
