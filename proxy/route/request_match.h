#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "http/message.h"
#include "route/pattern.h"
#include "route/query_match.h"
#include "route/regex_match.h"

namespace epaulet {

/// Which requests a route or an access rule is about: one of its paths, one of its methods, one of
/// its hosts, all of its headers and of its parameters; what is not given matches anything.
/// Immutable; matching allocates nothing.
class RequestMatch {
 public:
  RequestMatch() = default;
  /// From anything with `paths`, `methods`, `hosts` and `headers`: RouteSettings,
  /// AccessRuleSettings. A route may have a query and expressions, too.
  template <class Conditions>
  explicit RequestMatch(const Conditions& from)
      : RequestMatch(from.paths, from.methods, from.hosts, from.headers) {
    if constexpr (requires { from.shaping; }) {
      if (from.shaping != nullptr) set_rare(*from.shaping);
    }
  }
  RequestMatch(const std::vector<std::string>& paths, std::vector<std::string> methods,
               const std::vector<std::string>& hosts, std::vector<HeaderMatchSettings> headers);

  /// Looks at the path, method, authority and fields that are not removed. Methods are compared
  /// with their case (RFC 9110 section 9.1) in the exact reading; a header matches if any of
  /// several fields of its name does.
  [[nodiscard]] bool matches(const http::RequestHead& head, Reading reading = Reading::exact) const;
  /// In the exact reading, as if the request had this method.
  [[nodiscard]] bool matches_as(const http::RequestHead& head, std::string_view method) const;

  /// For a connection whose requests nobody sees: no other conditions than hosts, and one of them
  /// is `server_name`. "": none was named, which only matches where nothing is asked for.
  [[nodiscard]] bool matches_server_name(std::string_view server_name) const;

  [[nodiscard]] bool is_unconditional() const {
    return paths_.empty() && methods_.empty() && hosts_.empty() && headers_.empty() &&
           query_ == nullptr && regex_ == nullptr;
  }
  [[nodiscard]] bool has_paths() const { return !paths_.empty(); }
  /// Hosts are all that it looks at.
  [[nodiscard]] bool is_by_host() const {
    return paths_.empty() && methods_.empty() && !hosts_.empty() && headers_.empty() &&
           query_ == nullptr && regex_ == nullptr;
  }

 private:
  void set_rare(const ShapingSettings& shaping);
  [[nodiscard]] bool matches_but_method(const http::RequestHead& head, Reading reading) const;
  [[nodiscard]] bool matches_path(std::string_view path, Reading reading) const;
  [[nodiscard]] bool matches_method(std::string_view method, Reading reading) const;
  [[nodiscard]] bool matches_host(std::string_view authority) const;
  [[nodiscard]] bool matches_headers(const http::RequestHead& head, Reading reading) const;
  [[nodiscard]] bool matches_query(std::string_view query) const;

  std::vector<PathPattern> paths_;
  std::vector<std::string> methods_;
  std::vector<HostPattern> hosts_;
  std::vector<HeaderMatchSettings> headers_;
  std::shared_ptr<const std::vector<QueryMatch>> query_;  ///< Few have one; shared by copies.
  std::shared_ptr<const RegexMatch> regex_;               ///< The same.
};

}  // namespace epaulet
