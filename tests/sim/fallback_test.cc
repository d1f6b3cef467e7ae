// What stands in where an exchange fails, and what the caller is told where nothing can.

#include "scripts.h"

namespace epaulet::sim {
namespace {

MeshOptions with(const std::string& fallback) {
  MeshOptions options;
  options.service =
      "    outliers: { enabled: false }\n    retries: { max: 0 }\n"
      "    routes:\n      - { name: kept, fallback: { " +
      fallback + " } }\n";
  options.calling =
      "backends:\n  spare:\n    endpoints: { addresses: [10.0.0.2:8080] }\n"
      "    tls: { identities: [spiffe://cluster.local/ns/default/sa/api2] }\n";
  return options;
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
