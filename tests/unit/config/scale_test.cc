#include <gtest/gtest.h>
#include <malloc.h>
#include <yaml-cpp/parser.h>

#include <chrono>
#include <cstdio>
#include <sstream>

#include "config/loader.h"
#include "tests/support/deaf_events.h"

namespace epaulet {
namespace {

/// What the design names for the numbers of section 12.
std::string services(int count) {
  std::string text = "identity: { dir: /x }\nservices:\n";
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    const std::string name = "service-" + number + ".default";
    text +=
        "  " + name + ":\n    ports: { 80: http }\n    endpoints: { dns: " + name +
        ".svc.cluster.local, port: 8080 }\n    tls: { mode: mesh, identities: "
        "[spiffe://cluster.local/ns/default/sa/service-" +
        number +
        "] }\n    timeouts: { request: 10s, attempt: 3s, connect: 1s }\n    retries: { max: 3, "
        "backoff: { initial: 1s, jitter: full }, budget: 20% }\n    routes:\n      - { name: "
        "write, methods: [POST, PUT], timeouts: { request: 10s, attempt: 10s }, to: [ { backend: " +
        name + ", weight: 100 } ] }\n";
  }
  return text;
}

template <class Work>
double seconds(Work work) {
  // tests may read a real clock: this prints, it does not judge.
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(Scale, ten_thousand_services_load_in_about_the_time_of_yaml_cpp_itself) {
  const std::string text = services(10'000);
  const double events = seconds([&] {
    std::istringstream in(text);
    YAML::Parser parser(in);
    DeafEvents deaf;
    while (parser.HandleNextDocument(deaf)) {
    }
  });
  LoadResult result;
  const auto before = mallinfo2().uordblks;
  const double load = seconds([&] { result = load_settings("f.yaml", text, "/"); });
  const auto after = mallinfo2().uordblks;
  ASSERT_TRUE(result.ok()) << result.format();
  EXPECT_EQ(result.settings->services.size(), 10'000u);
  EXPECT_EQ(result.settings->backends.size(), 10'000u);
  std::printf("%.1f MB of YAML: events %.2f s, load %.2f s (%.2fx), settings %.1f MiB\n",
              static_cast<double>(text.size()) / 1e6, events, load, load / events,
              static_cast<double>(after - before) / 1048576.0);
  RecordProperty("load_over_events", std::to_string(load / events));
}

TEST(Scale, a_file_of_one_line_is_read_in_linear_time) {
  // Columns are found by counting on from the last one: from the line's start it would take
  // minutes.
  std::string text = "{\"access\": [";
  for (int i = 0; i < 8'000; ++i) {
    text += (i == 0 ? "" : ", ") + std::string("{\"name\": \"r") + std::to_string(i) +
            "\", \"paths\": [\"/a/\xc2\xb5\"], \"allow\": [\"anyone\"]}";
  }
  text += "]}";
  std::string ascii = text;
  for (auto at = ascii.find("\xc2\xb5"); at != std::string::npos; at = ascii.find("\xc2\xb5")) {
    ascii.replace(at, 2, "u");
  }
  const auto result = load_settings("f.json", ascii, "");
  ASSERT_TRUE(result.ok()) << result.format();
  EXPECT_EQ(result.settings->access.rules.back().origin.line, 1u);
  EXPECT_GT(result.settings->access.rules.back().origin.column, 400'000u);
  EXPECT_FALSE(load_settings("f.json", text, "").ok()) << "a path that no request carries";
}

}  // namespace
}  // namespace epaulet
