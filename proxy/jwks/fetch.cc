#include "jwks/fetch.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/error_table.h"
#include "base/limits.h"
#include "crypto/pem_file.h"
#include "http/http1/client_connection.h"
#include "jwks/fetch_schedule.h"
#include "tls/stream.h"

namespace epaulet::jwks {
namespace {

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

FetchFailure unreachable(const FetchUrl& url, const Error& error) {
  return failure_of(
      FetchResult::unreachable,
      Reason(fmt::format("{} cannot be reached: {}", url.authority, describe(error.code).summary),
             "is it up, and `keys.url` right?"));
}

/// Enough for one that is far away; of more than ten addresses that say nothing, the last are not
/// tried.
constexpr std::chrono::seconds kLeastPerAddress{1};

/// Each address has an even part of what time is left, so that one that swallows everything does
/// not use it all up.
Task<Result<StreamPtr>> dial_in_part(Dialer& dialer, SocketAddress address, std::size_t left,
                                     Scope& scope) {
  Scope part(scope);
  if (const auto end = scope.deadline()) {
    const auto now = scope.loop().now();
    const auto share = (*end - now) / static_cast<std::int64_t>(left);
    part.set_deadline(now + std::max<std::chrono::nanoseconds>(share, kLeastPerAddress),
                      {ErrorCode::connect_timeout, Side::upstream, Stage::connect});
  }
  co_return co_await dialer.dial(address, part);
}

Task<Result<StreamPtr>> connect(Seams seams, const FetchUrl& url, Scope& scope) {
  if (url.address) {
    const SocketAddress address{*url.address, url.port};
    co_return co_await seams.dialer.dial(address, scope);
  }
  const auto found = co_await seams.resolver.resolve(url.host, scope);
  if (!found) co_return found.error();
  Result<StreamPtr> last = Error(ErrorCode::connect_failed, Side::upstream, Stage::connect);
  auto left = found->addresses.size();
  for (const auto& ip : found->addresses) {
    const SocketAddress address{ip, url.port};
    last = co_await dial_in_part(seams.dialer, address, left--, scope);
    if (last || scope.cancelled()) co_return last;
  }
  co_return last;
}

Checked<std::shared_ptr<const TlsContext>> web_context(const FetchUrl& url,
                                                       const std::string& ca_file) {
  if (ca_file.empty()) return TlsContext::for_web_client(std::nullopt, url.host);
  const auto text = read_pem_file(ca_file);
  if (!text) return text.error();
  auto roots = Certificate::parse_pem(*text, ca_file, limits::kBundleCertificatesMax);
  if (!roots) return roots.error();
  return TlsContext::for_web_client(std::move(*roots), url.host);
}

/// What it said, if it is no key set.
std::optional<FetchFailure> fault_of(const http::ResponseHead& head, const FetchUrl& url) {
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

Task<FetchOutcome> fetch(Seams seams, const FetchUrl& url, const std::string& ca_file,
                         Scope& scope) {
  std::shared_ptr<const TlsContext> context;
  if (url.tls) {
    auto made = web_context(url, ca_file);
    if (!made) co_return failure_of(FetchResult::untrusted, made.error());
    context = std::move(*made);
  }
  auto lower = co_await connect(seams, url, scope);
  if (!lower) co_return unreachable(url, lower.error());
  StreamPtr stream = std::move(*lower);
  if (url.tls) {
    TlsClientOptions options;
    if (!url.address) options.server_name = url.host;
    auto secured = TlsStream::client(std::move(stream), std::move(context), options);
    const auto shaken = co_await secured->handshake(scope);
    if (!shaken) {
      co_return failure_of(
          FetchResult::untrusted,
          Reason(fmt::format("TLS with {} failed: {}", url.authority, secured->report().diagnosis),
                 "`keys.ca` names the roots of a private authority"));
    }
    stream = std::move(secured);
  }
  const http::http1::HeadLimits head_limits;
  http::http1::ClientConnection connection(std::move(stream), head_limits);
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
