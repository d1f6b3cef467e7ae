#pragma once

#include "config/gateway_documents.h"
#include "config/shape.h"

namespace epaulet::config::gateway {

/// The keys of a document; reads into Route.
[[nodiscard]] const Object& keys_of(Kind kind);

/// [0-9]{1,5}(h|m|s|ms), up to four of them (GEP-2257).
[[nodiscard]] std::optional<Duration> read_duration(std::string_view text);

}  // namespace epaulet::config::gateway
