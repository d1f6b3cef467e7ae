#pragma once

#include <optional>
#include <string>
#include <variant>

#include "crypto/reason.h"
#include "runtime/scope.h"
#include "web/connect.h"

namespace epaulet::jwks {

using web::Seams;

/// Why there are no new keys, for metrics.
enum class FetchResult : std::uint8_t {
  fetched,
  unreachable,  ///< No name, no connection, or it broke.
  untrusted,    ///< TLS: another host's certificate, or one that leads to no root of ours.
  refused,      ///< Another status than 200, redirects included.
  unusable,     ///< No key set, none that fits, or too large.
  count_
};
[[nodiscard]] std::string_view name_of(FetchResult result);

struct FetchFailure {
  FetchResult result = FetchResult::unreachable;
  Reason why;
};
struct Fetched {
  std::string body;
  std::optional<std::chrono::seconds> max_age;
};
using FetchOutcome = std::variant<Fetched, FetchFailure>;

/// GET, over HTTP/1.1. Bounded by limits::kJwksBytesMax; `scope` has the deadline. With https the
/// server proves the URL's host, to the roots in `ca_file`, or to the system's if it is "". No
/// redirect is followed: what is configured is what is trusted. The arguments outlive the task.
Task<FetchOutcome> fetch(Seams seams, const web::Url& url, const std::string& ca_file,
                         Scope& scope);

}  // namespace epaulet::jwks
