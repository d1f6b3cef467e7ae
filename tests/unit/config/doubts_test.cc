// What is valid, and will hardly do what it is there for.

#include "config/doubts.h"

#include <gtest/gtest.h>

#include "config/loader.h"

namespace epaulet {
namespace {

/// A service with a route that falls back to another backend; keys of both and of the top level.
std::vector<Diagnostic> doubts(const std::string& route, const std::string& service = "",
                               const std::string& top = "") {
  const auto loaded = load_settings("a.yaml",
                                    "services:\n"
                                    "  api.default:\n"
                                    "    ports: { 80: http }\n"
                                    "    endpoints: { addresses: ['10.0.0.1:80'] }\n"
                                    "    tls: { mode: none }\n" +
                                        service +
                                        "    routes:\n"
                                        "      - name: one\n" +
                                        route +
                                        "        fallback: { backend: spare }\n"
                                        "backends:\n"
                                        "  spare:\n"
                                        "    endpoints: { addresses: ['10.0.0.2:80'] }\n"
                                        "    tls: { mode: none }\n" +
                                        top,
                                    "");
  EXPECT_TRUE(loaded.ok()) << loaded.format();
  return loaded.ok() ? doubts_about(*loaded.settings) : std::vector<Diagnostic>();
}

TEST(Doubts, attempts_that_take_all_of_the_time_leave_none_for_the_other_backend) {
  const auto found = doubts("");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].origin.line, 8u);
  const auto text = found[0].format();
  EXPECT_NE(text.find("timeouts.attempt is not set"), std::string::npos) << text;
  EXPECT_NE(text.find("remedy: write timeouts: { attempt: 2s }"), std::string::npos) << text;
  // Three attempts of 5 s each, of 15 s.
  EXPECT_EQ(doubts("        timeouts: { attempt: 5s }\n").size(), 1u);
  EXPECT_EQ(doubts("        timeouts: { attempt: 4900ms }\n").size(), 0u);
}

TEST(Doubts, the_nearest_layer_counts) {
  const std::string short_attempt = "timeouts: { attempt: 1s }\n";
  EXPECT_EQ(doubts("", "    " + short_attempt).size(), 0u);
  EXPECT_EQ(doubts("", "", short_attempt).size(), 0u);
  EXPECT_EQ(doubts("        timeouts: { attempt: 6s }\n", "    " + short_attempt).size(), 1u);
  EXPECT_EQ(doubts("        retries: { max: 0 }\n", "    timeouts: { attempt: 6s }\n").size(), 0u);
  EXPECT_EQ(
      doubts("        retries: { errors: [reset] }\n", "    timeouts: { attempt: 6s }\n").size(),
      0u);
  EXPECT_EQ(doubts("        timeouts: { request: 60s, attempt: 6s }\n").size(), 0u);
}

TEST(Doubts, without_a_limit_to_the_request_there_is_time) {
  EXPECT_EQ(doubts("        timeouts: { request: 0s }\n").size(), 0u);
}

/// A service with a route, and keys of `timeouts` in each layer.
std::vector<std::string> timeouts(const std::string& route, const std::string& service = "",
                                  const std::string& top = "") {
  const auto loaded = load_settings("a.yaml",
                                    "services:\n"
                                    "  api.default:\n"
                                    "    ports: { 80: http }\n"
                                    "    endpoints: { addresses: ['10.0.0.1:80'] }\n"
                                    "    tls: { mode: none }\n"
                                    "    timeouts: { " +
                                        service +
                                        " }\n"
                                        "    routes:\n"
                                        "      - name: one\n"
                                        "        timeouts: { " +
                                        route + " }\ntimeouts: { " + top + " }\n",
                                    "");
  EXPECT_TRUE(loaded.ok()) << loaded.format();
  std::vector<std::string> texts;
  if (!loaded.ok()) return texts;
  for (const auto& doubt : doubts_about(*loaded.settings)) texts.push_back(doubt.format());
  return texts;
}

TEST(Doubts, a_time_that_an_inherited_one_ends_first_is_one) {
  const auto found = timeouts("attempt: 30s");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find("a.yaml:9:"), std::string::npos) << found[0];
  EXPECT_NE(
      found[0].find("timeouts.attempt (30s) can never pass, because timeouts.request (15s, by "
                    "default) ends first"),
      std::string::npos)
      << found[0];
  EXPECT_NE(found[0].find("remedy: write a longer request beside it"), std::string::npos);
  EXPECT_EQ(timeouts("attempt: 15s").size(), 0u);
  EXPECT_EQ(timeouts("attempt: 30s, request: 1m").size(), 0u);
  EXPECT_EQ(timeouts("attempt: 30s", "request: 1m").size(), 0u);
  EXPECT_EQ(timeouts("attempt: 30s", "", "request: 0s").size(), 0u);
  EXPECT_EQ(timeouts("attempt: 30s", "request: 20s", "request: 1m").size(), 1u);
  EXPECT_EQ(timeouts("", "attempt: 30s").size(), 1u) << "told once, where it stands";
  EXPECT_EQ(timeouts("", "", "attempt: 30s").size(), 1u);
  EXPECT_EQ(timeouts("first_byte: 10s", "attempt: 5s").size(), 1u);
  EXPECT_EQ(timeouts("first_byte: 10m", "request: 0s").size(), 1u) << "idle";
  EXPECT_EQ(timeouts("request: 2h", "", "max_duration: 1h").size(), 1u);
}

TEST(Doubts, a_shorter_time_of_a_nearer_layer_is_none) {
  EXPECT_EQ(timeouts("request: 1s", "attempt: 5s").size(), 0u);
  EXPECT_EQ(timeouts("attempt: 1s", "first_byte: 5s").size(), 0u);
}

}  // namespace
}  // namespace epaulet
