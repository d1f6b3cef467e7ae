#include "path/refuse.h"

#include <fmt/format.h>

#include "detect/detector.h"
#include "io/ops.h"

namespace epaulet::path {
namespace {

constexpr std::chrono::seconds kLinger{1};
constexpr std::size_t kLingerBytesMax = 256 * 1024;

using Kind = telemetry::ConnectionRecord::Kind;

Kind kind_of(const Error& error) {
  return error.stage == Stage::tls ? Kind::handshake : Kind::refused;
}

/// The head is not parsed: whatever it says, the answer is the same.
Task<void> answer_plaintext(Connection& connection) {
  Scope sending(connection.scope);
  sending.set_deadline(connection.now() + kLinger,
                       {ErrorCode::idle_timeout, Side::downstream, Stage::send});
  const std::string answer = fmt::format(
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\nX-Request-Id: "
      "{}\r\n\r\n",
      connection.record().id.view());
  const std::array<ConstBytes, 1> bytes{as_bytes(answer)};
  const auto written = co_await write_all(connection.stream(), bytes, sending);
  if (written) co_await close_lingering(connection);
}

}  // namespace

Task<void> refuse_connection(Connection& connection, Error error) {
  // The caller went away before it said anything: a port scan, a health check, a pooled connection.
  // Nothing failed.
  if (error.code == ErrorCode::end_of_stream || error.code == ErrorCode::cancelled) co_return;
  const bool answerable =
      error.code == ErrorCode::plaintext_on_strict_port &&
      detect::classify(connection.reader().buffered()) == detect::Verdict::http1;
  connection.report(error, kind_of(error));
  if (answerable) {
    co_await answer_plaintext(connection);
  } else {
    connection.reset();
  }
}

Task<void> close_lingering(Connection& connection) {
  Scope lingering(connection.scope);
  lingering.set_deadline(connection.now() + kLinger,
                         {ErrorCode::idle_timeout, Side::downstream, Stage::shutdown});
  const auto ended = co_await write_end(connection.stream(), lingering);
  if (!ended) co_return;
  StreamReader& reader = connection.reader();
  std::size_t skipped = 0;
  while (skipped < kLingerBytesMax) {
    skipped += reader.buffered().size();
    reader.consume(reader.buffered().size());
    if (reader.at_end()) co_return;
    const auto filled = co_await reader.fill(lingering);
    if (!filled || *filled == 0) co_return;
  }
}

}  // namespace epaulet::path
