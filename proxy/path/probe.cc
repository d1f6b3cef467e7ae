#include "path/probe.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error_table.h"
#include "config/health_check_settings.h"
#include "http/deadline.h"
#include "http/grpc.h"
#include "http/grpc_health.h"
#include "http/http1/client_connection.h"
#include "http/http2/lone_request.h"
#include "io/ops.h"
#include "path/proxy_status.h"

namespace epaulet::path {
namespace {

using Finding = resilience::HealthBoard::Finding;
using std::chrono::milliseconds;

constexpr std::string_view kUserAgent = "epaulet/health";
constexpr std::size_t kGrpcAnswerBytesMax = 4 * limits::kKiB;
constexpr std::size_t kReasonBytesMax = 256;
/// Mesh TLS is done before the other sidecar has reached its app: if it cannot, or must not, it
/// ends the connection soon.
constexpr milliseconds kEndsWithin{500};
/// For our last word, which nobody waits for.
constexpr milliseconds kGoodbye{100};
const Error kDone{ErrorCode::cancelled, Side::self, Stage::none};

/// Nothing that the endpoint could do anything about.
bool is_ours(ErrorCode code) {
  constexpr ErrorCode kOurs[] = {ErrorCode::tls_not_configured, ErrorCode::descriptors_exhausted,
                                 ErrorCode::memory_exhausted,   ErrorCode::cancelled,
                                 ErrorCode::draining,           ErrorCode::drain_timeout};
  return std::find(std::begin(kOurs), std::end(kOurs), code) != std::end(kOurs);
}

bool passes(const HttpCheckSettings& check, std::uint16_t status) {
  if (check.statuses.empty()) return status >= 200 && status < 400;
  return std::any_of(check.statuses.begin(), check.statuses.end(),
                     [status](std::uint16_t one) { return one == status || one == status / 100; });
}

std::string_view text_of_bytes(ConstBytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Reads on, so that who answers is not cut off in the middle, but not for ever.
Task<void> hear_rest(http::ClientStream& stream, Scope& scope) {
  auto& body = stream.body();
  std::size_t bytes = 0;
  while (!body.complete() && bytes < limits::kDrainedBodyBytesMax) {
    const auto chunk = co_await body.pull(scope);
    if (!chunk) co_return;
    bytes += chunk->bytes.size();
  }
  if (body.complete()) stream.finish();
}

}  // namespace

Probe::Probe(Worker& worker, ViewPtr view, Hop hop)
    : worker_(worker),
      view_(std::move(view)),
      hop_(std::move(hop)),
      backend_(*view_->snapshot().backends[hop_.backend].settings),
      check_(*backend_.health_check) {}

Task<std::optional<Finding>> Probe::run(Scope& scope) {
  const bool in_http2 = check_.grpc || (check_.http && backend_.http == HttpVersion::http2);
  const auto protocol = check_.tcp ? detect::MeshProtocol::opaque
                        : in_http2 ? detect::MeshProtocol::http2
                                   : detect::MeshProtocol::http1;
  trace_.begin(scope.loop().now());
  auto plan = plan_for(view_->snapshot(), hop_, protocol);
  auto dialled = co_await upstream::dial(worker_.dialer, worker_.tls, unheard_, trace_,
                                         std::move(plan), scope);
  const auto why = [&](const Error& error) {
    return scope.cancelled() ? *scope.cancelled() : error;
  };
  if (!dialled) {
    const Error error = why(dialled.error());
    if (is_ours(error.code)) co_return std::nullopt;
    co_return broken(error);
  }
  dialled_ = std::move(*dialled);
  is_connected_ = true;
  compose();
  Finding finding;  // By ifs: g++ 12 does not keep `a ? co_await b : co_await c` apart.
  if (check_.tcp) {
    finding = co_await over_tcp(scope);
  } else if (in_http2) {
    finding = co_await over_http2(scope);
  } else {
    finding = co_await over_http1(scope);
  }
  if (scope.cancelled() && is_ours(scope.cancelled()->code)) co_return std::nullopt;
  co_return finding;
}

void Probe::compose() {
  auto& added = request_.added;
  request_.authority = check_.http && !check_.http->host.empty() ? check_.http->host
                                                                 : std::string_view(backend_.name);
  request_.method = check_.grpc ? http::Method::post : http::Method::get;
  request_.method_text = check_.grpc ? "POST" : "GET";
  request_.target = check_.grpc   ? http::kGrpcHealthPath
                    : check_.http ? std::string_view(check_.http->path)
                                  : "/";
  request_.path = request_.target.substr(0, request_.target.find('?'));
  added.add("User-Agent", kUserAgent);
  // Nobody works for a check that has been given up.
  const http::DeadlineText left(check_.timeout);
  if (check_.grpc) {
    body_ = http::grpc_health_request(check_.grpc->service);
    request_.framing = {http::Framing::Kind::length, body_.size()};
    added.add("Content-Type", "application/grpc");
    added.add("TE", "trailers");
    added.add("grpc-timeout", left.grpc());
    return;
  }
  added.add("Accept", "*/*");
  if (backend_.http != HttpVersion::http2) added.add("Connection", "close");
  if (dialled_.peer != 0) added.add(http::kDeadlineField, left.milliseconds());
}

Task<Finding> Probe::over_http1(Scope& scope) {
  const auto connection = std::make_unique<http::http1::ClientConnection>(
      std::move(dialled_.stream), view_->snapshot().head_limits());
  auto finding = co_await ask(*connection, scope);
  Scope ending(scope);
  ending.set_deadline(scope.loop().now() + kGoodbye, kDone);
  (void)co_await write_end(connection->stream(), ending);
  co_return finding;
}

Task<Finding> Probe::over_http2(Scope& scope) {
  const auto request = std::make_unique<http::http2::LoneRequest>(
      std::move(dialled_.stream), worker_.session_limits(view_->snapshot()), scope);
  auto finding = co_await ask(request->begin(), scope);
  co_await request->end();
  co_return finding;
}

Task<Finding> Probe::over_tcp(Scope& scope) {
  Finding finding;
  finding.passed = true;
  if (dialled_.peer != 0) {
    StreamReader reader(*dialled_.stream);
    Scope quiet(scope);
    quiet.set_deadline(scope.loop().now() + std::min<Duration>(kEndsWithin, check_.timeout / 2),
                       kDone);
    const auto heard = co_await reader.fill(quiet);
    const bool has_ended = heard ? *heard == 0 : !quiet.cancelled();
    if (has_ended) {
      finding.passed = false;
      finding.code = heard ? ErrorCode::closed_before_response : heard.error().code;
      finding.text =
          "its sidecar ended the connection: its app was not reached, or its rules refuse us; "
          "where they look at requests, only http or grpc can tell";
    }
  }
  Scope ending(scope);
  ending.set_deadline(scope.loop().now() + kGoodbye, kDone);
  (void)co_await write_end(*dialled_.stream, ending);
  co_return finding;
}

Task<Finding> Probe::ask(http::ClientStream& stream, Scope& scope) {
  stream.begin_request(request_);
  const http::Chunk all(as_bytes(body_), true);
  const auto sent = co_await stream.writer().push(all, scope);
  const auto why = [&](const Error& error) {
    return scope.cancelled() ? *scope.cancelled() : error;
  };
  // Who refuses may have said so before it read all of it.
  for (std::size_t informational = 0;; ++informational) {
    const auto read = co_await stream.read_head(request_.method, response_, scope);
    if (!read) co_return broken(why(sent ? read.error() : sent.error()));
    if (!response_.informational()) break;
    if (informational == limits::kInformationalResponsesMax)
      co_return broken(Error(ErrorCode::response_malformed, Side::upstream, Stage::receive));
  }
  if (check_.grpc) co_return co_await hear_grpc(stream, scope);
  auto finding = judge_http();
  co_await hear_rest(stream, scope);
  co_return finding;
}

Task<Finding> Probe::hear_grpc(http::ClientStream& stream, Scope& scope) {
  auto status = http::grpc_status(response_);
  std::string answer;
  auto& body = stream.body();
  while (!body.complete() && answer.size() < kGrpcAnswerBytesMax) {
    const auto chunk = co_await body.pull(scope);
    if (!chunk) co_return broken(scope.cancelled() ? *scope.cancelled() : chunk.error());
    answer.append(text_of_bytes(chunk->bytes));
    if (!chunk->trailers.empty() && !status) status = http::grpc_status(chunk->trailers);
  }
  co_return judge_grpc(status, answer);
}

Finding Probe::judge_http() const {
  Finding finding;
  finding.status = response_.status;
  finding.passed = passes(*check_.http, response_.status);
  finding.text = fmt::format("answered {}", response_.status);
  if (!finding.passed) add_what_its_sidecar_says(finding);
  return finding;
}

Finding Probe::judge_grpc(std::optional<std::uint8_t> status, std::string_view body) const {
  Finding finding;
  finding.status = response_.status;
  finding.grpc_status = status;
  auto word = http::judge_grpc_health(response_.status, status, body, check_.grpc->service);
  finding.passed = word.serving;
  finding.text = std::move(word.text);
  if (!finding.passed) add_what_its_sidecar_says(finding);
  return finding;
}

/// Its sidecar may have answered in its app's place: it did not reach it, or its rules refuse us as
/// they would a request.
void Probe::add_what_its_sidecar_says(Finding& finding) const {
  const auto* told = response_.find(http::FieldId::proxy_status);
  if (told == nullptr || dialled_.peer == 0) return;
  if (const auto failure = failure_told_in(told->value)) finding.code = failure->code;
  if (finding.code != ErrorCode::none)
    finding.text += fmt::format(", its sidecar: {}", describe(finding.code).summary);
  finding.text += fmt::format(" ({})", told->value.substr(0, kReasonBytesMax));
}

Finding Probe::broken(const Error& error) const {
  Finding finding;
  finding.code = error.code;
  if (error.code == ErrorCode::attempt_timeout) {
    finding.text = fmt::format("{} within health_check.timeout ({} ms)",
                               is_connected_ ? "no answer" : "no connection",
                               check_.timeout / milliseconds(1));
    return finding;
  }
  finding.text = describe(error.code).summary;
  if (error.note != 0) finding.text += fmt::format(": {}", telemetry::text_of(error.note));
  return finding;
}

}  // namespace epaulet::path
