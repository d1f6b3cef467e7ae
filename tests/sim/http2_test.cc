// HTTP/2 through both sidecars: what random seeds are made of, one thing at a time.

#include "scripts.h"

namespace epaulet::sim {
namespace {

RequestScript http2_request(std::string method = "GET", std::size_t body = 0) {
  RequestScript request;
  request.http2 = true;
  request.method = std::move(method);
  if (body > 0) {
    request.body.framing = BodyScript::Framing::chunked;
    request.body.bytes = body;
  }
  return request;
}

AnswerScript answer_of(std::size_t bytes) {
  AnswerScript answer;
  answer.body.bytes = bytes;
  return answer;
}

TEST(Http2, exchanges_of_one_connection_run_beside_each_other) {
  Mesh mesh;
  std::vector<int> ids;
  for (int i = 0; i < 20; ++i) {
    auto answer = answer_of(100'000);
    answer.think = milliseconds(100);
    ids.push_back(mesh.add(http2_request(i % 2 == 0 ? "GET" : "POST", 50'000), answer));
  }
  mesh.call_http2(Mesh::kService, ids);
  const auto begin = mesh.simulation.now();
  EXPECT_TRUE(mesh.run());
  EXPECT_LT(mesh.simulation.now() - begin, milliseconds(150));
  for (const int id : ids) {
    EXPECT_TRUE(mesh[id].answered) << mesh.story(id);
    EXPECT_EQ(mesh[id].response.body, body_text(id, false, 100'000));
    ASSERT_EQ(mesh[id].deliveries.size(), 1u);
    EXPECT_EQ(mesh[id].deliveries[0].request.body, body_text(id, true, 50'000));
  }
  mesh.wind_down();
  EXPECT_TRUE(mesh.http2_client.violations().empty());
  EXPECT_TRUE(mesh.app.violations().empty());
}

TEST(Http2, who_waits_for_a_stream_is_pending_like_who_waits_for_a_connection) {
  MeshOptions options;
  options.services =
      "  bare.default:\n    ports: { 80: http }\n"
      "    endpoints: { addresses: ['10.0.0.3:8080'] }\n    tls: { mode: none }\n"
      "    limits: { connections: 1, pending: 2 }\n";
  Mesh mesh(options);
  mesh.bare_app.http2.manners.streams_max = 1;
  std::vector<int> ids{mesh.add(http2_request())};  // After it is known how many streams there are.
  for (int i = 0; i < 10; ++i) {
    auto request = http2_request();
    request.start = milliseconds(50);
    auto answer = answer_of(10);
    answer.think = milliseconds(100);
    ids.push_back(mesh.add(request, answer));
  }
  mesh.call_http2(Mesh::kBare, ids);
  mesh.wind_down();
  unsigned answered = 0;
  unsigned refused = 0;
  for (const int id : ids) {
    const auto code = outcome(mesh.api, id);
    answered += code == ErrorCode::none ? 1 : 0;
    refused += code == ErrorCode::limit_pending ? 1 : 0;
    if (code == ErrorCode::limit_pending) expect_refused(mesh, id, 503);
  }
  EXPECT_EQ(answered, 1u + 1u + 2u);
  EXPECT_EQ(refused, 7u);
}

TEST(Http2, streams_that_stand_still_leave_the_others_their_pace) {
  Mesh mesh;
  std::vector<int> stalled;
  std::vector<int> moving;
  for (int i = 0; i < 100; ++i) {
    auto answer = answer_of(10);
    answer.stall = minutes(1);  // The app reads nothing.
    stalled.push_back(mesh.add(http2_request("POST", 300'000), answer));
  }
  for (int i = 0; i < 10; ++i) {
    auto request = http2_request("POST", 500'000);
    request.start = seconds(1 + i);
    moving.push_back(mesh.add(request, answer_of(500'000)));
  }
  auto ids = stalled;
  ids.insert(ids.end(), moving.begin(), moving.end());
  mesh.call_http2(Mesh::kService, ids);
  mesh.pass(seconds(12));
  for (const int id : moving) {
    expect_delivered_once(mesh, id);
    EXPECT_LT(mesh[id].ended_at - mesh[id].sent_at, milliseconds(100));
  }
  for (Sidecar* sidecar : {&mesh.api, &mesh.api2}) {
    EXPECT_GT(sidecar->counted(Counter::http2_windows_narrowed), 0u);
    for (auto& worker : sidecar->workers) {
      // Of the caller's connection and of the one to the next hop.
      EXPECT_LE(worker->worker.unread.bytes, 2 * limits::kHttp2UnreadBytesMax);
      EXPECT_GT(worker->worker.unread.bytes, 0u);
    }
  }
  mesh.wind_down();
  for (Sidecar* sidecar : {&mesh.api, &mesh.api2}) {
    for (auto& worker : sidecar->workers) EXPECT_EQ(worker->worker.unread.bytes, 0u);
  }
}

}  // namespace
}  // namespace epaulet::sim
