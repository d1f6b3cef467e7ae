// Copies of requests: nobody waits for them, they have their bounds, and each is counted once.

#include "scripts.h"

namespace epaulet::sim {
namespace {

const SocketAddress kDead = *SocketAddress::parse("10.0.0.77:1");

MeshOptions with(const std::string& mirror = {}) {
  MeshOptions options;
  options.service =
      "    retries: { max: 0 }\n    outliers: { enabled: false }\n"
      "    routes:\n      - { name: twice, request_mirror: { backend: next" +
      mirror + " } }\n";
  options.calling =
      "backends:\n  next:\n    endpoints: { addresses: [10.0.0.2:8080] }\n"
      "    outliers: { enabled: false }\n"
      "    tls: { identities: [spiffe://cluster.local/ns/default/sa/api2] }\n";
  return options;
}

constexpr Counter kResults[] = {Counter::mirror_same,         Counter::mirror_status_differs,
                                Counter::mirror_body_differs, Counter::mirror_not_compared,
                                Counter::mirror_failed,       Counter::mirror_full,
                                Counter::mirror_too_large};

std::uint64_t all_results(const Mesh& mesh) {
  std::uint64_t sum = 0;
  for (const auto counter : kResults) sum += mesh.api.counted(counter);
  return sum;
}

AnswerScript slow(std::chrono::nanoseconds think) {
  auto script = answer();
  script.think = think;
  return script;
}

TEST(Mirror, a_copy_says_what_it_is_and_is_compared) {
  for (const bool http2 : {false, true}) {
    Mesh mesh(with());
    const int id = mesh.add(request("POST", body(Framing::length, 100)), answer());
    if (http2) {
      mesh.call_http2(Mesh::kService, {id});
    } else {
      mesh.call({id});
    }
    mesh.wind_down();
    EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
    ASSERT_EQ(mesh[id].deliveries.size(), 2u) << mesh.story(id);
    unsigned copies = 0;
    for (const auto& delivery : mesh[id].deliveries) {
      copies += delivery.request.field("x-epaulet-mirrored").has_value();
      EXPECT_TRUE(delivery.request.body == body_text(id, true, 100));
    }
    EXPECT_EQ(copies, 1u);
    EXPECT_EQ(mesh.api.counted(Counter::mirror_same), 1u);
    EXPECT_EQ(all_results(mesh), 1u);
    EXPECT_TRUE(mesh.api.exchanges().at(0).mirrored);
    EXPECT_EQ(mesh.api.exchanges().size(), 1u) << "a copy is no exchange of the app's";
  }
}

TEST(Mirror, nobody_waits_for_a_copy_that_nobody_answers) {
  Mesh mesh(with());
  mesh.api.publish("next", {kDead});
  const int id = mesh.add(request(), slow(milliseconds(100)));
  mesh.call({id});
  mesh.wind_down();
  expect_delivered_once(mesh, id);
  EXPECT_LT(mesh[id].ended_at - mesh[id].sent_at, milliseconds(110));
  EXPECT_EQ(mesh.api.counted(Counter::mirror_failed), 1u);
  EXPECT_EQ(outcome(mesh.api, id), ErrorCode::none);
}

TEST(Mirror, a_caller_that_leaves_ends_its_request_and_not_the_copy) {
  Mesh mesh(with());
  auto leaving = request();
  leaving.abort = Abort::waiting;
  leaving.abort_wait = seconds(1);
  const int id = mesh.add(leaving, slow(seconds(5)));
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].deliveries.size(), 2u);
  EXPECT_EQ(mesh.api.counted(Counter::mirror_not_compared), 1u);
  EXPECT_EQ(all_results(mesh), 1u);
}

TEST(Mirror, so_many_at_once_and_no_more_over_all_workers) {
  auto options = with(", at_once: 3");
  options.workers = 2;
  Mesh mesh(options);
  std::vector<int> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(mesh.add(request(), slow(seconds(1))));
    mesh.call({ids.back()});
  }
  mesh.wind_down();
  std::size_t deliveries = 0;
  for (const int id : ids) {
    EXPECT_EQ(mesh[id].response.status(), 200);
    deliveries += mesh[id].deliveries.size();
  }
  EXPECT_EQ(deliveries, 13u);
  EXPECT_EQ(mesh.api.counted(Counter::mirror_full), 7u);
  EXPECT_EQ(mesh.api.counted(Counter::mirror_same), 3u);
}

TEST(Mirror, a_head_that_has_no_room_for_more_is_not_sent) {
  bool too_large = false;
  for (std::size_t fields = 180; fields < 200; ++fields) {
    Mesh mesh(with());
    auto asked = request();
    asked.fields = FieldList(fields, {"a", "b"});
    mesh.call({mesh.add(asked, answer())});
    mesh.wind_down();
    EXPECT_EQ(all_results(mesh), mesh.api.exchanges().at(0).mirrored ? 1u : 0u) << fields;
    too_large = too_large || mesh.api.counted(Counter::mirror_too_large) == 1;
  }
  EXPECT_TRUE(too_large);
}

TEST(Mirror, a_call_is_not_copied_whatever_carries_it) {
  for (const bool http2 : {false, true}) {
    Mesh mesh(with());
    auto call = request("POST", body(Framing::length, 100));
    call.fields = {{"content-type", "application/grpc+proto"}};
    const int id = mesh.add(call, answer());
    if (http2) {
      mesh.call_http2(Mesh::kService, {id});
    } else {
      mesh.call({id});
    }
    mesh.wind_down();
    expect_delivered_once(mesh, id);
    EXPECT_EQ(all_results(mesh), 0u) << http2;
  }
}

TEST(Mirror, a_copy_whose_answer_goes_on_and_on_has_the_routes_time) {
  auto options = with();
  options.service.replace(options.service.find("name: twice"), 11,
                          "name: twice, timeouts: { request: 5s, max_duration: 5s }");
  Mesh mesh(options);
  auto script = answer(body(Framing::length, 1000, 1));
  script.body.pause = seconds(1);
  const int id = mesh.add(request("POST", body(Framing::length, 100)), script);
  mesh.call({id});
  mesh.pass(milliseconds(4900));
  EXPECT_EQ(mesh[id].deliveries.size(), 2u);
  EXPECT_EQ(all_results(mesh), 0u);
  mesh.pass(milliseconds(200));
  EXPECT_EQ(mesh.api.counted(Counter::mirror_failed), 1u);
  mesh.wind_down();
}

/// Another backend stands in, which is where copies go.
MeshOptions with_fallback() {
  auto options = with();
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
  options.service.replace(options.service.find("name: twice"), 11,
                          "name: twice, fallback: { backend: next }");
  return options;
}

TEST(Mirror, a_copy_is_not_compared_with_what_stands_in) {
  Mesh mesh(with_fallback());
  mesh.api.publish("next", {Mesh::kSecondApp});
  mesh.app.failing_status = 503;
  const int id = mesh.add(request(), answer());
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
  EXPECT_EQ(mesh[id].deliveries.size(), 3u) << mesh.story(id);
  EXPECT_EQ(mesh.api.counted(Counter::mirror_not_compared), 1u);
  EXPECT_EQ(all_results(mesh), 1u);
}

TEST(Mirror, what_stands_in_sends_no_copy) {
  Mesh mesh(with_fallback());
  mesh.api.publish("next", {Mesh::kSecondApp});
  mesh.api.publish("api2.default", {kDead});
  const int id = mesh.add(request(), answer());
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
  EXPECT_EQ(mesh[id].deliveries.size(), 1u) << mesh.story(id);
  EXPECT_EQ(all_results(mesh), 0u);
  EXPECT_FALSE(mesh.api.exchanges().at(0).mirrored);
}

TEST(Mirror, each_copy_takes_more_than_its_bytes) {
  Mesh mesh(with(", bytes: 256KiB"));
  std::vector<int> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(mesh.add(request(), slow(seconds(1))));
    mesh.call({ids.back()});
  }
  mesh.wind_down();
  EXPECT_EQ(mesh.api.counted(Counter::mirror_same), 7u);
  EXPECT_EQ(mesh.api.counted(Counter::mirror_full), 3u);
}

TEST(Mirror, the_largest_body_fits_in_the_least_room_once) {
  Mesh mesh(with(", bytes: 256KiB"));
  for (int i = 0; i < 2; ++i) {
    const auto asked = request("POST", body(Framing::length, 64 * 1024));
    mesh.call({mesh.add(asked, slow(seconds(1)))});
  }
  mesh.wind_down();
  EXPECT_EQ(mesh.api.counted(Counter::mirror_same), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::mirror_full), 1u);
}

TEST(Mirror, a_drain_waits_for_it_and_a_reload_does_not_touch_it) {
  auto options = with();
  Mesh mesh(options);
  auto leaving = request();
  leaving.abort = Abort::waiting;
  leaving.abort_wait = milliseconds(500);
  const int id = mesh.add(leaving, slow(seconds(5)));
  mesh.call({id});
  mesh.after(seconds(1), [&] {
    options.service = {};
    mesh.api.reload(Mesh::calling_yaml(options));
  });
  mesh.drain(mesh.api, seconds(2), milliseconds(100), seconds(20));
  mesh.wind_down();
  EXPECT_EQ(mesh[id].deliveries.size(), 2u);
  EXPECT_EQ(mesh.api.counted(Counter::mirror_not_compared), 1u);
  ASSERT_TRUE(mesh.api.drained_at());
  EXPECT_GE(*mesh.api.drained_at() - mesh[id].sent_at, seconds(5));
}

TEST(Mirror, whatever_happens_each_copy_is_counted_once) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto options = with(", share: 60%, at_once: 4");
    options.seed = seed;
    Mesh mesh(options);
    std::vector<int> ids;
    for (int i = 0; i < 40; ++i) {
      auto asked = request("POST", body(Framing::length, 1000 * static_cast<std::size_t>(i % 7)));
      if (i % 5 == 0) {
        asked.abort = Abort::waiting;
        asked.abort_wait = milliseconds(30);
      }
      auto script = i % 3 == 0 ? faulty(Fault::reset_in_body, 1) : slow(milliseconds(i % 11 * 20));
      ids.push_back(mesh.add(asked, script));
      mesh.call({ids.back()}, false, milliseconds(20) * i);
    }
    mesh.after(milliseconds(300), [&mesh] { mesh.api.publish("next", {kDead}); });
    mesh.after(milliseconds(500), [&mesh] { mesh.api.publish("next", {Mesh::kApp}); });
    mesh.wind_down();
    std::uint64_t marked = 0;
    for (const auto& record : mesh.api.exchanges()) marked += record.mirrored;
    const auto not_sent = mesh.api.counted(Counter::mirror_full);
    EXPECT_EQ(all_results(mesh) - not_sent, marked) << seed;
    EXPECT_GT(marked, 0u);
  }
}

}  // namespace
}  // namespace epaulet::sim
