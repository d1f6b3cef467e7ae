#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <type_traits>
#include <vector>

#include "config/draft.h"
#include "config/shape.h"

/// Makes the rows of the key tables from pointers to members, so that a row that does not fit its
/// struct does not compile.
namespace epaulet::config {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
inline constexpr bool kIsScalarField =
    std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, Duration> ||
    std::is_same_v<T, std::string> || std::is_same_v<T, SocketAddress> ||
    std::is_same_v<T, IpNetwork>;

template <class T>
void set_field(T& field, const ScalarValue& value) {
  if constexpr (IsOptional<T>::value) {
    set_field(field.emplace(), value);
  } else if constexpr (std::is_same_v<T, Duration>) {
    field = Duration(std::get<std::int64_t>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    field = std::get<std::int64_t>(value) != 0;
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    field = static_cast<T>(std::get<std::int64_t>(value));
  } else {
    field = std::get<T>(value);
  }
}

template <class T>
bool get_field(const T& field, ScalarValue& out) {
  if constexpr (IsOptional<T>::value) {
    return field.has_value() && get_field(*field, out);
  } else if constexpr (std::is_same_v<T, Duration>) {
    out = static_cast<std::int64_t>(field.count());
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    out = static_cast<std::int64_t>(field);
  } else {
    out = field;
  }
  return true;
}

template <class T>
constexpr Binding binding_of() {
  return {[](void* field, const ScalarValue& value) { set_field(*static_cast<T*>(field), value); },
          [](const void* field, ScalarValue& out) {
            return get_field(*static_cast<const T*>(field), out);
          }};
}

template <class T>
struct IsScalarOrOptional : std::bool_constant<kIsScalarField<T>> {};
template <class T>
struct IsScalarOrOptional<std::optional<T>> : std::bool_constant<kIsScalarField<T>> {};

template <class T>
constexpr Binding binding_if_scalar() {
  if constexpr (IsScalarOrOptional<T>::value) {
    return binding_of<T>();
  } else {
    return {};
  }
}

template <class M>
struct MemberTypes;
template <class O, class F>
struct MemberTypes<F O::*> {
  using Owner = O;
  using Field = F;
};

/// True for an optional struct: its presence is what `open` makes and `peek` tells.
template <class T>
struct IsOptionalObject : std::false_type {};
template <class T>
struct IsOptionalObject<std::optional<T>> : std::bool_constant<!kIsScalarField<T>> {};

template <class Field>
void* open_field(Field& field) {
  if constexpr (IsOptionalObject<Field>::value) {
    return &field.emplace();
  } else {
    return &field;
  }
}

template <class Field>
const void* peek_field(const Field& field) {
  if constexpr (IsOptionalObject<Field>::value) {
    return field.has_value() ? &*field : nullptr;
  } else {
    return &field;
  }
}

/// The row of a key whose value is the field at the end of a chain of members.
template <auto First, auto... Rest>
constexpr Key key(std::string_view name, Shape shape, std::string_view default_text,
                  std::string_view doc) {
  using Owner = typename MemberTypes<decltype(First)>::Owner;
  using Field = std::remove_reference_t<decltype(((std::declval<Owner&>().*First).*....*Rest))>;
  Key row{name, shape, default_text, doc};
  row.binding = binding_if_scalar<Field>();
  row.open = [](void* object, Draft&) {
    return open_field(((static_cast<Owner*>(object)->*First).*....*Rest));
  };
  row.peek = [](const void* object) {
    return peek_field(((static_cast<const Owner*>(object)->*First).*....*Rest));
  };
  return row;
}

/// The row of a key that only groups: its keys belong to the struct around it.
constexpr Key group(std::string_view name, const Object& object, std::string_view doc) {
  Key row{name, object, {}, doc};
  row.open = [](void* around, Draft&) { return around; };
  row.peek = [](const void* around) { return around; };
  return row;
}

constexpr Key required(Key row) {
  row.required = true;
  return row;
}

/// A list held in a std::vector<T> of `min` to `max` elements.
template <class T>
constexpr List list_of(Shape element, std::size_t min, std::size_t max) {
  List list{element, min, max};
  list.binding = binding_if_scalar<T>();
  list.append = [](void* vector) -> void* {
    return &static_cast<std::vector<T>*>(vector)->emplace_back();
  };
  list.each = [](const void* vector, const List::Visit& visit) {
    for (const T& element_ : *static_cast<const std::vector<T>*>(vector)) visit(&element_);
  };
  return list;
}

/// A mapping held in a std::map<K, T>. A T with a name or a port is told its own.
template <class K, class T>
constexpr Map map_of(std::string_view key_noun, const Scalar& key_type, Shape value) {
  Map map{key_noun, &key_type, value};
  map.binding = binding_if_scalar<T>();
  map.insert = [](void* entries, const ScalarValue& key_value) -> Map::Entry {
    K key_{};
    set_field(key_, key_value);
    T& entry = static_cast<std::map<K, T>*>(entries)->try_emplace(key_).first->second;
    if constexpr (requires { entry.name = key_; }) {
      entry.name = key_;
    } else if constexpr (requires { entry.port = key_; }) {
      entry.port = key_;
    }
    return {&entry, nullptr};
  };
  map.each = [](const void* entries, const Map::Visit& visit) {
    for (const auto& [key_, entry] : *static_cast<const std::map<K, T>*>(entries)) {
      ScalarValue key_value;
      get_field(key_, key_value);
      visit(key_value, &entry);
    }
  };
  return map;
}

/// For Object::origin of a struct with a member `origin`.
template <class T>
Origin* origin_of(void* object) {
  return &static_cast<T*>(object)->origin;
}

}  // namespace epaulet::config
