#include "config/keys.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <set>

#include "config/loader.h"
#include "config/settings_json.h"

namespace epaulet {
namespace {

using namespace config;
namespace json = boost::json;

/// An example as it would be read: quotes are YAML's.
std::string_view bare(std::string_view text) {
  return text.starts_with('"') ? text.substr(1, text.size() - 2) : text;
}

TEST(Keys, have_a_sentence_a_unique_name_and_a_default_that_can_be_written) {
  std::set<const Key*> seen;
  for_each_key([&](const std::string& path, const Key& key) {
    if (!seen.insert(&key).second) return;
    EXPECT_TRUE(key.doc.ends_with('.')) << path;
    EXPECT_TRUE(key.open != nullptr && key.peek != nullptr) << path;
    const auto* type = key.shape.scalar;
    if (type == nullptr) {
      EXPECT_TRUE(key.default_text.empty()) << path;
      return;
    }
    EXPECT_TRUE(key.binding.set != nullptr && key.binding.get != nullptr) << path;
    EXPECT_TRUE(std::holds_alternative<ScalarValue>(read_scalar(*type, bare(type->example), false)))
        << path << ": example " << type->example;
    if (key.default_text.empty()) return;
    EXPECT_TRUE(std::holds_alternative<ScalarValue>(read_scalar(*type, key.default_text, false)))
        << path << ": default " << key.default_text;
  });
  EXPECT_GT(seen.size(), 80u);
}

TEST(Keys, objects_name_each_key_once) {
  std::set<std::string> paths;
  for_each_key(
      [&](const std::string& path, const Key&) { EXPECT_TRUE(paths.insert(path).second) << path; });
  EXPECT_TRUE(paths.contains("services.NAME.routes[].to[].weight"));
  EXPECT_TRUE(paths.contains("workload.ports.PORT.tls"));
}

TEST(Keys, of_later_versions_are_not_known_now) {
  for_each_key([&](const std::string& path, const Key& key) {
    EXPECT_FALSE(is_future_key("", key.name)) << path;
  });
  EXPECT_TRUE(is_future_key("service", "health"));
  EXPECT_FALSE(is_future_key("service", "keys"));
}

/// Compares what is written in `value` with the defaults of the table.
void compare_defaults(const Shape& shape, const json::value& value, const std::string& path,
                      std::size_t& compared) {
  if (shape.map != nullptr) {
    for (const auto& [name, entry] : value.as_object()) {
      compare_defaults(shape.map->value, entry, path + "." + std::string(name), compared);
    }
  } else if (shape.list != nullptr) {
    for (const auto& element : value.as_array()) {
      compare_defaults(shape.list->element, element, path + "[]", compared);
    }
  } else if (shape.object != nullptr) {
    for (const Key& key : shape.object->keys) {
      const auto* member = value.as_object().if_contains(key.name);
      const std::string member_path = path + "." + std::string(key.name);
      if (member == nullptr) continue;
      if (key.shape.scalar == nullptr) {
        compare_defaults(key.shape, *member, member_path, compared);
      } else if (!key.required && !key.default_text.empty()) {
        const auto text =
            member->is_string() ? std::string(member->as_string()) : json::serialize(*member);
        const auto expected = read_scalar(*key.shape.scalar, key.default_text, false);
        const auto actual =
            member->is_double()
                ? std::variant<ScalarValue, Complaint>(ScalarValue(member->as_double()))
                : read_scalar(*key.shape.scalar, text, false);
        ASSERT_TRUE(std::holds_alternative<ScalarValue>(actual)) << member_path << " " << text;
        EXPECT_EQ(write_scalar(*key.shape.scalar, std::get<ScalarValue>(expected)),
                  write_scalar(*key.shape.scalar, std::get<ScalarValue>(actual)))
            << member_path;
        ++compared;
      }
    }
  }
}

TEST(Keys, defaults_in_the_table_are_those_of_the_settings) {
  // What must be written, and nothing else: all other values shown are the structs' own defaults.
  const auto result = load_settings("f.yaml", R"(
identity: { dir: /x }
workload: { ports: { 80: {} } }
issuers: { p: { issuer: i, audiences: [a], keys: { file: k } } }
services:
  a: { ports: { 80: http }, endpoints: { dns: a.b, port: 80 }, tls: { identities: [spiffe://cluster.local/x] }, routes: [ { name: r, to: [ { backend: a } ] } ] }
retries: { backoff: {} }
)",
                                    "");
  ASSERT_TRUE(result.ok()) << result.format();
  std::size_t compared = 0;
  compare_defaults(kRoot, json::parse(settings_to_json(*result.settings)), "", compared);
  EXPECT_GT(compared, 25u);
}

}  // namespace
}  // namespace epaulet
