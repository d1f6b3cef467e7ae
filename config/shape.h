#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "config/scalar.h"

/// The shape of the user's file as constant tables: one row for each key. Parsing, the errors about
/// unknown and missing keys, the JSON schema, the dump for GET /config and the test that
/// full.yaml is complete are all derived from them. keys.h holds the tables.
namespace epaulet {
struct Origin;
}

namespace epaulet::config {

struct Draft;
struct Object;
struct Map;
struct List;
class Context;

/// How a value of some C++ type is set and got. One constant for each type, made by binding.h.
struct Binding {
  void (*set)(void* field, const ScalarValue& value) = nullptr;
  /// False if there is nothing: an unset optional.
  bool (*get)(const void* field, ScalarValue& out) = nullptr;
};

/// What stands at a place: exactly one member is set.
struct Shape {
  const Scalar* scalar = nullptr;
  const Object* object = nullptr;
  const Map* map = nullptr;
  const List* list = nullptr;

  constexpr Shape(const Scalar& s) : scalar(&s) {}  // NOLINT: implicit, so that tables read well
  constexpr Shape(const Object& o) : object(&o) {}  // NOLINT
  constexpr Shape(const Map& m) : map(&m) {}        // NOLINT
  constexpr Shape(const List& l) : list(&l) {}      // NOLINT
};

/// A key of an object.
struct Key {
  std::string_view name;
  Shape shape;
  /// What counts if the key is absent, as the user would write it; "": nothing, or see `doc`.
  std::string_view default_text;
  std::string_view doc;  ///< One sentence; with the unit, where there is one.
  bool required = false;
  Binding binding{};  ///< If `shape` is a scalar.
  /// The field in the struct that stands for the object; engages an optional.
  void* (*open)(void* object, Draft& draft) = nullptr;
  /// The same for reading; nothing if the optional is not engaged.
  const void* (*peek)(const void* object) = nullptr;
  bool ignored = false;   ///< Known and not looked at, whatever its value.
  bool nullable = false;  ///< Without a value it is as good as absent.
};

/// A mapping with known keys.
struct Object {
  std::string_view name;  ///< Of the definition in the JSON schema; unique.
  std::string_view doc;
  std::span<const Key> keys;
  Origin* (*origin)(void* object) = nullptr;  ///< Nothing: the struct keeps no place.
  /// Looks at an object of which all keys were read. Complaints go to the context.
  void (*close)(void* object, Context& context) = nullptr;
  bool says_by_being_there = false;  ///< The dump has it, too, if nothing stands in it.
};

/// A mapping whose keys are the user's: names or ports.
struct Map {
  std::string_view key_noun;  ///< "NAME" or "PORT", for paths in documents.
  const Scalar* key;
  Shape value;
  Binding binding{};  ///< If `value` is a scalar.
  struct Entry {
    void* value = nullptr;
    Origin* origin = nullptr;  ///< Where to note the entry's place, if not in `value`.
  };
  Entry (*insert)(void* map, const ScalarValue& key) = nullptr;
  using Visit = std::function<void(const ScalarValue& key, const void* value)>;
  void (*each)(const void* map, const Visit& visit) = nullptr;
};

struct List {
  Shape element;
  std::size_t min = 0;
  std::size_t max = 0;
  Binding binding{};  ///< If `element` is a scalar.
  void* (*append)(void* list) = nullptr;
  using Visit = std::function<void(const void* element)>;
  void (*each)(const void* list, const Visit& visit) = nullptr;
};

/// The row of a key, or nothing if the object does not know it.
[[nodiscard]] const Key* find_key(const Object& object, std::string_view name);
/// "a list", "keys and values" or the noun of a scalar.
[[nodiscard]] std::string noun_of(const Shape& shape);
/// A value of this shape on one line, for messages: "{ request: 10s }".
[[nodiscard]] std::string example_of(const Shape& shape);

}  // namespace epaulet::config
