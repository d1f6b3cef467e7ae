#pragma once

#include "http/message.h"

namespace epaulet::http::http1 {

/// May this field come in a trailer section and be passed on? RFC 9110 section 6.5.1 forbids what
/// is needed before the content: framing, routing, request modifiers, authentication, how to
/// process the content. We add what speaks of identity and of our own reasons (design section 7),
/// which are judged in heads only. An underscore in a name counts as a hyphen too.
[[nodiscard]] bool may_be_trailer(const Field& field);

}  // namespace epaulet::http::http1
