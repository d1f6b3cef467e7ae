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
