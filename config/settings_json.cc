#include "config/settings_json.h"

#include "config/json.h"
#include "config/keys.h"

namespace epaulet {
namespace {

namespace json = boost::json;
using namespace config;

json::value scalar_json(const Scalar& type, const ScalarValue& value) {
  if (type.kind == ScalarKind::boolean) return std::get<std::int64_t>(value) != 0;
  if (is_bare_in_json(type)) {
    if (const auto* number = std::get_if<double>(&value)) return *number;
    return std::get<std::int64_t>(value);
  }
  return json::string(write_scalar(type, value));
}

/// True for what a field holds that was never written and has no default to show.
bool is_blank(const Scalar& type, const ScalarValue& value) {
  if (type.kind == ScalarKind::choice && write_scalar(type, value).empty()) return true;
  if (const auto* text = std::get_if<std::string>(&value)) return text->empty();
  const auto* number = std::get_if<std::int64_t>(&value);
  return number != nullptr && *number == 0 && type.kind == ScalarKind::integer;
}

json::value shape_json(const Shape& shape, const Binding& binding, const void* field);

json::value object_json(const Object& object, const void* fields) {
  json::object out;
  for (const Key& key : object.keys) {
    const void* field = key.peek(fields);
    if (field == nullptr) continue;
    if (key.shape.scalar != nullptr) {
      ScalarValue value;
      if (!key.binding.get(field, value)) continue;
      if (key.default_text.empty() && is_blank(*key.shape.scalar, value)) continue;
      out[key.name] = scalar_json(*key.shape.scalar, value);
      continue;
    }
    auto value = shape_json(key.shape, key.binding, field);
    const bool is_empty =
        value.is_object() ? value.get_object().empty() : value.get_array().empty();
    const bool says = key.shape.object != nullptr && key.shape.object->says_by_being_there;
    if (!is_empty || says) out[key.name] = std::move(value);
  }
  return out;
}

json::value shape_json(const Shape& shape, const Binding& binding, const void* field) {
  if (shape.object != nullptr) return object_json(*shape.object, field);
  if (shape.map != nullptr) {
    const Map& map = *shape.map;
    json::object out;
    map.each(field, [&](const ScalarValue& key, const void* value) {
      out[write_scalar(*map.key, key)] = shape_json(map.value, map.binding, value);
    });
    return out;
  }
  if (shape.list != nullptr) {
    const List& list = *shape.list;
    json::array out;
    list.each(field, [&](const void* element) {
      out.push_back(shape_json(list.element, list.binding, element));
    });
    return out;
  }
  ScalarValue value;
  binding.get(field, value);
  return scalar_json(*shape.scalar, value);
}

}  // namespace

std::string settings_to_json(const Settings& settings) {
  return pretty_json(object_json(kRoot, &settings));
}

}  // namespace epaulet
