#include "otlp/send.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/limits.h"
#include "crypto/pem_file.h"
#include "http/http1/client_connection.h"
#include "http/retry_after.h"
#include "runtime/fork.h"

namespace epaulet::otlp {
namespace {

constexpr web::KeyNames kKeys{"tracing.otlp.url", "tracing.otlp.ca"};
/// What a collector answers is a few bytes; what it says beyond is not read.
constexpr std::size_t kAnswerBytesMax = 16 * limits::kKiB;
constexpr std::string_view kOwnFields[] = {"host",
                                           "content-type",
                                           "content-length",
                                           "content-encoding",
                                           "transfer-encoding",
                                           "connection",
                                           "user-agent",
                                           "te",
                                           "trailer",
                                           "upgrade",
                                           "expect"};

Sent sent(SendResult result, Reason why) {
  Sent out;
  out.result = result;
  out.why = std::move(why);
  return out;
}

Sent broken(const web::Url& url, const Error& error) {
  return sent(SendResult::unreachable, web::unreachable(url, kKeys, error).why);
}

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != kMarks.npos;
  });
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

Checked<std::string> header_lines(const OtlpSettings& settings) {
  if (settings.headers_file.empty()) return std::string();
  const auto text = read_pem_file(settings.headers_file);
  if (!text)
    return Reason(
        text.error().what,
        "`tracing.otlp.headers_file` names a file of lines `Name: value` that we may read");
  return parse_header_lines(*text, settings.headers_file);
}

SendResult result_of(std::uint16_t status) {
  if (status >= 200 && status < 300) return SendResult::taken;
  const bool is_busy = status == 429 || status == 502 || status == 503 || status == 504;
  return is_busy ? SendResult::busy : SendResult::refused;
}

std::string_view remedy_for(std::uint16_t status) {
  if (status == 401 || status == 403) return "`tracing.otlp.headers_file` holds what it asks for";
  if (status == 404 || status == 405)
    return "`tracing.otlp.url` names a collector's OTLP/HTTP receiver, usually port 4318";
  if (status == 415) return "the collector must take OTLP as JSON";
  if (status >= 300 && status < 400) return "redirects are not followed: write where it leads";
  return "its own log says why";
}

/// The rest of the answer, as far as it matters.
Task<std::string> read_answer(http::http1::ClientConnection& connection, Scope& scope) {
  std::string body;
  while (!connection.body().complete() && body.size() < kAnswerBytesMax) {
    const auto chunk = co_await connection.body().pull(scope);
    if (!chunk) break;
    body.append(reinterpret_cast<const char*>(chunk->bytes.data()), chunk->bytes.size());
  }
  co_return body;
}

Task<Sent> read_result(http::http1::ClientConnection& connection, const web::Url& url,
                       Scope& scope) {
  http::ResponseHead head;
  do {
    const auto read = co_await connection.read_head(http::Method::post, head, scope);
    if (!read) co_return broken(url, read.error());
  } while (head.informational());
  Sent out;
  out.result = result_of(head.status);
  if (out.result != SendResult::taken) {
    out.why = Reason(fmt::format("{} answered {}", url.authority, head.status),
                     std::string(remedy_for(head.status)));
    const auto asked = http::retry_after(head, scope.loop().wall_now());
    if (asked) out.retry_after = *asked;
    co_return out;
  }
  const auto answer = telemetry::parse_otlp_answer(co_await read_answer(connection, scope));
  out.rejected = answer.rejected;
  if (answer.rejected > 0) {
    out.why = Reason(
        fmt::format("{} did not want {} spans: {}", url.authority, answer.rejected, answer.why),
        "its own log says why");
  }
  co_return out;
}

}  // namespace

std::string_view name_of(SendResult result) {
  switch (result) {
    case SendResult::taken:
      return "taken";
    case SendResult::busy:
      return "busy";
    case SendResult::unreachable:
      return "unreachable";
    case SendResult::untrusted:
      return "untrusted";
    case SendResult::unusable:
      return "unusable";
    case SendResult::refused:
      return "refused";
    case SendResult::count_:
      break;
  }
  return "";
}

Checked<std::string> parse_header_lines(std::string_view text, const std::string& file) {
  std::string lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    const auto refuse = [&](const char* what, const char* remedy) {
      return Reason(fmt::format("{}:{}: {}", file, number, what), remedy);
    };
    if (colon == line.npos || !is_token(name))
      return refuse("no header", "each line is `Name: value`");
    const auto value = trimmed(line.substr(colon + 1));
    if (value.empty() || !is_plain(value))
      return refuse("a header without a value of visible ASCII", "each line is `Name: value`");
    const bool is_ours = std::any_of(std::begin(kOwnFields), std::end(kOwnFields),
                                     [&](auto own) { return equals_ignore_case(own, name); });
    if (is_ours) return refuse("a header that the exporter sets itself", "remove the line");
    lines.append(name).append(": ").append(value).append("\r\n");
  }
  return lines;
}

Task<Sent> send(web::Seams seams, const OtlpSettings& settings, const web::Url& url,
                const std::string& body, Scope& scope) {
  const auto more = header_lines(settings);
  if (!more) co_return sent(SendResult::unusable, more.error());
  auto connected = co_await web::connect(seams, url, settings.ca, kKeys, scope);
  if (auto* failure = std::get_if<web::ConnectFailure>(&connected)) {
    co_return sent(
        failure->kind == web::Failing::untrusted ? SendResult::untrusted : SendResult::unreachable,
        std::move(failure->why));
  }
  const http::http1::HeadLimits head_limits;
  http::http1::ClientConnection connection(std::move(std::get<StreamPtr>(connected)), head_limits);
  http::RequestHead request;
  request.method = http::Method::post;
  request.method_text = "POST";
  // As other exporters do with an endpoint that says no path.
  request.target = url.target == "/" ? "/v1/traces" : std::string_view(url.target);
  request.path = request.target;
  request.authority = url.authority;
  request.framing = {http::Framing::Kind::length, body.size()};
  request.added.add("Content-Type", "application/json");
  request.added.add("Content-Length", std::to_string(body.size()));
  request.added.append(*more);
  connection.begin_request(request, "User-Agent: epaulet\r\nConnection: close\r\n");
  const http::Chunk all(as_bytes(body), true);
  // Who refuses may say so at once, and read no further: it is heard beside what is sent.
  Scope uploading(scope);
  Fork<Result<void>> upload;
  upload.start(connection.writer().push(all, uploading));
  auto result = co_await read_result(connection, url, scope);
  uploading.cancel({ErrorCode::cancelled, Side::self, Stage::send});
  (void)co_await upload.join();
  co_return result;
}

}  // namespace epaulet::otlp
