// A caller and its server that begin at the same time, where the first bytes decide.

#include "scripts.h"

namespace epaulet::sim {
namespace {

/// Greets after so long and leaves.
Task<void> greet_and_leave(Mesh& mesh, StreamPtr stream) {
  Scope scope(mesh.app_loop);
  Peer peer(std::move(stream), scope, MessageReader::Kind::request);
  (void)co_await sleep_until(scope, mesh.app_loop.now() + milliseconds(100));
  (void)co_await peer.write("220 busy\r\n");
  (void)co_await peer.finish();
  bool more = true;
  while (more) more = co_await peer.read_more();
}

/// Is silent at first, then says the beginning of what could be HTTP, and no more.
Task<void> begin_only(Mesh& mesh, bool& ended) {
  Scope scope(mesh.client_loop);
  const auto dialer = mesh.network.dialer(mesh.client_loop, Mesh::kCaller);
  auto dialled = co_await dialer->dial({Mesh::kService.ip, 81}, scope);
  if (!dialled) co_return;
  Peer peer(std::move(*dialled), scope, MessageReader::Kind::response);
  (void)co_await sleep_until(scope, mesh.client_loop.now() + milliseconds(50));
  (void)co_await peer.write("G");
  bool more = true;
  while (more) more = co_await peer.read_more();
  ended = true;
}

TEST(BothSpeak,
     a_server_that_greets_and_leaves_behind_half_a_word_of_the_caller_is_not_waited_for) {
  MeshOptions options;
  options.mesh = MeshKind::plain;
  options.endpoints = "10.0.0.3:7000";
  options.calling = "timeouts: { detect: 2s }\n";
  Mesh mesh(options);
  Acceptor server(
      mesh.network.listen(mesh.app_loop, {IpAddress::v4(0x0A000003), 7000}),
      [&mesh](StreamPtr s) { mesh.app_loop.spawn(greet_and_leave(mesh, std::move(s))); });
  bool ended = false;
  mesh.client_loop.spawn(begin_only(mesh, ended));
  // With an endless turn of a worker this would not return.
  mesh.pass(seconds(3));
  EXPECT_TRUE(ended);
  const auto records = mesh.api.connections();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].error.code, ErrorCode::detect_timeout);
}

/// Waits for the greeting, and says when it came.
Task<void> be_greeted(Mesh& mesh, std::optional<TimePoint>& greeted) {
  Scope scope(mesh.client_loop);
  const auto dialer = mesh.network.dialer(mesh.client_loop, Mesh::kCaller);
  auto dialled = co_await dialer->dial(Mesh::kMail, scope);
  if (!dialled) co_return;
  Peer peer(std::move(*dialled), scope, MessageReader::Kind::response);
  if (co_await peer.read_more()) greeted = mesh.client_loop.now();
  (void)co_await peer.finish();
  bool more = true;
  while (more) more = co_await peer.read_more();
}

Task<void> greet_at_once(Mesh& mesh, StreamPtr stream) {
  Scope scope(mesh.app_loop);
  Peer peer(std::move(stream), scope, MessageReader::Kind::request);
  (void)co_await peer.write("220 welcome\r\n");
  bool more = true;
  while (more) more = co_await peer.read_more();
  (void)co_await peer.finish();
}

TEST(BothSpeak, a_greeting_through_two_sidecars_waits_for_one_silence_not_for_two) {
  MeshOptions options;
  options.services =
      "  mail.default:\n    ports: { 25: auto }\n    endpoints: { addresses: ['10.0.0.2:7000'] }\n"
      "    tls: { identities: [spiffe://cluster.local/ns/default/sa/api2] }\n";
  options.port = "8080: {}, 7000: {}";
  Mesh mesh(options);
  Acceptor server(mesh.network.listen(mesh.app_loop, {Mesh::kServer, 7000}),
                  [&mesh](StreamPtr s) { mesh.app_loop.spawn(greet_at_once(mesh, std::move(s))); });
  std::optional<TimePoint> greeted;
  const auto begin = mesh.client_loop.now();
  mesh.client_loop.spawn(be_greeted(mesh, greeted));
  mesh.pass(seconds(1));
  ASSERT_TRUE(greeted.has_value());
  EXPECT_GE(*greeted - begin, limits::kSpeculativeDialAfter);
  EXPECT_LT(*greeted - begin, 2 * limits::kSpeculativeDialAfter);
}

// Seed 319992: what was dialled for a silent caller is cut, and so is he, before he has asked.
TEST(BothSpeak, a_caller_who_is_silent_while_its_server_goes_has_one_outcome_a_connections) {
  Mesh mesh;
  const int id = mesh.add(request());
  Manner manner;
  manner.silence = milliseconds(1'500);
  mesh.call_port(81, {id}, manner);
  mesh.drain(mesh.api2, milliseconds(50), milliseconds(0), milliseconds(100));
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_FALSE(mesh[id].answered);
  EXPECT_TRUE(mesh[id].deliveries.empty());
  EXPECT_TRUE(mesh.api.exchanges().empty());
  const auto records = mesh.api.connections();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].error.code, ErrorCode::detect_timeout);
}

}  // namespace
}  // namespace epaulet::sim
