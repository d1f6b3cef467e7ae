#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/shaping_settings.h"
#include "http/message.h"
#include "route/pattern.h"

namespace epaulet {

/// Another path for a request: a whole one, or another beginning. The query stays as it is.
class PathChange {
 public:
  /// `paths`: the route's, all ending in `/**` where a prefix is replaced. Nothing if neither is.
  [[nodiscard]] static std::optional<PathChange> make(const std::string& full,
                                                      const std::string& prefix,
                                                      const std::vector<std::string>& paths);

  /// Appends the changed path. `path`: raw, without query, as the route matched it. Segments of the
  /// pattern that matched are replaced, and no slash is doubled or lost: with `/v2` for `/v1/**`,
  /// `/v1/a` becomes `/v2/a`, `/v1/` `/v2/` and `/v1` `/v2`; with `/` they become `/a`, `/`, `/`.
  void write(std::string_view path, PooledString& out) const;
  /// The caller's path stays in part.
  [[nodiscard]] bool keeps_a_part() const { return !prefixes_.empty(); }

 private:
  PathChange() = default;

  std::string to_;
  std::vector<PathPattern> prefixes_;  ///< None: the whole path is replaced.
};

/// What of a request's target stands behind its path: "" or "?...".
[[nodiscard]] std::string_view query_with_mark(const http::RequestHead& head);

/// `url_rewrite` of a route. Immutable; outlives the heads that it was applied to, which point into
/// it.
class UrlRewrite {
 public:
  UrlRewrite(const UrlRewriteSettings& settings, const std::vector<std::string>& paths);

  /// After the last one who asks what the caller wrote. `OPTIONS *` keeps its target.
  void apply(http::RequestHead& head) const;
  [[nodiscard]] bool keeps_a_part_of_the_path() const { return path_ && path_->keeps_a_part(); }

 private:
  std::string hostname_;
  std::optional<PathChange> path_;
};

/// `request_redirect` of a route.
class Redirect {
 public:
  Redirect(const RedirectSettings& settings, const std::vector<std::string>& paths);

  /// Where the caller is sent, in full (RFC 9110 section 10.2.2). `dialled_port`: where the request
  /// went.
  [[nodiscard]] std::string location(const http::RequestHead& head,
                                     std::uint16_t dialled_port) const;
  [[nodiscard]] std::uint16_t status() const { return status_; }

 private:
  std::string scheme_;
  std::string hostname_;
  std::optional<std::uint16_t> port_;
  bool port_follows_scheme_ = false;
  std::optional<PathChange> path_;
  std::uint16_t status_ = 302;
};

}  // namespace epaulet
