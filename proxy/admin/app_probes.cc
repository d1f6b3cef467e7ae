#include "admin/app_probes.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "base/error_table.h"
#include "base/limits.h"
#include "crypto/path_secret.h"
#include "http/deadline.h"
#include "http/grpc.h"
#include "http/grpc_health.h"
#include "http/http2/lone_request.h"

namespace epaulet::admin {
namespace {

constexpr std::size_t kGrpcAnswerBytesMax = 4 * limits::kKiB;
constexpr std::string_view kUserAgent = "User-Agent: epaulet\r\n";

AppRequest request_of(const ProbeSettings& probe) {
  AppRequest request;
  request.path = probe.path;
  request.tls = probe.tls;
  bool has_agent = false;
  for (const auto& [name, value] : probe.headers) {
    if (lower(name) == "host") {
      request.host = value;
      continue;
    }
    has_agent = has_agent || lower(name) == "user-agent";
    request.lines += name + ": " + value + "\r\n";
  }
  if (!has_agent) request.lines += kUserAgent;
  return request;
}

/// The app's word and its body, as far as it is one of gRPC's health protocol.
Task<Result<http::HealthWord>> ask_health(http::ClientStream& stream, const ProbeSettings& probe,
                                          SocketAddress to, Scope& scope) {
  const std::string authority = to.to_string();
  const std::string body = http::grpc_health_request(probe.grpc->service);
  const http::DeadlineText left(probe.timeout);
  http::RequestHead request;
  request.method = http::Method::post;
  request.method_text = "POST";
  request.target = request.path = http::kGrpcHealthPath;
  request.authority = authority;
  request.framing = {http::Framing::Kind::length, body.size()};
  request.added.add("User-Agent", "epaulet");
  request.added.add("Content-Type", "application/grpc");
  request.added.add("TE", "trailers");
  request.added.add("grpc-timeout", left.grpc());
  stream.begin_request(request);
  const http::Chunk all(as_bytes(body), true);
  const auto sent = co_await stream.writer().push(all, scope);
  http::ResponseHead response;
  for (std::size_t informational = 0;; ++informational) {
    const auto read = co_await stream.read_head(request.method, response, scope);
    if (!read) co_return sent ? read.error() : sent.error();
    if (!response.informational()) break;
    if (informational == limits::kInformationalResponsesMax)
      co_return Error(ErrorCode::response_malformed, Side::upstream, Stage::receive);
  }
  auto status = http::grpc_status(response);
  std::string answer;
  auto& rest = stream.body();
  while (!rest.complete() && answer.size() < kGrpcAnswerBytesMax) {
    const auto chunk = co_await rest.pull(scope);
    if (!chunk) co_return chunk.error();
    answer.append(reinterpret_cast<const char*>(chunk->bytes.data()), chunk->bytes.size());
    if (!chunk->trailers.empty() && !status) status = http::grpc_status(chunk->trailers);
  }
  co_return http::judge_grpc_health(response.status, status, answer, probe.grpc->service);
}

}  // namespace

/// The probe that a path asks for, or nothing.
std::optional<ProbeSettings> AppProbes::find(std::string_view path) const {
  auto digits = path.substr(kPrefix.size());
  if (!secret_.empty()) {
    const auto slash = std::min(digits.find('/'), digits.size());
    if (!is_same_secret(digits.substr(0, slash), secret_)) return std::nullopt;
    digits.remove_prefix(std::min(slash + 1, digits.size()));
  }
  std::size_t index = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, index);
  if (parsed.ec != std::errc{} || parsed.ptr != end || index >= probes_.size()) return std::nullopt;
  return probes_[index];
}

/// A probe without a path asks nothing but to be let in.
AppProbes::Answer AppProbes::connect(ProbeSettings probe, SocketAddress to, Scope& scope) {
  const auto stream = co_await app_.dial(to, probe.tls, scope);
  if (!stream) co_return stream.error();
  Response page;
  page.content_type = kTextType;
  page.body = "the app takes connections\n";
  co_return std::move(page);
}

AppProbes::Answer AppProbes::over_http(ProbeSettings probe, SocketAddress to, Scope& scope) {
  http::ResponseHead response;
  auto request = request_of(probe);
  const auto app = co_await app_.get(to, std::move(request), response, scope);
  if (!app) co_return app.error();
  Response page;
  page.status = response.status;
  page.content_type = kTextType;
  page.body = "the app answered " + std::to_string(response.status) + "\n";
  co_return std::move(page);
}

AppProbes::Answer AppProbes::over_grpc(ProbeSettings probe, SocketAddress to, Scope& scope) {
  auto stream = co_await app_.dial(to, false, scope);
  if (!stream) co_return stream.error();
  const http::http2::SessionLimits session_limits;
  const auto request =
      std::make_unique<http::http2::LoneRequest>(std::move(*stream), session_limits, scope);
  const auto word = co_await ask_health(request->begin(), probe, to, scope);
  co_await request->end();
  if (!word) co_return word.error();
  Response page;
  page.status = word->serving ? 200 : 503;
  page.content_type = kTextType;
  page.body = "the app " + word->text + "\n";
  co_return std::move(page);
}

Task<Response> AppProbes::probe(std::string_view path, IpAddress pod, Scope& scope) {
  const auto found = find(path);
  if (!found) co_return error_page(404, "there is no such probe");
  Scope asking(scope);
  const Error too_slow(ErrorCode::attempt_timeout, Side::upstream, Stage::receive);
  asking.set_deadline(scope.loop().now() + found->timeout, too_slow);
  const SocketAddress to{pod, found->port};
  // By ifs: g++ 12 does not keep `a ? co_await b : co_await c` apart.
  Result<Response> answer = too_slow;
  if (found->grpc) {
    answer = co_await over_grpc(*found, to, asking);
  } else if (found->path.empty()) {
    answer = co_await connect(*found, to, asking);
  } else {
    answer = co_await over_http(*found, to, asking);
  }
  if (answer) co_return std::move(*answer);
  const Error why = asking.cancelled() ? *asking.cancelled() : answer.error();
  if (why.code == ErrorCode::attempt_timeout) {
    co_return error_page(504, "the app did not answer in time");
  }
  co_return error_page(503, describe(why.code).summary);
}

}  // namespace epaulet::admin
