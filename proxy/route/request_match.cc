#include "route/request_match.h"

#include <algorithm>

#include "base/ascii.h"
#include "http/cgi_name.h"

namespace epaulet {

RequestMatch::RequestMatch(const std::vector<std::string>& paths, std::vector<std::string> methods,
                           const std::vector<std::string>& hosts,
                           std::vector<HeaderMatchSettings> headers)
    : paths_(paths.begin(), paths.end()),
      methods_(std::move(methods)),
      hosts_(hosts.begin(), hosts.end()),
      headers_(std::move(headers)) {}

void RequestMatch::set_rare(const ShapingSettings& shaping) {
  const auto& query = shaping.query;
  if (!query.empty())
    query_ = std::make_shared<const std::vector<QueryMatch>>(query.begin(), query.end());
  if (shaping.regex) regex_ = std::make_shared<const RegexMatch>(*shaping.regex);
}

bool RequestMatch::matches(const http::RequestHead& head, Reading reading) const {
  return matches_method(head.method_text, reading) && matches_but_method(head, reading);
}

bool RequestMatch::matches_as(const http::RequestHead& head, std::string_view method) const {
  return matches_method(method, Reading::exact) && matches_but_method(head, Reading::exact);
}

bool RequestMatch::matches_but_method(const http::RequestHead& head, Reading reading) const {
  return matches_path(head.path, reading) && matches_host(head.authority) &&
         matches_headers(head, reading) && (query_ == nullptr || matches_query(head.query)) &&
         (regex_ == nullptr || regex_->matches(head));
}

bool RequestMatch::matches_server_name(std::string_view server_name) const {
  return is_unconditional() || (is_by_host() && !server_name.empty() && matches_host(server_name));
}

bool RequestMatch::matches_path(std::string_view path, Reading reading) const {
  return paths_.empty() ||
         std::any_of(paths_.begin(), paths_.end(),
                     [&](const PathPattern& pattern) { return pattern.matches(path, reading); });
}

bool RequestMatch::matches_method(std::string_view method, Reading reading) const {
  return methods_.empty() ||
         std::any_of(methods_.begin(), methods_.end(), [&](const std::string& wanted) {
           if (reading == Reading::exact) return wanted == method;
           return equals_ignore_case(wanted, method) ||
                  (equals_ignore_case(method, "HEAD") && wanted == "GET");
         });
}

bool RequestMatch::matches_host(std::string_view authority) const {
  return hosts_.empty() ||
         std::any_of(hosts_.begin(), hosts_.end(),
                     [&](const HostPattern& pattern) { return pattern.matches(authority); });
}

bool RequestMatch::matches_headers(const http::RequestHead& head, Reading reading) const {
  const auto is_named = [reading](std::string_view name, std::string_view wanted) {
    return reading == Reading::exact ? equals_ignore_case(name, wanted)
                                     : http::equals_as_cgi(name, wanted);
  };
  return std::all_of(headers_.begin(), headers_.end(), [&](const HeaderMatchSettings& wanted) {
    return std::any_of(head.fields.begin(), head.fields.end(), [&](const http::Field& field) {
      return !field.removed && is_named(field.name, wanted.name) &&
             (!wanted.exact || field.value == *wanted.exact);
    });
  });
}

bool RequestMatch::matches_query(std::string_view query) const {
  return std::all_of(query_->begin(), query_->end(),
                     [query](const QueryMatch& wanted) { return wanted.matches(query); });
}

}  // namespace epaulet
