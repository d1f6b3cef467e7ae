// What stands in where an exchange fails, and what the caller is told where nothing can.

#include "scripts.h"

namespace epaulet::sim {
namespace {

const SocketAddress kDead = *SocketAddress::parse("10.0.0.77:1");

MeshOptions with(const std::string& fallback, const std::string& retries = "max: 0") {
  MeshOptions options;
  options.service = "    outliers: { enabled: false }\n    retries: { " + retries +
                    " }\n"
                    "    routes:\n      - { name: kept, fallback: { " +
                    fallback + " } }\n";
  options.calling =
      "backends:\n  spare:\n    endpoints: { addresses: [10.0.0.2:8080] }\n"
      "    tls: { identities: [spiffe://cluster.local/ns/default/sa/api2] }\n";
  return options;
}

TEST(Fallback, where_the_other_backend_fails_too_the_app_gets_the_status_that_came) {
  Mesh mesh(with("backend: spare"));
  mesh.api.publish("spare", {kDead});
  const int id = mesh.add(request(), answer(body(Framing::length, 10), 503));
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 503) << mesh.story(id);
  EXPECT_EQ(mesh[id].response.body.find("stood in"), std::string::npos) << mesh[id].response.body;
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::answer_replaced);
  EXPECT_EQ(mesh.api.counted(Counter::fallback_backend), 0u);
}

TEST(Fallback, the_other_backend_adds_no_first_attempt_to_the_retry_budget) {
  Mesh mesh(with("backend: spare", "max: 3, backoff: { initial: 1ms }"));
  mesh.api.publish("api2.default", {kDead});
  for (int i = 0; i < 100; ++i)
    mesh.call({mesh.add(request(), answer())}, false, milliseconds(10 * i));
  mesh.wind_down();
  EXPECT_EQ(mesh.api.counted(Counter::fallback_backend), 100u);
  EXPECT_LE(mesh.api.counted(Counter::retries), 20u);
  EXPECT_GE(mesh.api.counted(Counter::retries), 3u);
}

TEST(Fallback, the_other_backend_is_counted_once_it_has_answered) {
  Mesh mesh(with("backend: spare"));
  mesh.api.publish("api2.default", {kDead});
  const int id = mesh.add(request(), answer());
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
  EXPECT_EQ(mesh.api.counted(Counter::fallback_backend), 1u);
}

// The app says no early and reads on: whoever stands in has not to wait for the end of the upload,
// which would also be more than is kept for the other backend.
TEST(Fallback, what_stands_in_for_an_early_answer_does_not_wait_for_the_upload) {
  for (const char* fallback : {"backend: spare", "answer: { status: 299 }"}) {
    Mesh mesh(with(fallback));
    auto upload = request("PUT", body(Framing::length, 300'000, 3'000));
    upload.body.pause = milliseconds(20);  // 2 s in all.
    auto early = answer(body(Framing::length, 100), 200);
    early.failing_status = 503;
    early.faulty_deliveries = 1;
    early.early_after = 5'000;
    const int id = mesh.add(upload, early);
    mesh.call({id});
    mesh.wind_down();
    SCOPED_TRACE(std::string(fallback) + "\n" + mesh.story(id));
    EXPECT_EQ(mesh[id].response.status(), fallback[0] == 'b' ? 200 : 299);
    EXPECT_LT(mesh[id].head_at - mesh[id].sent_at, milliseconds(400));
    EXPECT_EQ(mesh[id].deliveries.size(), fallback[0] == 'b' ? 2u : 1u);
  }
}

RequestScript post(const char* key = nullptr) {
  auto asked = request("POST", body(Framing::length, 50));
  if (key != nullptr) asked.fields = {{"Idempotency-Key", key}};
  return asked;
}

AnswerScript failing_once(int status) {
  auto script = answer();
  script.failing_status = status;
  script.faulty_deliveries = 1;
  return script;
}

// RFC 9110 section 9.2.2: the first backend may have done it.
TEST(Fallback, a_post_that_was_written_goes_to_the_other_backend_only_where_it_may_be_repeated) {
  struct Case {
    const char* name;
    const char* retries;
    RequestScript asked;
    AnswerScript answered;
    int status;
  };
  const std::string allowed = "max: 0, non_idempotent: true";
  const Case cases[]{
      {"answered", "max: 0", post(), failing_once(503), 503},
      {"reset", "max: 0", post(), faulty(Fault::reset_before_response, 1), 502},
      {"key", "max: 0", post("k"), failing_once(503), 200},
      {"allowed", "max: 0, non_idempotent: true", post(), failing_once(503), 200},
      {"allowed, reset", "max: 0, non_idempotent: true", post(),
       faulty(Fault::reset_before_response, 1), 200},
      {"PUT", "max: 0", request("PUT", body(Framing::length, 50)), failing_once(503), 200},
  };
  for (const auto& one : cases) {
    Mesh mesh(with("backend: spare", one.retries));
    const int id = mesh.add(one.asked, one.answered);
    mesh.call({id});
    mesh.wind_down();
    SCOPED_TRACE(std::string(one.name) + "\n" + mesh.story(id));
    EXPECT_EQ(mesh[id].response.status(), one.status);
    const bool is_given = one.status == 200;
    EXPECT_EQ(mesh[id].deliveries.size(), is_given ? 2u : 1u);
    EXPECT_EQ(mesh.api.counted(Counter::fallback_backend), is_given ? 1u : 0u);
  }
}

TEST(Fallback, a_post_of_which_nothing_was_written_goes_to_the_other_backend) {
  Mesh mesh(with("backend: spare"));
  mesh.api.publish("api2.default", {kDead});
  const int id = mesh.add(post(), answer());
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  EXPECT_EQ(mesh.api.counted(Counter::fallback_backend), 1u);
}

TEST(Fallback, what_may_not_be_repeated_still_gets_the_fixed_answer) {
  Mesh mesh(with("backend: spare, answer: { status: 299 }"));
  const int id = mesh.add(post(), failing_once(503));
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 299) << mesh.story(id);
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
}

TEST(Fallback, the_other_backend_has_what_the_first_leaves_of_the_deadline) {
  for (const bool has_attempt : {false, true}) {
    auto options = with("backend: spare");
    options.service += has_attempt ? "    timeouts: { request: 4s, attempt: 1s }\n"
                                   : "    timeouts: { request: 4s }\n";
    Mesh mesh(options);
    const int saved = mesh.add(request(), faulty(Fault::silence, 1));
    const int lost = mesh.add(request(), faulty(Fault::silence));
    mesh.call({saved});
    mesh.call({lost});
    mesh.wind_down();
    const auto took = [&](int id) { return mesh[id].ended_at - mesh[id].sent_at; };
    EXPECT_EQ(mesh[saved].response.status(), has_attempt ? 200 : 504) << mesh.story(saved);
    EXPECT_EQ(mesh[saved].deliveries.size(), has_attempt ? 2u : 1u);
    EXPECT_LT(took(saved), has_attempt ? milliseconds(1100) : milliseconds(4100));
    EXPECT_EQ(mesh[lost].response.status(), 504) << mesh.story(lost);
    EXPECT_LT(took(lost), has_attempt ? milliseconds(2100) : milliseconds(4100));
  }
}

TEST(Fallback, the_other_backend_has_as_many_retries_as_the_first) {
  Mesh mesh(with("backend: spare", "max: 1, budget_floor: 10, backoff: { initial: 1ms }"));
  mesh.api.publish("api2.default", {kDead});
  const int saved = mesh.add(request(), faulty(Fault::reset_before_response, 1));
  const int lost = mesh.add(request(), faulty(Fault::reset_before_response));
  mesh.call({saved});
  mesh.call({lost});
  mesh.wind_down();
  EXPECT_EQ(mesh[saved].response.status(), 200) << mesh.story(saved);
  EXPECT_EQ(mesh[saved].deliveries.size(), 2u);
  EXPECT_EQ(mesh[lost].response.status(), 502) << mesh.story(lost);
  EXPECT_EQ(mesh[lost].deliveries.size(), 2u) << "one attempt and one retry";
}

TEST(Fallback, what_one_user_got_is_kept_for_nobody) {
  for (const char* header : {"accept", "x-api-key", "x-tenant-key"}) {
    auto options = with("last_good: { keep: 1m }");
    options.calling = "api_keys: { header: x-tenant-key, owners: {} }\n";
    Mesh mesh(options);
    auto asked = request();
    asked.fields = {{header, "a"}};
    const int first = mesh.add(asked, answer());
    const int second = mesh.add(asked, answer());
    mesh.call({first});
    mesh.after(seconds(1), [&] { mesh.app.failing_status = 500; });
    mesh.call({second}, false, seconds(2));
    mesh.wind_down();
    const bool shared = header == std::string_view("accept");
    EXPECT_EQ(mesh[first].response.status(), 200) << header;
    EXPECT_EQ(mesh[second].response.status(), shared ? 200 : 500) << header;
  }
}

}  // namespace
}  // namespace epaulet::sim
