#include "admin/app_probes.h"

#include <charconv>
#include <optional>

#include "base/error_table.h"
#include "http/http1/client_connection.h"

namespace epaulet::admin {
namespace {

constexpr std::string_view kHopLines = "User-Agent: epaulet\r\nConnection: close\r\n";

/// The probe that a path asks for, or nothing.
std::optional<ProbeSettings> find(const std::vector<ProbeSettings>& probes, std::string_view path) {
  const auto digits = path.substr(AppProbes::kPrefix.size());
  std::size_t index = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, index);
  if (parsed.ec != std::errc{} || parsed.ptr != end || index >= probes.size()) return std::nullopt;
  return probes[index];
}

/// Asks and returns the final status; a probe without a path asks nothing but to be let in.
Task<Result<std::uint16_t>> get_status(Dialer& dialer, ProbeSettings probe, SocketAddress to,
                                       Scope& scope) {
  auto stream = co_await dialer.dial(to, scope);
  if (!stream) co_return stream.error();
  if (probe.path.empty()) co_return std::uint16_t{200};
  const http::http1::HeadLimits head_limits;
  http::http1::ClientConnection app(std::move(*stream), head_limits);
  const std::string authority = to.to_string();
  http::RequestHead request;
  request.method = http::Method::get;
  request.method_text = "GET";
  request.target = probe.path;
  request.path = probe.path;
  request.authority = authority;
  app.begin_request(request, kHopLines);
  const auto sent = co_await app.writer().flush(scope);
  if (!sent) co_return sent.error();
  http::ResponseHead response;
  for (std::size_t i = 0; i <= limits::kInformationalResponsesMax; ++i) {
    const auto read = co_await app.read_head(http::Method::get, response, scope);
    if (!read) co_return read.error();
    if (!response.informational()) co_return response.status;
  }
  co_return Error(ErrorCode::response_malformed, Side::upstream, Stage::receive);
}

}  // namespace

Task<Response> AppProbes::probe(std::string_view path, IpAddress pod, Scope& scope) {
  const auto found = find(probes_, path);
  if (!found) co_return error_page(404, "`workload.probes` has no probe of this number");
  Scope asking(scope);
  const Error too_slow(ErrorCode::attempt_timeout, Side::upstream, Stage::receive);
  asking.set_deadline(scope.loop().now() + limits::kAdminProbeTime, too_slow);
  const SocketAddress app{pod, found->port};
  const auto status = co_await get_status(dialer_, *found, app, asking);
  if (status) {
    if (found->path.empty()) co_return Response{200, kTextType, "the app takes connections\n"};
    co_return Response{*status, kTextType, "the app answered " + std::to_string(*status) + "\n"};
  }
  if (status.error().code == ErrorCode::attempt_timeout) {
    co_return error_page(504, "the app did not answer in time");
  }
  co_return error_page(503, describe(status.error().code).summary);
}

}  // namespace epaulet::admin
