#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "config/json_schema.h"
#include "config/keys.h"
#include "config/loader.h"
#include "config/parse.h"

namespace epaulet {
namespace {

const std::string kConfig = EPAULET_SOURCE_DIR "/config/";

std::string read(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Compares a committed file with what it must hold. With EPAULET_UPDATE_GOLDEN=1 in the
/// environment it is written instead: look at the difference before committing it.
void expect_file(const std::string& path, const std::string& expected) {
  if (std::getenv("EPAULET_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << expected;
  EXPECT_EQ(read(path), expected) << path << ": run unit_config with EPAULET_UPDATE_GOLDEN=1";
}

TEST(Examples, minimal_loads) {
  const auto result = load_settings_file(kConfig + "examples/minimal.yaml");
  ASSERT_TRUE(result.ok()) << result.format();
  EXPECT_EQ(result.settings->services.count("api2.default"), 1u);
}

TEST(Examples, gateway_api_loads_and_leaves_nothing_out) {
  const auto result = load_settings_file(kConfig + "examples/gateway-api.yaml");
  ASSERT_TRUE(result.ok()) << result.format();
  EXPECT_EQ(format(result.notices), "");
  EXPECT_EQ(result.settings->services.at("orders.shop").routes.size(), 6u);
  EXPECT_EQ(result.settings->services.at("stock.shop").routes.size(), 2u);
}

struct Full {
  std::string text = read(kConfig + "examples/full.yaml");
  config::KeysRead keys;
  const std::map<std::string, config::Place>& paths = keys.paths;

  Full() {
    config::SourceText source("full.yaml", text);
    config::Draft draft;
    config::Complaints complaints(source);
    EXPECT_FALSE(config::parse(source, draft, complaints, &keys).has_value());
  }
  std::string line(const config::Place& place) const {
    return text.substr(place.offset, text.find('\n', place.offset) - place.offset);
  }
};

TEST(Examples, full_loads) {
  const auto result = load_settings_file(kConfig + "examples/full.yaml");
  EXPECT_TRUE(result.ok()) << result.format();
}

TEST(Examples, full_has_every_key_wherever_it_may_stand) {
  const Full full;
  config::for_each_key([&](const std::string& path, const config::Key&) {
    EXPECT_TRUE(full.paths.contains(path)) << path << " is missing in full.yaml";
  });
}

TEST(Examples, full_says_the_default_of_every_key_at_least_once) {
  const Full full;
  std::map<const config::Key*, bool> said;
  std::map<const config::Key*, std::string> paths;
  config::for_each_key([&](const std::string& path, const config::Key& key) {
    if (key.default_text.empty() || !full.paths.contains(path)) return;
    paths[&key] = path;
    // "default: 1" must not pass for "default: 1m": what follows is no letter or digit.
    const auto line = full.line(full.paths.at(path));
    const auto wanted = "default: " + std::string(key.default_text);
    const auto at = line.find(wanted);
    said[&key] |= at != std::string::npos &&
                  (at + wanted.size() == line.size() || !std::isalnum(line[at + wanted.size()]));
  });
  EXPECT_GT(said.size(), 40u);
  for (const auto& [key, is_said] : said) {
    EXPECT_TRUE(is_said) << paths[key] << ": say \"default: " << key->default_text << "\"";
  }
}

TEST(Examples, schema_is_that_of_the_key_tables) {
  expect_file(kConfig + "schema.json", json_schema());
}

TEST(Examples, bad_files_are_refused_as_their_neighbours_say) {
  std::size_t count = 0;
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(kConfig + "examples/bad")) {
    if (entry.path().extension() == ".yaml") files.insert(entry.path());
  }
  for (const auto& file : files) {
    const auto result = load_settings(file.filename().string(), read(file), "/etc/epaulet");
    EXPECT_FALSE(result.ok()) << file;
    auto expected = file;
    expect_file(expected.replace_extension(".txt"), result.format());
    ++count;
  }
  EXPECT_GE(count, 5u);
}

}  // namespace
}  // namespace epaulet
