#include "config/json_schema.h"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <regex>

#include "config/loader.h"

namespace epaulet {
namespace {

namespace json = boost::json;

/// What an editor's validator does, for the part of draft 2020-12 that the schema uses. A keyword
/// that this does not know fails the test: nothing is passed over in silence.
class Validator {
 public:
  explicit Validator(const json::value& root) : root_(root) {}

  /// The first complaint, "" if `value` fits.
  std::string check(const json::value& schema, const json::value& value, const std::string& path) {
    for (const auto& [keyword, rule] : schema.as_object()) {
      auto complaint = apply(keyword, rule, schema.as_object(), value, path);
      if (!complaint.empty()) return complaint;
    }
    return {};
  }

 private:
  std::string apply(std::string_view keyword, const json::value& rule, const json::object& schema,
                    const json::value& value, const std::string& path) {
    const auto fail = [&] { return path + ": " + std::string(keyword); };
    if (keyword == "$ref") {
      const auto name = json::string_view(rule.as_string()).substr(sizeof "#/$defs/" - 1);
      return check(root_.at("$defs").at(name), value, path);
    }
    if (keyword == "type") return has_type(value, rule.as_string()) ? "" : fail();
    if (keyword == "enum") {
      const auto& words = rule.as_array();
      return std::find(words.begin(), words.end(), value) != words.end() ? "" : fail();
    }
    if (keyword == "const") return value == rule ? "" : fail();
    if (keyword == "anyOf") {
      const auto& ways = rule.as_array();
      const bool fits = std::any_of(ways.begin(), ways.end(), [&](const json::value& way) {
        return check(way, value, path).empty();
      });
      return fits ? "" : fail();
    }
    if (keyword == "minimum") {
      return !value.is_number() || value.to_number<double>() >= rule.to_number<double>() ? ""
                                                                                         : fail();
    }
    if (keyword == "maximum") {
      return !value.is_number() || value.to_number<double>() <= rule.to_number<double>() ? ""
                                                                                         : fail();
    }
    if (keyword == "pattern") {
      if (!value.is_string()) return {};
      const std::regex pattern{std::string(rule.as_string())};
      return std::regex_search(std::string(value.as_string()), pattern) ? "" : fail();
    }
    if (keyword == "minLength") {
      return !value.is_string() || value.as_string().size() >= rule.to_number<std::size_t>()
                 ? ""
                 : fail();
    }
    if (keyword == "minItems") {
      return !value.is_array() || value.as_array().size() >= rule.to_number<std::size_t>() ? ""
                                                                                           : fail();
    }
    if (keyword == "maxItems") {
      return !value.is_array() || value.as_array().size() <= rule.to_number<std::size_t>() ? ""
                                                                                           : fail();
    }
    if (keyword == "items") {
      if (!value.is_array()) return {};
      for (const auto& element : value.as_array()) {
        auto complaint = check(rule, element, path + "[]");
        if (!complaint.empty()) return complaint;
      }
      return {};
    }
    if (keyword == "properties" || keyword == "additionalProperties") {
      return check_members(keyword, rule, schema, value, path);
    }
    if (keyword == "propertyNames") {
      if (!value.is_object()) return {};
      for (const auto& [name, member] : value.as_object()) {
        auto complaint = check(rule, json::value(name), path + " " + std::string(name));
        if (!complaint.empty()) return complaint;
      }
      return {};
    }
    if (keyword == "required") {
      if (!value.is_object()) return {};
      for (const auto& name : rule.as_array()) {
        if (!value.as_object().contains(name.as_string())) return fail();
      }
      return {};
    }
    constexpr std::string_view kAnnotations[] = {"$schema",     "$defs",   "title",
                                                 "description", "default", "examples"};
    const bool is_annotation = std::find(std::begin(kAnnotations), std::end(kAnnotations),
                                         keyword) != std::end(kAnnotations);
    return is_annotation ? ""
                         : path + ": the test does not know the keyword " + std::string(keyword);
  }

  std::string check_members(std::string_view keyword, const json::value& rule,
                            const json::object& schema, const json::value& value,
                            const std::string& path) {
    if (!value.is_object()) return {};
    const auto* properties = schema.if_contains("properties");
    for (const auto& [name, member] : value.as_object()) {
      const auto member_path = path + "." + std::string(name);
      const auto* known =
          properties == nullptr ? nullptr : properties->as_object().if_contains(name);
      if (keyword == "properties") {
        if (known == nullptr) continue;
        if (auto complaint = check(*known, member, member_path); !complaint.empty())
          return complaint;
      } else if (known == nullptr) {
        if (rule == json::value(false)) return member_path + ": unknown key";
        if (auto complaint = check(rule, member, member_path); !complaint.empty()) return complaint;
      }
    }
    return {};
  }

  static bool has_type(const json::value& value, std::string_view type) {
    return type == "object"    ? value.is_object()
           : type == "array"   ? value.is_array()
           : type == "string"  ? value.is_string()
           : type == "boolean" ? value.is_bool()
           : type == "integer" ? value.is_int64()
           : type == "number"  ? value.is_number()
                               : false;
  }

  const json::value& root_;
};

/// As an editor reads YAML: plain scalars are null, booleans, numbers (YAML 1.2 core schema) or
/// texts.
json::value to_json(const YAML::Node& node) {
  if (node.IsMap()) {
    json::object object;
    for (const auto& entry : node) object[entry.first.Scalar()] = to_json(entry.second);
    return object;
  }
  if (node.IsSequence()) {
    json::array array;
    for (const auto& element : node) array.push_back(to_json(element));
    return array;
  }
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return json::string(text);
  if (node.IsNull()) return nullptr;
  if (text == "true" || text == "false") return text == "true";
  static const std::regex integer("-?[0-9]+");
  static const std::regex number("-?[0-9]+\\.[0-9]+");
  if (std::regex_match(text, integer)) return std::stoll(text);
  if (std::regex_match(text, number)) return std::stod(text);
  return json::string(text);
}

class Schema : public testing::Test {
 protected:
  std::string complaint(const std::string& yaml) {
    return Validator(schema_).check(schema_, to_json(YAML::Load(yaml)), "");
  }
  json::value schema_ = json::parse(json_schema());
};

TEST_F(Schema, accepts_the_examples) {
  for (const auto* name : {"minimal.yaml", "full.yaml"}) {
    const auto path = std::string(EPAULET_SOURCE_DIR "/config/examples/") + name;
    EXPECT_EQ(Validator(schema_).check(schema_, to_json(YAML::LoadFile(path)), ""), "") << name;
  }
  EXPECT_EQ(complaint("timeouts: { request: 0, attempt: 1m30s }"), "");
  EXPECT_EQ(complaint("retries: { budget: 0.2 }"), "");
}

TEST_F(Schema, refuses_what_the_loader_refuses_for_its_shape) {
  const std::pair<const char*, const char*> cases[] = {
      {"egres: deny", ".egres: unknown key"},
      {"egress: maybe", ".egress: enum"},
      {"workers: many", ".workers: type"},
      {"workers: 0", ".workers: minimum"},
      {"workers: 65", ".workers: maximum"},
      {"timeouts: { request: 10 }", ".timeouts.request: anyOf"},
      {"timeouts: { connect: 10 }", ".timeouts.connect: type"},
      {"timeouts: { connect: 10sec }", ".timeouts.connect: pattern"},
      {"limits: { head: 64KB }", ".limits.head: pattern"},
      {"retries: { budget: 20 }", ".retries.budget: anyOf"},
      {"retries: { statuses: [200] }", ".retries.statuses[]: anyOf"},
      {"retries: { statuses: [2xx] }", ".retries.statuses[]: anyOf"},
      {"invalid_token: 400", ".invalid_token: enum"},
      {"tracing: { begin: yes }", ".tracing.begin: type"},
      {"access: [ { allow: [anyone] } ]", ".access[]: required"},
      {"access: [ { name: a, allow: [] } ]", ".access[].allow: minItems"},
      {"access: [ { name: a, paths: [x], allow: [b] } ]", ".access[].paths[]: pattern"},
      {"access: [ { name: a, methods: [get], allow: [b] } ]", ".access[].methods[]: pattern"},
      {"workload: { ports: { http: {} } }", ".workload.ports http: pattern"},
      {"workload: { service: Api }", ".workload.service: pattern"},
      {"roles: { a: [ { identity: a/b } ] }", ".roles.a[].identity: pattern"},
      {"log: debug", ".log: type"},
      {"access: { name: a }", ".access: type"}};
  for (const auto& [yaml, expected] : cases) {
    EXPECT_EQ(complaint(yaml), expected) << yaml;
    EXPECT_FALSE(load_settings("f.yaml", yaml, "").ok()) << yaml;
  }
}

}  // namespace
}  // namespace epaulet
