#include "discovery/state_document.h"

namespace epaulet {
namespace {

namespace json = boost::json;

constexpr std::int64_t kVersion = 1;

}  // namespace

std::string state_document(std::string_view key, json::object by_name) {
  json::object root;
  root["version"] = kVersion;
  root[json::string_view(key.data(), key.size())] = std::move(by_name);
  return json::serialize(root) + "\n";
}

Result<json::object> read_state_document(std::string_view text, std::string_view key) {
  json::error_code failed;
  auto root = json::parse(json::string_view(text.data(), text.size()), failed);
  if (failed || !root.is_object()) return kNotOurs;
  const auto* version = root.get_object().if_contains("version");
  auto* by_name = root.get_object().if_contains(json::string_view(key.data(), key.size()));
  if (version == nullptr || *version != kVersion || by_name == nullptr || !by_name->is_object())
    return kNotOurs;
  return std::move(by_name->get_object());
}

}  // namespace epaulet
