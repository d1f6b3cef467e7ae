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
  Scope reading_;
  Scope writing_;
  Event output_;
  Block out_;
  Fork<Error> writer_;
};

}  // namespace epaulet::http::http2
