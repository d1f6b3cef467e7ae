#pragma once

#include <chrono>

#include "base/limits.h"
#include "config/text_checks.h"

/// The types of scalars that the key tables share. Patterns are what JSON schema can say of them;
/// the checks say more.
namespace epaulet::config::types {

constexpr std::int64_t nanoseconds(std::chrono::nanoseconds duration) {
  return duration.count();
}

constexpr Scalar integer(std::string_view noun, std::string_view example, std::int64_t min,
                         std::int64_t max) {
  Scalar type{ScalarKind::integer, noun, example};
  type.min = min;
  type.max = max;
  return type;
}

/// A status from `min` to `max`, or a class of them by its word, which is read as its digit.
constexpr Scalar status(std::string_view example, std::int64_t min, std::int64_t max) {
  Scalar type{ScalarKind::status, "a response status or a class of them", example};
  type.min = min;
  type.max = max;
  return type;
}

constexpr Scalar duration(std::string_view example, std::chrono::nanoseconds min,
                          std::chrono::nanoseconds max) {
  Scalar type{ScalarKind::duration, "a duration with its unit", example};
  type.min = nanoseconds(min);
  type.max = nanoseconds(max);
  return type;
}

constexpr Scalar text(std::string_view noun, std::string_view example,
                      std::optional<Complaint> (*check)(std::string_view) = nullptr,
                      std::string_view pattern = {}, Mentions mentions = Mentions::nothing) {
  Scalar type{ScalarKind::text, noun, example};
  type.check = check;
  type.pattern = pattern;
  type.mentions = mentions;
  return type;
}

constexpr Scalar choice(std::string_view noun, std::string_view example,
                        std::span<const Choice> choices, bool are_numbers = false) {
  Scalar type{ScalarKind::choice, noun, example};
  type.choices = choices;
  type.choices_are_numbers = are_numbers;
  return type;
}

inline constexpr std::string_view kHostRegex = "^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$";
inline constexpr std::string_view kHostPatternRegex =
    "^((\\*\\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\\[[0-9a-f:.]+\\])$";
inline constexpr std::string_view kLabelRegex = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$";
inline constexpr std::string_view kPathRegex = "^/[^?#;\\\\ ]*$";
inline constexpr std::string_view kSpiffeIdRegex = "^spiffe://[a-z0-9._-]+/[A-Za-z0-9._/-]+$";
inline constexpr std::string_view kSpiffeRegex = "^spiffe://[a-z0-9._-]+/[A-Za-z0-9._*/-]+$";
inline constexpr std::string_view kTokenRegex = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";

inline constexpr Scalar kBoolean{ScalarKind::boolean, "true or false", "true"};
inline constexpr Scalar kShare{ScalarKind::share, "a share", "20%"};
inline constexpr Scalar kPort = integer("a port", "8080", 1, 65535);
inline constexpr Scalar kHostName = text("a host name", "api.default", check_host_name, kHostRegex);
inline constexpr Scalar kHostPattern =
    text("a host name or *. and one", "\"*.example.com\"", check_host_pattern, kHostPatternRegex);
inline constexpr Scalar kLabel = text("a name", "internal", check_label, kLabelRegex);
inline constexpr Scalar kPathPattern =
    text("a path pattern", "/orders/**", check_path_pattern, kPathRegex);
inline constexpr Scalar kMethod = text("a method", "GET", check_method, "^[^a-z\\s]+$");
inline constexpr Scalar kHeaderName =
    text("a header name", "x-version", check_header_name, kTokenRegex);
inline constexpr Scalar kFile = text("a path", "/var/run/epaulet/identity");
inline constexpr Scalar kSpiffeId = text("a SPIFFE ID", "spiffe://cluster.local/ns/default/sa/api",
                                         check_spiffe_id, kSpiffeIdRegex, Mentions::identity);
inline constexpr Scalar kSpiffePattern =
    text("a SPIFFE ID or pattern", "spiffe://cluster.local/ns/default/sa/api", check_spiffe_pattern,
         kSpiffeRegex, Mentions::identity);

inline constexpr std::size_t kListMax = 1024;  ///< Elements of lists that are searched in order.
inline constexpr std::size_t kLongListMax = 10'000;

}  // namespace epaulet::config::types
