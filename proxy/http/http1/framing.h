#pragma once

#include <cstdint>

#include "http/http1/fault.h"
#include "http/message.h"

/// Where a message ends (RFC 9112 section 6.3): a pure decision from facts that the head parser
/// collected.
namespace epaulet::http::http1 {

/// What the head says about its body, before anybody draws a conclusion.
struct FramingFacts {
  enum class Length : std::uint8_t {
    absent,
    valid,      ///< Exactly one Content-Length, digits only; `length` holds it.
    malformed,  ///< Not 1*DIGIT (lists and signs included), or above kContentLengthMax.
    duplicate,  ///< More than one field, equal or not.
  };
  enum class Coding : std::uint8_t {
    absent,
    chunked,    ///< Exactly one Transfer-Encoding whose value is "chunked", in any case.
    unknown,    ///< One field with anything else: other codings, lists, parameters, nothing.
    duplicate,  ///< More than one field.
  };

  Version version = Version::http11;
  Length content_length = Length::absent;
  Coding transfer_encoding = Coding::absent;
  std::uint64_t length = 0;
};

/// Larger ones overflow a signed 64-bit integer, in which other implementations count.
inline constexpr std::uint64_t kContentLengthMax = INT64_MAX;

struct FramingVerdict {
  Framing framing;
  /// Not `none`: refuse the message and close its connection.
  Fault fault = Fault::none;
  /// The framing fields mean nothing in this message: they are not passed on.
  bool fields_are_void = false;
  /// Who sent this cannot be trusted to agree with us on where the next message begins.
  bool close_after = false;
};

/// Stricter than the RFC where two readers could differ: identical duplicates and codings before
/// `chunked` are refused too.
[[nodiscard]] FramingVerdict frame_request(const FramingFacts& facts, Method method);
/// `status`: 100 to 999. `request_method`: of the request that it answers.
[[nodiscard]] FramingVerdict frame_response(const FramingFacts& facts, std::uint16_t status,
                                            Method request_method);

}  // namespace epaulet::http::http1
