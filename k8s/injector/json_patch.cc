#include "k8s/injector/json_patch.h"

#include <string>

namespace epaulet::injector {
namespace {

namespace json = boost::json;

/// RFC 6901 section 3.
std::string pointer_to(const std::string& parent, std::string_view key) {
  std::string out = parent + "/";
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

void add_operation(json::array& patch, std::string_view name, const std::string& path,
                   const json::value* value) {
  json::object operation;
  operation["op"] = name;
  operation["path"] = path;
  if (value != nullptr) operation["value"] = *value;
  patch.push_back(std::move(operation));
}

void compare(json::array& patch, const std::string& path, const json::value& before,
             const json::value& after);

void compare_members(json::array& patch, const std::string& path, const json::object& before,
                     const json::object& after) {
  for (const auto& [key, value] : before) {
    if (!after.contains(key)) add_operation(patch, "remove", pointer_to(path, key), nullptr);
  }
  for (const auto& [key, value] : after) {
    const auto* old = before.if_contains(key);
    if (old == nullptr) {
      add_operation(patch, "add", pointer_to(path, key), &value);
    } else {
      compare(patch, pointer_to(path, key), *old, value);
    }
  }
}

void compare(json::array& patch, const std::string& path, const json::value& before,
             const json::value& after) {
  if (before == after) return;
  if (before.is_object() && after.is_object())
    return compare_members(patch, path, before.get_object(), after.get_object());
  if (before.is_array() && after.is_array() &&
      before.get_array().size() == after.get_array().size()) {
    for (std::size_t i = 0; i < before.get_array().size(); ++i)
      compare(patch, path + "/" + std::to_string(i), before.get_array()[i], after.get_array()[i]);
    return;
  }
  add_operation(patch, "replace", path, &after);
}

}  // namespace

json::array patch_between(const json::value& before, const json::value& after) {
  json::array patch;
  compare(patch, "", before, after);
  return patch;
}

}  // namespace epaulet::injector
