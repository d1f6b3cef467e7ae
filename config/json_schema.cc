#include "config/json_schema.h"

#include <charconv>

#include "config/json.h"
#include "config/keys.h"

namespace epaulet {
namespace {

namespace json = boost::json;
using namespace config;

constexpr std::string_view kDurationRegex = "^([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h))+$";
constexpr std::string_view kPercentRegex = "^[0-9]+(\\.[0-9]+)?%$";
constexpr std::string_view kSizeRegex = "^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB)$";

/// JSON's own value for a text as the user would write it.
json::value as_json(const Scalar& type, std::string_view text) {
  if (type.kind == ScalarKind::boolean) return text == "true";
  if (is_bare_in_json(type) && text.find_first_not_of("0123456789.") == std::string_view::npos) {
    double number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    const auto whole = static_cast<std::int64_t>(number);
    if (static_cast<double>(whole) == number) return whole;
    return number;
  }
  return json::string(text);
}

class SchemaWriter {
 public:
  json::object write() {
    json::object root{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                      {"title", "epaulet"}};
    for (auto& [name, member] : object_schema(kRoot)) root[name] = std::move(member);
    root["$defs"] = std::move(definitions_);
    return root;
  }

 private:
  json::object shape_schema(const Shape& shape) {
    if (shape.scalar != nullptr) return scalar_schema(*shape.scalar);
    if (shape.map != nullptr) return map_schema(*shape.map);
    if (shape.list != nullptr) {
      json::object schema{{"type", "array"}};
      if (shape.list->min > 0) schema["minItems"] = shape.list->min;
      schema["maxItems"] = shape.list->max;
      schema["items"] = shape_schema(shape.list->element);
      return schema;
    }
    define(*shape.object);
    return {{"$ref", "#/$defs/" + std::string(shape.object->name)}};
  }

  void define(const Object& object) {
    if (definitions_.contains(object.name)) return;
    definitions_[object.name] = nullptr;  // Before what is inside, in case that refers back.
    definitions_[object.name] = object_schema(object);
  }

  json::object object_schema(const Object& object) {
    json::object properties;
    json::array required;
    for (const Key& key : object.keys) {
      json::object schema{{"description", key.doc}};
      if (key.shape.scalar != nullptr && !key.default_text.empty()) {
        schema["default"] = as_json(*key.shape.scalar, key.default_text);
      }
      for (auto& [name, member] : shape_schema(key.shape)) schema[name] = std::move(member);
      properties[key.name] = std::move(schema);
      if (key.required) required.emplace_back(json::string(key.name));
    }
    json::object schema{{"description", object.doc},
                        {"type", "object"},
                        {"additionalProperties", false},
                        {"properties", std::move(properties)}};
    if (!required.empty()) schema["required"] = std::move(required);
    return schema;
  }

  json::object map_schema(const Map& map) {
    json::object names;
    if (map.key->kind == ScalarKind::integer) {
      names["pattern"] = "^[1-9][0-9]{0,4}$";
    } else {
      names["pattern"] = map.key->pattern;
    }
    return {{"type", "object"},
            {"propertyNames", std::move(names)},
            {"additionalProperties", shape_schema(map.value)}};
  }

  json::object scalar_schema(const Scalar& type) {
    switch (type.kind) {
      case ScalarKind::text: {
        json::object schema{{"type", "string"}, {"minLength", 1}};
        if (!type.pattern.empty()) schema["pattern"] = type.pattern;
        schema["examples"] = json::array{as_json(type, unquoted(type.example))};
        return schema;
      }
      case ScalarKind::boolean:
        return {{"type", "boolean"}};
      case ScalarKind::integer:
        return {{"type", "integer"}, {"minimum", type.min}, {"maximum", type.max}};
      case ScalarKind::number:
        return {{"type", "number"}, {"minimum", type.min}, {"maximum", type.max}};
      case ScalarKind::duration: {
        json::object text{{"type", "string"}, {"pattern", kDurationRegex}};
        text["examples"] = json::array{json::string(type.example)};
        if (type.min > 0) return text;
        return {{"anyOf", {std::move(text), {{"const", 0}}}}};
      }
      case ScalarKind::share:
        return {{"anyOf",
                 {{{"type", "string"}, {"pattern", kPercentRegex}},
                  {{"type", "number"}, {"minimum", 0}, {"maximum", 1}}}}};
      case ScalarKind::size:
        return {{"type", "string"}, {"pattern", kSizeRegex}};
      case ScalarKind::status: {
        std::string digits;
        for (auto digit = type.min / 100; digit <= type.max / 100; ++digit)
          digits += std::to_string(digit);
        return {{"anyOf",
                 {{{"type", "integer"}, {"minimum", type.min}, {"maximum", type.max}},
                  {{"type", "string"}, {"pattern", "^[" + digits + "](xx|[0-9]{2})$"}}}}};
      }
      case ScalarKind::choice: {
        json::array words;
        for (const Choice& choice : type.choices) words.push_back(as_json(type, choice.word));
        return {{"enum", std::move(words)}};
      }
      case ScalarKind::address:
      case ScalarKind::network_v4:
      case ScalarKind::network_v6:
      case ScalarKind::network:
        return {{"type", "string"}, {"examples", json::array{json::string(type.example)}}};
    }
    return {};
  }

  static std::string_view unquoted(std::string_view text) {
    return text.starts_with('"') ? text.substr(1, text.size() - 2) : text;
  }

  json::object definitions_;
};

}  // namespace

std::string json_schema() {
  return pretty_json(SchemaWriter().write());
}

}  // namespace epaulet
