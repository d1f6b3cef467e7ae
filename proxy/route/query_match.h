#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/shaping_settings.h"

namespace epaulet {

/// The value, raw, of the first parameter of this name; nothing if there is none.
[[nodiscard]] std::optional<std::string_view> find_parameter(std::string_view query,
                                                             std::string_view name);
/// How many bytes `raw` is decoded; nothing if `to` is too small for them.
[[nodiscard]] std::optional<std::size_t> decode_parameter(std::string_view raw, std::span<char> to);

/// One parameter of a query (`?name=value&...`), read as browsers write forms and nearly every
/// framework reads them (URL Standard, application/x-www-form-urlencoded): `&` separates, `+` is a
/// space, and both name and value are percent-decoded once; an incomplete encoding stands for
/// itself, a name without `=` has an empty value. Names and values have their case. Of several
/// parameters of the name the first counts, as with other proxies (Gateway API, QueryParamMatch).
/// Looks only: the request's bytes stay as they are. Matching allocates nothing and takes O(query),
/// with a pattern O(4 KiB times its length) at most.
class QueryMatch {
 public:
  explicit QueryMatch(const QueryMatchSettings& settings);

  /// `query`: raw, without "?".
  [[nodiscard]] bool matches(std::string_view query) const;

 private:
  enum class Kind : unsigned char { present, exact, pattern };
  [[nodiscard]] bool matches_value(std::string_view raw) const;

  std::string name_;
  std::string value_;
  Kind kind_ = Kind::present;
};

}  // namespace epaulet
