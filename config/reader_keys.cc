#include "base/assert.h"
#include "config/keys.h"
#include "config/nearest_word.h"
#include "config/reader.h"

/// The half of Reader that looks at keys: known, unknown, written twice.
namespace epaulet::config {
namespace {

std::vector<std::string_view> key_names(const Object& object) {
  std::vector<std::string_view> names;
  for (const Key& key : object.keys) names.push_back(key.name);
  return names;
}

std::string join(const std::vector<std::string_view>& words) {
  std::string out;
  for (const auto word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out;
}

/// The key of `object` whose own object knows `name`: `request` belongs under `timeouts`.
const Key* find_home(const Object& object, std::string_view name) {
  for (const Key& key : object.keys) {
    if (key.shape.object != nullptr && find_key(*key.shape.object, name) != nullptr) return &key;
  }
  return nullptr;
}

}  // namespace

void Reader::read_key(const Place& place, const std::string& text, bool quoted) {
  Frame& frame = top();
  saw_content_ = true;
  frame.expects_key = false;
  frame.skips_value = false;
  frame.key_text = text;
  frame.key_place = place;
  in_merge_ = text == "<<" && !quoted;
  if (in_merge_) {
    frame.skips_value = true;
    complaints_.add(place, path_,
                    {"merge keys (<<) are not supported", "write the keys out at each place", {}});
  } else if (frame.shape.object != nullptr) {
    read_object_key(frame);
  } else {
    read_map_key(frame, quoted);
  }
  if (recorded_ != nullptr && !frame.skips_value && frame.shape.object != nullptr) {
    recorded_->paths.try_emplace(recorded_path(), place);
  }
}

void Reader::read_object_key(Frame& frame) {
  const Key* key = find_key(*frame.shape.object, frame.key_text);
  if (key == nullptr) {
    frame.skips_value = true;
    complain_of_unknown_key(frame);
    return;
  }
  frame.row = static_cast<std::size_t>(key - frame.shape.object->keys.data());
  EPAULET_ASSERT(frame.row < kKeysMax);
  auto& first = frame.keys[frame.row];
  if (first.line != 0) return complain_of_duplicate(frame, first.line);
  first = frame.key_place;
  frame.values[frame.row] = frame.key_place;  // Until the value comes.
  frame.skips_value = key->ignored;
}

void Reader::read_map_key(Frame& frame, bool quoted) {
  const Map& map = *frame.shape.map;
  const auto [line, is_new] = frame.lines.try_emplace(frame.key_text, frame.key_place.line);
  if (!is_new) return complain_of_duplicate(frame, line->second);
  // A name in quotes is the same name; a port may be quoted, since JSON keys are.
  const bool is_text = map.key->kind == ScalarKind::text;
  auto read = read_scalar(*map.key, frame.key_text, quoted && is_text);
  if (auto* complaint = std::get_if<Complaint>(&read)) {
    complaints_.add(frame.key_place, path_, std::move(*complaint));
    frame.skips_value = !is_text;
    // A name is known even if it is spelled wrongly: no further complaints about who mentions it.
    if (is_text) read = ScalarValue(frame.key_text);
  }
  if (frame.skips_value) return;
  if (recorded_ != nullptr && frames_.size() == 2)
    recorded_->entries.try_emplace(value_path(), frame.key_place);
  const auto entry = map.insert(frame.target, std::get<ScalarValue>(read));
  frame.entry = entry.value;
  if (entry.origin != nullptr) note_origin(entry.origin, frame.key_place, value_path());
}

namespace {

/// A key that means something elsewhere: why not here, and what to write instead.
std::optional<Complaint> misplaced_key(std::string_view object, std::string_view key) {
  if (object != "app_rate_key" || key != "principal") return std::nullopt;
  return Complaint{"all that the app asks is asked by one principal, this workload",
                   "write by: { header: NAME }, or limit each caller where it is asked, under its "
                   "rate_limits",
                   {}};
}

}  // namespace

void Reader::complain_of_unknown_key(Frame& frame) {
  if (!complaints_.has_room()) return complaints_.add({}, {}, {});
  const Object& object = *frame.shape.object;
  const std::string name = config::in_quotes(frame.key_text);
  Complaint complaint{"unknown key " + name, {}, {}};
  const auto names = key_names(object);
  const auto colon = frame.key_text.find(':');
  const Key* home = find_home(object, frame.key_text);
  if (is_future_key(object.name, frame.key_text)) {
    complaint.message = "the key " + name + " is not in this version of epaulet";
    complaint.remedy = "remove it";
  } else if (auto misplaced = misplaced_key(object.name, frame.key_text)) {
    complaint = std::move(*misplaced);
    frame.meant.set(0);  // Nothing is missing besides.
  } else if (colon != std::string::npos && find_key(object, frame.key_text.substr(0, colon))) {
    complaint.remedy = "write a blank after the colon";
  } else if (auto nearest = nearest_word(frame.key_text, names); !nearest.empty()) {
    complaint.did_you_mean = std::move(nearest);
  } else if (home != nullptr) {
    complaint.did_you_mean = std::string(home->name) + "." + frame.key_text;
    complaint.remedy = "it belongs under " + std::string(home->name);
  } else {
    const bool is_of_root = frames_.size() > 1 && find_key(root_, frame.key_text) != nullptr;
    complaint.remedy = is_of_root ? "it stands at the top level" : "keys here: " + join(names);
  }
  // What was meant is not missing: no further complaint about that.
  if (const Key* meant = find_key(object, complaint.did_you_mean); meant != nullptr) {
    frame.meant.set(static_cast<std::size_t>(meant - object.keys.data()));
  }
  complaints_.add(frame.key_place, path_, std::move(complaint));
}

void Reader::complain_of_duplicate(Frame& frame, std::uint32_t first_line) {
  frame.skips_value = true;
  complaints_.add(frame.key_place, path_,
                  {"duplicate key " + in_quotes(frame.key_text) + ", first in line " +
                       std::to_string(first_line),
                   "keep one of them",
                   {}});
}

}  // namespace epaulet::config
