#include "route/regex_match.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "route/query_match.h"

namespace epaulet {

RegexMatch::RegexMatch(const RegexSettings& settings) {
  if (!settings.path.empty()) path_.emplace(settings.path);
  for (const auto& [name, expression] : settings.headers)
    headers_.push_back({name, Regex(expression)});
  for (const auto& [name, expression] : settings.query) query_.push_back({name, Regex(expression)});
}

bool RegexMatch::matches(const http::RequestHead& head) const {
  if (path_ && !path_->fits(head.path)) return false;
  return std::all_of(headers_.begin(), headers_.end(),
                     [&](const Named& wanted) { return has_header(head, wanted); }) &&
         std::all_of(query_.begin(), query_.end(),
                     [&](const Named& wanted) { return has_parameter(head.query, wanted); });
}

bool RegexMatch::has_header(const http::RequestHead& head, const Named& wanted) {
  return std::any_of(head.fields.begin(), head.fields.end(), [&](const http::Field& field) {
    return !field.removed && equals_ignore_case(field.name, wanted.name) &&
           wanted.regex.fits(field.value);
  });
}

bool RegexMatch::has_parameter(std::string_view query, const Named& wanted) {
  const auto raw = find_parameter(query, wanted.name);
  if (!raw) return false;
  std::array<char, Regex::kTextBytesMax> decoded;
  const auto size = decode_parameter(*raw, decoded);
  return size && wanted.regex.fits({decoded.data(), *size});
}

}  // namespace epaulet
