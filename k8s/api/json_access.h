#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string_view>

namespace epaulet::kube {

namespace json = boost::json;

/// The member that is an object; null: there is none. A foreign document may hold anything
/// anywhere, so nothing is taken for granted.
[[nodiscard]] inline const json::object* object_in(const json::object& in, std::string_view key) {
  const auto* found = in.if_contains(key);
  return found == nullptr ? nullptr : found->if_object();
}
[[nodiscard]] inline const json::array* array_in(const json::object& in, std::string_view key) {
  const auto* found = in.if_contains(key);
  return found == nullptr ? nullptr : found->if_array();
}
/// "" if there is none.
[[nodiscard]] inline std::string_view text_in(const json::object& in, std::string_view key) {
  const auto* found = in.if_contains(key);
  const auto* text = found == nullptr ? nullptr : found->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}
[[nodiscard]] inline std::optional<std::int64_t> number_in(const json::object& in,
                                                           std::string_view key) {
  const auto* found = in.if_contains(key);
  if (found == nullptr) return std::nullopt;
  if (const auto* number = found->if_int64()) return *number;
  return std::nullopt;
}
[[nodiscard]] inline bool is_true_in(const json::object& in, std::string_view key) {
  const auto* found = in.if_contains(key);
  const auto* flag = found == nullptr ? nullptr : found->if_bool();
  return flag != nullptr && *flag;
}

/// The member as an object, made if there is none. What is no object is replaced: the API server
/// has checked the types before, but its `null` stands for "absent".
inline json::object& object_at(json::object& in, std::string_view key) {
  auto& value = in[key];
  if (!value.is_object()) value.emplace_object();
  return value.get_object();
}
inline json::array& array_at(json::object& in, std::string_view key) {
  auto& value = in[key];
  if (!value.is_array()) value.emplace_array();
  return value.get_array();
}

}  // namespace epaulet::kube
