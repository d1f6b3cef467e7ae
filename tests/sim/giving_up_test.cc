// Callers that give up before the mesh does, while an endpoint hangs.

#include "health_scripts.h"

namespace epaulet::sim {
namespace {

constexpr milliseconds kPatience{500};
constexpr milliseconds kApart{50};
constexpr seconds kHangs{20};
constexpr seconds kLasts{120};

/// How callers ask, and how they leave.
enum class Manners { http1, http2, grpc_reset, grpc_deadline };

RequestScript impatient(Manners manners) {
  auto script = request();
  if (manners == Manners::http1 || manners == Manners::http2 || manners == Manners::grpc_reset) {
    script.abort = Abort::waiting;
    script.abort_wait = kPatience;
  }
  script.http2 = manners != Manners::http1;
  script.grpc = manners == Manners::grpc_reset || manners == Manners::grpc_deadline;
  if (script.grpc) script.method = "POST";
  if (manners == Manners::grpc_deadline) script.grpc_timeout = kPatience;
  return script;
}

/// One in so long until the end.
std::vector<int> call_on(Mesh& mesh, Manners manners, milliseconds apart = kApart) {
  auto quick = answer();
  quick.think = milliseconds(3);
  std::vector<int> ids;
  for (milliseconds at{0}; at < kLasts; at += apart) {
    auto asked = impatient(manners);
    asked.start = at;
    ids.push_back(mesh.add(asked, quick));
    if (!asked.http2) mesh.call({ids.back()}, false, at);
  }
  if (manners != Manners::http1) mesh.call_http2(Mesh::kService, ids);
  return ids;
}

bool got_its_answer(Mesh& mesh, int id) {
  if (!mesh[id].answered || mesh[id].response.status() != 200) return false;
  const auto& fields = mesh[id].response.fields;
  const auto& trailers = mesh[id].response.trailers;
  const auto is_late = [](const auto& field) {
    return field.first == "grpc-status" && field.second != "0";
  };
  return std::none_of(fields.begin(), fields.end(), is_late) &&
         std::none_of(trailers.begin(), trailers.end(), is_late);
}

/// Of those that are asked for in this time.
std::size_t failed_between(Mesh& mesh, const std::vector<int>& ids, milliseconds apart,
                           seconds begin, seconds end) {
  std::size_t failed = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto at = apart * i;
    failed += at >= begin && at < end && !got_its_answer(mesh, ids[i]) ? 1 : 0;
  }
  return failed;
}

MeshOptions with(const std::string& keys) {
  MeshOptions options;
  options.port = "8080: { tls: permissive }, 8081: { tls: permissive }";
  options.endpoints = "10.0.0.2:8080, 10.0.0.2:8081";
  options.service = keys;
  return options;
}

TEST(GivingUp, an_endpoint_that_hangs_is_left_to_itself_whoever_gives_up_first) {
  for (const auto manners :
       {Manners::http1, Manners::http2, Manners::grpc_reset, Manners::grpc_deadline}) {
    for (const bool has_third : {false, true}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(manners) << has_third);
      auto options = with("    outliers: { enabled: false }\n");
      if (has_third) {
        options.mesh = MeshKind::plain;
        options.endpoints += ", 10.0.0.3:8080";
      }
      Mesh mesh(options);
      mesh.after(kHangs, [&] { mesh.second_app.slowness = minutes(10); });
      const auto ids = call_on(mesh, manners);
      mesh.wind_down();
      EXPECT_EQ(failed_between(mesh, ids, kApart, seconds(0), kHangs), 0u);
      // Until the first have given up, and a look now and then.
      EXPECT_LE(failed_between(mesh, ids, kApart, kHangs, kLasts), 30u);
      EXPECT_LE(failed_between(mesh, ids, kApart, kHangs + seconds(20), kLasts), 8u);
    }
  }
}

constexpr const char* kInTurn = "    balance: { policy: round_robin }\n";

TEST(GivingUp, an_endpoint_that_lets_a_row_of_callers_wait_in_vain_is_left_out) {
  for (const auto manners :
       {Manners::http1, Manners::http2, Manners::grpc_reset, Manners::grpc_deadline}) {
    for (const bool has_third : {false, true}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(manners) << has_third);
      auto options = with(kInTurn);
      if (has_third) {
        options.mesh = MeshKind::plain;
        options.endpoints += ", 10.0.0.3:8080";
      }
      Mesh mesh(options);
      mesh.after(kHangs, [&] { mesh.second_app.slowness = minutes(10); });
      const auto ids = call_on(mesh, manners);
      mesh.wind_down();
      EXPECT_EQ(failed_between(mesh, ids, kApart, seconds(0), kHangs), 0u);
      EXPECT_LE(failed_between(mesh, ids, kApart, kHangs + seconds(5), kLasts), 6u);
      EXPECT_GE(said(mesh, "endpoint_ejected"), 3u);  // And with each try that is in vain.
      EXPECT_LE(said(mesh, "endpoint_ejected"), 5u);
    }
  }
}

TEST(GivingUp, who_hung_is_asked_again_when_it_answers) {
  Mesh mesh(with(kInTurn));
  mesh.after(kHangs, [&] { mesh.second_app.slowness = minutes(10); });
  mesh.after(kHangs + seconds(30), [&] { mesh.second_app.slowness = seconds(0); });
  const auto ids = call_on(mesh, Manners::http1);
  mesh.wind_down();
  EXPECT_EQ(said(mesh, "endpoint_restored"), 1u);
  EXPECT_EQ(failed_between(mesh, ids, kApart, kHangs + seconds(31), kLasts), 0u);
}

TEST(GivingUp, callers_that_leave_soon_leave_nobody_out) {
  for (const auto patience : {milliseconds(5), milliseconds(60), milliseconds(190)}) {
    Mesh mesh(with(kInTurn));
    auto asked = request();
    asked.abort = Abort::waiting;
    asked.abort_wait = patience;
    auto slow = answer();
    slow.think = seconds(3);
    const auto leaving = call_every(mesh, 400, milliseconds(50), asked, slow);
    const auto others = call_every(mesh, 10, seconds(2));
    mesh.wind_down();
    EXPECT_EQ(count_with(mesh, others, 200), 10u);
    EXPECT_EQ(count_with(mesh, leaving, 200), 0u);
    EXPECT_EQ(said(mesh, "endpoint_ejected"), 0u);
  }
}

TEST(GivingUp, what_takes_its_time_everywhere_leaves_nobody_out) {
  auto asked = request();
  asked.abort = Abort::waiting;
  asked.abort_wait = seconds(2);
  auto slow = answer();
  slow.think = seconds(5);
  // Every second of the others at each endpoint; all of them at one.
  for (const auto apart : {milliseconds(700), milliseconds(500)}) {
    Mesh mesh(with(kInTurn));
    const auto leaving = call_every(mesh, 300, milliseconds(100), asked, slow);
    const auto others = call_every(mesh, 40, apart);
    mesh.wind_down();
    EXPECT_EQ(count_with(mesh, others, 200), 40u);
    EXPECT_EQ(count_with(mesh, leaving, 200), 0u);
    EXPECT_EQ(said(mesh, "endpoint_ejected"), 0u);
  }
}

TEST(GivingUp, where_nobody_answers_nobody_is_left_out) {
  Mesh mesh(with(kInTurn));
  mesh.after(kHangs, [&] { mesh.app.slowness = mesh.second_app.slowness = minutes(10); });
  (void)call_on(mesh, Manners::http1);
  mesh.wind_down();
  EXPECT_EQ(said(mesh, "endpoint_ejected"), 0u);
}

/// Calls whose answer may begin in an hour: that they are left says nothing where others are
/// answered.
TEST(GivingUp, who_leaves_a_long_poll_leaves_nobody_out) {
  auto options = with(std::string(kInTurn) + "    timeouts: { request: 0s }\n");
  options.serving = "timeouts: { request: 0s }\n";
  Mesh mesh(options);
  auto asked = request();
  asked.abort = Abort::waiting;
  asked.abort_wait = seconds(40);
  auto never = answer();
  never.think = minutes(10);
  (void)call_every(mesh, 40, seconds(1), asked, never);
  const auto others = call_every(mesh, 12, seconds(7));
  mesh.wind_down();
  EXPECT_EQ(count_with(mesh, others, 200), 12u);
  EXPECT_EQ(said(mesh, "endpoint_ejected"), 0u);
}

}  // namespace
}  // namespace epaulet::sim
