#pragma once

#include <functional>

#include "tests/fuzz/support/connection_world.h"

/// Compares what one side of the sidecar said with what came out at the other.
namespace epaulet::fuzz {

/// What is wrong; nullptr if nothing is.
using Fault = const char*;
using naive::Part;

/// As CGI spells it: what is neither letter nor digit is a hyphen.
inline std::string folded(const std::string& name) {
  std::string out = naive::lower_case(name);
  for (char& c : out) {
    if (!naive::only(std::string(1, c), naive::kDigits + naive::kLetters)) c = '-';
  }
  return out;
}
inline std::string name_in(const std::string& line) {
  return line.substr(0, line.find(':'));
}
inline bool begins(const std::string& text, std::string_view with) {
  return std::string_view(text).starts_with(with);
}
inline bool is_among(const std::string& name, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* one) { return name == one; });
}

inline bool says_who(const std::string& name) {
  const auto meant = folded(name);
  return begins(meant, "x-epaulet-") ||
         is_among(meant, {"x-forwarded-client-cert", "l5d-client-id", "x-spiffe-id",
                          "x-client-identity", "x-hasura-role", "x-hasura-user-id",
                          "x-hasura-allowed-roles", "x-hasura-default-role", "proxy-status"});
}
inline bool says_where_from(const std::string& name) {
  const auto meant = folded(name);
  return begins(meant, "x-forwarded-") || is_among(meant, {"forwarded", "x-real-ip"});
}
/// Fields of one connection. What they say to the next is judged by itself.
inline bool of_one_connection(const Part& part, const std::string& name) {
  const auto low = naive::lower_case(name);
  return is_among(low, {"connection", "keep-alive", "proxy-connection", "te", "upgrade"}) ||
         part.fields.has_member("connection", low);
}

/// Lines that must come out as they went in, in their order.
inline std::vector<std::string> kept_lines(const Part& part,
                                           const std::function<bool(const std::string&)>& dropped) {
  std::vector<std::string> lines;
  for (const auto& line : part.lines) {
    if (!dropped(name_in(line))) lines.push_back(line);
  }
  return lines;
}

inline bool is_added_connection_line(const std::string& line) {
  return is_among(line, {"Connection: TE", "Connection: Upgrade", "Connection: Upgrade, TE",
                         "Connection: close", "Connection: keep-alive"});
}

inline bool is_of_b3(const std::string& name) {
  const auto lower = naive::lower_case(name);
  return lower == "b3" || lower.starts_with("x-b3-");
}

/// Fields that may be ours as well as the sender's.
inline bool is_settled(const std::string& name) {
  return is_among(naive::lower_case(name), {"x-request-id", "traceparent", "tracestate", "te",
                                            "upgrade", "expect", "x-envoy-attempt-count"}) ||
         is_of_b3(name);
}

inline Fault compare_request_lines(const Part& sent, const Part& got, Way way) {
  const bool mesh = way == Way::inbound_mesh;
  const bool origin_passes = !is_inbound(way);  // No ingress is trusted here.
  const bool has_host = !sent.fields.values("host").empty();
  const auto expected = kept_lines(sent, [&](const std::string& name) {
    return of_one_connection(sent, name) || says_who(name) || is_settled(name) ||
           (!origin_passes && says_where_from(name));
  });
  std::vector<std::string> seen;
  const std::string peer = std::string("x-epaulet-peer: ") + kCallerIdentity;
  const std::string certificate = std::string("x-forwarded-client-cert: URI=") + kCallerIdentity;
  std::size_t proofs = 0;
  for (const auto& line : got.lines) {
    const auto name = naive::lower_case(name_in(line));
    if (line == peer || line == certificate) {
      ++proofs;
    } else if (is_settled(name)) {
      const bool its_own =
          std::find(sent.lines.begin(), sent.lines.end(), line) != sent.lines.end();
      if (!its_own && !is_among(name, {"x-request-id", "traceparent", "x-envoy-attempt-count"}) &&
          !is_of_b3(name))
        return "an invented field";
    } else if (name == "connection") {
      if (!is_added_connection_line(line)) return "a Connection field was passed on";
    } else if (name != "host" || has_host) {
      seen.push_back(line);
    }
  }
  if (proofs != (mesh ? 2U : 0U)) return "an identity that was not proven, or one that was lost";
  if (seen != expected) return "other fields";
  if (got.fields.values("x-request-id").size() != 1) return "not one request id";
  return nullptr;
}

/// Nothing of a body is invented or lost, and it is only complete if it was.
inline Fault compare_bodies(const Part& sent, const Part& got) {
  if (got.end == Part::End::refused) return "not HTTP any more";
  if (got.body.size() > sent.body.size() || !begins(sent.body, got.body)) return "other bytes";
  if (!got.complete()) return nullptr;
  if (!sent.complete()) return "completed by us";
  if (got.body != sent.body) return "cut, but complete";
  return nullptr;
}

/// Lines of `part` that `whole` has, in the same order.
inline bool is_selection(const std::string& part, const std::string& whole) {
  const auto lines = naive::split(whole, "\r\n");
  auto at = lines.begin();
  for (const auto& line : naive::split(part, "\r\n")) {
    at = std::find(at, lines.end(), line);
    if (at == lines.end()) return false;
  }
  return true;
}

/// `got`: a request that the app heard, with a whole head.
inline Fault compare_requests(const Part& sent, const Part& got, Way way) {
  if (got.method() != sent.method()) return "another method";
  const bool asterisk = sent.head.path == "*" || got.head.path == "*";
  if (!asterisk && got.head.path != sent.head.path) return "another path";
  if (got.head.query != sent.head.query) return "another query";
  if (!sent.head.authority.empty() && got.head.authority != sent.head.authority) {
    return "another authority";
  }
  if (!got.start.ends_with(" HTTP/1.1")) return "another version";
  if (const Fault fault = compare_request_lines(sent, got, way)) return fault;
  if (!is_selection(got.trailers, sent.trailers)) return "other trailers";
  for (const auto& line : naive::split(got.trailers, "\r\n")) {
    const auto name = name_in(line);
    if (says_who(name) || says_where_from(name)) return "an identity in trailers";
    if (!line.empty() && of_one_connection(sent, name)) return "a nominated trailer";
  }
  return compare_bodies(sent, got);
}

/// `got`: a response that the caller heard, with a whole head. It asked with `http10` or later.
inline Fault compare_responses(const Part& said, const Part& got, Way way) {
  if (got.head.status != said.head.status) return "another status";
  const auto dropped = [&](const Part& part, bool by_us) {
    return [&part, by_us, way](const std::string& name) {
      const auto low = naive::lower_case(name);
      if (of_one_connection(part, name) || low == "transfer-encoding") return true;
      // RFC 9110 section 8.6: not in these.
      const bool has_length = part.head.status >= 200 && part.head.status != 204;
      if (low == "content-length" && !has_length) return true;
      const auto meant = folded(name);
      // What an app says in its sidecar's name; of Proxy-Status that is a matter of its value.
      if (way == Way::inbound_mesh && meant == "proxy-status") return true;
      if (!by_us) return false;
      if (way == Way::inbound_mesh)
        return begins(meant, "x-epaulet-") && low != "x-epaulet-retries-exhausted";
      if (!is_inbound(way) && low == "x-epaulet-retries-exhausted") return false;
      return meant == "proxy-status" || begins(meant, "x-epaulet-");
    };
  };
  if (kept_lines(said, dropped(said, true)) != kept_lines(got, dropped(got, false))) {
    return "other fields";
  }
  for (const auto& line : got.lines) {
    if (naive::lower_case(name_in(line)) != "connection") continue;
    if (!is_added_connection_line(line)) return "a Connection field was passed on";
  }
  if (!is_selection(got.trailers, said.trailers)) return "other trailers";
  return compare_bodies(said, got);
}

}  // namespace epaulet::fuzz
