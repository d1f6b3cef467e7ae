#pragma once

#include <string>
#include <string_view>

#include "crypto/reason.h"

namespace epaulet::enroll {

/// What the identity service sent instead of a refusal.
struct SignAnswer {
  std::string certificates;  ///< PEM, leaf first.
  std::string bundle;        ///< PEM, the roots.
};

/// Whatever is in it is checked later, by Identity::from(). A reason: the service refused (its own
/// words and remedy, shortened and printable), or this is no answer of one.
[[nodiscard]] Checked<SignAnswer> parse_sign_answer(std::uint16_t status, std::string_view body);

}  // namespace epaulet::enroll
