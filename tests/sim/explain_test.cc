// What a sidecar can say of an exchange afterwards.

#include "scripts.h"

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
