#include "config/reader.h"

#include <algorithm>

#include "base/assert.h"
#include "config/keys.h"

namespace epaulet::config {
namespace {

constexpr std::string_view kAnchorRemedy = "write the value out at each place";

bool is_keyed(const Shape& shape) {
  return shape.object != nullptr || shape.map != nullptr;
}

}  // namespace

/// Lends a frame to a close function of the key tables.
class Reader::ObjectContext final : public Context {
 public:
  ObjectContext(Reader& reader, Frame& frame) : reader_(reader), frame_(frame) {}

  bool has(std::string_view key) const override {
    return is_written(key) || frame_.meant[row_of(key)];
  }
  Draft& draft() override { return reader_.draft_; }
  void complain(std::string_view key, std::string message, std::string remedy) override {
    const Place place = !key.empty() && is_written(key) ? frame_.values[row_of(key)] : frame_.place;
    reader_.complaints_.add(place, reader_.path_, {std::move(message), std::move(remedy), {}});
  }
  void note_origin(std::string_view key, Origin& origin) const override {
    if (is_written(key)) reader_.note_origin(&origin, frame_.keys[row_of(key)], std::string(key));
  }

 private:
  bool is_written(std::string_view key) const { return frame_.keys[row_of(key)].line != 0; }
  std::size_t row_of(std::string_view name) const {
    const Key* key = find_key(*frame_.shape.object, name);
    EPAULET_ASSERT(key != nullptr);
    return static_cast<std::size_t>(key - frame_.shape.object->keys.data());
  }

  Reader& reader_;
  Frame& frame_;
};

Reader::Reader(SourceText& source, Draft& draft, Complaints& complaints, const Object& root,
               void* target)
    : source_(source),
      draft_(draft),
      complaints_(complaints),
      root_(root),
      target_(target != nullptr ? target : &draft.settings) {
  frames_.reserve(kFramesMax);  // References to frames stay good while others are pushed.
}

// ---- Events. ----

void Reader::OnDocumentStart(const YAML::Mark& mark) {
  if (++documents_ != 2) return;
  complaints_.add(
      place_at(mark), {},
      {"a second document begins here", "a configuration is one document: remove the ---", {}});
}

void Reader::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const Place place = place_at(mark);
  check_properties(place, {}, anchor);
  if (is_skipping() || frames_.empty()) return;
  Frame& frame = top();
  if (is_keyed(frame.shape) && frame.expects_key) {
    complaints_.add(place, path_, {"a key is missing before the colon", {}, {}});
    frame.expects_key = false;
    frame.skips_value = true;
    return;
  }
  // yaml-cpp marks whatever comes next, which may be lines away: the key is where one looks.
  const bool is_item = frame.shape.list != nullptr;
  const Slot slot =
      take_slot(is_item ? source_.place_of_offset(source_.empty_item(place.offset)) : place);
  if (slot.shape == nullptr) return;
  if (frame.shape.object != nullptr && frame.shape.object->keys[frame.row].nullable) return;
  complain_of_value(slot.place, {"has no value",
                                 (is_item ? "write one or remove the -, for example "
                                          : "write one or remove the key, for example ") +
                                     example_of(*slot.shape),
                                 {}});
}

void Reader::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  (void)anchor;
  const Place place = place_at(mark);
  if (!in_merge_) {
    complaints_.add(place, {}, {"aliases (*) are not supported", std::string(kAnchorRemedy), {}});
  }
  if (is_skipping() || frames_.empty()) return;
  Frame& frame = top();
  if (is_keyed(frame.shape) && frame.expects_key) {
    frame.expects_key = false;
    frame.skips_value = true;
    return;
  }
  (void)take_slot(place);
}

void Reader::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                      const std::string& value) {
  const Place place = place_at(mark);
  const bool quoted = tag == "!";
  if (quoted && !source_.quote_is_closed(place.offset)) throw UnclosedQuote{place};
  check_properties(place, tag, anchor);
  if (is_skipping()) return;
  if (frames_.empty()) {
    saw_content_ = true;
    complaints_.add(place, {},
                    {"expected keys with values; found " + config::in_quotes(value),
                     "for example egress: deny",
                     {}});
  } else if (is_keyed(top().shape) && top().expects_key) {
    read_key(place, value, quoted);
  } else {
    read_value(place, value, quoted);
  }
}

void Reader::OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                             YAML::EmitterStyle::value style) {
  (void)style;
  const Place place = place_at(mark);
  check_properties(place, tag, anchor);
  begin_container(place, false);
}

void Reader::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                        YAML::EmitterStyle::value style) {
  (void)style;
  const Place place = place_at(mark);
  check_properties(place, tag, anchor);
  begin_container(place, true);
}

void Reader::check_properties(const Place& place, const std::string& tag, YAML::anchor_t anchor) {
  if (anchor != 0) {
    complaints_.add(place, {}, {"anchors (&) are not supported", std::string(kAnchorRemedy), {}});
  }
  // yaml-cpp says "?" for plain and "!" for quoted; an explicit "!" is seen in the text only.
  const auto text = source_.text();
  const bool is_explicit = place.offset < text.size() && text[place.offset] == '!' && tag == "!";
  if (is_explicit || (!tag.empty() && tag != "?" && tag != "!")) {
    complaints_.add(place, {},
                    {"tags (!) are not supported",
                     "remove the tag; a text that begins with ! needs quotes",
                     {}});
  }
}

// ---- Values. ----

/// `place` is the value's; after this the frame expects a key again.
Reader::Slot Reader::take_slot(const Place& place) {
  Frame& frame = top();
  if (frame.shape.list != nullptr) {
    const List& list = *frame.shape.list;
    ++frame.items;
    if (frame.items == list.max + 1) {
      complaints_.add(place, path_, {"more than " + std::to_string(list.max) + " items", {}, {}});
    }
    if (frame.items > list.max) return {};
    return {&list.element, &list.binding, place};
  }
  frame.expects_key = true;
  if (frame.skips_value) return {};
  if (frame.shape.map != nullptr) {
    return {&frame.shape.map->value, &frame.shape.map->binding, frame.key_place};
  }
  const Key& key = frame.shape.object->keys[frame.row];
  // A block that begins on another line is found by its key.
  frame.values[frame.row] = place.line == frame.key_place.line ? place : frame.key_place;
  return {&key.shape, &key.binding, frame.key_place};
}

/// Where the value goes that take_slot() has just announced.
void* Reader::open_value() {
  Frame& frame = top();
  if (frame.shape.list != nullptr) return frame.shape.list->append(frame.target);
  if (frame.shape.map != nullptr) return frame.entry;
  return frame.shape.object->keys[frame.row].open(frame.target, draft_);
}

void Reader::read_value(const Place& place, const std::string& text, bool quoted_text) {
  const Slot slot = take_slot(place);
  if (slot.shape == nullptr) return;
  if (slot.shape->scalar == nullptr) {
    const List* list = slot.shape->list;
    const bool is_lone_item = list != nullptr && list->element.scalar != nullptr;
    return complain_of_shape(slot, place, in_quotes(text),
                             is_lone_item ? "write it as a list: [ " + text + " ]" : "");
  }
  const Scalar& type = *slot.shape->scalar;
  auto read = read_scalar(type, text, quoted_text);
  if (auto* complaint = std::get_if<Complaint>(&read)) {
    return complain_of_value(place, std::move(*complaint));
  }
  slot.binding->set(open_value(), std::get<ScalarValue>(read));
  if (type.mentions != Mentions::nothing) {
    draft_.mentions.push_back({type.mentions, text, value_path(), place, &source_});
  }
}

void Reader::complain_of_shape(const Slot& slot, const Place& place, const std::string& found,
                               std::string remedy) {
  complain_of_value(place.line == slot.place.line ? place : slot.place,
                    {"expected " + noun_of(*slot.shape) + ", for example " +
                         example_of(*slot.shape) + "; found " + found,
                     std::move(remedy),
                     {}});
}

void Reader::begin_container(const Place& place, bool is_map) {
  if (is_skipping()) {
    ++skip_depth_;
    return;
  }
  const std::string found = is_map ? "keys with values" : "a list";
  if (frames_.empty()) {
    saw_content_ = true;
    if (is_map) return push(root_, target_, place);
    ++skip_depth_;
    return complaints_.add(
        place, {}, {"expected keys with values; found a list", "for example egress: deny", {}});
  }
  if (is_keyed(top().shape) && top().expects_key) {
    top().expects_key = false;
    top().skips_value = true;
    ++skip_depth_;
    return complaints_.add(
        place, path_,
        {"expected a key; found " + found, "a key is a text followed by a colon", {}});
  }
  const Slot slot = take_slot(place);
  if (slot.shape != nullptr && (is_map ? is_keyed(*slot.shape) : slot.shape->list != nullptr)) {
    return push(*slot.shape, open_value(), slot.place);
  }
  ++skip_depth_;
  if (slot.shape != nullptr) complain_of_shape(slot, place, found);
}

void Reader::push(const Shape& shape, void* target, const Place& place) {
  EPAULET_ASSERT(frames_.size() < kFramesMax);
  if (!frames_.empty()) path_ = value_path();
  frames_.emplace_back(shape, target, place);
  top().path_bytes = path_.size();
  if (shape.object != nullptr && shape.object->origin != nullptr) {
    note_origin(shape.object->origin(target), place, path_);
  }
}

void Reader::end_container() {
  if (skip_depth_ > 0) {
    --skip_depth_;
    return;
  }
  if (frames_.empty()) return;
  Frame& frame = top();
  if (frame.shape.object != nullptr) close_object(frame);
  if (frame.shape.list != nullptr && frame.items < frame.shape.list->min) {
    complaints_.add(
        frame.place, path_,
        {"the list is empty", "leave the key out, or write " + example_of(frame.shape), {}});
  }
  frames_.pop_back();
  if (!frames_.empty()) path_.resize(top().path_bytes);
}

void Reader::close_object(Frame& frame) {
  const Object& object = *frame.shape.object;
  bool is_complete = true;
  for (std::size_t row = 0; row < object.keys.size(); ++row) {
    const Key& key = object.keys[row];
    if (!key.required || frame.keys[row].line != 0 || frame.meant[row]) continue;
    is_complete = false;
    complaints_.add(frame.place, path_,
                    {"the key " + in_quotes(key.name) + " is missing",
                     "add " + std::string(key.name) + ": " + example_of(key.shape),
                     {}});
  }
  // Checks may take required keys for granted.
  if (!is_complete || object.close == nullptr) return;
  ObjectContext context(*this, frame);
  object.close(frame.target, context);
}

// ---- Places and paths. ----

Place Reader::place_at(const YAML::Mark& mark) {
  const auto count = [](int n) { return static_cast<std::size_t>(std::max(n, 0)); };
  return source_.place(count(mark.pos), count(mark.line), count(mark.column));
}

void Reader::complain_of_value(const Place& place, Complaint complaint) {
  complaints_.add(place, value_path(), std::move(complaint));
}

void Reader::note_origin(Origin* origin, const Place& place, std::string path) const {
  *origin = {source_.name(), std::move(path), place.line, place.column};
}

std::string Reader::value_path() const {
  const Frame& frame = frames_.back();
  if (frame.shape.list != nullptr) return path_ + "[" + std::to_string(frame.items - 1) + "]";
  return path_.empty() ? frame.key_text : path_ + "." + frame.key_text;
}

std::string Reader::recorded_path() const {
  std::string path;
  for (const Frame& frame : frames_) {
    if (frame.shape.list != nullptr) {
      path += "[]";
    } else {
      if (!path.empty()) path += ".";
      path += frame.shape.map != nullptr ? frame.shape.map->key_noun : frame.key_text;
    }
  }
  return path;
}

}  // namespace epaulet::config
