// What a sidecar can say of an exchange afterwards.

#include "scripts.h"
#include "telemetry/explain_json.h"

namespace epaulet::sim {
namespace {

using telemetry::Event;

/// The only exchange of the sidecar.
telemetry::ExchangeRecord only(const Sidecar& sidecar) {
  const auto all = sidecar.exchanges();
  EXPECT_EQ(all.size(), 1u);
  return all.at(0);
}

std::uint32_t first(const telemetry::Trace& trace, Event event) {
  for (std::size_t i = 0; i < trace.size(); ++i) {
    if (trace[i].event == event) return trace[i].a;
  }
  ADD_FAILURE() << "no such event";
  return 0;
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
