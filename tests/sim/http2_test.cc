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

}  // namespace
}  // namespace epaulet::sim
