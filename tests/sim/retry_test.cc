// What is tried again, what is not, and what it may cost.

#include <algorithm>

#include "scripts.h"

namespace epaulet::sim {
namespace {

constexpr const char* kQuick = "    retries: { max: 2, backoff: { initial: 1ms, jitter: none } }\n";

MeshOptions with(std::string service) {
  MeshOptions options;
  options.mesh =
      MeshKind::fake_tls;  // What the next sidecar tells counts only where it proved itself.
  options.service = std::move(service);
  return options;
}

TEST(Retry, an_idempotent_request_survives_a_lost_connection) {
  for (const auto fault : {Fault::close_before_response, Fault::reset_before_response}) {
    for (const auto& method : {"GET", "PUT", "DELETE"}) {
      Mesh mesh(with(kQuick));
      const int id = mesh.add(request(method, body(Framing::length, 5'000)), faulty(fault, 1));
      mesh.call({id});
      mesh.wind_down();
      SCOPED_TRACE(mesh.story(id));
      EXPECT_EQ(mesh[id].response.status(), 200);
      EXPECT_EQ(mesh[id].deliveries.size(), 2u);
    }
  }
}

TEST(Retry, a_post_is_delivered_at_most_once) {
  for (const auto fault : {Fault::close_before_response, Fault::reset_before_response}) {
    Mesh mesh(with(kQuick));
    const int warm = mesh.add(request());
    const int id = mesh.add(request("POST", body(Framing::length, 50)), faulty(fault));
    mesh.call({warm, id});
    mesh.wind_down();
    EXPECT_EQ(mesh[id].deliveries.size(), 1u);
    expect_refused(mesh, id, 502);
  }
}

TEST(Retry, only_listed_failures_are_tried_again) {
  const auto answered = [](const std::string& errors) {
    Mesh mesh(with("    retries: { max: 2, errors: " + errors +
                   ", backoff: { initial: 1ms, jitter: none } }\n"));
    const int id = mesh.add(request(), faulty(Fault::reset_before_response, 1));
    mesh.call({id});
    mesh.wind_down();
    SCOPED_TRACE(mesh.story(id));
    EXPECT_EQ(mesh[id].deliveries.size(), mesh[id].response.status() == 200 ? 2u : 1u);
    return mesh[id].response.status();
  };
  EXPECT_EQ(answered("[reset]"), 200);
  EXPECT_EQ(answered("[connect_refused, connect_timeout, tls]"), 502);
  EXPECT_EQ(answered("[]"), 502);
  EXPECT_EQ(answered("[], statuses: [502]"), 200) << "the status is asked for, whoever gives it";
}

const std::string kRefusesFirst =
    "    endpoints: { addresses: ['10.0.0.77:1', '10.0.0.2:7000'] }\n"
    "    balance: { policy: round_robin }\n"
    "    tls: { identities: [spiffe://cluster.local/ns/default/sa/api2] }\n";

Task<void> count_greetings(Mesh& mesh, int& greeted) {
  Scope scope(mesh.client_loop);
  const auto dialer = mesh.network.dialer(mesh.client_loop, Mesh::kCaller);
  auto dialled = co_await dialer->dial(Mesh::kMail, scope);
  if (!dialled) co_return;
  Peer peer(std::move(*dialled), scope, MessageReader::Kind::response);
  if (co_await peer.read_more()) ++greeted;
}

Task<void> greet(Mesh& mesh, StreamPtr stream) {
  Scope scope(mesh.app_loop);
  Peer peer(std::move(stream), scope, MessageReader::Kind::request);
  (void)co_await peer.write("220 welcome\r\n");
  bool more = true;
  while (more) more = co_await peer.read_more();
}

TEST(Retry, a_refused_connection_is_tried_again_only_where_it_is_listed) {
  for (const bool listed : {true, false}) {
    const std::string errors = listed ? "connect_refused" : "reset";
    auto options = with("    balance: { policy: round_robin }\n    retries: { errors: [" + errors +
                        "], backoff: { initial: 1ms } }\n");
    options.services = "  mail.default:\n    ports: { 25: tcp }\n    retries: { errors: [" +
                       errors + "] }\n" + kRefusesFirst;
    options.port = "8080: { tls: permissive }, 7000: {}";
    Mesh mesh(options);
    mesh.api.publish("api2.default", {*SocketAddress::parse("10.0.0.77:1"), Mesh::kApp});
    Acceptor server(mesh.network.listen(mesh.app_loop, {Mesh::kServer, 7000}),
                    [&mesh](StreamPtr s) { mesh.app_loop.spawn(greet(mesh, std::move(s))); });
    std::vector<int> ids;
    int greeted = 0;
    for (int i = 0; i < 2; ++i) {
      ids.push_back(mesh.add(request("POST", body(Framing::length, 50))));
      mesh.call({ids.back()});
      mesh.client_loop.spawn(count_greetings(mesh, greeted));
    }
    mesh.pass(seconds(5));
    std::size_t served = 0;
    for (const int id : ids) served += mesh[id].response.status() == 200 ? 1 : 0;
    EXPECT_EQ(served, listed ? 2u : 1u);
    EXPECT_EQ(greeted, listed ? 2 : 1) << "bytes that nobody understands";
  }
}

TEST(Retry, an_idempotency_key_is_leave_to_repeat_a_post) {
  Mesh mesh(with(kQuick));
  auto keyed = request("POST", body(Framing::length, 50));
  keyed.fields = {{"Idempotency-Key", "k1"}};
  const int id = mesh.add(keyed, faulty(Fault::reset_before_response, 1));
  mesh.call({id});
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_EQ(mesh[id].response.status(), 200);
  EXPECT_EQ(mesh[id].deliveries.size(), 2u);
}

TEST(Retry, a_refused_connection_is_tried_again_whatever_the_method) {
  Mesh mesh(with(kQuick));
  mesh.api.publish("api2.default", {*SocketAddress::parse("10.0.0.77:1"), Mesh::kApp});
  const int id = mesh.add(request("POST", body(Framing::length, 50)));
  const int other = mesh.add(request("POST", body(Framing::length, 50)));
  mesh.call({id});
  mesh.call({other});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  expect_delivered_once(mesh, other);
}

TEST(Retry, listed_statuses_are_tried_again_and_the_last_one_is_delivered) {
  Mesh mesh(
      with("    retries: { max: 2, statuses: [503], backoff: { initial: 1ms, jitter: none } }\n"));
  auto twice = answer();
  twice.faulty_deliveries = 2;
  twice.failing_status = 503;
  const int id = mesh.add(request(), twice);
  auto always = twice;
  always.faulty_deliveries = 1000;
  const int hopeless = mesh.add(request(), always);
  mesh.call({id, hopeless});
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id) + mesh.story(hopeless));
  EXPECT_EQ(mesh[id].response.status(), 200);
  EXPECT_EQ(mesh[id].deliveries.size(), 3u);
  EXPECT_EQ(mesh[hopeless].response.status(), 503);
  EXPECT_TRUE(mesh[hopeless].answered);
}

// The app behind the next hop has asked somebody in vain, time and again, and says so.
/// Two endpoints behind one sidecar; the app of the first hangs.
TEST(Retry, an_app_that_hangs_longer_than_its_own_sidecar_lets_it_costs_a_get_nothing) {
  auto options = with("    balance: { policy: round_robin }\n" + std::string(kQuick));
  options.endpoints = "10.0.0.2:8080, 10.0.0.2:8081";
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
  options.serving = "timeouts: { attempt: 300ms }\n";
  Mesh mesh(options);
  mesh.app.slowness = minutes(1);
  std::vector<int> gets;
  std::vector<int> posts;
  for (int i = 0; i < 4; ++i) {
    gets.push_back(mesh.add(request()));
    posts.push_back(mesh.add(request("POST", body(Framing::length, 10))));
    mesh.call({gets.back()}, false, seconds(i));
    mesh.call({posts.back()}, false, seconds(10 + i));
  }
  mesh.wind_down();
  for (const int id : gets) EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
  std::size_t late = 0;
  for (const int id : posts) {
    EXPECT_EQ(mesh[id].deliveries.size(), 1u) << mesh.story(id);
    late += mesh[id].response.status() == 504 ? 1 : 0;
  }
  EXPECT_GT(late, 0u);
}

TEST(Retry, a_listed_status_of_a_sidecar_is_tried_again_whatever_its_reason) {
  for (const bool is_listed : {false, true}) {
    const char* listed = is_listed ? "statuses: [502], " : "";
    Mesh mesh(with("    retries: { max: 1, " + std::string(listed) +
                   "backoff: { initial: 1ms, jitter: none } }\n"));
    const int id = mesh.add(request(), faulty(Fault::garbage, 1));
    mesh.call({id});
    mesh.wind_down();
    EXPECT_EQ(mesh[id].response.status(), is_listed ? 200 : 502) << mesh.story(id);
    EXPECT_EQ(mesh[id].deliveries.size(), is_listed ? 2u : 1u);
  }
}

TEST(Retry, what_was_tried_enough_further_on_is_not_tried_again_here) {
  for (const bool says_so : {false, true}) {
    Mesh mesh(with(
        "    retries: { max: 2, statuses: [503], backoff: { initial: 1ms, jitter: none } }\n"));
    auto failing = answer(body(Framing::length, 10), 503);
    if (says_so) failing.fields = {{"X-Epaulet-Retries-Exhausted", "1"}};
    const int id = mesh.add(request(), failing);
    mesh.call({id});
    mesh.wind_down();
    SCOPED_TRACE(mesh.story(id));
    EXPECT_EQ(mesh[id].response.status(), 503);
    EXPECT_EQ(mesh[id].deliveries.size(), says_so ? 1u : 3u);
    EXPECT_EQ(mesh.api.counted(Counter::retries), says_so ? 0u : 2u);
    // Whoever asked our app is to hear it from it.
    EXPECT_EQ(mesh[id].response.field("x-epaulet-retries-exhausted").has_value(), says_so);
  }
}

TEST(Retry, what_an_envoy_dropped_because_of_load_is_delivered_and_not_asked_for_again) {
  auto options =
      with("    retries: { max: 2, statuses: [503], backoff: { initial: 1ms, jitter: none } }\n");
  for (const auto kind : {MeshKind::fake_tls, MeshKind::plain}) {
    options.mesh = kind;
    Mesh mesh(options);
    auto dropped = answer({}, 503);
    dropped.fields = {{"X-Envoy-Overloaded", "true"}};
    const int id = mesh.add(request(), dropped);
    mesh.call({id});
    mesh.wind_down();
    SCOPED_TRACE(mesh.story(id));
    EXPECT_EQ(mesh[id].response.status(), 503);
    EXPECT_EQ(mesh[id].response.field("x-envoy-overloaded"), "true");
    EXPECT_EQ(mesh[id].deliveries.size(), 1u);
    EXPECT_EQ(mesh.api.counted(Counter::retries), 0u);
  }
}

TEST(Retry, a_class_of_statuses_is_tried_again) {
  Mesh mesh(with("    retries: { max: 1, statuses: [5xx], backoff: { initial: 1ms } }\n"));
  std::vector<int> ids;
  for (const int status : {500, 599, 404}) {
    auto failing = answer();
    failing.failing_status = status;
    failing.faulty_deliveries = 1;
    ids.push_back(mesh.add(request(), failing));
  }
  mesh.call(ids);
  mesh.wind_down();
  EXPECT_EQ(mesh[ids[0]].response.status(), 200);
  EXPECT_EQ(mesh[ids[1]].response.status(), 200);
  EXPECT_EQ(mesh[ids[2]].response.status(), 404);
}

TEST(Retry, a_response_whose_retry_the_budget_refuses_is_delivered) {
  // Above the budget the caller gets what there is: the app's own 503.
  Mesh mesh(
      with("    retries: { max: 1, statuses: [503], budget: 0%, budget_floor: 0, backoff: { "
           "initial: 1ms } }\n"));
  auto failing = answer(body(Framing::length, 500), 503);
  const int id = mesh.add(request(), failing);
  const int next = mesh.add(request(), failing);
  mesh.call({id, next});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  expect_delivered_once(mesh, next);
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::none);
  EXPECT_EQ(mesh.api.counted(Counter::retries_over_budget), 2u);
}

TEST(Retry, a_response_whose_backoff_is_too_long_is_delivered) {
  Mesh mesh(
      with("    timeouts: { request: 1s }\n"
           "    retries: { max: 1, statuses: [503], backoff: { initial: 5s, jitter: none } }\n"));
  const int id = mesh.add(request(), answer(body(Framing::length, 500), 503));
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
}

TEST(Retry, the_app_hears_which_attempt_it_is_from_the_second_on) {
  Mesh mesh(with("    retries: { max: 3, backoff: { initial: 1ms } }\n"));
  auto asked = request();
  asked.fields = {{"X-Envoy-Attempt-Count", "9"}};  // Of what the app was asked itself, say.
  const int id = mesh.add(asked, faulty(Fault::reset_before_response, 2));
  mesh.call({id});
  mesh.wind_down();
  ASSERT_EQ(mesh[id].deliveries.size(), 3u) << mesh.story(id);
  const auto told = [&](std::size_t i) {
    return mesh[id].deliveries[i].request.field("x-envoy-attempt-count").value_or("");
  };
  EXPECT_EQ(told(0), "9");
  EXPECT_EQ(told(1), "2");
  EXPECT_EQ(told(2), "3");
}

TEST(Retry, the_budget_bounds_a_storm) {
  Mesh mesh(
      with("    retries: { max: 3, budget: 20%, budget_floor: 3, backoff: { initial: 1ms } }\n"));
  std::vector<int> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(mesh.add(request(), faulty(Fault::reset_before_response)));
    mesh.call({ids.back()}, false, milliseconds(10 * i));
  }
  mesh.wind_down();
  std::size_t deliveries = 0;
  for (const int id : ids) {
    deliveries += mesh[id].deliveries.size();
    expect_refused(mesh, id, 502);
  }
  EXPECT_LE(deliveries, 100u + 20u);
  EXPECT_GE(deliveries, 100u + 3u);
}

TEST(Retry, one_that_is_never_made_costs_nothing) {
  Mesh mesh(
      with("    outliers: { enabled: false }\n"
           "    retries: { max: 1, budget: 0%, budget_floor: 1, "
           "backoff: { initial: 500ms, jitter: none } }\n"));
  auto leaving = request();
  leaving.abort = Abort::waiting;
  leaving.abort_wait = milliseconds(200);
  for (int i = 0; i < 3; ++i) {
    mesh.call({mesh.add(leaving, faulty(Fault::reset_before_response))}, false,
              milliseconds(700) * i);
  }
  const int saved = mesh.add(request(), faulty(Fault::reset_before_response, 1));
  mesh.call({saved}, false, seconds(3));
  mesh.wind_down();
  EXPECT_EQ(mesh[saved].response.status(), 200) << mesh.story(saved);
  EXPECT_EQ(mesh.api.counted(Counter::retries), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::retries_over_budget), 0u);
}

TEST(Retry, one_that_waits_takes_the_place_of_another) {
  Mesh mesh(
      with("    outliers: { enabled: false }\n"
           "    retries: { max: 1, budget: 0%, budget_floor: 1, "
           "backoff: { initial: 500ms, jitter: none } }\n"));
  const int first = mesh.add(request(), faulty(Fault::reset_before_response, 1));
  const int second = mesh.add(request(), faulty(Fault::reset_before_response, 1));
  mesh.call({first});
  mesh.call({second}, false, milliseconds(200));
  mesh.wind_down();
  EXPECT_EQ(mesh[first].response.status(), 200) << mesh.story(first);
  EXPECT_EQ(mesh[second].response.status(), 502) << mesh.story(second);
}

TEST(Retry, an_answer_to_a_grpc_call_that_has_no_status_of_grpc_has_that_of_its_http_status) {
  for (const int status : {503, 429, 502, 504, 401, 404}) {
    Mesh mesh(
        with("    outliers: { enabled: false }\n"
             "    retries: { max: 1, grpc_statuses: [unavailable], backoff: { initial: 1ms } }\n"));
    RequestScript call = request("POST", body(Framing::chunked, 10));
    call.http2 = call.grpc = true;
    auto answered = answer(body(Framing::chunked, 10));
    answered.failing_status = status;
    answered.faulty_deliveries = 1;
    const int id = mesh.add(call, answered);
    mesh.call_http2(Mesh::kService, {id});
    mesh.wind_down();
    SCOPED_TRACE(mesh.story(id));
    const bool is_unavailable = status != 401 && status != 404;
    EXPECT_EQ(mesh[id].deliveries.size(), is_unavailable ? 2u : 1u);
    EXPECT_EQ(mesh[id].response.status(), is_unavailable ? 200 : status);
  }
}

TEST(Retry, a_grpc_call_whose_retry_finds_no_room_when_it_is_due_ends_with_its_status) {
  Mesh mesh(
      with("    outliers: { enabled: false }\n"
           "    timeouts: { request: 60s }\n"
           "    retries: { max: 1, budget: 100%, budget_floor: 0, grpc_statuses: "
           "[unauthenticated], backoff: { initial: 12s, max: 12s, jitter: none } }\n"));
  RequestScript call = request("POST", body(Framing::chunked, 10));
  call.http2 = call.grpc = true;
  auto failing = answer(body(Framing::chunked, 10));
  failing.failing_status = 401;
  failing.faulty_deliveries = 1000;
  const int id = mesh.add(call, failing);
  mesh.call_http2(Mesh::kService, {id});
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  EXPECT_EQ(mesh[id].response.field("grpc-status"), "16");
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::answer_replaced);
}

TEST(Retry, a_body_above_what_is_kept_is_not_sent_again) {
  Mesh mesh(with(kQuick));
  const int id = mesh.add(request("PUT", body(Framing::length, 100'000)),
                          faulty(Fault::reset_before_response, 1));
  const int small = mesh.add(request("PUT", body(Framing::chunked, 65'536, 1'000)),
                             faulty(Fault::reset_before_response, 1));
  mesh.call({id});
  mesh.call({small});
  mesh.wind_down();
  expect_refused(mesh, id, 502);
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  EXPECT_EQ(mesh[small].response.status(), 200) << mesh.story(small);
}

TEST(Retry, the_inbound_hop_never_retries) {
  Mesh mesh;
  const int id = mesh.add(request(), faulty(Fault::reset_before_response));
  mesh.call_from_outside({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  expect_refused(mesh, id, 502);
}

/// A hundred requests a second for so many seconds, of an app that resets the second one of each
/// connection that it keeps. Returns how often it was asked.
std::size_t ask_who_breaks(Mesh& mesh, bool from_outside, std::vector<int>& ids,
                           std::size_t seconds_long, const std::string& method = "GET") {
  mesh.app.breaks = 2;
  for (std::size_t i = 0; i < 100 * seconds_long; ++i) {
    ids.push_back(mesh.add(request(method)));
    const Manner manner{false, milliseconds(10 * i)};
    if (from_outside) {
      mesh.call_from_outside({ids.back()}, manner);
    } else {
      mesh.call_port(80, {ids.back()}, manner);
    }
  }
  mesh.wind_down();
  std::size_t deliveries = 0;
  for (const int id : ids) deliveries += mesh[id].deliveries.size();
  return deliveries;
}

std::size_t answered_well(Mesh& mesh, const std::vector<int>& ids) {
  return static_cast<std::size_t>(std::count_if(
      ids.begin(), ids.end(), [&mesh](int id) { return mesh[id].response.status() == 200; }));
}

TEST(Retry, an_app_that_breaks_connections_is_hardly_asked_more_often) {
  for (const bool from_outside : {true, false}) {
    Mesh mesh(with(kQuick));
    std::vector<int> ids;
    // Three are lost before no connection is kept, and one each ten seconds from then on.
    const auto asked = ask_who_breaks(mesh, from_outside, ids, 25);
    EXPECT_LE(asked, ids.size() + 5);
    // A GET is sent again: of an outsider as long as there is an allowance, of a sidecar by its
    // budget.
    EXPECT_GE(answered_well(mesh, ids), ids.size() - (from_outside ? 2 : 0));
    EXPECT_LE(mesh.api2.counted(Counter::reuse_race_saved), 5u);
    EXPECT_GE(mesh.api2.counted(Counter::reuse_race_saved), 3u);
  }
}

TEST(Retry, an_app_that_breaks_connections_loses_few_posts) {
  Mesh mesh(with(kQuick));
  std::vector<int> ids;
  const auto asked = ask_who_breaks(mesh, false, ids, 25, "POST");
  EXPECT_EQ(asked, ids.size());
  EXPECT_GE(answered_well(mesh, ids), ids.size() - 5);
}

TEST(Retry, what_was_written_on_a_stale_connection_is_of_the_budget) {
  // The app has no sidecar: its caller's pays.
  for (const bool pays : {true, false}) {
    auto options =
        with("    retries: { max: 0, budget: 0%, budget_floor: " + std::string(pays ? "1" : "0") +
             " }\n");
    options.mesh = MeshKind::plain;
    options.endpoints = "10.0.0.3:8080";
    Mesh mesh(options);
    mesh.bare_app.breaks = 2;
    const int warm = mesh.add(request());
    const int id = mesh.add(request());
    mesh.call({warm, id});
    mesh.wind_down();
    SCOPED_TRACE(mesh.story(id));
    EXPECT_EQ(mesh[id].deliveries.size(), pays ? 2u : 1u);
    EXPECT_EQ(mesh[id].response.status(), pays ? 200 : 502);
    EXPECT_EQ(mesh.api.counted(Counter::reuse_race_saved), pays ? 1u : 0u);
    EXPECT_EQ(mesh.api.counted(Counter::retries_over_budget), pays ? 0u : 1u);
  }
}

TEST(Retry, trailers_are_sent_again_too) {
  Mesh mesh(with(kQuick));
  auto upload = request("PUT", body(Framing::chunked, 3'000, 1'000));
  upload.body.trailers = true;
  const int id = mesh.add(upload, faulty(Fault::reset_before_response, 1));
  mesh.call({id});
  mesh.wind_down();
  ASSERT_EQ(mesh[id].deliveries.size(), 2u) << mesh.story(id);
  EXPECT_EQ(mesh[id].deliveries[1].request.trailers, trailers_of(id));
}

}  // namespace
}  // namespace epaulet::sim
