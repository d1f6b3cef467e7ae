// What is under way ends with the trust that it came from, on the caller's side too: a callee who
// has lost it may be somebody else by now, and need not end anything.

#include "scripts.h"

namespace epaulet::sim {
namespace {

constexpr auto kAt = seconds(5);  ///< The trust ends.
constexpr auto kDrain = seconds(2);

enum class How { expires, root_leaves, another_root_comes };

MeshOptions shared(bool multiplex) {
  MeshOptions options;
  options.multiplex = multiplex;
  options.service = "    timeouts: { request: 60s, idle: 30s }\n";
  options.calling = "drain: { timeout: 2s }\n";
  options.services =
      "  mail.default:\n    ports: { 25: auto }\n    endpoints: { addresses: [10.0.0.2:2525] }\n"
      "    tls: { identities: [spiffe://cluster.local/ns/default/sa/api2] }\n";
  options.port = "8080: { tls: permissive }, 2525: { tls: permissive }";
  return options;
}

void end_trust(Mesh& mesh, How how) {
  if (how == How::expires) {
    for (auto& worker : mesh.api.workers) worker->tls->set_lifetime(kAt);
    return;
  }
  mesh.after(kAt, [&mesh, how] { mesh.api.change_trust(how == How::root_leaves); });
}

/// An answer that takes thirty seconds.
AnswerScript drip() {
  AnswerScript scripted = answer(body(Framing::chunked, 30, 1));
  scripted.body.pause = seconds(1);
  return scripted;
}

void expect_end(How how, ErrorCode code, TimePoint end) {
  const auto begin = test::SimLoop::kStart;
  if (how == How::another_root_comes) {
    EXPECT_EQ(code, ErrorCode::none);
    EXPECT_GE(end - begin, seconds(29));
    return;
  }
  EXPECT_EQ(code,
            how == How::expires ? ErrorCode::tls_peer_expired : ErrorCode::tls_peer_untrusted);
  EXPECT_GE(end - begin, how == How::expires ? kAt : kAt + kDrain);
  EXPECT_LE(end - begin, kAt + kDrain + milliseconds(500));
}

void expect_answer_to_end(bool http2, bool multiplex, How how) {
  SCOPED_TRACE(testing::Message() << "http2 " << http2 << ", multiplex " << multiplex << ", how "
                                  << static_cast<int>(how));
  Mesh mesh(shared(multiplex));
  end_trust(mesh, how);
  auto asked = request();
  asked.http2 = http2;
  const int id = mesh.add(asked, drip());
  if (http2) {
    mesh.call_http2(Mesh::kService, {id});
  } else {
    mesh.call({id});
  }
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_EQ(mesh[id].answered, how == How::another_root_comes);
  ASSERT_EQ(mesh.api.exchanges().size(), 1u);
  const auto record = mesh.api.exchanges()[0];
  expect_end(how, record.error.code, record.end);
}

TEST(Trust, a_long_answer_ends_with_the_trust_that_its_connection_came_from) {
  for (const auto how : {How::expires, How::root_leaves, How::another_root_comes}) {
    expect_answer_to_end(false, false, how);
    expect_answer_to_end(false, true, how);
    expect_answer_to_end(true, false, how);
  }
}

TEST(Trust, a_tunnel_ends_with_the_trust_that_it_came_from) {
  for (const auto how : {How::expires, How::root_leaves, How::another_root_comes}) {
    Mesh mesh(shared(false));
    end_trust(mesh, how);
    mesh.client_loop.spawn(chat(mesh));
    mesh.pass(minutes(1));
    const auto records = mesh.api.connections();
    ASSERT_EQ(records.size(), 1u);
    expect_end(how, records[0].error.code, records[0].end);
    mesh.wind_down();
  }
}

/// When the answer of thirty seconds ended, in the callee's record.
telemetry::ExchangeRecord ended_at_callee(std::chrono::nanoseconds lifetime,
                                          std::vector<std::chrono::nanoseconds> root_leaves) {
  MeshOptions options = shared(false);
  options.calling = "drain: { timeout: 60s }\n";
  options.serving = "drain: { timeout: 10s }\n";
  Mesh mesh(options);
  for (auto& worker : mesh.api2.workers) worker->tls->set_lifetime(lifetime);
  for (const auto at : root_leaves) mesh.after(at, [&mesh] { mesh.api2.change_trust(true); });
  const int id = mesh.add(request(), drip());
  mesh.call({id});
  mesh.wind_down();
  EXPECT_FALSE(mesh[id].answered) << mesh.story(id);
  EXPECT_EQ(mesh.api2.exchanges().size(), 1u);
  return mesh.api2.exchanges().empty() ? telemetry::ExchangeRecord() : mesh.api2.exchanges()[0];
}

TEST(Trust, a_root_that_leaves_does_not_lengthen_what_ends_before) {
  const auto begin = test::SimLoop::kStart;
  const auto by_leaf = ended_at_callee(seconds(5), {seconds(4)});
  EXPECT_EQ(by_leaf.error.code, ErrorCode::tls_peer_expired);
  EXPECT_LE(by_leaf.end - begin, seconds(5) + milliseconds(500));
  const auto by_root = ended_at_callee(std::chrono::hours(24), {seconds(1), seconds(6)});
  EXPECT_EQ(by_root.error.code, ErrorCode::tls_peer_untrusted);
  EXPECT_GE(by_root.end - begin, seconds(11));
  EXPECT_LE(by_root.end - begin, seconds(11) + milliseconds(500)) << "the first change counts";
}

TEST(Trust, what_begins_behind_its_end_is_served_under_the_new_one) {
  Mesh mesh(shared(false));
  end_trust(mesh, How::root_leaves);
  const int before = mesh.add(request(), answer());
  const int behind = mesh.add(request(), answer());
  mesh.call({before});
  mesh.call({behind}, false, kAt + kDrain + seconds(1));
  mesh.wind_down();
  for (const int id : {before, behind}) expect_delivered_once(mesh, id);
}

}  // namespace
}  // namespace epaulet::sim
