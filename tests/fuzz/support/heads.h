#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "http/hop_by_hop.h"
#include "http/http1/head_parser.h"
#include "http/http1/serialize.h"
#include "tests/fuzz/support/naive_http1.h"

/// What must hold of every head, request or response.
namespace epaulet::fuzz {

using http::http1::HeadLimits;
using http::http1::MessageKind;

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The end of the head, however the bytes come: at once and in small pieces must agree.
inline std::optional<std::size_t> head_end(std::string_view text, MessageKind kind) {
  std::size_t scanned = 0;
  const auto whole = http::http1::find_head_end(as_bytes(text), HeadLimits(), scanned, kind);
  EPAULET_ASSERT(scanned <= text.size());
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}}) {
    scanned = 0;
    Result<std::optional<std::size_t>> found = std::optional<std::size_t>();
    for (std::size_t length = 0; found && !*found && length < text.size();) {
      length = std::min(length + step, text.size());
      found =
          http::http1::find_head_end(as_bytes(text.substr(0, length)), HeadLimits(), scanned, kind);
    }
    EPAULET_ASSERT(found.has_value() == whole.has_value());
    if (whole) {
      EPAULET_ASSERT(*found == *whole);
    } else {
      EPAULET_ASSERT(found.error() == whole.error());
    }
  }
  if (!whole || !*whole) return std::nullopt;
  // Lines end with CRLF only, and the first empty line behind something is the end.
  auto head = text.substr(0, **whole);
  EPAULET_ASSERT(head.size() <= HeadLimits().bytes);
  while (head.starts_with("\r\n")) head.remove_prefix(2);
  EPAULET_ASSERT(head.find("\r\n\r\n") == head.size() - 4);
  EPAULET_ASSERT(head.find('\0') == std::string_view::npos);
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\r') EPAULET_ASSERT(head[i + 1] == '\n');
    if (head[i] == '\n') EPAULET_ASSERT(i > 0 && head[i - 1] == '\r');
  }
  return *whole;
}

/// Views lie in the storage, and the raw lines together are the fields as they came.
inline void check_fields(const http::Head& head, std::string_view received) {
  std::string lines;
  for (const auto& field : head.fields) {
    EPAULET_ASSERT(field.line.data() >= reinterpret_cast<const char*>(head.storage.data()));
    EPAULET_ASSERT(field.line.data() + field.line.size() <=
                   reinterpret_cast<const char*>(head.storage.data()) + head.storage.size());
    EPAULET_ASSERT(field.line.starts_with(field.name) && field.line.ends_with("\r\n"));
    EPAULET_ASSERT(field.line.find(field.value) != std::string_view::npos);
    EPAULET_ASSERT(field.id == http::field_id(field.name));
    lines += field.line;
  }
  lines += "\r\n";
  EPAULET_ASSERT(received.ends_with(lines));
}

inline std::string written(const http::RequestHead& head) {
  std::string out(http::http1::request_head_bytes(head), '\0');
  EPAULET_ASSERT(http::http1::write_request_head(head, std::as_writable_bytes(std::span(out))) ==
                 out.size());
  return out;
}
inline std::string written(const http::ResponseHead& head) {
  std::string out(http::http1::response_head_bytes(head), '\0');
  EPAULET_ASSERT(http::http1::write_response_head(head, std::as_writable_bytes(std::span(out))) ==
                 out.size());
  return out;
}

}  // namespace epaulet::fuzz
