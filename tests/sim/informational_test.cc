// Informational answers that a caller does not read in time.

#include "scripts.h"

namespace epaulet::sim {
namespace {

/// Asks, reads nothing for so long, then all that is there.
Task<void> ask_and_read_late(Mesh& mesh, std::string request, std::chrono::nanoseconds pause,
                             std::string& heard) {
  Scope scope(mesh.client_loop);
  const auto dialer = mesh.network.dialer(mesh.client_loop, Mesh::kCaller);
  auto dialled = co_await dialer->dial(Mesh::kService, scope);
  if (!dialled) co_return;
  Peer peer(std::move(*dialled), scope, MessageReader::Kind::response);
  (void)co_await peer.write(std::move(request));
  (void)co_await sleep_until(scope, mesh.client_loop.now() + pause);
  bool more = true;
  while (more) {
    more = co_await peer.read_more();
    heard += peer.reader.take_rest();
  }
}

/// What such a caller hears where the connection takes 20 bytes that nobody has read. `hedged`: by
/// a second endpoint, once the first has been asked for 10 ms.
std::string heard_late(const std::string& service, const AnswerScript& script,
                       bool hedged = false) {
  MeshOptions options;
  options.mesh = MeshKind::plain;
  options.network.capacity = 20;
  options.service = service;
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
  Mesh mesh(options);
  if (hedged) {
    mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
    mesh.api.remember_answers(milliseconds(10));
  }
  const int id = mesh.add(request(), script);
  const std::string text =
      "GET / HTTP/1.1\r\nHost: api2.default\r\nX-Request-Id: " + id_text(id) + "\r\n\r\n";
  std::string heard;
  mesh.client_loop.spawn(ask_and_read_late(mesh, text, milliseconds(1'500), heard));
  mesh.pass(seconds(20));
  const auto records = mesh.api.exchanges();
  EXPECT_EQ(records.size(), 1u);
  EXPECT_EQ(records.at(0).status, 0);
  EXPECT_EQ(mesh.api.counted(Counter::hedges_won), hedged ? 1u : 0u);
  mesh.wind_down();
  return heard;
}

TEST(Informational, our_answer_never_stands_behind_half_of_one) {
  AnswerScript hints = answer();
  hints.informational = 3;
  hints.think = milliseconds(10);
  const auto heard = heard_late("    timeouts: { request: 1s }\n", hints);
  EXPECT_TRUE(std::string_view("HTTP/1.1 103 Early Hints\r\n").starts_with(heard)) << heard;
}

TEST(Informational, another_attempts_answer_never_stands_behind_half_of_one) {
  AnswerScript hints = answer();
  hints.informational = 3;
  const auto heard = heard_late("    timeouts: { attempt: 1s }\n    retries: { max: 2 }\n", hints);
  EXPECT_TRUE(std::string_view("HTTP/1.1 103 Early Hints\r\n").starts_with(heard)) << heard;
}

TEST(Informational, a_hedges_answer_never_stands_behind_half_of_one_of_the_first) {
  AnswerScript hints = answer();
  hints.informational = 3;
  const auto heard = heard_late("    retries: { hedge: {}, budget: 100% }\n", hints, true);
  EXPECT_TRUE(std::string_view("HTTP/1.1 103 Early Hints\r\n").starts_with(heard)) << heard;
}

}  // namespace
}  // namespace epaulet::sim
