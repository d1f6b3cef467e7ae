#pragma once

#include "http/http2/session.h"
#include "io/reader.h"
#include "runtime/event.h"
#include "runtime/fork.h"

namespace epaulet::http::http2 {

/// Moves bytes between a Session and a byte stream: one task reads, one writes what the session
/// has to say, many frames in one write. Streams are served by others, on the same thread.
class Connection {
 public:
  /// All outlive this. `scope`: of the connection.
  Connection(Role role, const SessionLimits& limits, SessionEvents& events, ByteStream& stream,
             StreamReader& reader, Scope& scope);
  ~Connection();

  [[nodiscard]] Session& session() { return session_; }
  [[nodiscard]] const Session& session() const { return session_; }
  [[nodiscard]] Loop& loop() const { return scope_.loop(); }
  [[nodiscard]] const ByteStream::Info& info() const { return stream_.info(); }
  [[nodiscard]] TimePoint last_input() const { return last_input_; }

  /// No request should begin on it: the peer has left, or seems to have vanished.
  [[nodiscard]] bool is_closing() const { return closing_; }
  void suspect() { closing_ = true; }

  /// Runs until the peer leaves, breaks the protocol, or the scope is cancelled; `between` is
  /// called after each read, outside of the session: start there what events announced. Returns why
  /// it ended, `end_of_stream` if the peer closed with nothing left to say.
  class Between {
   public:
    virtual void after_input() = 0;

   protected:
    ~Between() = default;
  };
  Task<Error> run(Between* between);
  /// After run(): all was said, and the peer should get the rest of it before the end.
  [[nodiscard]] bool ended_well() const { return ended_well_; }

  /// There may be something to send. Cheap; from anywhere but inside a session's callback it may be
  /// called too often.
  void kick() { output_.set(); }

 private:
  Task<Error> write();
  Task<Error> write_frames();
  [[nodiscard]] std::size_t collect();

  Session session_;
  ByteStream& stream_;
  StreamReader& reader_;
  Scope& scope_;
  const std::chrono::nanoseconds stall_max_;
  Scope reading_;
  Scope writing_;
  Event output_;
  Block out_;
  Fork<Error> writer_;
  TimePoint last_input_{};
  bool closing_ = false;
  bool ended_well_ = false;
};

}  // namespace epaulet::http::http2
