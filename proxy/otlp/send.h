#pragma once

#include <optional>
#include <string>

#include "config/settings.h"
#include "telemetry/otlp_json.h"
#include "web/connect.h"

namespace epaulet::otlp {

/// What became of one request.
enum class SendResult : std::uint8_t {
  taken,
  busy,         ///< 429, 502, 503, 504: again later.
  unreachable,  ///< No name, no connection, or it broke: again later.
  untrusted,    ///< TLS: again later.
  unusable,     ///< `headers_file` is no such file: again later.
  refused,      ///< Any other status: never again.
  count_,
};
[[nodiscard]] std::string_view name_of(SendResult result);
[[nodiscard]] constexpr bool may_send_again(SendResult result) {
  return result != SendResult::taken && result != SendResult::refused;
}

struct Sent {
  SendResult result = SendResult::taken;
  Reason why;  ///< Of what is not taken, or not wholly.
  std::chrono::nanoseconds retry_after{0};
  std::uint64_t rejected = 0;  ///< Of what is taken.
};

/// `headers_file`: lines `Name: value`, `#` begins a comment. The same with CRLF, or why not; never
/// with what a value holds.
[[nodiscard]] Checked<std::string> parse_header_lines(std::string_view text,
                                                      const std::string& file);

/// POSTs an ExportTraceServiceRequest over HTTP/1.1. `scope` has the deadline. The arguments
/// outlive the task.
Task<Sent> send(web::Seams seams, const OtlpSettings& settings, const web::Url& url,
                const std::string& body, Scope& scope);

}  // namespace epaulet::otlp
