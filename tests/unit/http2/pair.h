#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/http1/head_parser.h"
#include "http/http2/opened_stream.h"
#include "http/http2/served_stream.h"
#include "support/memory_network.h"
#include "support/sim_loop.h"

namespace epaulet::http::http2 {

/// Two ends of one connection over memory. Each request that arrives is served by `serve`.
class Pair : private Connection::Between {
 public:
  using Serve = std::function<Task<void>(Pair&, ServedStream&)>;

  explicit Pair(Serve serve_, SessionLimits limits = {})
      : serve(std::move(serve_)),
        streams(test::make_stream_pair(loop, loop, random)),
        client_reader(*streams.a),
        server_reader(*streams.b),
        client_scope(loop),
        server_scope(loop),
        client_events(*this),
        server_events(*this),
        client(Role::client, limits, client_events, *streams.a, client_reader, client_scope),
        server(Role::server, limits, server_events, *streams.b, server_reader, server_scope) {
    loop.spawn(run_end(client, nullptr, client_end));
    loop.spawn(run_end(server, this, server_end));
    loop.run_until_quiet();
  }
  ~Pair() {
    const Error over(ErrorCode::cancelled, Side::self, Stage::shutdown);
    client_scope.cancel(over);
    server_scope.cancel(over);
    loop.run_to_end();
    client.session().abandon_streams();
    server.session().abandon_streams();
    loop.run_to_end();
    served.clear();  // What they hold unread they give back to the server.
  }

  /// A request line and fields, as HTTP/1 writes them.
  static RequestHead head(std::string_view lines) {
    RequestHead head;
    EXPECT_TRUE(
        http1::parse_request_head(as_bytes(std::string(lines) + "Host: h\r\n\r\n"), {}, head));
    return head;
  }

  struct Answer {
    Result<void> result;
    std::vector<std::uint16_t> informational;
    std::uint16_t status = 0;
    std::string body;
    std::string trailers;
    bool done = false;
  };

  /// Sends the request with this body and reads the answer.
  Task<void> ask(OpenedStream& stream, RequestHead& request, std::string body, Answer& answer,
                 Scope& scope) {
    stream.begin_request(request);
    const Chunk chunk(as_bytes(body), true);
    const auto sent = co_await stream.writer().push(chunk, scope);
    answer.result = sent;
    if (sent) co_await hear(stream, answer, scope);
    answer.done = true;
  }

  Task<void> hear(OpenedStream& stream, Answer& answer, Scope& scope) {
    for (;;) {
      ResponseHead head;
      const auto read = co_await stream.read_head(Method::get, head, scope);
      if (!read) {
        answer.result = read;
        co_return;
      }
      answer.status = head.status;
      if (!head.informational()) break;
      answer.informational.push_back(head.status);
    }
    while (!stream.body().complete()) {
      const auto chunk = co_await stream.body().pull(scope);
      if (!chunk) {
        answer.result = chunk.error();
        co_return;
      }
      answer.body += as_text(chunk->bytes);
      answer.trailers += chunk->trailers;
    }
    stream.finish();
  }

  /// Runs ask() to its end.
  Answer get(std::string_view lines, std::string body = "") {
    OpenedStream stream(client, "http");
    auto request = head(lines);
    Answer answer;
    Scope scope(loop);
    loop.spawn(ask(stream, request, std::move(body), answer, scope));
    loop.run_until_quiet();
    EXPECT_TRUE(answer.done);
    return answer;
  }

  test::SimLoop loop;
  Random random{7};
  Serve serve;
  test::StreamPair streams;
  StreamReader client_reader;
  StreamReader server_reader;
  Scope client_scope;
  Scope server_scope;
  std::vector<std::unique_ptr<Scope>> scopes;
  std::vector<std::unique_ptr<ServedStream>> served;
  std::optional<Error> client_end;
  std::optional<Error> server_end;
  bool goaway = false;

  struct Events final : SessionEvents {
    explicit Events(Pair& pair_) : pair(pair_) {}
    StreamEvents* on_request(StreamId id) override {
      pair.scopes.push_back(std::make_unique<Scope>(pair.server_scope));
      pair.served.push_back(std::make_unique<ServedStream>(pair.server, id, *pair.scopes.back()));
      return &pair.served.back()->events();
    }
    void on_goaway() override { pair.goaway = true; }
    void on_settings() override {}
    Pair& pair;
  };
  Events client_events;
  Events server_events;
  Connection client;
  Connection server;

 private:
  static Task<void> run_end(Connection& connection, Connection::Between* between,
                            std::optional<Error>& end) {
    end = co_await connection.run(between);
    connection.session().abandon_streams();
  }
  void after_input() override {
    for (; begun_ < served.size() && served[begun_]->has_head(); ++begun_) {
      loop.spawn(serve(*this, *served[begun_]));
    }
  }
  std::size_t begun_ = 0;
};

}  // namespace epaulet::http::http2
