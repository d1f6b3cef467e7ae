#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace epaulet {

/// The one table that says how an error looks outside (design section 4).
struct ErrorDescription {
  ErrorCode code;
  std::string_view name;          ///< snake_case, stable: metric label, log field, explain.
  std::uint16_t http_status;      ///< 0: the connection is reset or closed, no answer is possible.
  std::uint8_t grpc_status;       ///< https://grpc.github.io/grpc/core/md_doc_statuscodes.html
  std::string_view proxy_status;  ///< RFC 9209 section 2.3 error type.
  std::string_view flag;          ///< Envoy-compatible response flag for access logs, "-" if none.
  std::string_view summary;       ///< One sentence without a full stop.
  std::string_view remedy;        ///< What to do, naming the key where one exists.
};

/// Every code has exactly one row.
[[nodiscard]] const ErrorDescription& describe(ErrorCode code);
[[nodiscard]] std::string_view name_of(Stage stage);
[[nodiscard]] std::string_view name_of(Side side);

}  // namespace epaulet
