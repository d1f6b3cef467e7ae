#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/shaping_settings.h"
#include "http/message.h"
#include "regex/regex.h"

namespace epaulet {

/// `regex` of a route: expressions that a request must fit, all of them. Immutable. A request costs
/// the time of its texts; once an expression has met texts of their kind, matching allocates
/// nothing.
class RegexMatch {
 public:
  explicit RegexMatch(const RegexSettings& settings);

  /// Looks at the path as it was sent, at fields that are not removed, and at the query, whose
  /// first parameter of a name counts, decoded as query_match.h does.
  [[nodiscard]] bool matches(const http::RequestHead& head) const;

 private:
  struct Named {
    std::string name;
    Regex regex;
  };
  [[nodiscard]] static bool has_header(const http::RequestHead& head, const Named& wanted);
  [[nodiscard]] static bool has_parameter(std::string_view query, const Named& wanted);

  std::optional<Regex> path_;
  std::vector<Named> headers_;
  std::vector<Named> query_;
};

}  // namespace epaulet
