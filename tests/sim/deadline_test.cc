// Every wait of an exchange ends: just before its limit nothing happens, just after it does.

#include "scripts.h"
#include "support/silence.h"

namespace epaulet::sim {
namespace {

MeshOptions with(std::string service, std::string serving = "") {
  MeshOptions options;
  options.service = std::move(service);
  options.serving = std::move(serving);
  return options;
}

AnswerScript thinking(std::chrono::nanoseconds time) {
  auto slow = answer();
  slow.think = time;
  return slow;
}

TEST(Deadline, request_is_the_whole_exchange_with_its_retries) {
  Mesh mesh(with("    timeouts: { request: 2s }\n    retries: { max: 5 }\n"));
  const int id = mesh.add(request(), thinking(hours(1)));
  mesh.call({id});
  mesh.pass(milliseconds(1999));
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 1);
  mesh.pass(milliseconds(2));
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 0);
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::request_timeout);
  mesh.pass(seconds(1));
  expect_refused(mesh, id, 504);
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
}

TEST(Deadline, the_answer_names_the_key_whatever_is_spoken) {
  struct Case {
    const char* keys;
    ErrorCode code;
    const char* key;
  };
  for (const auto& one :
       {Case{"attempt: 200ms, request: 5s", ErrorCode::attempt_timeout, "`timeouts.attempt`"},
        Case{"request: 200ms", ErrorCode::request_timeout, "`timeouts.request`"},
        Case{"idle: 200ms, request: 5s", ErrorCode::idle_timeout, "`timeouts.idle`"}}) {
    for (const auto* spoken : {"http1", "http2", "grpc"}) {
      SCOPED_TRACE(testing::Message() << one.key << " " << spoken);
      Mesh mesh(with("    retries: { max: 0 }\n    timeouts: { " + std::string(one.keys) + " }\n"));
      auto asked = request("POST", body(Framing::length, 10));
      asked.grpc = spoken == std::string_view("grpc");
      asked.http2 = asked.grpc || spoken == std::string_view("http2");
      const int id = mesh.add(asked, thinking(minutes(1)));
      if (asked.http2) {
        mesh.call_http2(Mesh::kService, {id});
      } else {
        mesh.call({id});
      }
      mesh.wind_down();
      EXPECT_EQ(outcome(mesh.api, id), one.code) << mesh.story(id);
      const auto told = asked.grpc ? mesh[id].response.field("grpc-message").value_or("")
                                   : mesh[id].response.body;
      EXPECT_NE(told.find(one.key), std::string::npos) << told;
      EXPECT_EQ(mesh[id].response.status(), asked.grpc ? 200 : 504);
    }
  }
}

/// Its head comes at once, its body takes 60 s.
AnswerScript dripping() {
  auto slow = answer();
  slow.body = body(Framing::length, 120, 1);
  slow.body.pause = milliseconds(500);
  return slow;
}

TEST(Deadline, a_body_may_take_longer_than_request_while_it_moves) {
  for (const bool http2 : {false, true}) {
    Mesh mesh(with(""));
    auto asked = request();
    asked.http2 = http2;
    const int id = mesh.add(asked, dripping());
    if (http2) {
      mesh.call_http2(Mesh::kService, {id});
    } else {
      mesh.call({id});
    }
    mesh.wind_down();
    SCOPED_TRACE(mesh.story(id));
    EXPECT_TRUE(mesh[id].answered);
    EXPECT_EQ(mesh[id].response.body.size(), 120u);
    EXPECT_EQ(mesh[id].ended_at - mesh[id].sent_at, seconds(60));
  }
}

TEST(Deadline, max_duration_ends_what_still_moves_and_is_named) {
  Mesh mesh(with("    timeouts: { max_duration: 20s }\n"));
  const int id = mesh.add(request(), dripping());
  const int late = mesh.add(request(), thinking(hours(1)));
  mesh.call({id});
  mesh.call({late});
  mesh.pass(milliseconds(19'999));
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 1) << "the other has met timeouts.request";
  mesh.pass(milliseconds(2));
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 0);
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::duration_exceeded);
  EXPECT_EQ(outcome(mesh.api, late), ErrorCode::request_timeout);
  mesh.pass(seconds(1));
  EXPECT_FALSE(mesh[id].answered) << "half of an answer is none";
}

TEST(Deadline, max_duration_counts_before_the_head_too) {
  Mesh mesh(with("    timeouts: { request: 0s, max_duration: 3s }\n"));
  const int id = mesh.add(request(), thinking(hours(1)));
  mesh.call({id});
  mesh.pass(milliseconds(3001));
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::duration_exceeded);
  mesh.pass(seconds(1));
  expect_refused(mesh, id, 504);
}

TEST(Deadline, max_duration_is_for_tunnels_too) {
  auto options = with("");
  options.services =
      "  mail.default:\n    ports: { 25: auto }\n    endpoints: { addresses: [10.0.0.2:2525] }\n"
      "    tls: { identities: [spiffe://cluster.local/ns/default/sa/api2] }\n"
      "    timeouts: { max_duration: 10s }\n";
  options.port = "8080: { tls: permissive }, 2525: { tls: permissive }";
  Mesh mesh(options);
  mesh.client_loop.spawn(chat(mesh));
  mesh.pass(minutes(1));
  const auto records = mesh.api.connections();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].error.code, ErrorCode::duration_exceeded);
  EXPECT_GE(records[0].end - records[0].trace.start(), seconds(10));
  EXPECT_LT(records[0].end - records[0].trace.start(), seconds(11));
  mesh.wind_down();
}

TEST(Deadline, attempt_ends_one_try_and_the_next_may_succeed) {
  Mesh mesh(
      with("    timeouts: { request: 10s, attempt: 1s }\n"
           "    retries: { backoff: { initial: 10ms, jitter: none } }\n"));
  const int id = mesh.add(request(), faulty(Fault::silence, 1));
  mesh.call({id});
  mesh.pass(milliseconds(999));
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_TRUE(mesh[id].answered);
  EXPECT_EQ(mesh[id].response.status(), 200);
  EXPECT_EQ(mesh[id].deliveries.size(), 2u);
  EXPECT_EQ(mesh[id].ended_at - mesh[id].sent_at, milliseconds(1010));
}

TEST(Deadline, attempt_of_an_upload_can_be_repeated_with_the_whole_body) {
  Mesh mesh(with("    timeouts: { request: 10s, attempt: 1s }\n"));
  auto upload = request("PUT", body(Framing::length, 30'000, 5'000));
  upload.body.pause = milliseconds(100);
  const int id = mesh.add(upload, faulty(Fault::silence, 1));
  mesh.call({id});
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_EQ(mesh[id].response.status(), 200);
  ASSERT_EQ(mesh[id].deliveries.size(), 2u);
  EXPECT_TRUE(mesh[id].deliveries[1].request.body == body_text(id, true, 30'000));
}

TEST(Deadline, attempt_that_ends_during_the_upload_goes_on_where_the_caller_is) {
  Mesh mesh(
      with("    timeouts: { request: 10s, attempt: 1s }\n"
           "    retries: { backoff: { initial: 10ms, jitter: none } }\n"));
  auto upload = request("PUT", body(Framing::chunked, 30'000, 1'000));
  upload.body.pause = milliseconds(50);  // 1.5 s: longer than the first attempt.
  auto scripted = faulty(Fault::silence, 1);
  scripted.early_after = 1'000;
  const int id = mesh.add(upload, scripted);
  mesh.call({id});
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_EQ(mesh[id].response.status(), 200);
  ASSERT_EQ(mesh[id].deliveries.size(), 2u);
  EXPECT_TRUE(mesh[id].deliveries[1].request.body == body_text(id, true, 30'000));
}

TEST(Deadline, attempt_on_a_reused_connection_is_a_retry_like_any_other) {
  // A slow upstream is no keep-alive race: max and budget hold.
  Mesh mesh(with("    timeouts: { request: 30s, attempt: 1s }\n    retries: { max: 0 }\n"));
  const int warm = mesh.add(request());
  const int id = mesh.add(request(), thinking(seconds(5)));
  mesh.call({warm, id});
  mesh.wind_down();
  expect_refused(mesh, id, 504);
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::attempt_timeout);
  EXPECT_EQ(mesh.api.counted(Counter::reuse_race_saved), 0u);
}

TEST(Deadline, connect_ends_a_dial_into_a_black_hole) {
  Mesh mesh(with("    timeouts: { connect: 300ms }\n    retries: { max: 0 }\n"));
  mesh.network.set_silent(Mesh::kApp, true);
  const int id = mesh.add(request());
  mesh.call({id});
  mesh.pass(milliseconds(299));
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 1);
  mesh.pass(milliseconds(2));
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::connect_timeout);
  mesh.pass(seconds(1));
  expect_refused(mesh, id, 504);
}

TEST(Deadline, idle_ends_an_exchange_in_which_nothing_moves) {
  Mesh mesh(with("    timeouts: { request: 1h, idle: 3s }\n"));
  auto stalling = answer(body(Framing::length, 20'000, 10'000));
  stalling.body.pause = seconds(4);
  const int id = mesh.add(request(), stalling);
  mesh.call({id});
  mesh.pass(milliseconds(2999));
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 1);
  mesh.pass(seconds(2));
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 0);
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::idle_timeout);
  mesh.wind_down();
  EXPECT_FALSE(mesh[id].answered);
}

TEST(Deadline, idle_ends_an_upload_whose_caller_stalls_and_says_so) {
  Mesh mesh(with("    timeouts: { request: 1h, idle: 3s }\n"));
  auto stalling = request("POST", body(Framing::length, 20'000, 10'000));
  stalling.body.pause = seconds(4);
  const int id = mesh.add(stalling);
  mesh.call({id});
  mesh.pass(milliseconds(2990));
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 1);
  mesh.pass(milliseconds(20));
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::body_timeout);
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 408) << mesh.story(id);
  EXPECT_NE(mesh[id].response.body.find("(timeouts.idle)"), std::string::npos)
      << mesh[id].response.body;
  EXPECT_EQ(mesh[id].deliveries.size(), 1u) << "no retry waits for the rest once more";
}

TEST(Deadline, request_ends_an_upload_that_trickles_and_says_whose_fault_it_is) {
  Mesh mesh(with("    timeouts: { request: 3s, idle: 1s }\n"));
  auto slow = request("PUT", body(Framing::chunked, 20'000, 1'000));
  slow.body.pause = milliseconds(900);
  const int id = mesh.add(slow);
  mesh.call({id});
  mesh.pass(milliseconds(2990));
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 1);
  mesh.pass(milliseconds(20));
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::body_timeout);
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 408) << mesh.story(id);
  EXPECT_NE(mesh[id].response.body.find("(timeouts.request)"), std::string::npos)
      << mesh[id].response.body;
}

// What others call a time-out of the first byte: timeouts.attempt counts from the request's first
// byte, this from its last.
TEST(Deadline, idle_is_also_how_long_the_first_byte_may_take_behind_an_upload) {
  Mesh mesh(with("    timeouts: { request: 1h, attempt: 10s, idle: 2s }\n    retries: { max: 0 }\n",
                 "timeouts: { request: 1h }\n"));
  auto upload = request("PUT", body(Framing::length, 5'000, 1'000));
  upload.body.pause = milliseconds(1'000);
  const int id = mesh.add(upload, faulty(Fault::silence));
  mesh.call({id});
  mesh.wind_down();
  expect_refused(mesh, id, 504);
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::idle_timeout) << mesh.story(id);
  const auto took = mesh[id].head_at - mesh[id].sent_at;
  EXPECT_GE(took, seconds(7) - milliseconds(10));
  EXPECT_LT(took, seconds(7) + milliseconds(10));
}

/// The same asked in HTTP/1.1 or HTTP/2; its number.
int ask_in(Mesh& mesh, bool http2, RequestScript asked, const AnswerScript& answered) {
  asked.http2 = http2;
  const int id = mesh.add(asked, answered);
  if (http2) {
    mesh.call_http2(Mesh::kService, {id});
  } else {
    mesh.call({id});
  }
  return id;
}

const std::string kServingLong = "timeouts: { request: 1h }\n";

TEST(FirstByte, counts_from_the_end_of_the_request_and_is_named) {
  for (const bool http2 : {false, true}) {
    Mesh mesh(with("    timeouts: { request: 1h, first_byte: 2s }\n    retries: { max: 0 }\n",
                   kServingLong));
    auto upload = request("PUT", body(Framing::length, 5'000, 1'000));
    upload.body.pause = milliseconds(1'000);
    const int id = ask_in(mesh, http2, upload, faulty(Fault::silence));
    mesh.wind_down();
    expect_refused(mesh, id, 504);
    EXPECT_EQ(outcome(mesh.api, id), ErrorCode::first_byte_timeout) << mesh.story(id);
    EXPECT_NE(mesh[id].response.body.find("`timeouts.first_byte`"), std::string::npos);
    const auto took = mesh[id].head_at - mesh[id].sent_at;
    EXPECT_GE(took, seconds(7) - milliseconds(10));
    EXPECT_LT(took, seconds(7) + milliseconds(10));
  }
}

TEST(FirstByte, ends_one_try_and_the_next_may_succeed) {
  for (const bool http2 : {false, true}) {
    Mesh mesh(
        with("    timeouts: { first_byte: 1s }\n"
             "    retries: { errors: [attempt_timeout], backoff: { initial: 10ms, jitter: none } "
             "}\n"));
    const int id = ask_in(mesh, http2, request(), faulty(Fault::silence, 1));
    mesh.wind_down();
    SCOPED_TRACE(mesh.story(id));
    EXPECT_EQ(mesh[id].response.status(), 200);
    EXPECT_EQ(mesh[id].deliveries.size(), 2u);
    EXPECT_EQ(mesh[id].ended_at - mesh[id].sent_at, milliseconds(1010));
  }
}

TEST(FirstByte, lets_a_post_be_and_blames_who_was_asked) {
  Mesh mesh(with("    timeouts: { first_byte: 1s }\n    breaker: { consecutive: 1 }\n"));
  const int id = mesh.add(request("POST", body(Framing::length, 50)), faulty(Fault::silence));
  const int next = mesh.add(request());
  mesh.call({id, next});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  expect_refused(mesh, id, 504);
  expect_refused(mesh, next, 503);
}

TEST(FirstByte, is_not_what_an_informational_head_brings) {
  Mesh mesh(with("    timeouts: { first_byte: 1s }\n    retries: { max: 0 }\n"));
  mesh.app.hints = true;
  const int id = mesh.add(request(), faulty(Fault::silence));
  mesh.call({id});
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  EXPECT_EQ(mesh[id].informational.size(), 1u);
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::first_byte_timeout);
}

TEST(FirstByte, leaves_what_ends_earlier_its_name) {
  Mesh mesh(with("    timeouts: { attempt: 500ms, first_byte: 500ms }\n    retries: { max: 0 }\n"));
  const int id = mesh.add(request(), faulty(Fault::silence));
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::attempt_timeout);
}

TEST(FirstByte, is_over_once_the_head_has_come) {
  for (const bool http2 : {false, true}) {
    Mesh mesh(with("    timeouts: { first_byte: 1s }\n"));
    const int id = ask_in(mesh, http2, request(), dripping());
    mesh.wind_down();
    expect_delivered_once(mesh, id);
  }
}

TEST(FirstByte, of_an_answer_that_came_before_the_request_was_whole_is_none) {
  Mesh mesh(with("    timeouts: { request: 1h, first_byte: 1s }\n", kServingLong));
  auto upload = request("PUT", body(Framing::length, 5'000, 1'000));
  upload.body.pause = milliseconds(500);
  auto early = dripping();
  early.early_after = 1'000;
  const int id = mesh.add(upload, early);
  mesh.call({id});
  mesh.wind_down();
  EXPECT_TRUE(mesh[id].answered) << mesh.story(id);
  EXPECT_EQ(mesh[id].response.body.size(), 120u);
}

TEST(FirstByte, of_a_grpc_call_counts_from_the_end_of_what_it_says) {
  for (const bool answers : {true, false}) {
    Mesh mesh(with("    timeouts: { first_byte: 1s }\n    retries: { max: 0 }\n"));
    RequestScript call = request("POST", body(Framing::chunked, 5'000, 1'000));
    call.grpc = true;
    call.body.pause = seconds(10);  // Longer than timeouts.request in all.
    const int id = ask_in(mesh, true, call,
                          answers ? answer(body(Framing::chunked, 10)) : faulty(Fault::silence));
    mesh.wind_down();
    SCOPED_TRACE(mesh.story(id));
    EXPECT_EQ(outcome(mesh.api, id), answers ? ErrorCode::none : ErrorCode::first_byte_timeout);
    if (!answers) {
      EXPECT_EQ(mesh[id].response.field("grpc-status"), "4");
    }
  }
}

TEST(StreamIdle, ends_what_stands_still_behind_its_head_and_no_wait_for_it) {
  for (const bool http2 : {false, true}) {
    Mesh mesh(with("    timeouts: { request: 1h, stream_idle: 3s }\n", kServingLong));
    auto stalling = answer(body(Framing::length, 20'000, 10'000));
    stalling.think = seconds(10);
    stalling.body.pause = seconds(4);
    const int id = ask_in(mesh, http2, request(), stalling);
    mesh.pass(milliseconds(10'000));
    EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 1);
    mesh.wind_down();
    EXPECT_FALSE(mesh[id].answered);
    EXPECT_EQ(outcome(mesh.api, id), ErrorCode::stream_idle_timeout) << mesh.story(id);
  }
}

TEST(StreamIdle, may_be_longer_than_idle) {
  for (const bool http2 : {false, true}) {
    Mesh mesh(with("    timeouts: { request: 1h, idle: 2s, stream_idle: 10s }\n", kServingLong));
    auto slow = answer(body(Framing::length, 20'000, 5'000));
    slow.body.pause = seconds(4);
    const int id = ask_in(mesh, http2, request(), slow);
    mesh.wind_down();
    expect_delivered_once(mesh, id);
  }
}

TEST(StreamIdle, leaves_idle_what_comes_before_the_head) {
  Mesh mesh(
      with("    timeouts: { request: 1h, idle: 2s, stream_idle: 10s }\n"
           "    retries: { max: 0 }\n",
           kServingLong));
  const int id = mesh.add(request(), thinking(seconds(5)));
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::idle_timeout);
}

TEST(StreamIdle, of_a_grpc_call_is_told_in_its_trailers) {
  Mesh mesh(with("    timeouts: { stream_idle: 100ms }\n"));
  RequestScript call = request("POST", body(Framing::chunked, 10));
  call.grpc = true;
  auto stalling = answer(body(Framing::chunked, 4'000, 2'000));
  stalling.body.pause = milliseconds(150);
  const int id = ask_in(mesh, true, call, stalling);
  mesh.wind_down();
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::stream_idle_timeout);
  const FieldList& trailers = mesh[id].response.trailers;
  ASSERT_FALSE(trailers.empty());
  EXPECT_EQ(trailers[0].second, "4");
}

TEST(StreamIdle, leaves_tunnels_alone) {
  auto options = with("");
  options.services =
      "  mail.default:\n    ports: { 25: auto }\n    endpoints: { addresses: [10.0.0.2:2525] }\n"
      "    tls: { identities: [spiffe://cluster.local/ns/default/sa/api2] }\n"
      "    timeouts: { stream_idle: 100ms }\n";
  options.port = "8080: { tls: permissive }, 2525: { tls: permissive }";
  options.serving = "timeouts: { stream_idle: 100ms }\n";
  Mesh mesh(options);
  mesh.client_loop.spawn(chat(mesh));
  mesh.pass(minutes(1));
  const auto records = mesh.api.connections();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].error.code, ErrorCode::none);
  mesh.wind_down();
}

TEST(Deadline, idle_lets_a_slow_body_that_moves_pass) {
  Mesh mesh(
      with("    timeouts: { request: 1h, idle: 3s }\n", "timeouts: { request: 1h, idle: 3s }\n"));
  auto slow = answer(body(Framing::length, 100'000, 10'000));
  slow.body.pause = milliseconds(2900);
  const int id = mesh.add(request(), slow);
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
}

// Seed 302482: the call's end waited for room on the caller's connection, and the app worked on.
TEST(Deadline, idle_of_a_grpc_call_ends_the_apps_work_however_late_its_caller_hears) {
  auto options = with("    timeouts: { idle: 100ms }\n");
  options.network.capacity = 20;
  Mesh mesh(options);
  RequestScript call = request("POST", body(Framing::chunked, 10));
  call.http2 = call.grpc = true;
  auto stalling = answer(body(Framing::chunked, 4'000, 2'000));
  stalling.body.pause = milliseconds(150);
  stalling.think = milliseconds(20);
  stalling.informational = 3;  // More than the connection of a caller holds who does not read.
  const int id = mesh.add(call, stalling);
  Http2Calling calling;
  calling.manners.stops_reading_at = milliseconds(10);
  calling.manners.stops_reading_for = milliseconds(500);
  mesh.call_http2(Mesh::kService, {id}, calling);
  mesh.pass(milliseconds(300));
  SCOPED_TRACE(mesh.story(id));
  EXPECT_EQ(mesh.api2.gauge(Gauge::exchanges_active), 0) << "the app works for nobody";
  EXPECT_EQ(mesh.api.gauge(Gauge::exchanges_active), 1) << "its caller has not read its end";
  mesh.wind_down();
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::idle_timeout);
  const FieldList& trailers = mesh[id].response.trailers;
  ASSERT_FALSE(trailers.empty());
  EXPECT_EQ(trailers[0].first, "grpc-status");
}

/// Sends these bytes and no more, and keeps what comes back.
Task<void> half_a_head(Dialer& dialer, Scope& scope, std::string& received, bool& over) {
  auto stream = co_await dialer.dial(Mesh::kService, scope);
  if (stream) {
    Peer peer(std::move(*stream), scope, MessageReader::Kind::response);
    (void)co_await peer.write("GET / HTTP/1.1\r\nHost: api2");
    (void)co_await peer.read_message();
    received = peer.reader.message().start_line;
  }
  over = true;
}

TEST(Deadline, head_ends_a_request_head_that_does_not_come) {
  Mesh mesh;
  Scope patience(mesh.client_loop);
  const auto dialer = mesh.network.dialer(mesh.client_loop, Mesh::kCaller);
  std::string received;
  bool over = false;
  mesh.client_loop.spawn(half_a_head(*dialer, patience, received, over));
  mesh.pass(milliseconds(9'990));
  EXPECT_EQ(received, "");
  mesh.pass(milliseconds(20));
  EXPECT_EQ(received, "HTTP/1.1 408 Request Timeout");
  EXPECT_TRUE(over);
  mesh.wind_down();
}

TEST(Deadline, keep_alive_ends_an_idle_connection_of_the_caller) {
  Mesh mesh;
  mesh.client.think = seconds(61);
  const int id = mesh.add(request());
  const int late = mesh.add(request());
  mesh.call({id, late});
  mesh.pass(milliseconds(59'900));
  EXPECT_EQ(mesh.api.gauge(Gauge::connections_outbound), 1);
  mesh.pass(milliseconds(200));
  EXPECT_EQ(mesh.api.gauge(Gauge::connections_outbound), 0);
  mesh.wind_down();
  expect_delivered_once(mesh, id);
}

TEST(Deadline, backoff_that_would_not_end_in_time_is_not_begun) {
  auto options = with(
      "    timeouts: { request: 2s }\n"
      "    retries: { max: 3, backoff: { initial: 3s, jitter: none } }\n");
  options.mesh = MeshKind::fake_tls;
  Mesh mesh(options);
  const int id = mesh.add(request(), faulty(Fault::reset_before_response));
  mesh.call({id});
  mesh.pass(milliseconds(10));
  expect_refused(mesh, id, 502);
  mesh.wind_down();
}

TEST(Deadline, an_abort_in_the_backoff_is_noticed) {
  auto options = with("    retries: { max: 1, backoff: { initial: 5s, jitter: none } }\n");
  options.mesh = MeshKind::fake_tls;
  Mesh mesh(options);
  auto impatient = request();
  impatient.abort = Abort::waiting;
  impatient.abort_wait = milliseconds(500);
  const int id = mesh.add(impatient, faulty(Fault::reset_before_response));
  mesh.call({id});
  mesh.pass(milliseconds(600));
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::downstream_reset);
  mesh.wind_down();
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
}

TEST(Deadline, permit_queue_ends_with_the_request) {
  Mesh mesh(with("    timeouts: { request: 4s }\n    limits: { connections: 1, pending: 10 }\n"));
  const int first = mesh.add(request(), thinking(seconds(30)));
  const int second = mesh.add(request());
  mesh.call({first});
  mesh.call({second}, false, milliseconds(100));
  mesh.pass(milliseconds(4'050));
  EXPECT_EQ(outcome(mesh.api, first), ErrorCode::request_timeout);
  mesh.wind_down();
  // The first one's permit came free just in time for the second.
  EXPECT_EQ(mesh[second].deliveries.size(), 1u) << mesh.story(second);
}

TEST(Deadline, is_that_of_the_route_and_so_of_a_method) {
  Mesh mesh(
      with("    timeouts: { request: 10s }\n    retries: { max: 0 }\n    routes:\n"
           "      - { name: write, methods: [POST, PUT], timeouts: { request: 4s } }\n"
           "      - { name: report, paths: [/report], timeouts: { request: 30s, attempt: 20s } }\n"
           "      - { name: look, paths: [/look/**], timeouts: { attempt: 2s } }\n"
           "      - { name: see, paths: [/see], methods: [GET], timeouts: { first_byte: 1s } }\n"));
  struct Case {
    const char* method;
    const char* path;
    seconds time;
    ErrorCode code;
  };
  const Case cases[]{{"POST", "/", seconds(4), ErrorCode::request_timeout},
                     {"PUT", "/report", seconds(4), ErrorCode::request_timeout},
                     {"GET", "/report", seconds(20), ErrorCode::attempt_timeout},
                     {"GET", "/look/1", seconds(2), ErrorCode::attempt_timeout},
                     {"GET", "/see", seconds(1), ErrorCode::first_byte_timeout},
                     {"DELETE", "/see", seconds(10), ErrorCode::request_timeout}};
  std::vector<int> ids;
  for (const auto& one : cases) {
    auto asked = request(one.method);
    asked.path = one.path;
    ids.push_back(mesh.add(asked, faulty(Fault::silence)));
    mesh.call({ids.back()});
  }
  mesh.wind_down();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    SCOPED_TRACE(std::string(cases[i].method) + " " + cases[i].path);
    expect_refused(mesh, ids[i], 504);
    EXPECT_EQ(outcome(mesh.api, ids[i]), cases[i].code);
    const auto took = mesh[ids[i]].head_at - mesh[ids[i]].sent_at;
    EXPECT_GE(took, cases[i].time);
    EXPECT_LT(took, cases[i].time + milliseconds(50));
  }
}

/// As full.yaml says: who waits for a connection is under `request` alone.
TEST(Deadline, of_an_attempt_begins_once_it_has_a_connection) {
  Mesh mesh(
      with("    timeouts: { request: 10s, attempt: 2s }\n    retries: { max: 0 }\n"
           "    limits: { connections: 1, pending: 10 }\n"));
  std::vector<int> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(mesh.add(request(), thinking(milliseconds(1'500))));
    mesh.call({ids.back()}, false, milliseconds(10) * i);
  }
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_GE(mesh[ids[2]].head_at - mesh[ids[2]].sent_at, milliseconds(4'000));
}

RequestScript given(const char* time) {
  auto script = request();
  script.fields = {{"X-Epaulet-Deadline", time}};
  return script;
}

TEST(TravellingDeadline, of_a_sidecar_counts_instead_of_timeouts_request) {
  MeshOptions options;
  options.mesh = MeshKind::fake_tls;
  options.service = "    timeouts: { request: 60s }\n";
  options.serving = "timeouts: { request: 1s }\n";
  Mesh mesh(options);
  const int id = mesh.add(request(), thinking(seconds(5)));
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
}

// Where the caller's sidecar can tell the app's nothing any more, that knows by itself.
TEST(TravellingDeadline, of_a_retry_is_what_the_first_attempt_and_the_backoff_have_left) {
  MeshOptions options;
  options.mesh = MeshKind::fake_tls;
  options.service =
      "    timeouts: { request: 3s }\n"
      "    retries: { max: 1, backoff: { initial: 2s, max: 2s, jitter: none } }\n";
  options.serving = "timeouts: { request: 60s }\n";
  Mesh mesh(options);
  const int id = mesh.add(request(), faulty(Fault::reset_before_response, 1));
  mesh.call({id});
  mesh.after(seconds(1), [&] { mesh.app.slowness = minutes(1); });
  mesh.after(milliseconds(2'500), [&] {
    EXPECT_EQ(mesh[id].deliveries.size(), 2u);
    test::silence_between(Mesh::kCaller, Mesh::kServer);
  });
  mesh.wind_down();
  SCOPED_TRACE(mesh.story(id));
  expect_refused(mesh, id, 504);
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::request_timeout);
  const auto records = mesh.api2.exchanges();
  ASSERT_EQ(records.size(), 2u);
  const auto& last = records.back();
  EXPECT_EQ(last.error.code, ErrorCode::deadline_exceeded);
  const auto ended = last.end - mesh[id].sent_at;
  EXPECT_GE(ended, seconds(3));
  EXPECT_LE(ended, milliseconds(3'020));
}

TEST(TravellingDeadline, is_not_what_a_plaintext_peer_or_an_app_says) {
  MeshOptions options;
  options.mesh = MeshKind::fake_tls;
  options.service = "    timeouts: { request: 3s }\n";
  Mesh mesh(options);
  const int longer = mesh.add(given("60000"), thinking(seconds(5)));
  const int shorter = mesh.add(given("1"), thinking(seconds(1)));
  mesh.call({longer});
  mesh.call({shorter});
  mesh.wind_down();
  expect_refused(mesh, longer, 504);
  expect_delivered_once(mesh, shorter);  // Taken out, with all that bears our name.
}

TEST(TravellingDeadline, an_outsiders_may_only_shorten) {
  MeshOptions options;
  options.serving = "timeouts: { request: 1s }\n";
  Mesh mesh(options);
  const int shorter = mesh.add(given("100"), thinking(milliseconds(500)));
  const int longer = mesh.add(given("60000"), thinking(seconds(5)));
  mesh.call_from_outside({shorter});
  mesh.call_from_outside({longer});
  mesh.wind_down();
  expect_refused(mesh, shorter, 504);
  EXPECT_EQ(mesh[shorter].head_at - mesh[shorter].deliveries[0].at, milliseconds(100));
  EXPECT_EQ(outcome(mesh.api2, shorter), ErrorCode::deadline_exceeded);
  expect_refused(mesh, longer, 504);
}

RequestScript call_with(std::chrono::milliseconds time) {
  auto call = request("POST", body(Framing::chunked, 10));
  call.http2 = call.grpc = true;
  call.grpc_timeout = time;
  return call;
}

std::string grpc_status_of(const Message& response) {
  for (const auto* fields : {&response.fields, &response.trailers}) {
    for (const auto& [name, value] : *fields) {
      if (name == "grpc-status") return value;
    }
  }
  return "none";
}

TEST(TravellingDeadline, an_outsiders_grpc_timeout_may_only_shorten) {
  MeshOptions options;
  options.serving = "timeouts: { request: 1s }\n";
  Mesh mesh(options);
  auto thinks = answer(body(Framing::chunked, 10));
  thinks.think = seconds(5);
  const int shorter = mesh.add(call_with(milliseconds(100)), thinks);
  const int longer = mesh.add(call_with(minutes(1)), thinks);
  mesh.call_http2_from_outside({shorter, longer});
  mesh.wind_down();
  EXPECT_EQ(grpc_status_of(mesh[shorter].response), "4") << mesh.story(shorter);
  EXPECT_EQ(mesh[shorter].ended_at - mesh[shorter].sent_at, milliseconds(100));
  EXPECT_EQ(outcome(mesh.api2, shorter), ErrorCode::deadline_exceeded);
  EXPECT_EQ(grpc_status_of(mesh[longer].response), "4") << mesh.story(longer);
  EXPECT_EQ(mesh[longer].ended_at - mesh[longer].sent_at, seconds(1));
  EXPECT_EQ(outcome(mesh.api2, longer), ErrorCode::request_timeout);
}

TEST(TravellingDeadline, a_sidecars_grpc_timeout_counts_instead_of_timeouts_request) {
  MeshOptions options;
  options.service = "    timeouts: { request: 1s }\n";
  options.serving = "timeouts: { request: 1s }\n";
  Mesh mesh(options);
  auto thinks = answer(body(Framing::chunked, 10));
  thinks.think = seconds(5);
  const int id = mesh.add(call_with(minutes(1)), thinks);
  mesh.call_http2(Mesh::kService, {id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
}

// Like that of a call without a deadline; the end of the call stays the outsider's own.
TEST(TravellingDeadline, an_outsiders_stream_may_last_until_its_grpc_timeout) {
  MeshOptions options;
  options.serving = "timeouts: { request: 1s }\n";
  Mesh mesh(options);
  auto slow = answer(body(Framing::chunked, 40, 1));
  slow.body.pause = milliseconds(500);
  const int whole = mesh.add(call_with(minutes(1)), slow);
  const int half = mesh.add(call_with(seconds(10)), slow);
  auto uploading = call_with(minutes(1));
  uploading.body = body(Framing::chunked, 40, 1);
  uploading.body.pause = milliseconds(500);
  const int upload = mesh.add(uploading, answer(body(Framing::chunked, 10)));
  mesh.call_http2_from_outside({whole, half, upload});
  mesh.wind_down();
  expect_delivered_once(mesh, whole);
  EXPECT_EQ(grpc_status_of(mesh[half].response), "4") << mesh.story(half);
  EXPECT_EQ(mesh[half].ended_at - mesh[half].sent_at, seconds(10));
  EXPECT_EQ(outcome(mesh.api2, half), ErrorCode::deadline_exceeded);
  expect_delivered_once(mesh, upload);
}

TEST(TravellingDeadline, what_is_late_already_is_not_begun) {
  Mesh mesh;
  const int id = mesh.add(given("0"));
  mesh.call_from_outside({id});
  mesh.wind_down();
  expect_refused(mesh, id, 504);
  EXPECT_TRUE(mesh[id].deliveries.empty());
  EXPECT_EQ(outcome(mesh.api2, id), ErrorCode::deadline_exceeded);
}

}  // namespace
}  // namespace epaulet::sim
