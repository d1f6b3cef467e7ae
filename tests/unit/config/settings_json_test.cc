#include "config/settings_json.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <fstream>
#include <sstream>

#include "config/loader.h"

namespace epaulet {
namespace {

std::string example(const std::string& name) {
  std::ifstream file(std::string(EPAULET_SOURCE_DIR "/config/examples/") + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(SettingsJson, loads_again_to_the_same_settings) {
  for (const auto* name : {"full.yaml", "minimal.yaml"}) {
    const auto first = load_settings(name, example(name), "/etc/epaulet");
    ASSERT_TRUE(first.ok()) << first.format();
    const std::string dump = settings_to_json(*first.settings);
    const auto second = load_settings("dump.json", dump, "/elsewhere");
    ASSERT_TRUE(second.ok()) << second.format() << dump;
    EXPECT_EQ(settings_to_json(*second.settings), dump);
  }
}

TEST(SettingsJson, shows_values_with_units_and_services_apart_from_backends) {
  const auto loaded = load_settings("f.yaml", example("full.yaml"), "/etc/epaulet");
  ASSERT_TRUE(loaded.ok()) << loaded.format();
  const auto dump = boost::json::parse(settings_to_json(*loaded.settings));
  EXPECT_EQ(dump.at_pointer("/timeouts/request").as_string(), "15s");
  EXPECT_EQ(dump.at_pointer("/limits/head").as_string(), "64KiB");
  EXPECT_EQ(dump.at_pointer("/retries/budget").as_double(), 0.2);
  EXPECT_EQ(dump.at_pointer("/access/0/require").as_string(), "token");
  EXPECT_EQ(dump.at_pointer("/services/payments.shop/default_backend").as_string(),
            "payments.shop");
  EXPECT_EQ(dump.at_pointer("/backends/payments.shop/endpoints/port").as_int64(), 8080);
  EXPECT_EQ(dump.at("services").at("payments.shop").as_object().if_contains("endpoints"), nullptr);
}

TEST(SettingsJson, shows_no_value_of_a_probes_header) {
  const auto loaded = load_settings("f.yaml",
                                    "workload: { probes: [ { path: /, port: 80, headers: [ { name: "
                                    "Authorization, value: Bearer x } ] } ] }",
                                    "");
  ASSERT_TRUE(loaded.ok()) << loaded.format();
  EXPECT_EQ(loaded.settings->workload.probes[0].headers[0].value, "Bearer x");
  const auto dump = settings_to_json(*loaded.settings);
  EXPECT_NE(dump.find("Authorization"), std::string::npos);
  EXPECT_EQ(dump.find("Bearer"), std::string::npos);
}

TEST(SettingsJson, leaves_out_what_is_inherited) {
  const auto loaded = load_settings("f.yaml", "{}", "");
  ASSERT_TRUE(loaded.ok());
  const auto dump = boost::json::parse(settings_to_json(*loaded.settings)).as_object();
  EXPECT_EQ(dump.if_contains("timeouts"), nullptr);
  EXPECT_EQ(dump.if_contains("services"), nullptr);
  EXPECT_NE(dump.if_contains("listen"), nullptr);
}

}  // namespace
}  // namespace epaulet
