#include "jwks/key_memory.h"

#include <boost/json.hpp>

#include "base/limits.h"
#include "discovery/state_document.h"
#include "discovery/state_file.h"

namespace epaulet::jwks {
namespace {

namespace json = boost::json;

std::int64_t seconds_since_1970(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::optional<KeyMemory::Entry> entry_from(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  const auto* url = object->if_contains("url");
  const auto* fetched_at = object->if_contains("fetched_at");
  const auto* keys = object->if_contains("keys");
  if (url == nullptr || fetched_at == nullptr || keys == nullptr) return std::nullopt;
  if (!url->is_string() || !fetched_at->is_int64() || !keys->is_string()) return std::nullopt;
  if (keys->get_string().size() > limits::kJwksBytesMax) return std::nullopt;
  KeyMemory::Entry entry;
  entry.url = std::string_view(url->get_string());
  entry.fetched_at = fetched_at->get_int64();
  entry.keys = std::string_view(keys->get_string());
  return entry;
}

}  // namespace

Result<void> KeyMemory::load() {
  entries_.clear();
  if (state_dir_.empty()) return {};
  const auto text = read_state_file(path());
  if (!text) return text.error();
  if (text->empty()) return {};
  auto entries = from_json(*text);
  if (!entries) return entries.error();
  entries_ = std::move(*entries);
  return {};
}

Result<void> KeyMemory::save() {
  if (state_dir_.empty()) {
    changed_ = false;
    return {};
  }
  auto written = write_state_file(path(), to_json(entries_));
  if (written) changed_ = false;
  return written;
}

const KeyMemory::Entry* KeyMemory::recall(const std::string& issuer, std::string_view url,
                                          WallTime now) const {
  const auto found = entries_.find(issuer);
  if (found == entries_.end() || found->second.url != url) return nullptr;
  const auto age = std::chrono::seconds(seconds_since_1970(now) - found->second.fetched_at);
  // From the future: one of the two clocks was wrong, and nobody knows by how much.
  return age.count() < 0 || age > kKept ? nullptr : &found->second;
}

void KeyMemory::remember(const std::string& issuer, std::string_view url, std::string_view keys,
                         WallTime now) {
  Entry& entry = entries_[issuer];
  const auto at = seconds_since_1970(now);
  const auto since = std::chrono::seconds(at - entry.fetched_at);
  const bool is_known = entry.url == url && entry.keys == keys;
  if (is_known && since.count() >= 0 && since < kConfirmed) return;
  entry.url = url;
  entry.fetched_at = at;
  entry.keys = keys;
  changed_ = true;
}

void KeyMemory::forget(const std::string& issuer) {
  changed_ = entries_.erase(issuer) > 0 || changed_;
}

std::string KeyMemory::to_json(const Entries& entries) {
  json::object issuers;
  for (const auto& [name, entry] : entries) {
    json::object object;
    object["url"] = entry.url;
    object["fetched_at"] = entry.fetched_at;
    object["keys"] = entry.keys;
    issuers[name] = std::move(object);
  }
  return state_document("issuers", std::move(issuers));
}

Result<KeyMemory::Entries> KeyMemory::from_json(std::string_view text) {
  const auto issuers = read_state_document(text, "issuers");
  if (!issuers) return issuers.error();
  Entries entries;
  for (const auto& member : *issuers) {
    auto entry = entry_from(member.value());
    if (!entry) return kNotOurs;
    entries.emplace(std::string(std::string_view(member.key())), std::move(*entry));
  }
  return entries;
}

}  // namespace epaulet::jwks
