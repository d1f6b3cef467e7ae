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

}  // namespace
}  // namespace epaulet::sim
