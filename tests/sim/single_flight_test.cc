// Requests that ask the same at the same time: asked once, and nobody is worse off for it.

#include <algorithm>

#include "scripts.h"

namespace epaulet::sim {
namespace {

MeshOptions with(const std::string& keys = {}, const std::string& service = {}) {
  MeshOptions options;
  options.service = service +
                    "    retries: { max: 0 }\n    outliers: { enabled: false }\n"
                    "    routes:\n      - { name: once, single_flight: { " +
                    keys + " } }\n";
  return options;
}

constexpr Counter kResults[] = {Counter::flight_shared,    Counter::flight_took_over,
                                Counter::flight_failed,    Counter::flight_refused,
                                Counter::flight_too_large, Counter::flight_late,
                                Counter::flight_full,      Counter::flight_left};

std::uint64_t followers(const Mesh& mesh) {
  std::uint64_t sum = 0;
  for (const auto counter : kResults) sum += mesh.api.counted(counter);
  return sum;
}

AnswerScript slow(std::chrono::nanoseconds think = milliseconds(500),
                  BodyScript script = body(Framing::length, 1000)) {
  auto scripted = answer(script);
  scripted.think = think;
  return scripted;
}

/// Each on a connection of its own, `apart` from the one before.
std::vector<int> ask(Mesh& mesh, const std::vector<RequestScript>& requests,
                     const AnswerScript& scripted,
                     std::chrono::nanoseconds apart = milliseconds(10)) {
  std::vector<int> ids;
  for (const auto& asked : requests) {
    ids.push_back(mesh.add(asked, scripted));
    mesh.call({ids.back()}, false, apart * (static_cast<int>(ids.size()) - 1));
  }
  return ids;
}

std::size_t deliveries(Mesh& mesh, const std::vector<int>& ids) {
  std::size_t sum = 0;
  for (const int id : ids) sum += mesh[id].deliveries.size();
  return sum;
}

TEST(SingleFlight, many_ask_and_the_app_is_asked_once) {
  for (const auto framing : {Framing::length, Framing::chunked}) {
    Mesh mesh(with());
    const auto ids = ask(mesh, std::vector(10, request()), slow(seconds(1), body(framing, 50'000)));
    mesh.wind_down();
    EXPECT_EQ(deliveries(mesh, ids), 1u);
    const auto expected = body_text(ids[0], false, 50'000);
    for (const int id : ids) {
      EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
      EXPECT_TRUE(mesh[id].response.body == expected) << mesh[id].response.body.size();
      EXPECT_EQ(mesh[id].response.field("x-request-id").value_or(""),
                id == ids[0] ? "" : id_text(id))
          << "the leader gets what the app has sent";
      EXPECT_EQ(outcome(mesh.api, id), ErrorCode::none);
    }
    EXPECT_LT(mesh[ids[9]].ended_at - mesh[ids[9]].sent_at, seconds(1));
    EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 9u);
    EXPECT_EQ(followers(mesh), 9u);
  }
}

TEST(SingleFlight, streams_are_asked_once) {
  Mesh mesh(with());
  std::vector<int> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(mesh.add(request(), slow(milliseconds(500), body(Framing::chunked, 50'000))));
    mesh[ids.back()].request.start = milliseconds(10 * i);
  }
  mesh.call_http2(Mesh::kService, ids);
  mesh.wind_down();
  EXPECT_EQ(deliveries(mesh, ids), 1u);
  for (const int id : ids) {
    EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
    EXPECT_TRUE(mesh[id].response.body == body_text(ids[0], false, 50'000));
  }
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 9u);
}

TEST(SingleFlight, versions_of_http_share_with_each_other) {
  Mesh mesh(with());
  auto asked = request();
  const int first = mesh.add(asked, slow());
  mesh.call({first});
  std::vector<int> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(mesh.add(asked, slow()));
    mesh[ids.back()].request.start = milliseconds(100);
  }
  mesh.call_http2(Mesh::kService, ids);
  mesh.wind_down();
  ids.push_back(first);
  for (const int id : ids) EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
  EXPECT_EQ(deliveries(mesh, ids), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 5u);
}

TEST(SingleFlight, a_head_has_its_own_and_keeps_its_length) {
  Mesh mesh(with());
  const auto heads = ask(mesh, std::vector(3, request("HEAD")), slow());
  const auto gets = ask(mesh, std::vector(3, request()), slow());
  mesh.wind_down();
  EXPECT_EQ(deliveries(mesh, heads), 1u);
  EXPECT_EQ(deliveries(mesh, gets), 1u);
  for (const int id : heads) {
    EXPECT_EQ(mesh[id].response.field("content-length"), "1000") << mesh.story(id);
    EXPECT_TRUE(mesh[id].response.body.empty());
  }
}

TEST(SingleFlight, what_differs_is_asked_apart) {
  for (const char* header : {"accept", "x-tenant", "authorization", "cookie", "range"}) {
    Mesh mesh(with("ignore_headers: [x-correlation-id]"));
    std::vector<RequestScript> requests(4, request());
    for (std::size_t i = 0; i < 4; ++i) {
      requests[i].fields = {{header, i % 2 == 0 ? "a" : "b"},
                            {"x-correlation-id", std::to_string(i)}};
    }
    const auto ids = ask(mesh, requests, slow());
    mesh.wind_down();
    const bool personal =
        std::string_view(header) != "accept" && std::string_view(header) != "x-tenant";
    EXPECT_EQ(deliveries(mesh, ids), personal ? 4u : 2u) << header;
  }
}

TEST(SingleFlight, with_credentials_only_the_same_ones_share) {
  Mesh mesh(with("with_credentials: true"));
  std::vector<RequestScript> requests(6, request());
  for (std::size_t i = 0; i < 6; ++i)
    requests[i].fields = {{"authorization", i % 2 == 0 ? "Bearer a" : "Bearer b"}};
  const auto ids = ask(mesh, requests, slow());
  mesh.wind_down();
  EXPECT_EQ(deliveries(mesh, ids), 2u);
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_TRUE(mesh[ids[i]].response.body == body_text(ids[i % 2], false, 1000));
}

TEST(SingleFlight, an_answer_of_ones_own_lets_the_others_go) {
  for (const auto& fields : {FieldList{{"set-cookie", "a=b"}},
                             FieldList{{"cache-control", "private"}}, FieldList{{"vary", "*"}}}) {
    Mesh mesh(with());
    auto scripted = slow();
    scripted.fields = fields;
    const auto ids = ask(mesh, std::vector(4, request()), scripted);
    mesh.wind_down();
    for (const int id : ids) expect_delivered_once(mesh, id);
    EXPECT_EQ(mesh.api.counted(Counter::flight_refused), 3u);
  }
  for (const auto framing : {Framing::length, Framing::chunked}) {
    Mesh mesh(with());
    const auto ids =
        ask(mesh, std::vector(4, request()), slow(milliseconds(100), body(framing, 300'000)));
    mesh.wind_down();
    for (const int id : ids) expect_delivered_once(mesh, id);
    EXPECT_EQ(mesh.api.counted(Counter::flight_too_large), 3u);
  }
}

TEST(SingleFlight, what_was_not_to_be_shared_delays_no_second_burst) {
  struct Case {
    const char* name;
    AnswerScript scripted;
  };
  std::vector<Case> cases{{"no-store", slow()}, {"302", slow()}, {"large", slow()}};
  cases[0].scripted.fields = {{"cache-control", "no-store"}};
  cases[1].scripted.status = 302;
  cases[2].scripted.body = body(Framing::chunked, 300'000);
  for (const auto& [name, scripted] : cases) {
    Mesh mesh(with());
    const auto first = ask(mesh, std::vector(4, request()), scripted);
    std::vector<int> second;
    for (int i = 0; i < 4; ++i) {
      second.push_back(mesh.add(request(), scripted));
      mesh.call({second.back()}, false, seconds(3) + milliseconds(10 * i));
    }
    std::vector<int> third;
    for (int i = 0; i < 4; ++i) {
      third.push_back(mesh.add(request(), slow()));
      mesh.call({third.back()}, false, seconds(15) + milliseconds(10 * i));
    }
    mesh.wind_down();
    EXPECT_GT(mesh[first[3]].ended_at - mesh[first[3]].sent_at, milliseconds(900)) << name;
    for (const int id : second) {
      expect_delivered_once(mesh, id);
      EXPECT_LT(mesh[id].ended_at - mesh[id].sent_at, milliseconds(700)) << name;
    }
    EXPECT_EQ(deliveries(mesh, third), 1u) << "and is tried again: " << name;
    EXPECT_EQ(followers(mesh), 6u) << name;
  }
}

TEST(SingleFlight, a_leader_that_fails_takes_nobody_with_it) {
  for (const auto fault : {Fault::reset_before_response, Fault::reset_in_body}) {
    Mesh mesh(with());
    std::vector<int> ids;
    for (int i = 0; i < 4; ++i) {
      auto scripted = slow();
      if (i == 0) {
        scripted.fault = fault;
        scripted.faulty_deliveries = 1000;
      }
      ids.push_back(mesh.add(request(), scripted));
      mesh.call({ids.back()}, false, milliseconds(10 * i));
    }
    mesh.wind_down();
    expect_delivered_once(mesh, ids[1]);
    const auto expected = body_text(ids[1], false, 1000);
    for (std::size_t i = 2; i < 4; ++i) {
      EXPECT_EQ(mesh[ids[i]].response.status(), 200) << mesh.story(ids[i]);
      EXPECT_TRUE(mesh[ids[i]].response.body == expected);
    }
    EXPECT_EQ(deliveries(mesh, ids), 2u);
    EXPECT_EQ(mesh.api.counted(Counter::flight_took_over), 1u);
    EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 2u);
    EXPECT_EQ(followers(mesh), 3u);
  }
}

TEST(SingleFlight, a_backend_that_fails_is_not_asked_by_all_at_once) {
  for (const int status : {503, 500, 429}) {
    Mesh mesh(with());
    auto scripted = slow(milliseconds(100));
    scripted.status = status;
    const auto ids = ask(mesh, std::vector(40, request()), scripted, milliseconds(0));
    mesh.wind_down();
    std::vector<TimePoint> asked;
    for (const int id : ids) {
      expect_delivered_once(mesh, id);
      asked.push_back(mesh[id].deliveries.at(0).at);
    }
    std::sort(asked.begin(), asked.end());
    for (std::size_t i = 1; i < 4; ++i)
      EXPECT_GE(asked[i] - asked[i - 1], milliseconds(100)) << "one leads after the other";
    EXPECT_GT(asked.back() - asked[4], milliseconds(150));
    EXPECT_LT(asked.back() - asked[4], milliseconds(300));
    EXPECT_EQ(mesh.api.counted(Counter::flight_took_over), 3u);
    EXPECT_EQ(mesh.api.counted(Counter::flight_failed), 36u);
  }
}

TEST(SingleFlight, one_that_fails_once_is_asked_once_more) {
  Mesh mesh(with());
  std::vector<int> ids;
  for (int i = 0; i < 10; ++i) {
    auto scripted = slow(milliseconds(100));
    if (i == 0) scripted.status = 503;
    ids.push_back(mesh.add(request(), scripted));
    mesh.call({ids.back()}, false, milliseconds(i));
  }
  mesh.wind_down();
  EXPECT_EQ(mesh[ids[0]].response.status(), 503);
  for (std::size_t i = 1; i < 10; ++i)
    EXPECT_EQ(mesh[ids[i]].response.status(), 200) << mesh.story(ids[i]);
  EXPECT_EQ(deliveries(mesh, ids), 2u);
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 8u);
}

TEST(SingleFlight, where_the_leader_leaves_another_leads) {
  Mesh mesh(with());
  std::vector<RequestScript> requests(5, request());
  requests[0].abort = Abort::waiting;
  requests[0].abort_wait = milliseconds(100);
  const auto ids = ask(mesh, requests, slow());
  mesh.wind_down();
  EXPECT_EQ(mesh.api.counted(Counter::flight_took_over), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 3u);
  EXPECT_EQ(mesh[ids[1]].deliveries.size(), 1u);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(mesh[ids[i]].response.status(), 200);
}

TEST(SingleFlight, a_follower_that_leaves_harms_nobody) {
  Mesh mesh(with());
  std::vector<RequestScript> requests(3, request());
  requests[1].abort = Abort::waiting;
  requests[1].abort_wait = milliseconds(100);
  const auto ids = ask(mesh, requests, slow());
  mesh.wind_down();
  EXPECT_EQ(mesh.api.counted(Counter::flight_left), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 1u);
  EXPECT_EQ(mesh[ids[2]].response.status(), 200);
}

TEST(SingleFlight, a_follower_whose_stream_is_reset_harms_nobody) {
  Mesh mesh(with());
  std::vector<int> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(mesh.add(request(), slow()));
    mesh[ids.back()].request.start = milliseconds(10 * i);
  }
  mesh[ids[2]].request.abort = Abort::waiting;
  mesh[ids[2]].request.abort_wait = milliseconds(100);
  mesh.call_http2(Mesh::kService, ids);
  mesh.wind_down();
  EXPECT_EQ(deliveries(mesh, ids), 1u);
  EXPECT_EQ(mesh[ids[1]].response.status(), 200);
  EXPECT_EQ(mesh[ids[3]].response.status(), 200);
  EXPECT_EQ(mesh.api.counted(Counter::flight_left), 1u);
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 2u);
}

TEST(SingleFlight, a_follower_of_http10_gets_what_it_understands) {
  for (const auto framing : {Framing::length, Framing::chunked}) {
    Mesh mesh(with());
    std::vector<RequestScript> requests(3, request());
    requests[1].http10 = true;
    const auto ids = ask(mesh, requests, slow(milliseconds(500), body(framing, 1000)));
    mesh.wind_down();
    EXPECT_EQ(deliveries(mesh, ids), 1u);
    EXPECT_EQ(mesh[ids[1]].response.status(), 200) << mesh.story(ids[1]);
    EXPECT_TRUE(mesh[ids[1]].response.body == body_text(ids[0], false, 1000));
    EXPECT_FALSE(mesh[ids[1]].response.field("transfer-encoding"));
  }
}

TEST(SingleFlight, what_has_trailers_is_for_one_alone) {
  Mesh mesh(with());
  auto script = body(Framing::chunked, 1000);
  script.trailers = true;
  const auto ids = ask(mesh, std::vector(3, request()), slow(milliseconds(500), script));
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_EQ(mesh.api.counted(Counter::flight_refused), 2u);
}

TEST(SingleFlight, no_content_is_shared_without_a_length) {
  Mesh mesh(with());
  auto scripted = slow(milliseconds(500), body(Framing::none, 0));
  scripted.status = 204;
  const auto ids = ask(mesh, std::vector(3, request()), scripted);
  mesh.wind_down();
  EXPECT_EQ(deliveries(mesh, ids), 1u);
  for (const int id : ids) {
    EXPECT_EQ(mesh[id].response.status(), 204) << mesh.story(id);
    EXPECT_FALSE(mesh[id].response.field("content-length"));
  }
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 2u);
}

TEST(SingleFlight, no_more_bytes_are_kept_than_the_route_allows) {
  Mesh mesh(with("bytes: 64KiB"));
  for (int i = 0; i < 3; ++i) {
    auto asked = request();
    asked.fields = {{"x-tenant", std::to_string(i)}};
    auto script = body(Framing::length, 60'000, 30'000);
    script.pause = milliseconds(100);
    const auto ids = ask(mesh, std::vector(2, asked), slow(milliseconds(500), script));
    (void)ids;
  }
  mesh.wind_down();
  EXPECT_GE(mesh.api.counted(Counter::flight_too_large), 2u);
  EXPECT_EQ(followers(mesh), 3u);
}

TEST(SingleFlight, what_the_app_says_of_one_request_reaches_that_one_alone) {
  Mesh mesh(with("ignore_headers: [x-correlation-id]"));
  auto scripted = slow();
  scripted.fields = {{"x-correlation-id", "first"}, {"traceparent", "a"}, {"etag", "b"}};
  const auto ids = ask(mesh, std::vector(3, request()), scripted);
  mesh.wind_down();
  EXPECT_EQ(mesh[ids[0]].response.field("x-correlation-id"), "first");
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_FALSE(mesh[ids[i]].response.field("x-correlation-id")) << mesh.story(ids[i]);
    EXPECT_FALSE(mesh[ids[i]].response.field("traceparent"));
    EXPECT_EQ(mesh[ids[i]].response.field("etag"), "b");
  }
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 2u);
}

TEST(SingleFlight, a_token_in_the_query_says_who_asks) {
  for (const bool counts : {false, true}) {
    auto options = with();
    if (counts) {
      options.calling =
          "issuers: { a: { issuer: a, audiences: [b], keys: { url: \"https://10.9.9.9/keys\" }, "
          "token: { query: x } } }\n";
    }
    Mesh mesh(options);
    auto asked = request();
    asked.path = "/?x=secret";
    const auto ids = ask(mesh, std::vector(3, asked), slow());
    mesh.wind_down();
    EXPECT_EQ(deliveries(mesh, ids), counts ? 3u : 1u);
  }
}

TEST(SingleFlight, who_has_waited_long_enough_asks_itself_in_time) {
  Mesh mesh(with("wait: 1m", "    timeouts: { request: 2s }\n"));
  std::vector<int> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(mesh.add(request(), slow(i == 0 ? seconds(10) : milliseconds(100))));
    mesh.call({ids.back()}, false, milliseconds(10 * i));
  }
  mesh.wind_down();
  EXPECT_EQ(mesh[ids[0]].response.status(), 504);
  for (std::size_t i = 1; i < 3; ++i) {
    expect_delivered_once(mesh, ids[i]);
    EXPECT_LT(mesh[ids[i]].ended_at - mesh[ids[i]].sent_at, milliseconds(1200));
  }
  EXPECT_EQ(mesh.api.counted(Counter::flight_late), 2u);
}

TEST(SingleFlight, who_would_have_been_answered_in_time_is) {
  Mesh mesh(with("", "    timeouts: { request: 3s }\n"));
  const auto ids = ask(mesh, std::vector(4, request()), slow(seconds(2)), milliseconds(1));
  mesh.wind_down();
  for (const int id : ids) {
    EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
    EXPECT_TRUE(mesh[id].response.body == body_text(ids[0], false, 1000));
    EXPECT_LT(mesh[id].ended_at - mesh[id].sent_at, milliseconds(2100));
    EXPECT_EQ(outcome(mesh.api, id), ErrorCode::none);
  }
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 3u);
  EXPECT_EQ(followers(mesh), 3u);
}

TEST(SingleFlight, who_would_have_been_answered_in_time_is_on_streams_too) {
  Mesh mesh(with("", "    timeouts: { request: 3s }\n"));
  std::vector<int> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(mesh.add(request(), slow(seconds(2))));
    mesh[ids.back()].request.start = milliseconds(i);
  }
  mesh.call_http2(Mesh::kService, ids);
  mesh.wind_down();
  for (const int id : ids) EXPECT_EQ(mesh[id].response.status(), 200) << mesh.story(id);
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 3u);
}

TEST(SingleFlight, whoever_is_answered_first_is_answered_once) {
  for (int think = 290; think <= 310; ++think) {
    Mesh mesh(with("wait: 100ms"));
    std::vector<int> ids;
    for (int i = 0; i < 4; ++i) {
      // What the followers ask themselves ends about when the leader's does.
      ids.push_back(mesh.add(request(), slow(milliseconds(i == 0 ? 300 : think - 100))));
      mesh.call({ids.back()});
    }
    mesh.wind_down();
    for (const int id : ids) {
      EXPECT_EQ(mesh[id].response.status(), 200) << think << mesh.story(id);
      EXPECT_EQ(mesh[id].response.body.size(), 1000u) << think;
      EXPECT_EQ(outcome(mesh.api, id), ErrorCode::none) << think;
    }
    EXPECT_EQ(followers(mesh), 3u);
  }
}

TEST(SingleFlight, whoever_is_answered_first_is_answered_once_though_it_asks_twice) {
  std::size_t hedges = 0;
  for (int think = 150; think <= 210; ++think) {
    MeshOptions options;
    options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
    options.service =
        "    balance: { policy: round_robin }\n    retries: { hedge: {}, budget: 100% }\n"
        "    routes:\n      - { name: once, single_flight: { wait: 100ms } }\n";
    Mesh mesh(options);
    mesh.api.publish("api2.default", {Mesh::kApp, Mesh::kSecondApp});
    mesh.api.remember_answers(milliseconds(10));
    std::vector<int> ids;
    for (int i = 0; i < 4; ++i) {
      ids.push_back(mesh.add(request(), slow(milliseconds(i == 0 ? 300 : think))));
      mesh.call({ids.back()});
    }
    mesh.wind_down();
    for (const int id : ids) {
      EXPECT_EQ(mesh[id].response.status(), 200) << think << mesh.story(id);
      EXPECT_EQ(mesh[id].response.body.size(), 1000u) << think;
      EXPECT_EQ(outcome(mesh.api, id), ErrorCode::none) << think;
    }
    EXPECT_EQ(followers(mesh), 3u);
    hedges += mesh.api.counted(Counter::hedges);
  }
  EXPECT_GT(hedges, 0u);
}

TEST(SingleFlight, a_leader_that_hangs_holds_up_nobody_who_comes_later) {
  Mesh mesh(with("wait: 300ms", "    timeouts: { request: 20s }\n"));
  std::vector<int> ids;
  for (const int at : {0, 10, 20, 400, 500, 11'000}) {
    ids.push_back(mesh.add(request(), slow(at == 0 ? seconds(18) : milliseconds(50))));
    mesh.call({ids.back()}, false, milliseconds(at));
  }
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_EQ(mesh.api.counted(Counter::flight_late), 2u);
  EXPECT_EQ(followers(mesh), 2u);
  for (std::size_t i = 3; i < ids.size(); ++i)
    EXPECT_LT(mesh[ids[i]].ended_at - mesh[ids[i]].sent_at, milliseconds(100));
}

TEST(SingleFlight, nobody_waits_for_a_stream) {
  Mesh mesh(with("wait: 1m", "    timeouts: { request: 1m }\n"));
  auto script = body(Framing::chunked, 100, 1);
  script.pause = milliseconds(200);
  const auto ids = ask(mesh, std::vector(3, request()), slow(milliseconds(100), script));
  mesh.wind_down();
  for (const int id : ids) expect_delivered_once(mesh, id);
  EXPECT_EQ(mesh.api.counted(Counter::flight_late), 2u);
  EXPECT_LT(mesh[ids[2]].ended_at - mesh[ids[2]].sent_at, seconds(23));
}

TEST(SingleFlight, what_the_app_has_changed_it_reads) {
  for (const unsigned workers : {1u, 2u}) {
    auto options = with();
    options.workers = workers;
    Mesh mesh(options);
    const int before = mesh.add(request(), slow(seconds(1)));
    const int change = mesh.add(request("POST", body(Framing::length, 10)), answer());
    const int after = mesh.add(request(), slow(milliseconds(100)));
    mesh.call({before});
    mesh.call({change, after}, false, milliseconds(100));
    mesh.wind_down();
    for (const int id : {before, change, after}) expect_delivered_once(mesh, id);
    EXPECT_EQ(followers(mesh), 0u);
  }
}

TEST(SingleFlight, so_many_wait_and_no_more) {
  Mesh mesh(with("waiting: 2"));
  const auto ids = ask(mesh, std::vector(6, request()), slow());
  mesh.wind_down();
  EXPECT_EQ(deliveries(mesh, ids), 4u);
  EXPECT_EQ(mesh.api.counted(Counter::flight_full), 3u);
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 2u);
}

TEST(SingleFlight, a_reload_parts_old_from_new) {
  auto options = with();
  Mesh mesh(options);
  const auto ids = ask(mesh, std::vector(4, request()), slow(seconds(1)), milliseconds(100));
  mesh.after(milliseconds(150), [&] { mesh.api.reload(Mesh::calling_yaml(options)); });
  mesh.wind_down();
  EXPECT_EQ(deliveries(mesh, ids), 2u);
  EXPECT_EQ(mesh.api.counted(Counter::flight_shared), 2u);
}

TEST(SingleFlight, whatever_happens_nobody_is_worse_off) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    auto options = with(seed % 3 == 0 ? "waiting: 3" : "wait: 300ms");
    options.seed = seed;
    options.workers = 1 + seed % 2;
    Mesh mesh(options);
    std::vector<int> ids;
    std::vector<bool> is_sound;
    for (int i = 0; i < 60; ++i) {
      auto asked = request(i % 13 == 0 ? "HEAD" : "GET");
      asked.fields = {{"x-tenant", std::to_string(i % 3)}};
      auto scripted =
          slow(milliseconds((i * 37) % 400), body(i % 2 == 0 ? Framing::length : Framing::chunked,
                                                  static_cast<std::size_t>(i % 7) * 3000));
      const int what = static_cast<int>((seed * 7 + static_cast<std::uint64_t>(i) * 5) % 11);
      if (what == 0) {
        asked.abort = Abort::waiting;
        asked.abort_wait = milliseconds(60);
      }
      if (what == 1) scripted.fault = Fault::reset_in_body;
      if (what == 2) scripted.fault = Fault::reset_before_response;
      if (what == 1 || what == 2) scripted.faulty_deliveries = 1000;
      if (what == 3 && i % 3 == 2) scripted.fields = {{"cache-control", "no-store"}};
      is_sound.push_back(what > 2);
      ids.push_back(mesh.add(asked, scripted));
      mesh.call({ids.back()}, false, milliseconds(15) * i);
    }
    mesh.wind_down();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto& exchanged = mesh[ids[i]];
      if (!is_sound[i]) continue;
      EXPECT_EQ(exchanged.response.status(), 200) << seed << mesh.story(ids[i]);
      // Its own, or that of one which asked the same.
      bool known = false;
      for (std::size_t k = i % 3; k < ids.size() && !known; k += 3) {
        const auto bytes = mesh[ids[k]].answer.body.bytes;
        known =
            exchanged.response.body ==
            (exchanged.request.method == "HEAD" ? std::string() : body_text(ids[k], false, bytes));
      }
      EXPECT_TRUE(known) << seed << " " << i;
      EXPECT_LE(exchanged.deliveries.size(), 1u);
    }
    EXPECT_GT(mesh.api.counted(Counter::flight_shared), 0u) << seed;
  }
}

}  // namespace
}  // namespace epaulet::sim
