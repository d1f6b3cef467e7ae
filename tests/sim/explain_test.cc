// What a sidecar can say of an exchange afterwards.

#include "scripts.h"
#include "telemetry/explain_json.h"
#include "telemetry/explain_summary.h"

namespace epaulet::sim {
namespace {

using telemetry::Event;

/// The only exchange of the sidecar.
telemetry::ExchangeRecord only(const Sidecar& sidecar) {
  const auto all = sidecar.exchanges();
  EXPECT_EQ(all.size(), 1u);
  return all.at(0);
}

std::string summary(const Sidecar& sidecar) {
  return telemetry::summary_of(only(sidecar), false);
}

std::uint32_t first(const telemetry::Trace& trace, Event event) {
  for (std::size_t i = 0; i < trace.size(); ++i) {
    if (trace[i].event == event) return trace[i].a;
  }
  ADD_FAILURE() << "no such event";
  return 0;
}

MeshOptions only_admins() {
  MeshOptions options;
  options.serving =
      "roles:\n"
      "  admin: [ { identity: spiffe://cluster.local/ns/default/sa/boss } ]\n"
      "  user: [ { identity: spiffe://cluster.local/ns/default/sa/* } ]\n"
      "  guest: [ { identity: spiffe://cluster.local/ns/default/sa/** } ]\n";
  options.access = "[ { name: internal, paths: [/**], allow: [admin, authenticated] } ]";
  return options;
}

TEST(Explain, names_the_endpoint_of_each_attempt) {
  MeshOptions options;
  options.service = "    retries: { max: 1, backoff: { initial: 1ms } }\n";
  Mesh mesh(options);
  const SocketAddress nobody{Mesh::kServer, 9999};
  mesh.api.publish("api2.default", {nobody, Mesh::kApp});
  std::vector<int> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(mesh.add(request()));
  mesh.call(ids);
  mesh.wind_down();
  std::size_t failures = 0;
  for (const auto& record : mesh.api.exchanges()) {
    const auto attempts = telemetry::attempts_of(record.trace, record.error);
    ASSERT_EQ(attempts.size(), record.attempts);
    for (const auto& attempt : attempts) {
      const bool failed = attempt.at("outcome").as_string() != "ok";
      failures += failed ? 1 : 0;
      EXPECT_EQ(std::string_view(attempt.at("endpoint").as_string()),
                (failed ? nobody : Mesh::kApp).to_string());
    }
  }
  EXPECT_GT(failures, 0u);
  EXPECT_GT(mesh.api.counted(Counter::upstream_reused), 0u) << "a pooled one is named too";
}

TEST(Explain, compares_the_roles_of_a_refusal) {
  auto options = only_admins();
  options.access = "[ { name: internal, paths: [/**], allow: [admin] } ]";
  Mesh mesh(options);
  const int id = mesh.add(request());
  mesh.call({id});
  mesh.wind_down();
  expect_refused(mesh, id, 403);
  EXPECT_NE(summary(mesh.api2).find("allows [admin] only; spiffe://cluster.local/ns/default/sa/api "
                                    "holds [guest, user]"),
            std::string::npos)
      << summary(mesh.api2);
}

TEST(Explain, says_which_role_was_denied_and_that_an_anonymous_caller_holds_none) {
  auto options = only_admins();
  options.access = "[ { name: no_guests, deny: [guest] }, { name: all, allow: [anyone] } ]";
  Mesh mesh(options);
  mesh.call({mesh.add(request())});
  mesh.wind_down();
  EXPECT_NE(summary(mesh.api2).find("rule \"no_guests\""), std::string::npos);
  EXPECT_NE(summary(mesh.api2).find("denies it to"), std::string::npos) << summary(mesh.api2);

  Mesh other(only_admins());
  const int id = other.add(request());
  other.call_from_outside({id});
  other.wind_down();
  expect_refused(other, id, 401);
  EXPECT_NE(summary(other.api2)
                .find("allows [authenticated, admin] only; the anonymous caller holds no role"),
            std::string::npos)
      << summary(other.api2);
}

TEST(Explain, says_that_apps_may_read_a_request_more_leniently) {
  auto options = only_admins();
  options.access =
      "[ { name: admin, paths: [/admin], allow: [admin] },"
      " { name: all, paths: [/**], allow: [anyone] } ]";
  Mesh mesh(options);
  auto sly = request();
  sly.path = "/Admin/";
  const int id = mesh.add(sly);
  mesh.call({id});
  mesh.wind_down();
  expect_refused(mesh, id, 403);
  EXPECT_NE(summary(mesh.api2).find("since apps may take the path or the method"),
            std::string::npos)
      << summary(mesh.api2);
}

TEST(Explain, says_what_is_wrong_with_a_path) {
  Mesh mesh(only_admins());
  auto odd = request();
  odd.path = "/a%2fb";
  const int id = mesh.add(odd);
  mesh.call({id});
  mesh.wind_down();
  expect_refused(mesh, id, 400);
  EXPECT_TRUE(summary(mesh.api2).ends_with(": encoded_slash")) << summary(mesh.api2);
}

TEST(Explain, says_which_rule_of_http_a_message_broke) {
  Mesh mesh;
  auto broken = request();
  broken.fields = {{"X Y", "1"}};
  const int id = mesh.add(broken);
  mesh.call({id});
  mesh.wind_down();
  EXPECT_EQ(mesh[id].response.status(), 400);
  EXPECT_TRUE(summary(mesh.api).ends_with("(RFC 9110 section 5.1)") ||
              summary(mesh.api).ends_with("(RFC 9112 section 5.1)"))
      << summary(mesh.api);
}

TEST(Explain, counts_the_bytes_of_a_head_and_not_of_its_block) {
  std::uint32_t bytes[2];
  for (const std::size_t more : {0u, 100u}) {
    Mesh mesh;
    auto get = request();
    get.path = "/" + std::string(more, 'a');
    mesh.call({mesh.add(get)});
    mesh.wind_down();
    bytes[more / 100] = first(only(mesh.api).trace, Event::head_read);
  }
  EXPECT_EQ(bytes[1], bytes[0] + 100);
  EXPECT_LT(bytes[0], 400u);
}

}  // namespace
}  // namespace epaulet::sim
