#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/stream.h"
#include "message_reader.h"
#include "runtime/event.h"
#include "runtime/fork.h"

struct nghttp2_session;

namespace epaulet::sim {

/// How an end of an HTTP/2 connection behaves as a whole.
struct Http2Manners {
  std::uint32_t streams_max = 100;            ///< Of the other end's, at once; announced.
  std::uint32_t window = 65'535;              ///< Of each stream; announced.
  std::chrono::nanoseconds settings_late{0};  ///< Nothing is said for so long.
  std::optional<std::size_t> breaks_after{};  ///< Bytes written, then a reset.
  std::chrono::nanoseconds stops_reading_at{0};
  std::chrono::nanoseconds stops_reading_for{0};  ///< Zero: it always reads.
};

/// One stream as this end sees it.
class Http2Stream {
 public:
  explicit Http2Stream(Loop& loop) : news(loop), taken(loop) {}

  std::int32_t id = 0;  ///< 0: not begun.
  Message message;      ///< What comes in.
  std::vector<Message> informational;
  std::optional<std::uint32_t> closed;  ///< It is over, with this code.
  bool reset_by_peer = false;
  bool stalled = false;  ///< What comes in is not read: its window stays shut.

  Event news;   ///< Something has happened to it, or it may be begun.
  Event taken;  ///< What was to be sent is in frames, or never will be.

 private:
  friend class Http2Peer;
  friend struct Http2Callbacks;
  FieldList section_;       // Being received.
  std::size_t unread_ = 0;  // Of a stalled one.
  std::string outgoing_;
  std::size_t sent_ = 0;
  bool last_ = false;
  bool sending_ = false;
  FieldList trailers_;
};

/// A scripted end of an HTTP/2 connection, written straight upon nghttp2: it shares no code with
/// proxy/http, so that both could not be wrong in the same way. It keeps note of every rule that
/// the other end breaks.
class Http2Peer {
 public:
  enum class Role { client, server };
  /// `heard`: bytes that were read already.
  Http2Peer(StreamPtr stream, Scope& scope, Role role, Http2Manners manners,
            std::string heard = "");
  ~Http2Peer();
  Http2Peer(const Http2Peer&) = delete;
  Http2Peer& operator=(const Http2Peer&) = delete;

  /// Of a server: called when a request's head is there.
  std::function<void(Http2Stream&)> on_request;

  /// Moves bytes until the connection is over: either end has closed it, or end().
  Task<void> run();
  /// What was said goes out, then it closes.
  void end();
  /// It resets the connection.
  void break_off();
  [[nodiscard]] bool over() const { return over_; }
  /// One end has said GOAWAY: there will be no new streams.
  [[nodiscard]] bool goes() const { return goaway_.has_value() || last_served_ != INT32_MAX; }
  [[nodiscard]] std::size_t streams_open() const;
  /// Rules that the other end has broken, and accusations of its own.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

  /// A stream to come: its `news` tell when it may be begun, too.
  [[nodiscard]] Http2Stream& make();
  [[nodiscard]] bool may_ask() const;
  void ask(Http2Stream& stream, const FieldList& fields, bool end);
  void respond(Http2Stream& stream, const FieldList& fields, bool end);
  void inform(Http2Stream& stream, const FieldList& fields);
  /// Until all of it is in frames. False: the stream is over.
  Task<bool> send(Http2Stream& stream, std::string piece, bool last, FieldList trailers = {});
  /// Until something happens to the stream. False: the scope has ended.
  Task<bool> await_news(Http2Stream& stream);
  void reset(Http2Stream& stream, std::uint32_t code);
  /// Reads on.
  void end_stall(Http2Stream& stream);
  /// GOAWAY: what has been asked so far is served still.
  void say_goodbye();
  /// SETTINGS in mid-connection.
  void announce(std::uint32_t streams_max, std::uint32_t window);

 private:
  friend struct Http2Callbacks;
  struct DeleteSession {
    void operator()(nghttp2_session* session) const;
  };
  Task<void> write();
  Task<void> read();
  void tell_all();
  void finish();

  StreamPtr stream_;
  Loop& loop_;
  const Role role_;
  const Http2Manners manners_;
  std::string heard_;
  std::unique_ptr<nghttp2_session, DeleteSession> session_;
  std::deque<Http2Stream> streams_;
  Scope reading_;
  Scope writing_;
  Event output_;
  std::size_t written_ = 0;
  std::optional<std::uint32_t> goaway_;
  std::int32_t last_served_ = INT32_MAX;  ///< By our own GOAWAY.
  std::vector<std::string> violations_;
  bool ending_ = false;
  bool over_ = false;
};

}  // namespace epaulet::sim
