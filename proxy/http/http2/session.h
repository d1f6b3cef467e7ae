#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>

#include "http/http2/field_list.h"
#include "http/http2/head_text.h"
#include "http/http2/unread_account.h"
#include "io/stream.h"
#include "runtime/clock.h"
#include "runtime/pool_allocator.h"

namespace epaulet::http::http2 {

using StreamId = std::int32_t;

enum class Role : std::uint8_t { server, client };

/// RFC 9113 section 7: those that are said here.
enum class ErrorNumber : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  refused_stream = 7,
  cancel = 8,
  enhance_your_calm = 11,
};

/// What happens to one stream. Called from inside Session::receive() and Session::output(): note
/// it, wake somebody through the loop, and return.
class StreamEvents {
 public:
  /// A field section is complete; `text` is the session's and holds it until this returns. `end`:
  /// nothing follows it.
  virtual void on_head(HeadText& text, bool end) = 0;
  /// DATA, valid until this returns. Its window opens again by Session::consume().
  virtual void on_data(ConstBytes data) = 0;
  /// The peer has sent all of its message.
  virtual void on_end() = 0;
  /// The stream is gone; no further call. `number`: no_error if both halves were complete.
  /// kConnectionLost if it went with its connection, a GOAWAY before it included. `by_peer`: it
  /// sent RST_STREAM or left. `unprocessed`: the peer has promised that it did nothing of it
  /// (REFUSED_STREAM, or that GOAWAY), or it was never sent.
  static constexpr std::uint32_t kConnectionLost = 0xffffffff;
  virtual void on_closed(std::uint32_t number, bool by_peer, bool unprocessed) = 0;

  /// What waits to be sent, asked for when the windows allow to send.
  struct Outgoing {
    ConstBytes data;            ///< Taken from the front, as much as fits.
    bool end = false;           ///< Nothing follows `data` but the trailers.
    std::string_view trailers;  ///< Lines with CRLF, with `end`.
  };
  [[nodiscard]] virtual Outgoing outgoing() = 0;
  /// So many bytes of it are framed.
  virtual void on_taken(std::size_t bytes) = 0;
  /// The frame that ends our message is framed: a reset does not take anything of it back.
  virtual void on_end_sent() = 0;

 protected:
  ~StreamEvents() = default;
};

/// What happens to the connection as a whole.
class SessionEvents {
 public:
  /// A peer's request begins: who serves it. Null refuses it (REFUSED_STREAM).
  [[nodiscard]] virtual StreamEvents* on_request(StreamId id) = 0;
  /// The peer's settings have come, or changed: how many streams it takes at once, say.
  virtual void on_settings() {}
  /// The peer takes no new streams.
  virtual void on_goaway() = 0;
  /// Too much of what has come is unread: from now on streams get small windows. Once.
  virtual void on_narrowed() {}

 protected:
  ~SessionEvents() = default;
};

/// What a peer was cut off for.
enum class Offence : std::uint8_t {
  none,
  protocol,          ///< A rule of RFC 9113 or RFC 7541.
  resets,            ///< RST_STREAMs of its own.
  made_resets,       ///< Mistakes that cost a stream each: it makes us reset.
  continuations,     ///< A head in too many frames.
  idle_frames,       ///< Frames that move nothing: empty DATA, PINGs, SETTINGS, and the like.
  acknowledgements,  ///< Frames that want an answer, which it does not read.
};

struct SessionLimits {
  std::uint32_t streams = 128;  ///< Of the peer's, at once.
  /// Bytes that one stream may hold unread, while there is no want of them.
  std::uint32_t stream_window = limits::kHttp2StreamWindowBytes;
  /// Given with the first DATA, and opened again on arrival: no stream holds others up.
  std::uint32_t connection_window = limits::kHttp2ConnectionWindowBytes;
  UnreadTotal* unread_total = nullptr;  ///< Of the worker; outlives the session.
  http1::HeadLimits head;
  std::chrono::nanoseconds stall_max =
      std::chrono::minutes(5);           ///< A write that makes no progress; 0: for ever.
  std::uint32_t resets_burst = 200;      ///< RST_STREAMs of the peer (or by its fault) at once, and
  std::uint32_t resets_per_second = 50;  ///< in the long run; more end the connection.
  /// The same of frames that move nothing.
  std::uint32_t idle_frames_burst = 2'000;
  std::uint32_t idle_frames_per_second = 500;
};

/// One HTTP/2 connection without its socket (RFC 9113): bytes in, events and bytes out. Framing,
/// HPACK, stream states and windows are nghttp2's, and it appears nowhere else. Abuse is bounded
/// by nghttp2's options and ours: field sections, CONTINUATIONs, SETTINGS, PINGs, resets.
class Session {
 public:
  Session(Role role, const SessionLimits& limits, SessionEvents& events);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Takes all of `bytes`, which came at `now`. An error ends the connection: what output() then
  /// gives (GOAWAY) is still to be sent.
  [[nodiscard]] Result<void> receive(ConstBytes bytes, TimePoint now);
  /// The next bytes to send, valid until the next call of anything here; empty if there are none
  /// now.
  [[nodiscard]] ConstBytes output();
  /// All that output() gave may have left us: a request behind it was never seen by anybody, which
  /// its stream hears if the connection is lost.
  void handed_over() { handed_over_ = output_; }
  /// Nothing to send, and nothing can come: close.
  [[nodiscard]] bool finished() const;

  /// A new request. `events` serves its stream until on_closed() or detach(). Nothing if the peer
  /// takes no more.
  [[nodiscard]] std::optional<StreamId> request(std::span<const NameValue> fields, bool end,
                                                StreamEvents& events);
  /// Of a server, before anything else: the peer has asked in HTTP/1.1 to go on in HTTP/2, with
  /// these settings (RFC 7540 section 3.2). Stream 1 is its request, whose answer `events` gives.
  /// False: these are no settings.
  [[nodiscard]] bool upgrade(ConstBytes settings, bool head_request, StreamEvents& events);
  /// The final response, or with `informational` a 1xx.
  void respond(StreamId id, std::span<const NameValue> fields, bool end);
  void inform(StreamId id, std::span<const NameValue> fields);
  /// outgoing() has something new.
  void resume(StreamId id);
  /// So much of the stream's DATA was read, or given up with the stream: the peer may send as much
  /// again. Whoever gets on_data() owes this for each byte of it.
  void consume(StreamId id, std::size_t bytes);
  /// DATA that nobody has consumed.
  [[nodiscard]] std::size_t unread() const { return unread_.bytes(); }
  void reset(StreamId id, ErrorNumber number);
  /// For the head of any stream, to be given to request(), respond() or inform() at once.
  [[nodiscard]] FieldList& field_list() { return field_list_; }
  /// Nobody looks at this stream any more; if it is open, it is reset.
  void detach(StreamId id, ErrorNumber number);
  /// The same, but our half ends in order, and the peer may end its own; what it sends instead is
  /// refused.
  void close(StreamId id);
  /// output() may have something.
  [[nodiscard]] bool has_output() const;
  /// No new streams; those that are open go on. The first call warns (RFC 9113 section 6.8), the
  /// second is final.
  void shut_down(bool final);

  [[nodiscard]] bool accepts_requests() const;
  /// The peer serves extended CONNECT (RFC 8441); known after on_settings().
  [[nodiscard]] bool accepts_extended_connect() const;
  /// So many streams of ours may be open at once: one until the peer has said how many, since what
  /// it does not want it refuses.
  [[nodiscard]] std::size_t streams_max() const;
  [[nodiscard]] std::size_t open_streams() const { return streams_.size(); }

  /// The connection is gone: every stream that is open hears of it, and no other begins.
  void abandon_streams();
  /// For what the connection was ended, in nghttp2's words and without the peer's bytes; empty if
  /// it broke no rule.
  [[nodiscard]] std::string_view violation() const;
  [[nodiscard]] Offence offence() const;

 private:
  struct Callbacks;
  struct State;
  struct Stream {
    StreamEvents* events = nullptr;
    /// How much of the output precedes our request. Beyond all while it waits.
    std::uint64_t begins_at = UINT64_MAX;
    std::size_t unread = 0;
    bool was_reset = false;  ///< By us.
    bool wide = false;       ///< Its window is whole again, though windows are narrow.
    bool closes = false;     ///< Nobody serves it: our half ends.
  };
  using Streams = std::unordered_map<StreamId, Stream, std::hash<StreamId>, std::equal_to<>,
                                     PoolAllocator<std::pair<const StreamId, Stream>>>;
  [[nodiscard]] StreamEvents* events_of(StreamId id) const;
  [[nodiscard]] bool is_closing(StreamId id) const;
  void forget(Streams::iterator stream);
  void take_data(StreamId id, ConstBytes data);
  void narrow();
  void widen(Streams::value_type& stream);
  [[nodiscard]] Error end_for(Offence offence, int number);

  std::unique_ptr<State> state_;
  SessionEvents& events_;
  HeadText text_;
  FieldList field_list_;
  Streams streams_;
  UnreadAccount unread_;
  std::uint64_t output_ = 0;
  std::uint64_t handed_over_ = 0;
};

}  // namespace epaulet::http::http2
