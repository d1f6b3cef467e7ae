#pragma once

#include <cstdint>

#include "io/stream.h"

namespace epaulet::http {

/// Tells two bodies apart, in whatever pieces they came: FNV-1a over 64 bits. Not for what somebody
/// may want to look alike.
class BodyDigest {
 public:
  void add(ConstBytes bytes) {
    for (const std::byte byte : bytes) {
      value_ = (value_ ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3u;
    }
  }
  friend bool operator==(const BodyDigest&, const BodyDigest&) = default;

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

}  // namespace epaulet::http
