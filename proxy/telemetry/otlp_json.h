#pragma once

#include <span>
#include <string>

#include "telemetry/span_record.h"

/// OTLP as JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids are
/// hexadecimal, numbers of 64 bits are text, enumerators are numbers.
namespace epaulet::telemetry {

/// Who made the spans.
struct OtlpResource {
  std::string service;   ///< `service.name`
  std::string instance;  ///< `service.instance.id`: the pod
  std::string version;   ///< Of epaulet.
};

/// An ExportTraceServiceRequest. `packed`: one PackedSpan each.
[[nodiscard]] std::string otlp_request(const OtlpResource& resource,
                                       std::span<const std::string> packed);

/// What a collector says to a request that it took: how many of its spans it did not want, and why
/// (`partialSuccess`). Anything else than that says nothing.
struct OtlpAnswer {
  std::uint64_t rejected = 0;
  std::string why;  ///< Bounded, as the collector wrote it.
};
[[nodiscard]] OtlpAnswer parse_otlp_answer(std::string_view body);

}  // namespace epaulet::telemetry
