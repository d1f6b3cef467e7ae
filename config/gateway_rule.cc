#include "config/gateway_rule.h"

#include <algorithm>
#include <memory>
#include <span>

#include "base/ascii.h"
#include "base/limits.h"
#include "config/diagnostic.h"
#include "config/gateway_keys.h"
#include "config/shaping_settings.h"
#include "config/text_checks.h"

/// One rule of a document: its filters and backends as route settings, once for each match.
namespace epaulet::config::gateway {
namespace {

using Check = std::optional<Complaint> (*)(std::string_view);

class RuleReader {
 public:
  /// `backends`: all of the rule's, or the one whose part of it this is.
  RuleReader(const Route& route, const Rule& rule, std::span<const BackendRef> backends,
             const Names& names, Translation& out)
      : route_(route), rule_(rule), backends_(backends), names_(names), out_(out) {
    settings_.origin = rule.origin;
  }

  void read();
  void take_share(double share) {
    shaping_.share = share;
    is_shaped_ = true;
  }
  /// `like`: which rule and part it is.
  void append(const Entry& like, std::vector<Entry>& entries);

 private:
  void refuse(const Origin& origin, std::string message, std::string remedy = {}) {
    out_.refused.push_back({origin, std::move(message), std::move(remedy)});
  }
  bool is_fine(const Origin& origin, Check check, const std::string& text) {
    auto complaint = check(text);
    if (complaint) refuse(origin, std::move(complaint->message), std::move(complaint->remedy));
    return !complaint;
  }

  void read_filters(const std::vector<Filter>& filters);
  void read_filter(const Filter& filter);
  HeaderModifierSettings read_modifier(const HeaderModifier& from, bool is_request);
  void read_redirect(const Redirect& from);
  void read_rewrite(const Rewrite& from);
  void read_mirror(const Mirror& from);
  void read_cors(const Cors& from);
  std::vector<std::string> read_texts(const std::vector<std::string>& from, Check check,
                                      const Origin& origin);
  std::string resolve(const ServiceRef& to, std::string_view then);
  template <class Change>
  void read_path(const PathModifier& from, Change& to);
  void read_backends();
  void check_redirect();
  void read_session(const SessionPersistence& from);
  void read_timeouts(const Timeouts& from);
  void read_retry(const Retry& from);
  bool read_match(const Match& match, Entry& entry);
  bool read_http_path(const PathMatch& path, Entry& entry);
  bool read_rpc(const Match& match, Entry& entry);
  bool read_rpc_expression(const MethodMatch& rpc, Entry& entry);
  bool read_values(const std::vector<ValueMatch>& values, bool are_headers, Entry& entry);

  const Route& route_;
  const Rule& rule_;
  std::span<const BackendRef> backends_;
  const Names& names_;
  Translation& out_;
  RouteSettings settings_;
  ShapingSettings shaping_;
  bool is_shaped_ = false;
  std::vector<std::string> types_;  ///< Of filters so far.
  std::size_t edited_bytes_ = 0;    ///< Of fields that they add.
};

// ---- Filters. ----

void RuleReader::read_filters(const std::vector<Filter>& filters) {
  for (const auto& filter : filters) {
    const bool is_second = std::find(types_.begin(), types_.end(), filter.type) != types_.end();
    if (is_second && filter.type != "RequestMirror") {
      refuse(filter.origin, "a second filter " + in_quotes(filter.type), "keep one of them");
      continue;
    }
    types_.push_back(filter.type);
    read_filter(filter);
  }
}

void RuleReader::read_filter(const Filter& filter) {
  const auto& type = filter.type;
  const auto lacks = [&](bool is_there, std::string_view key) {
    if (is_there) return false;
    refuse(filter.origin, "the filter " + type + " needs the key " + std::string(key));
    return true;
  };
  const bool is_http = route_.kind == Kind::http_route;
  is_shaped_ = true;
  if (type == "RequestHeaderModifier") {
    if (lacks(filter.request_headers.has_value(), "requestHeaderModifier")) return;
    shaping_.request_headers = read_modifier(*filter.request_headers, true);
  } else if (type == "ResponseHeaderModifier") {
    if (lacks(filter.response_headers.has_value(), "responseHeaderModifier")) return;
    shaping_.response_headers = read_modifier(*filter.response_headers, false);
  } else if (type == "RequestRedirect" && is_http) {
    if (lacks(filter.redirect.has_value(), "requestRedirect")) return;
    read_redirect(*filter.redirect);
  } else if (type == "URLRewrite" && is_http) {
    if (lacks(filter.rewrite.has_value(), "urlRewrite")) return;
    read_rewrite(*filter.rewrite);
  } else if (type == "RequestMirror" && is_http) {
    if (lacks(filter.mirror.has_value(), "requestMirror")) return;
    read_mirror(*filter.mirror);
  } else if (type == "CORS" && is_http) {
    if (lacks(filter.cors.has_value(), "cors")) return;
    read_cors(*filter.cors);
  } else {
    refuse(
        filter.origin, "the filter " + in_quotes(type) + " is not supported",
        "supported are RequestHeaderModifier, ResponseHeaderModifier, RequestRedirect, URLRewrite, "
        "RequestMirror and CORS; of a GRPCRoute the first two");
  }
}

HeaderModifierSettings RuleReader::read_modifier(const HeaderModifier& from, bool is_request) {
  HeaderModifierSettings to;
  to.origin = from.origin;
  const Check given = is_request ? check_given_request_header : check_edited_response_header;
  const Check edited = is_request ? check_edited_request_header : check_edited_response_header;
  std::vector<std::string> names;
  const auto is_new = [&](const std::string& name) {
    names.push_back(lower(name));
    return std::find(names.begin(), names.end() - 1, names.back()) == names.end() - 1;
  };
  const auto put = [&](const std::vector<HeaderValue>& values, auto& into) {
    for (const auto& one : values) {
      if (!is_new(one.name)) {
        refuse(one.origin, "the header " + in_quotes(one.name) + " is named twice",
               "set it, add it or remove it");
      } else if (one.value.empty()) {
        refuse(one.origin, "the header " + in_quotes(one.name) + " has an empty value",
               "write one, or remove the header");
      } else if (is_fine(one.origin, given, one.name) &&
                 is_fine(one.origin, check_field_value, one.value)) {
        into.emplace(one.name, one.value);
        edited_bytes_ += one.name.size() + one.value.size() + 4;
      }
    }
  };
  put(from.set, to.set);
  put(from.add, to.add);
  for (const auto& name : from.remove) {
    if (!is_new(name)) {
      refuse(from.origin, "the header " + in_quotes(name) + " is named twice");
    } else if (is_fine(from.origin, edited, name)) {
      to.remove.push_back(name);
    }
  }
  if (names.empty()) refuse(from.origin, "no field is changed", "write set, add or remove");
  if (names.size() > limits::kHeaderEditsMax)
    refuse(from.origin, "more than " + std::to_string(limits::kHeaderEditsMax) + " fields");
  return to;
}

template <class Change>
void RuleReader::read_path(const PathModifier& from, Change& to) {
  const bool is_full = from.replace_full_path.has_value();
  std::string path = is_full ? *from.replace_full_path : from.replace_prefix_match.value_or("");
  if (path.empty()) path = "/";
  if (!is_fine(from.origin, check_new_path, path)) return;
  const bool all_are_prefixes =
      std::all_of(rule_.matches.begin(), rule_.matches.end(),
                  [](const Match& match) { return match.path.type == MatchType::path_prefix; });
  if (!is_full && !all_are_prefixes)
    refuse(from.origin, "ReplacePrefixMatch needs matches whose path is a PathPrefix",
           "write path: { type: PathPrefix, value: ... }, or ReplaceFullPath");
  (is_full ? to.replace_full_path : to.replace_prefix_match) = std::move(path);
}

void RuleReader::read_redirect(const Redirect& from) {
  auto& to = shaping_.redirect.emplace();
  to.origin = from.origin;
  to.scheme = from.scheme;
  to.hostname = from.hostname;
  to.port = from.port;
  to.status = from.status_code;
  if (from.path) read_path(*from.path, to);
  if (from.scheme.empty() && from.hostname.empty() && !from.port && !from.path)
    refuse(from.origin, "the redirect leads back to where it came from",
           "write scheme, hostname, port or path");
}

void RuleReader::read_rewrite(const Rewrite& from) {
  auto& to = shaping_.rewrite.emplace();
  to.origin = from.origin;
  to.hostname = from.hostname;
  if (from.path) read_path(*from.path, to);
  if (from.hostname.empty() && !from.path)
    refuse(from.origin, "nothing is rewritten", "write hostname or path");
}

// ---- Backends. ----

/// The backend; "" and a notice of what comes of it `then`, if there is none.
std::string RuleReader::resolve(const ServiceRef& to, std::string_view then) {
  const bool is_service = to.kind == "Service" && (to.group.empty() || to.group == "core");
  if (!is_service) {
    out_.notices.push_back(
        {to.origin,
         "a backend of kind " + in_quotes(to.kind) + " is not supported: " + std::string(then),
         "write a Service"});
    return {};
  }
  if (!to.port) {
    refuse(to.origin, "a Service is named without its port", "add port");
    return {};
  }
  const auto& name_space = to.name_space.empty() ? route_.name_space : to.name_space;
  auto name = names_.backend(to, name_space, out_);
  if (name.empty())
    out_.notices.push_back({to.origin,
                            "there is no backend for the Service " + to.name + "." + name_space +
                                ": " + std::string(then),
                            "add it under backends, or a directory"});
  return name;
}

/// Without a backend there is no copy, and the request goes on.
void RuleReader::read_mirror(const Mirror& from) {
  auto backend = resolve(from.to, "nothing is mirrored");
  double share = 1.0;
  if (from.percent) share = *from.percent / 100.0;
  if (from.fraction)
    share = static_cast<double>(from.fraction->numerator) / from.fraction->denominator;
  if (backend.empty() || share <= 0.0) return;
  if (shaping_.mirror) {
    auto& also = shaping_.mirror->also.emplace_back();
    also.origin = from.origin;
    also.backend = std::move(backend);
    also.share = share;
    return;
  }
  auto& to = shaping_.mirror.emplace();
  to.origin = from.origin;
  to.backend = std::move(backend);
  to.share = share;
}

std::vector<std::string> RuleReader::read_texts(const std::vector<std::string>& from, Check check,
                                                const Origin& origin) {
  std::vector<std::string> to;
  for (const auto& text : from) {
    if (is_fine(origin, check, text)) to.push_back(text);
  }
  return to;
}

void RuleReader::read_cors(const Cors& from) {
  auto& to = shaping_.cors.emplace();
  to.origin = from.origin;
  to.allow_origins = read_texts(from.allow_origins, check_cors_origin, from.origin);
  to.allow_credentials = from.allow_credentials;
  to.allow_methods = read_texts(from.allow_methods, check_cors_method, from.origin);
  to.allow_headers = read_texts(from.allow_headers, check_cors_header, from.origin);
  to.expose_headers = read_texts(from.expose_headers, check_cors_header, from.origin);
  // Longer than any browser remembers it.
  constexpr std::chrono::seconds kMost = std::chrono::hours(365 * 24);
  to.max_age = std::min(std::chrono::seconds(from.max_age), kMost);
  if (from.allow_origins.empty())
    refuse(from.origin, "the filter CORS allows no origin", "write allowOrigins, or remove it");
}

/// Shares of backends that are not there are refused, as are all requests of a rule without any.
void RuleReader::read_backends() {
  std::uint64_t all = 0;
  std::uint64_t lost = 0;
  for (const auto& backend : backends_) {
    all += backend.weight;
    auto name = resolve(backend.to, "its share is answered 500");
    if (name.empty()) {
      lost += backend.weight;
    } else if (backend.weight > 0) {
      RouteTargetSettings to;
      to.origin = backend.origin;
      to.backend = std::move(name);
      to.weight = backend.weight;
      settings_.to.push_back(std::move(to));
    }
  }
  if (lost == 0 && !settings_.to.empty()) return;
  auto& refused = shaping_.refuse.emplace();
  refused.origin = rule_.origin;
  refused.status = 500;
  is_shaped_ = true;
  if (!settings_.to.empty()) refused.share = static_cast<double>(lost) / static_cast<double>(all);
}

void RuleReader::check_redirect() {
  for (const auto& type : types_) {
    if (type == "RequestRedirect" || type == "CORS") continue;
    refuse(rule_.origin, "the filter " + type + " beside RequestRedirect is not supported",
           "remove one of them");
  }
  if (rule_.retry) refuse(rule_.retry->origin, "a redirect is not retried", "remove retry");
}

/// By a cookie of ours, at the endpoints of one backend: shares are drawn for each request.
void RuleReader::read_session(const SessionPersistence& from) {
  constexpr std::string_view kRemedy =
      "write balance: { policy: sticky, by: ... } for the backend in the configuration";
  const auto unsupported = [&](const std::string& what) {
    refuse(from.origin, "sessionPersistence: " + what + " is not supported", std::string(kRemedy));
  };
  const bool is_permanent = from.lifetime_type == "Permanent";
  if (from.type != "Cookie") return unsupported("type " + in_quotes(from.type));
  if (!is_permanent && from.lifetime_type != "Session")
    return unsupported("lifetimeType " + in_quotes(from.lifetime_type));
  if (!from.idle_timeout.empty()) return unsupported("idleTimeout");
  if (is_permanent == from.absolute_timeout.empty())
    return unsupported(is_permanent ? "lifetimeType Permanent without absoluteTimeout"
                                    : "absoluteTimeout without lifetimeType Permanent");
  if (rule_.backends.size() > 1) return unsupported("a session over several backends");
  SessionKeySettings by;
  by.origin = from.origin;
  by.cookie = from.session_name.empty() ? "epaulet-" + route_.name : from.session_name;
  if (!is_fine(from.origin, check_cookie_name, by.cookie)) return;
  if (is_permanent) by.ttl = read_duration(from.absolute_timeout);
  if (by.ttl && (*by.ttl < std::chrono::seconds(1) || *by.ttl > std::chrono::hours(365 * 24))) {
    refuse(from.origin, "absoluteTimeout is out of range: 1s to 8760h");
    return;
  }
  for (auto& to : settings_.to) {
    to.backend = names_.with_sessions(to.backend, by, out_);
    if (check_host_name(to.backend)) refuse(from.origin, "the backend's name is too long for this");
  }
}

// ---- Time. ----

void RuleReader::read_timeouts(const Timeouts& from) {
  auto& to = settings_.timeouts;
  to.origin = from.origin;
  if (!from.request.empty()) to.request = to.max_duration = read_duration(from.request);
  if (!from.backend_request.empty()) to.attempt = read_duration(from.backend_request);
  if (to.attempt && to.attempt->count() == 0) to.attempt.reset();  // None: what request leaves.
  if (to.request && to.attempt && to.request->count() != 0 && *to.attempt > *to.request)
    refuse(from.origin, "backendRequest is longer than request, which ends first",
           "make request the longer one");
}

void RuleReader::read_retry(const Retry& from) {
  auto& to = settings_.retries;
  to.origin = from.origin;
  to.statuses = from.codes;
  to.max = from.attempts;
  if (from.backoff.empty()) return;
  auto& backoff = to.backoff.emplace();
  backoff.initial = *read_duration(from.backoff);
  backoff.max = std::max(backoff.max, backoff.initial);
  if (backoff.initial < std::chrono::milliseconds(1) || backoff.initial > std::chrono::hours(1))
    refuse(from.origin, "backoff is out of range: 1ms to 1h");
}

void RuleReader::read() {
  read_filters(rule_.filters);
  if (shaping_.redirect && !backends_.empty())
    refuse(rule_.origin, "a rule that redirects has no backendRefs", "remove them");
  if (backends_.size() == 1) read_filters(backends_.front().filters);
  if (shaping_.redirect) {
    check_redirect();
  } else {
    read_backends();
  }
  if (edited_bytes_ > kEditedBytesMax)
    refuse(rule_.origin,
           "the fields that the filters add are more than " + std::to_string(kEditedBytesMax) +
               " bytes together",
           "shorten or remove fields");
  if (rule_.timeouts) read_timeouts(*rule_.timeouts);
  if (rule_.retry) read_retry(*rule_.retry);
  if (rule_.session) read_session(*rule_.session);
  if (!settings_.to.empty() || shaping_.redirect) return;
  // Nothing else can be seen of a rule that leads nowhere.
  ShapingSettings left;
  left.share = shaping_.share;
  left.refuse = shaping_.refuse;
  left.cors = shaping_.cors;  // Whose pages may read that it does.
  shaping_ = std::move(left);
  const auto origin = settings_.origin;
  settings_ = {};
  settings_.origin = origin;
}

// ---- Matches. ----

/// A `*` of theirs is a character, and one of ours is not.
std::string as_pattern(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c == '*') {
      out += "%2A";
    } else {
      out += c;
    }
  }
  return out;
}

/// Of entry.rank[0].
constexpr std::size_t kByExpression = 1;
constexpr std::size_t kExactly = 2;

RegexSettings& regex_of(Entry& entry) {
  auto& shaping = entry.settings.shaping;
  if (shaping == nullptr) shaping = std::make_shared<ShapingSettings>();
  if (shaping->regex) return *shaping->regex;
  shaping->regex.emplace().origin = entry.settings.origin;
  return *shaping->regex;
}

bool RuleReader::read_http_path(const PathMatch& path, Entry& entry) {
  if (path.type == MatchType::regular_expression) {
    if (!is_fine(path.origin, check_regex, path.value)) return false;
    entry.rank = {kByExpression, path.value.size(), entry.rank[2], entry.rank[3], entry.rank[4]};
    regex_of(entry).path = path.value;
    return true;
  }
  std::string value = path.value;
  if (!is_fine(path.origin, check_path_pattern, as_pattern(value))) return false;
  if (path.type == MatchType::path_prefix) {
    if (value.ends_with('/')) value.pop_back();
    entry.rank[1] = value.size();
    entry.settings.paths = {as_pattern(value) + "/**"};
  } else {
    entry.rank[0] = kExactly;
    entry.settings.paths = {as_pattern(value)};
  }
  return true;
}

/// A call is a POST of /SERVICE/METHOD.
bool RuleReader::read_rpc(const Match& match, Entry& entry) {
  entry.settings.methods = {"POST"};
  if (!match.rpc) {
    entry.settings.paths = {"/**"};
    return true;
  }
  const auto& rpc = *match.rpc;
  if (rpc.service.empty() && rpc.method.empty()) {
    refuse(rpc.origin, "a method without service and method", "write at least one of them");
    return false;
  }
  if (rpc.type == MatchType::regular_expression) return read_rpc_expression(rpc, entry);
  const auto part = [](const std::string& text) { return text.empty() ? "*" : as_pattern(text); };
  if ((rpc.service + rpc.method).find('/') != std::string::npos) {
    refuse(rpc.origin, "a slash in the name of a service or method",
           "write service: package.Service and method: Method");
    return false;
  }
  auto path = "/" + part(rpc.service) + "/" + part(rpc.method);
  if (!is_fine(rpc.origin, check_path_pattern, path)) return false;
  entry.rank[0] = kExactly;
  entry.rank[1] = rpc.service.size();
  entry.rank[2] = rpc.method.size();
  entry.settings.paths = {std::move(path)};
  return true;
}

/// Each for itself, so that neither can end the other's brackets.
bool RuleReader::read_rpc_expression(const MethodMatch& rpc, Entry& entry) {
  for (const auto& one : {rpc.service, rpc.method}) {
    if (!one.empty() && !is_fine(rpc.origin, check_regex, one)) return false;
  }
  const auto part = [](const std::string& text) {
    return text.empty() ? std::string("[^/]+") : "(?:" + text + ")";
  };
  auto path = "/" + part(rpc.service) + "/" + part(rpc.method);
  if (!is_fine(rpc.origin, check_regex, path)) return false;
  entry.rank[0] = kByExpression;
  entry.rank[1] = rpc.service.size();
  entry.rank[2] = rpc.method.size();
  regex_of(entry).path = std::move(path);
  return true;
}

/// Of several entries of a name the first counts.
bool RuleReader::read_values(const std::vector<ValueMatch>& values, bool are_headers,
                             Entry& entry) {
  std::vector<std::string> names;
  for (const auto& value : values) {
    const auto name = are_headers ? lower(value.name) : value.name;
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    names.push_back(name);
    if (!is_fine(value.origin, are_headers ? check_header_name : check_query_name, name))
      return false;
    if (value.type == MatchType::regular_expression) {
      if (!is_fine(value.origin, check_regex, value.value)) return false;
      auto& regex = regex_of(entry);
      (are_headers ? regex.headers : regex.query).emplace(name, value.value);
    } else if (are_headers) {
      entry.settings.headers.push_back({name, value.value});
    } else {
      if (!is_fine(value.origin, check_query_value, value.value)) return false;
      entry.settings.shaping->query.push_back({name, value.value, {}});
    }
  }
  const bool has_regex = entry.settings.shaping != nullptr && entry.settings.shaping->regex;
  if ((!are_headers || has_regex) && names.size() > limits::kQueryMatchesMax) {
    refuse(values.front().origin, "more than " + std::to_string(limits::kQueryMatchesMax) +
                                      (are_headers ? " headers" : " parameters"));
    return false;
  }
  entry.rank[are_headers ? 3 : 4] = names.size();
  return true;
}

bool RuleReader::read_match(const Match& match, Entry& entry) {
  entry.settings = settings_;
  if (is_shaped_ || !match.query_params.empty())
    entry.settings.shaping = std::make_shared<ShapingSettings>(shaping_);
  if (!read_values(match.headers, true, entry)) return false;
  if (route_.kind == Kind::grpc_route) return read_rpc(match, entry);
  if (!match.query_params.empty() && !read_values(match.query_params, false, entry)) return false;
  if (!match.method.empty()) entry.settings.methods = {match.method};
  entry.rank[2] = match.method.empty() ? 0 : 1;
  return read_http_path(match.path, entry);
}

void RuleReader::append(const Entry& like, std::vector<Entry>& entries) {
  static const std::vector<Match> kAll(1);  // PathPrefix "/", or any call.
  const auto& matches = rule_.matches.empty() ? kAll : rule_.matches;
  for (std::size_t i = 0; i < matches.size(); ++i) {
    Entry entry = like;
    entry.match = i;
    if (read_match(matches[i], entry)) entries.push_back(std::move(entry));
  }
}

}  // namespace

void translate_rule(const Route& route, std::size_t index, const Names& names, Translation& out,
                    std::vector<Entry>& entries) {
  const Rule& rule = route.rules[index];
  const bool is_split = rule.backends.size() > 1 &&
                        std::any_of(rule.backends.begin(), rule.backends.end(),
                                    [](const auto& backend) { return !backend.filters.empty(); });
  Entry entry;
  entry.route = &route;
  entry.rule = index;
  entry.is_whole = !is_split;
  const auto read = [&](std::span<const BackendRef> backends, std::optional<double> share) {
    RuleReader reader(route, rule, backends, names, out);
    if (share) reader.take_share(*share);
    reader.read();
    reader.append(entry, entries);
  };
  std::uint64_t left = 0;
  for (const auto& backend : rule.backends) left += backend.weight;
  if (!is_split || left == 0) return read(rule.backends, std::nullopt);
  // What each backend has to itself makes a route of it, for its share of what those before leave.
  for (const auto& backend : rule.backends) {
    if (backend.weight == 0) continue;
    const bool is_last = backend.weight == left;
    const auto share = static_cast<double>(backend.weight) / static_cast<double>(left);
    read(std::span(&backend, 1), is_last ? std::nullopt : std::optional(share));
    left -= backend.weight;
    ++entry.part;
  }
}

}  // namespace epaulet::config::gateway
