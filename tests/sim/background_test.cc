// What is accepted at once and delivered later: at least once, within its bounds, and never lost
// without being counted.

#include <algorithm>

#include "scripts.h"

namespace epaulet::sim {
namespace {

const SocketAddress kDead = *SocketAddress::parse("10.0.0.77:1");

MeshOptions with(const std::string& background, unsigned workers = 1) {
  MeshOptions options;
  options.mesh = MeshKind::fake_tls;
  options.workers = workers;
  options.service =
      "    outliers: { enabled: false }\n    timeouts: { attempt: 1s, request: 2s }\n"
      "    routes:\n      - { name: later, background: { " +
      background + " } }\n";
  return options;
}

std::vector<int> post_every(Mesh& mesh, int count, milliseconds apart) {
  std::vector<int> ids;
  for (int i = 0; i < count; ++i) {
    ids.push_back(mesh.add(request("POST", body(Framing::length, 10)), answer()));
    mesh.call({ids.back()}, false, apart * i);
  }
  return ids;
}

std::uint64_t dropped(const Mesh& mesh) {
  std::uint64_t sum = 0;
  for (const auto counter :
       {Counter::background_dropped_refused, Counter::background_dropped_tries,
        Counter::background_dropped_late, Counter::background_dropped_shutdown})
    sum += mesh.api.counted(counter);
  return sum;
}

TEST(Background, what_nobody_hears_waits_and_is_delivered_once_somebody_does) {
  for (const unsigned workers : {1u, 2u}) {
    Mesh mesh(with("backoff: { initial: 100ms, max: 1s }, tries: 100", workers));
    mesh.api.publish("api2.default", {kDead});
    const auto ids = post_every(mesh, 50, milliseconds(20));
    mesh.after(seconds(20), [&] { mesh.api.publish("api2.default", {Mesh::kApp}); });
    mesh.wind_down();
    for (const int id : ids) {
      EXPECT_EQ(mesh[id].response.status(), 202);
      EXPECT_EQ(mesh[id].deliveries.size(), 1u) << mesh.story(id);
    }
    EXPECT_EQ(mesh.api.counted(Counter::background_accepted), 50u);
    EXPECT_EQ(mesh.api.counted(Counter::background_delivered), 50u);
    EXPECT_EQ(mesh.api.gauge(Gauge::background_waiting), 0);
    EXPECT_EQ(dropped(mesh), 0u);
  }
}

TEST(Background, a_receiver_that_fails_hears_it_again_until_it_is_well) {
  Mesh mesh(with("backoff: { initial: 100ms, max: 1s }, tries: 100"));
  mesh.app.failing_status = 503;
  const auto ids = post_every(mesh, 20, milliseconds(50));
  mesh.after(seconds(5), [&] { mesh.app.failing_status = 0; });
  mesh.wind_down();
  for (const int id : ids) {
    EXPECT_EQ(mesh[id].response.status(), 202);
    EXPECT_GT(mesh[id].deliveries.size(), 2u);
  }
  EXPECT_EQ(mesh.api.counted(Counter::background_delivered), 20u);
}

TEST(Background, whatever_is_accepted_is_delivered_or_counted_as_dropped) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    auto options =
        with("backoff: { initial: 50ms, max: 2s }, tries: 6, give_up_after: 8s, queue: 30");
    options.seed = seed;
    Mesh mesh(options);
    const auto ids = post_every(mesh, 60, milliseconds(50));
    std::map<TimePoint, int> failing{{TimePoint::min(), 0}};  // From then on, with this status.
    for (int i = 0; i < 6; ++i) {
      const auto what = static_cast<int>((seed * 7 + static_cast<std::uint64_t>(i) * 3) % 5);
      mesh.after(milliseconds(600 * i + 111), [&mesh, &failing, what] {
        mesh.app.failing_status = what == 0 ? 503 : what == 1 ? 404 : 0;
        failing[mesh.app_loop.now()] = mesh.app.failing_status;
        if (what == 2) mesh.api.publish("api2.default", {kDead});
        if (what == 3) mesh.api.publish("api2.default", {Mesh::kApp});
      });
    }
    mesh.wind_down();
    const auto was_taken = [&failing](const Delivery& delivery) {
      return delivery.whole && delivery.head_sent != TimePoint() &&
             std::prev(failing.upper_bound(delivery.head_sent))->second == 0;
    };
    std::uint64_t accepted = 0;
    std::uint64_t taken = 0;
    for (const int id : ids) {
      const auto& deliveries = mesh[id].deliveries;
      const auto times = std::count_if(deliveries.begin(), deliveries.end(), was_taken);
      EXPECT_LE(times, 1) << mesh.story(id);
      taken += times > 0;
      const int status = mesh[id].response.status();
      EXPECT_TRUE(status == 202 || status == 503) << status;
      accepted += status == 202;
      if (status == 503) {
        EXPECT_TRUE(deliveries.empty());
      }
    }
    EXPECT_GT(taken, 0u) << seed;
    EXPECT_EQ(mesh.api.counted(Counter::background_delivered), taken) << seed;
    EXPECT_EQ(mesh.api.counted(Counter::background_accepted), accepted) << seed;
    EXPECT_EQ(mesh.api.counted(Counter::background_delivered) + dropped(mesh), accepted) << seed;
    EXPECT_EQ(mesh.api.gauge(Gauge::background_waiting), 0);
  }
}

TEST(Background, a_drain_delivers_what_it_can_and_ends_in_time) {
  Mesh mesh(with("backoff: { initial: 100ms, max: 200ms }, tries: 1000"));
  mesh.api.publish("api2.default", {kDead});
  const auto ids = post_every(mesh, 5, milliseconds(0));
  mesh.drain(mesh.api, seconds(2), milliseconds(100), seconds(10));
  mesh.after(seconds(5), [&] { mesh.api.publish("api2.default", {Mesh::kApp}); });
  mesh.wind_down();
  for (const int id : ids) EXPECT_EQ(mesh[id].deliveries.size(), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::background_delivered), 5u);
}

// Seeds 354 and 2530: refused with 400, as if it had two lengths.
TEST(Background, a_body_of_http2_needs_no_length) {
  Mesh mesh(with("backoff: { initial: 100ms, max: 1s }"));
  std::vector<int> ids;
  for (const std::size_t bytes : {0u, 28u, 20'000u}) {
    auto asked = request("POST", body(bytes == 0 ? Framing::none : Framing::chunked, bytes));
    asked.http2 = true;
    ids.push_back(mesh.add(asked, answer()));
  }
  mesh.call_http2(Mesh::kService, ids);
  mesh.wind_down();
  for (const int id : ids) {
    SCOPED_TRACE(mesh.story(id));
    EXPECT_EQ(mesh[id].response.status(), 202);
    ASSERT_EQ(mesh[id].deliveries.size(), 1u);
    EXPECT_TRUE(mesh[id].deliveries[0].request.body ==
                body_text(id, true, mesh[id].request.body.bytes));
  }
}

TEST(Background, it_works_between_versions_too) {
  auto options = with("backoff: { initial: 100ms, max: 1s }");
  options.service += "    http: http2\n";
  Mesh mesh(options);
  const auto ids = post_every(mesh, 3, milliseconds(10));
  mesh.wind_down();
  for (const int id : ids) {
    EXPECT_EQ(mesh[id].response.status(), 202);
    EXPECT_EQ(mesh[id].deliveries.size(), 1u) << mesh.story(id);
  }
}

TEST(Background, a_head_is_refused_at_once_or_delivered_however_near_it_is_to_the_limit) {
  for (const bool by_bytes : {false, true}) {
    bool refused = false;
    for (unsigned more = 0; !refused && more < 150; ++more) {
      auto options = with("backoff: { initial: 10ms, max: 10ms }, tries: 2");
      options.calling = options.serving = "limits: { head: 4KiB }\n";
      Mesh mesh(options);
      auto asked = request("POST", body(Framing::length, 10));
      const FieldList fields(by_bytes ? 19 : 185 + more,
                             {"a", by_bytes ? std::string(190, 'b') : ""});
      asked.fields = fields;
      if (by_bytes) asked.fields.emplace_back("a", std::string(4 * more, 'b'));
      const int id = mesh.add(asked, answer());
      mesh.call({id});
      mesh.wind_down();
      refused = mesh[id].response.status() == 431;
      EXPECT_EQ(mesh[id].response.status(), refused ? 431 : 202);
      EXPECT_EQ(mesh[id].deliveries.size(), refused ? 0u : 1u) << more << mesh.story(id);
      EXPECT_EQ(dropped(mesh), 0u) << more;
    }
    EXPECT_TRUE(refused);
  }
}

TEST(Background, what_is_accepted_is_delivered_although_limits_head_has_become_smaller) {
  auto options = with("backoff: { initial: 100ms, max: 100ms }, tries: 100");
  Mesh mesh(options);
  mesh.api.publish("api2.default", {kDead});
  auto asked = request("POST", body(Framing::length, 10));
  asked.fields = FieldList(50, {"a", std::string(200, 'b')});
  const int id = mesh.add(asked, answer());
  mesh.call({id});
  mesh.after(seconds(1), [&] {
    options.calling = "limits: { head: 4KiB }\n";
    mesh.api.reload(Mesh::calling_yaml(options));
    mesh.api.publish("api2.default", {Mesh::kApp});
  });
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 202);
  EXPECT_EQ(mesh[id].deliveries.size(), 1u) << mesh.story(id);
}

TEST(Background, what_the_next_sidecar_refuses_is_refused) {
  auto options = with("backoff: { initial: 10ms, max: 10ms }, tries: 5");
  options.access = "[ { name: reads, methods: [GET], allow: [anyone] } ]";
  Mesh mesh(options);
  const auto ids = post_every(mesh, 1, milliseconds(0));
  mesh.wind_down();
  EXPECT_EQ(mesh[ids[0]].response.status(), 202);
  EXPECT_EQ(mesh.api.counted(Counter::background_tries), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::background_dropped_refused), 1u);
  EXPECT_EQ(dropped(mesh), 1u);
}

TEST(Background, where_the_next_sidecar_limits_the_rate_it_is_asked_again) {
  auto options = with("backoff: { initial: 1s, max: 1s }, tries: 100");
  options.serving = "rate_limits: [ { name: few, requests: 1, per: 5s, burst: 1 } ]\n";
  Mesh mesh(options);
  const auto ids = post_every(mesh, 2, milliseconds(10));
  mesh.wind_down();
  for (const int id : ids) EXPECT_EQ(mesh[id].deliveries.size(), 1u) << mesh.story(id);
  EXPECT_GT(mesh.api.counted(Counter::background_tries), 2u);
  EXPECT_EQ(dropped(mesh), 0u);
}

TEST(Background, a_body_may_take_its_time_as_long_as_something_comes) {
  MeshOptions options;
  options.service =
      "    timeouts: { idle: 3s, request: 20s }\n"
      "    routes:\n      - { name: later, background: {} }\n";
  Mesh mesh(options);
  const auto slow = [](int pieces, milliseconds pause) {
    auto script = body(Framing::chunked, static_cast<std::size_t>(pieces), 1);
    script.pause = pause;
    return request("POST", script);
  };
  const int steady = mesh.add(slow(8, milliseconds(2000)), answer());
  const int stalled = mesh.add(slow(3, milliseconds(3500)), answer());
  const int endless = mesh.add(slow(100, milliseconds(2000)), answer());
  mesh.call({steady});
  mesh.call({stalled});
  mesh.call({endless});
  mesh.wind_down();
  EXPECT_EQ(mesh[steady].response.status(), 202) << mesh.story(steady);
  EXPECT_EQ(mesh[steady].deliveries.size(), 1u);
  const auto time = [&](int id) { return mesh[id].head_at - mesh[id].sent_at; };
  for (const int id : {stalled, endless}) {
    EXPECT_EQ(mesh[id].response.status(), 408) << mesh.story(id);
    EXPECT_TRUE(mesh[id].deliveries.empty());
  }
  EXPECT_LT(time(stalled), seconds(4));
  EXPECT_GT(time(endless), seconds(19));
  EXPECT_LT(time(endless), seconds(21));
}

TEST(Background, a_pause_that_the_receiver_asks_for_is_kept) {
  for (const char* value : {"30", "600"}) {
    Mesh mesh(with("backoff: { initial: 100ms, max: 1s }, tries: 3, give_up_after: 1h"));
    auto busy = answer();
    busy.failing_status = 429;
    busy.faulty_deliveries = 2;
    busy.fields = {{"Retry-After", value}};
    const int id = mesh.add(request("POST", body(Framing::length, 10)), busy);
    mesh.call({id});
    mesh.pass(minutes(11));
    mesh.wind_down();
    ASSERT_EQ(mesh[id].deliveries.size(), 3u) << mesh.story(id);
    const auto least = value == std::string_view("30") ? seconds(30) : seconds(300);
    for (std::size_t i = 1; i < 3; ++i) {
      const auto apart = mesh[id].deliveries[i].at - mesh[id].deliveries[i - 1].at;
      EXPECT_GE(apart, least);
      EXPECT_LE(apart, least + milliseconds(1100));
    }
    EXPECT_EQ(mesh.api.counted(Counter::background_delivered), 1u);
  }
}

TEST(Background, a_pause_beyond_its_time_ends_it) {
  Mesh mesh(with("give_up_after: 20s"));
  auto busy = answer();
  busy.failing_status = 503;
  busy.faulty_deliveries = 1;
  busy.fields = {{"Retry-After", "30"}};
  const int id = mesh.add(request("POST", body(Framing::length, 10)), busy);
  mesh.call({id});
  mesh.pass(seconds(1));
  EXPECT_EQ(mesh.api.counted(Counter::background_dropped_late), 1u);
  mesh.wind_down();
  EXPECT_EQ(mesh[id].deliveries.size(), 1u);
}

// Once there is no other limit, and once while its answer goes on for ever.
TEST(Background, the_time_for_all_tries_ends_one_that_is_under_way) {
  auto endless = answer();
  endless.body = body(Framing::length, 100'000, 1);
  endless.body.pause = seconds(1);
  for (const auto& answered : {faulty(Fault::silence), endless}) {
    auto options = with("give_up_after: 5s");
    options.service.replace(options.service.find("attempt: 1s, request: 2s"), 24, "request: 0s");
    Mesh mesh(options);
    const int id = mesh.add(request("POST", body(Framing::length, 10)), answered);
    mesh.call({id});
    mesh.pass(milliseconds(4'900));
    EXPECT_EQ(mesh.api.gauge(Gauge::background_waiting), 1);
    mesh.pass(milliseconds(200));
    EXPECT_EQ(mesh.api.gauge(Gauge::background_waiting), 0);
    EXPECT_EQ(mesh.api.counted(Counter::background_dropped_late), 1u);
    mesh.wind_down();
    EXPECT_EQ(mesh[id].deliveries.size(), 1u);
    EXPECT_EQ(dropped(mesh), 1u);
  }
}

}  // namespace
}  // namespace epaulet::sim
