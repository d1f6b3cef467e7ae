#pragma once

#include <chrono>
#include <optional>

#include "http/message.h"

namespace epaulet::http {

/// Longer times count as this: what is so old is of no more use.
inline constexpr std::chrono::seconds kLongestAge{24 * 60 * 60};

/// Of all Cache-Control fields of a head; what is not understood is as if it were not there. What
/// forbids does so though a route takes it out of what the caller gets: whoever wrote it knew whose
/// the response is.
struct CacheControl {
  bool forbids = false;           ///< To keep it, or to give it without asking.
  bool forbids_to_share = false;  ///< no-store, no-cache, private: to give it to anybody else.
  bool is_public = false;         ///< It may be kept although the request was authorised.
  std::optional<std::chrono::seconds> max_age;
  std::optional<std::chrono::seconds> s_maxage;
  std::optional<std::chrono::seconds> stale_if_error;
};
[[nodiscard]] CacheControl cache_control_of(const Head& head);

/// A number of seconds, as Cache-Control and Age have them.
[[nodiscard]] std::optional<std::chrono::seconds> age_in(std::string_view text);

/// Authorization, Cookie, by what else APIs read credentials from, and by what meshes and gateways
/// tell apps who asks. What was removed nobody behind us sees.
[[nodiscard]] bool says_who_asks(const RequestHead& request);

/// Taken out by a route or not.
[[nodiscard]] bool has_ever_had(const Head& head, std::string_view name);

}  // namespace epaulet::http
