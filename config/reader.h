#pragma once

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include <array>
#include <bitset>
#include <map>
#include <string>
#include <vector>

#include "config/context.h"
#include "config/keys.h"
#include "config/parse.h"
#include "config/shape.h"

namespace epaulet::config {

/// What the events mean: fills a Draft by the key tables while yaml-cpp reads, without keeping a
/// tree. Memory beyond the settings: one frame for each level of nesting, and the mentions.
///
/// A frame is an object, a map or a list that is open. In objects and maps, keys and values take
/// turns; a value that has no place is skipped with everything in it.
class Reader final : public YAML::EventHandler {
 public:
  /// Ends the reading at once: a quote that is never closed is a syntax error.
  struct UnclosedQuote {
    Place place;
  };

  /// Reads `root` into `target`, which is of its struct; by default the configuration into `draft`.
  Reader(SourceText& source, Draft& draft, Complaints& complaints, const Object& root = kRoot,
         void* target = nullptr);

  /// Collects every key that is read.
  void record_in(KeysRead* recorded) { recorded_ = recorded; }

  /// What comes is complained of, and not read.
  void refuse_second_document() { documents_ = 1; }

  /// False if no key was read: the file is empty.
  [[nodiscard]] bool saw_content() const { return saw_content_; }

  // YAML::EventHandler
  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override { end_container(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override { end_container(); }

 private:
  static constexpr std::size_t kKeysMax = 32;    ///< Rows of the largest object.
  static constexpr std::size_t kFramesMax = 16;  ///< The tables nest less deep.

  struct Frame {
    Frame(const Shape& shape_, void* target_, const Place& place_)
        : shape(shape_), target(target_), place(place_) {}
    Shape shape;
    void* target;
    Place place;                 ///< Of the key before it, or of the list item.
    std::size_t path_bytes = 0;  ///< How much of path_ leads here.
    // Objects and maps: the key whose value comes next, while !expects_key.
    bool expects_key = true;
    bool skips_value = false;
    std::string key_text;
    Place key_place;
    std::size_t row = 0;    ///< Of an object.
    void* entry = nullptr;  ///< Of a map.
    // What was there so far.
    std::size_t items = 0;                       ///< Of a list.
    std::array<Place, kKeysMax> keys{};          ///< Of an object, by row; line 0: not yet.
    std::array<Place, kKeysMax> values{};        ///< Of an object, by row.
    std::bitset<kKeysMax> meant;                 ///< Rows of which a misspelled key was there.
    std::map<std::string, std::uint32_t> lines;  ///< Of a map's keys.
  };
  class ObjectContext;

  /// What the table says of the value about to be read.
  struct Slot {
    const Shape* shape = nullptr;  ///< Nothing: it is skipped.
    const Binding* binding = nullptr;
    Place place;  ///< Of the key, or of the item.
  };

  [[nodiscard]] Place place_at(const YAML::Mark& mark);
  void check_properties(const Place& place, const std::string& tag, YAML::anchor_t anchor);
  [[nodiscard]] bool is_skipping() const { return skip_depth_ > 0 || documents_ > 1; }
  void read_key(const Place& place, const std::string& text, bool quoted);
  void read_object_key(Frame& frame);
  void read_map_key(Frame& frame, bool quoted);
  void complain_of_unknown_key(Frame& frame);
  void complain_of_duplicate(Frame& frame, std::uint32_t first_line);
  [[nodiscard]] Slot take_slot(const Place& place);
  [[nodiscard]] void* open_value();
  void read_value(const Place& place, const std::string& text, bool quoted);
  void complain_of_shape(const Slot& slot, const Place& place, const std::string& found,
                         std::string remedy = {});
  void begin_container(const Place& place, bool is_map);
  void end_container();
  void push(const Shape& shape, void* target, const Place& place);
  void close_object(Frame& frame);
  void complain_of_value(const Place& place, Complaint complaint);
  void note_origin(Origin* origin, const Place& place, std::string path) const;
  [[nodiscard]] std::string value_path() const;
  [[nodiscard]] std::string recorded_path() const;
  [[nodiscard]] Frame& top() { return frames_.back(); }

  SourceText& source_;
  Draft& draft_;
  Complaints& complaints_;
  const Object& root_;
  void* target_;
  std::vector<Frame> frames_;
  std::string path_;            ///< Of keys, to the innermost frame.
  std::size_t skip_depth_ = 0;  ///< Containers open inside a value that is skipped.
  std::size_t documents_ = 0;
  bool saw_content_ = false;
  bool in_merge_ = false;  ///< Inside the value of a `<<`, which was complained of already.
  KeysRead* recorded_ = nullptr;
};

}  // namespace epaulet::config
