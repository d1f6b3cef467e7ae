#pragma once

#include "http/body.h"
#include "http/message.h"
#include "io/reader.h"

/// One request with its response, seen from the end that serves it and from the end that asks,
/// whatever the HTTP version below.
namespace epaulet::http {

/// A message's body as it arrives.
class MessageReader : public BodySource {
 public:
  /// All of it was pulled.
  [[nodiscard]] virtual bool complete() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
  /// Lets go of the last chunk: it was passed on, or nobody wants it.
  virtual void finish() = 0;
};

/// A message as it is sent. Its head was begun by whoever owns this; it may wait for the first
/// piece of the body, or for flush().
class MessageWriter : public BodySink {
 public:
  virtual Task<Result<void>> flush(Scope& scope) = 0;
  [[nodiscard]] virtual bool has_pending() const = 0;
  /// The whole message was handed to the transport.
  [[nodiscard]] virtual bool complete() const = 0;
  /// Some byte of it was.
  [[nodiscard]] virtual bool wrote_anything() const = 0;
  /// A write failed or was given up: the receiver may have a part of something, and can be told
  /// nothing more.
  [[nodiscard]] virtual bool broken() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
};

/// Hears of a caller that leaves while its request is complete and the answer is not.
class CallerWatcher {
 public:
  virtual void on_caller_gone(const Error& why) = 0;
  /// It has closed its half of the connection and still reads. HTTP/1 only.
  virtual void on_caller_half_closed() = 0;

 protected:
  ~CallerWatcher() = default;
};

/// One end of a connection, or of a stream, on which bytes of another protocol follow.
struct ByteEnd {
  ByteStream& stream;
  StreamReader& reader;  ///< On `stream`; may hold the first of them.
};

/// The end that serves a request.
class ServerStream {
 public:
  virtual ~ServerStream() = default;

  [[nodiscard]] virtual MessageReader& body() = 0;
  [[nodiscard]] virtual MessageWriter& writer() = 0;

  /// Sends a 1xx response at once.
  virtual Task<Result<void>> send_informational(ResponseHead& head, Scope& scope) = 0;
  /// Begins the response. `keep`: the connection may serve another request.
  virtual void begin_response(const RequestHead& request, ResponseHead& head, bool keep) = 0;
  /// After the response: another request may follow on this connection.
  [[nodiscard]] virtual bool keeps() const = 0;

  /// From now on, or no more (nullptr).
  virtual void watch(CallerWatcher* watcher) = 0;

  /// After a 101 was sent. Valid for the life of this.
  [[nodiscard]] virtual ByteEnd switch_to_bytes() = 0;

  /// A response of ours with a short text body.
  Task<Result<void>> send_answer(const RequestHead& request, std::uint16_t status,
                                 std::string_view extra_lines, std::string_view text, bool keep,
                                 Scope& scope);
  /// Before an early answer: skips what is here of the request body, without waiting. True: it is
  /// complete, so the connection can be kept. Otherwise the answer must say close (RFC 9112 section
  /// 9.6): nobody knows how long the rest would take, and a caller that believed in keep-alive
  /// would lose its next request.
  Task<bool> skip_buffered_body(Scope& scope);
  /// Where an upstream's early answer promised to read the rest and did not: skips a small rest in
  /// its place. Error: there was too much of it, or not in time.
  Task<Result<void>> drain_body(Scope& scope);
};

/// The end that asks.
class ClientStream {
 public:
  virtual ~ClientStream() = default;

  /// Begins the request. Its framing goes out as it came in.
  virtual void begin_request(const RequestHead& head) = 0;
  [[nodiscard]] virtual MessageWriter& writer() = 0;
  /// One response head, informational ones included: call again after those. Errors before the
  /// first byte: reset_before_response, closed_before_response (Retry::if_idempotent, or
  /// Retry::safe where the peer promised that it did nothing); later ones are final.
  virtual Task<Result<void>> read_head(Method request_method, ResponseHead& head, Scope& scope) = 0;
  [[nodiscard]] virtual MessageReader& body() = 0;

  /// After a 101 was read. Valid for the life of this.
  [[nodiscard]] virtual ByteEnd switch_to_bytes() = 0;

  /// The exchange is over, and its last chunk was passed on.
  virtual void finish() = 0;
  /// Nobody wants the rest: the peer must see that it was broken off.
  virtual void abandon(const Error& why) = 0;

  /// The caller has closed its half and still reads: so do we, if that means anything here.
  virtual void half_close() {}
  /// What half_close() began and has not ended is given up, before this end is let go.
  virtual void stop_half_close() {}
};

}  // namespace epaulet::http
