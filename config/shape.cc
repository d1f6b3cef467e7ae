#include "config/shape.h"

#include <algorithm>

namespace epaulet::config {

std::string noun_of(const Shape& shape) {
  if (shape.scalar != nullptr) return std::string(shape.scalar->noun);
  return shape.list != nullptr ? "a list" : "keys with values";
}

std::string example_of(const Shape& shape) {
  if (shape.scalar != nullptr) return std::string(shape.scalar->example);
  if (shape.list != nullptr) return "[ " + example_of(shape.list->element) + " ]";
  if (shape.map != nullptr) {
    return "{ " + std::string(shape.map->key->example) + ": " + example_of(shape.map->value) + " }";
  }
  if (shape.object->keys.empty()) return "{}";
  // The required keys, or the first if none is.
  std::string out;
  for (const Key& key : shape.object->keys) {
    if (!key.required) continue;
    out += (out.empty() ? "{ " : ", ") + std::string(key.name) + ": " + example_of(key.shape);
  }
  if (out.empty()) {
    const Key& first = shape.object->keys.front();
    out = "{ " + std::string(first.name) + ": " + example_of(first.shape);
  }
  return out + " }";
}

const Key* find_key(const Object& object, std::string_view name) {
  const auto found = std::find_if(object.keys.begin(), object.keys.end(),
                                  [&](const Key& key) { return key.name == name; });
  return found == object.keys.end() ? nullptr : &*found;
}

}  // namespace epaulet::config
