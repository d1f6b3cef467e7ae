#include "jwks/fetch.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/limits.h"
#include "http/http1/client_connection.h"
#include "jwks/fetch_schedule.h"

namespace epaulet::jwks {
namespace {

constexpr web::KeyNames kKeys{"keys.url", "keys.ca"};
constexpr std::string_view kOwnFields =
    "Accept: application/jwk-set+json, application/json\r\n"
    "User-Agent: epaulet\r\n"
    "Connection: close\r\n";

FetchFailure failure_of(FetchResult result, Reason why) {
  FetchFailure failure;
  failure.result = result;
  failure.why = std::move(why);
  return failure;
}

FetchFailure failure_of(web::ConnectFailure failure) {
  return failure_of(
      failure.kind == web::Failing::untrusted ? FetchResult::untrusted : FetchResult::unreachable,
      std::move(failure.why));
}

FetchFailure unreachable(const web::Url& url, const Error& error) {
  return failure_of(web::unreachable(url, kKeys, error));
}

/// What it said, if it is no key set.
std::optional<FetchFailure> fault_of(const http::ResponseHead& head, const web::Url& url) {
  if (head.status == 200) {
    if (head.find("content-encoding") == nullptr) return std::nullopt;
    return failure_of(FetchResult::unusable,
                      Reason(url.authority + " sends the keys in an encoding that nobody asked for",
                             "let it send them as they are"));
  }
  const bool moved = head.status >= 300 && head.status < 400;
  return failure_of(
      FetchResult::refused,
      Reason(fmt::format("{} answered {}", url.authority, head.status),
             moved ? "redirects are not followed: write the URL where the keys are"
                   : "`keys.url` must name the issuer's key set, which anybody may read"));
}

}  // namespace

std::string_view name_of(FetchResult result) {
  switch (result) {
    case FetchResult::fetched:
      return "fetched";
    case FetchResult::unreachable:
      return "unreachable";
    case FetchResult::untrusted:
      return "untrusted";
    case FetchResult::refused:
      return "refused";
    case FetchResult::unusable:
      return "unusable";
    case FetchResult::count_:
      break;
  }
  return "";
}

Task<FetchOutcome> fetch(Seams seams, const web::Url& url, const std::string& ca_file,
                         Scope& scope) {
  auto connected = co_await web::connect(seams, url, ca_file, kKeys, scope);
  if (auto* failure = std::get_if<web::ConnectFailure>(&connected))
    co_return failure_of(std::move(*failure));
  const http::http1::HeadLimits head_limits;
  http::http1::ClientConnection connection(std::move(std::get<StreamPtr>(connected)), head_limits);
  http::RequestHead request;
  request.method = http::Method::get;
  request.method_text = "GET";
  request.target = url.target;
  request.path = url.target;
  request.authority = url.authority;
  connection.begin_request(request, kOwnFields);
  const http::Chunk nothing(ConstBytes(), true);
  const auto sent = co_await connection.writer().push(nothing, scope);
  if (!sent) co_return unreachable(url, sent.error());
  http::ResponseHead head;
  do {
    const auto read = co_await connection.read_head(http::Method::get, head, scope);
    if (!read) co_return unreachable(url, read.error());
  } while (head.informational());
  if (auto fault = fault_of(head, url)) co_return std::move(*fault);
  Fetched fetched;
  for (const auto& field : head.fields) {
    if (!equals_ignore_case(field.name, "cache-control")) continue;
    const auto age = max_age_in(field.value);
    if (age && (!fetched.max_age || *age < *fetched.max_age)) fetched.max_age = age;
  }
  while (!connection.body().complete()) {
    const auto chunk = co_await connection.body().pull(scope);
    if (!chunk) co_return unreachable(url, chunk.error());
    fetched.body.append(reinterpret_cast<const char*>(chunk->bytes.data()), chunk->bytes.size());
    if (fetched.body.size() > limits::kJwksBytesMax) {
      co_return failure_of(
          FetchResult::unusable,
          Reason(fmt::format("{} sends more than {} bytes", url.authority, limits::kJwksBytesMax),
                 "`keys.url` must name a key set and nothing else"));
    }
  }
  co_return fetched;
}

}  // namespace epaulet::jwks
