#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"

/// What few routes ask for: a query to match, and what is done to their requests and responses.
/// Named as the filters of a Gateway API HTTPRoute that mean the same.
namespace epaulet {

/// Of the first parameter of this name, percent-decoded: at most one of `exact` and `pattern`.
struct QueryMatchSettings {
  std::string name;
  std::optional<std::string> exact;    ///< Neither: presence is enough.
  std::optional<std::string> pattern;  ///< `*` stands for any text.
};

/// Expressions (regex/regex.h) that a request must fit, all of them, beside the route's other
/// conditions.
struct RegexSettings {
  Origin origin;
  std::string path;                            ///< As it was sent; "": any.
  std::map<std::string, std::string> headers;  ///< One of several fields of the name fits.
  std::map<std::string, std::string> query;    ///< The first parameter of the name, decoded.
};

/// Names of fields in any case; none of framing, of one hop or of the mesh.
struct HeaderModifierSettings {
  Origin origin;
  std::map<std::string, std::string> set;  ///< Instead of any that are there.
  std::map<std::string, std::string> add;  ///< Beside them.
  std::vector<std::string> remove;
};

/// Of all lines that a route's edits add to a request and its response together, CRLF included.
inline constexpr std::size_t kEditedBytesMax = 16 * 1024;

struct UrlRewriteSettings {
  Origin origin;
  std::string hostname;  ///< "": as it was.
  // At most one of these; the query stays.
  std::string replace_full_path;
  std::string replace_prefix_match;  ///< What stands before `/**` in the path that matched.
};

struct RedirectSettings {
  Origin origin;
  std::string scheme;                 ///< "": http.
  std::string hostname;               ///< "": the request's.
  std::optional<std::uint16_t> port;  ///< Nothing: the scheme's, or the one that was dialled.
  std::string replace_full_path;
  std::string replace_prefix_match;
  std::uint16_t status = 302;
};

/// What pages of other origins may do (https://fetch.spec.whatwg.org/#http-cors-protocol).
struct CorsSettings {
  Origin origin;
  std::vector<std::string> allow_origins;  ///< As browsers write them, `*.` before a host, or "*".
  bool allow_credentials = false;
  std::vector<std::string> allow_methods;  ///< Or "*".
  std::vector<std::string> allow_headers;
  std::vector<std::string> expose_headers;
  Duration max_age = std::chrono::seconds(5);
};

struct FaultDelaySettings {
  Origin origin;
  Duration time{};
  double share = 1.0;
};

/// Exactly one of `status` and `grpc_status`.
struct FaultAbortSettings {
  Origin origin;
  std::optional<std::uint16_t> status;
  std::optional<GrpcStatus> grpc_status;  ///< Calls of gRPC alone.
  double share = 1.0;
};

struct FaultSettings {
  Origin origin;
  std::vector<HeaderMatchSettings> headers;  ///< Only of requests with all of them.
  std::optional<FaultDelaySettings> delay;
  std::optional<FaultAbortSettings> abort;
};

struct MirrorTargetSettings {
  Origin origin;
  std::string backend;
  double share = 1.0;
};

struct MirrorSettings {
  Origin origin;
  std::string backend;
  double share = 1.0;
  std::vector<MirrorTargetSettings> also;     ///< Get copies as well, each drawn for itself.
  std::uint32_t at_once = 100;                ///< Copies under way, over all workers.
  std::uint64_t bytes = 16ull * 1024 * 1024;  ///< Of all of them.
};

/// Requests that ask the same at the same time are answered by one.
struct SingleFlightSettings {
  Origin origin;
  Duration wait = std::chrono::seconds(2);   ///< For another's answer, before it asks itself.
  std::uint32_t waiting = 1000;              ///< Requests that wait, over all workers.
  std::uint64_t bytes = 4ull * 1024 * 1024;  ///< Of all answers that are kept for them.
  std::vector<std::string> ignore_headers;   ///< Which change no answer.
  bool with_credentials = false;             ///< Also requests that say whose they are.
};

/// Requests that lead nowhere on purpose.
struct RefuseSettings {
  Origin origin;
  std::uint16_t status = 404;
  double share = 1.0;  ///< Less: the others go on.
};

struct ShapingSettings {
  std::vector<std::uint16_t> ports;  ///< Of the service, as dialled; empty: any.
  std::optional<double> share;       ///< Of what it matches otherwise, drawn for each request.
  std::vector<QueryMatchSettings> query;
  std::optional<RegexSettings> regex;
  std::optional<CorsSettings> cors;
  std::optional<HeaderModifierSettings> request_headers;
  std::optional<HeaderModifierSettings> response_headers;
  std::optional<UrlRewriteSettings> rewrite;
  std::optional<RedirectSettings> redirect;
  std::optional<FaultSettings> fault;
  std::optional<MirrorSettings> mirror;
  std::optional<SingleFlightSettings> single_flight;
  std::optional<RefuseSettings> refuse;
};

[[nodiscard]] inline bool refuses_all(const RouteSettings& route) {
  return route.shaping != nullptr && route.shaping->refuse && route.shaping->refuse->share >= 1.0;
}

}  // namespace epaulet
