#pragma once

#include "http/http2/connection.h"
#include "path/connection.h"

namespace epaulet::path {

/// How a connection of HTTP/2 that we serve ends in order: a GOAWAY in two steps (RFC 9113 section
/// 6.8). What is on its way when the peer hears the first is served still, what comes after the
/// second goes elsewhere. When a drain begins, after a time without a stream, or when told.
class Goodbye final : private Cancellable {
 public:
  /// Both outlive this.
  Goodbye(Connection& connection, http::http2::Connection& mux)
      : connection_(connection), mux_(mux) {}

  /// From now on, inbound: a drain ends it.
  void watch_drain();
  /// A drain has begun, or the certificates of this connection are not those in force: what is
  /// asked for now is the last.
  [[nodiscard]] bool must_leave() const;
  void say();
  /// No stream is open, for the time being.
  void rest();
  [[nodiscard]] bool rests() const { return idle_.armed(); }
  void wake() { idle_.disarm(); }
  /// The connection has ended.
  void stop();

 private:
  struct Alarm final : Timer {
    Alarm(Goodbye& goodbye_, void (Goodbye::*what_)()) : goodbye(goodbye_), what(what_) {}
    void on_timer() override { (goodbye.*what)(); }
    Goodbye& goodbye;
    void (Goodbye::*what)();
  };
  void on_cancel(const Error&) override { say(); }
  void say_farewell();

  Connection& connection_;
  http::http2::Connection& mux_;
  Alarm idle_{*this, &Goodbye::say};
  Alarm farewell_{*this, &Goodbye::say_farewell};
  bool said_ = false;
};

/// Why the peer was cut off, if it was: counts and reports it once, beside what its requests say of
/// themselves.
void report_offence(Connection& connection, const http::http2::Session& session);

}  // namespace epaulet::path
