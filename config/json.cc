#include "config/json.h"

#include <boost/json/serialize.hpp>

#include "config/units.h"

namespace epaulet::config {
namespace {

constexpr std::size_t kLineBytes = 90;

/// On one line.
std::string compact(const boost::json::value& value) {
  // Boost.JSON would write 0.2 as 2E-1.
  if (const auto* number = value.if_double()) return write_decimal(*number);
  std::string out;
  if (const auto* object = value.if_object()) {
    for (const auto& [name, member] : *object) {
      out += (out.empty() ? "" : ", ") + boost::json::serialize(boost::json::value(name)) + ": " +
             compact(member);
    }
    return out.empty() ? "{}" : "{ " + out + " }";
  }
  if (const auto* list = value.if_array()) {
    for (const auto& element : *list) out += (out.empty() ? "" : ", ") + compact(element);
    return "[" + out + "]";
  }
  return boost::json::serialize(value);
}

void write(const boost::json::value& value, std::size_t indent, std::string& out) {
  const std::string blanks(indent + 2, ' ');
  std::string_view separator = "\n";
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    out += '{';
    for (const auto& [name, member] : *object) {
      out +=
          std::string(separator) + blanks + boost::json::serialize(boost::json::value(name)) + ": ";
      write(member, indent + 2, out);
      separator = ",\n";
    }
    out += "\n" + std::string(indent, ' ') + "}";
    return;
  }
  const auto* list = value.if_array();
  if (list == nullptr || list->empty()) {
    out += compact(value);
    return;
  }
  if (const auto line = compact(value); indent + line.size() <= kLineBytes) {
    out += line;
    return;
  }
  out += '[';
  for (const auto& element : *list) {
    out += std::string(separator) + blanks;
    write(element, indent + 2, out);
    separator = ",\n";
  }
  out += "\n" + std::string(indent, ' ') + "]";
}

}  // namespace

std::string pretty_json(const boost::json::value& value) {
  std::string out;
  write(value, 0, out);
  return out + "\n";
}

}  // namespace epaulet::config
