#pragma once

#include "http/http2/connection.h"
#include "http/http2/opened_stream.h"
#include "runtime/fork.h"

namespace epaulet::http::http2 {

/// A connection of HTTP/2 for one request of ours: who checks an endpoint's or an app's health.
class LoneRequest final : private SessionEvents {
 public:
  LoneRequest(StreamPtr stream, const SessionLimits& limits, Scope& parent);
  /// The request, once. "http" is its scheme.
  [[nodiscard]] ClientStream& begin();
  /// Our last word, which nobody waits for; before it is destroyed.
  Task<void> end();

 private:
  static Task<Error> run(LoneRequest& self);
  StreamEvents* on_request(StreamId) override { return nullptr; }
  void on_goaway() override {}

  StreamPtr stream_;
  StreamReader reader_;
  Scope scope_;
  Connection mux_;
  std::unique_ptr<OpenedStream> request_;
  Fork<Error> running_;
};

}  // namespace epaulet::http::http2
