#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace epaulet::http::http1 {

/// Which rule a message broke: goes into `Error::detail` of every error of this codec, so that
/// explain can say more than "malformed". `describe_fault()` has the sentence and the RFC section.
enum class Fault : std::uint8_t {
  none,
  // Lines.
  bare_cr,
  bare_lf,
  nul,
  empty_lines,
  incomplete,
  bytes_after_head,
  too_many_bytes,
  too_many_fields,
  // Start lines.
  method,
  request_line,
  version_syntax,
  version,
  status_line,
  status_code,
  reason_phrase,
  // Targets and authorities.
  target_characters,
  target_fragment,
  target_form,
  target_scheme,
  userinfo,
  authority,
  host_missing,
  host_duplicate,
  host_conflict,
  // Fields.
  folded_line,
  field_name,
  space_before_colon,
  field_value,
  nominated_field,
  upgrade_duplicate,
  expectation,
  // Framing.
  content_length_duplicate,
  content_length_syntax,
  content_length_and_transfer_encoding,
  transfer_encoding_duplicate,
  transfer_encoding_unknown,
  transfer_encoding_in_http10,
  framing_field_spelling,
  body_of_connect,
  body_of_informational,
  // Chunks.
  chunk_size,
  chunk_size_overflow,
  chunk_extension,
  chunk_extension_too_long,
  chunk_line_end,
  chunk_data_end,
  trailer_too_large,
  count_,
};

struct FaultDescription {
  std::string_view text;     ///< One sentence without a full stop; holds nothing of the message.
  std::string_view section;  ///< The rule's source, for example "RFC 9112 section 5.1".
};

[[nodiscard]] const FaultDescription& describe_fault(Fault fault);
/// The fault in an error that this codec made.
[[nodiscard]] constexpr Fault fault_of(const Error& error) {
  return error.detail >= 0 && error.detail < static_cast<std::int32_t>(Fault::count_)
             ? static_cast<Fault>(error.detail)
             : Fault::none;
}

/// Requests come from downstream, responses from upstream: their errors differ in code and side.
enum class MessageKind : std::uint8_t { request, response };

[[nodiscard]] constexpr Error parse_error(MessageKind kind, ErrorCode of_request,
                                          ErrorCode of_response, Fault fault) {
  return kind == MessageKind::request ? Error{of_request, Side::downstream, Stage::parse,
                                              Retry::never, static_cast<int>(fault)}
                                      : Error{of_response, Side::upstream, Stage::parse,
                                              Retry::never, static_cast<int>(fault)};
}
[[nodiscard]] constexpr Error malformed(MessageKind kind, Fault fault) {
  return parse_error(kind, ErrorCode::head_malformed, ErrorCode::response_malformed, fault);
}
[[nodiscard]] constexpr Error too_large(MessageKind kind, Fault fault) {
  return parse_error(kind, ErrorCode::head_too_large, ErrorCode::response_head_too_large, fault);
}
[[nodiscard]] constexpr Error ambiguous(MessageKind kind, Fault fault) {
  return parse_error(kind, ErrorCode::framing_ambiguous, ErrorCode::response_framing_ambiguous,
                     fault);
}

}  // namespace epaulet::http::http1
