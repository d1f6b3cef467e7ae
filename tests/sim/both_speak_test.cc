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

}  // namespace
}  // namespace epaulet::sim
