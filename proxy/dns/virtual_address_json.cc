#include <boost/json.hpp>

#include "dns/virtual_addresses.h"

namespace epaulet {
namespace {

namespace json = boost::json;

const Error kNotOurs(ErrorCode::config_invalid, Side::self, Stage::dns);

std::optional<IpAddress> address_from(const json::value* value) {
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return IpAddress::parse(std::string_view(value->get_string()));
}

std::optional<VirtualAddressBook::Entry> entry_from(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  const auto* service = object->if_contains("service");
  const auto* gone_since = object->if_contains("gone_since");
  const auto v4 = address_from(object->if_contains("v4"));
  if (service == nullptr || !service->is_string() || !v4 || !v4->is_v4()) return std::nullopt;
  if (gone_since == nullptr || !gone_since->is_int64() || gone_since->get_int64() < 0)
    return std::nullopt;
  VirtualAddressBook::Entry entry;
  entry.service = std::string(std::string_view(service->get_string()));
  entry.v4 = *v4;
  entry.gone_since = gone_since->get_int64();
  if (const auto* v6 = object->if_contains("v6")) {
    const auto address = address_from(v6);
    if (!address || !address->is_v6()) return std::nullopt;
    entry.v6 = address;
  }
  return entry;
}

}  // namespace

std::string VirtualAddressBook::to_json(std::span<const Entry> entries) {
  json::array addresses;
  for (const auto& entry : entries) {
    json::object object;
    object["service"] = entry.service;
    object["v4"] = entry.v4.to_string();
    if (entry.v6) object["v6"] = entry.v6->to_string();
    object["gone_since"] = entry.gone_since;
    addresses.push_back(std::move(object));
  }
  json::object root;
  root["version"] = 1;
  root["addresses"] = std::move(addresses);
  return json::serialize(root) + "\n";
}

Result<std::vector<VirtualAddressBook::Entry>> VirtualAddressBook::from_json(
    std::string_view text) {
  json::error_code failed;
  const auto root = json::parse(json::string_view(text.data(), text.size()), failed);
  if (failed || !root.is_object()) return kNotOurs;
  const auto* version = root.get_object().if_contains("version");
  const auto* addresses = root.get_object().if_contains("addresses");
  if (version == nullptr || *version != 1 || addresses == nullptr || !addresses->is_array())
    return kNotOurs;
  std::vector<Entry> entries;
  for (const auto& value : addresses->get_array()) {
    auto entry = entry_from(value);
    if (!entry) return kNotOurs;
    entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace epaulet
