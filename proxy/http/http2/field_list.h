#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace epaulet::http::http2 {

struct NameValue {
  std::string_view name;
  std::string_view value;
};

/// A head as an HTTP/2 field section (RFC 9113 section 8): pseudo-header fields first, names in
/// lower case, without what belongs to an HTTP/1 connection and with `Host` as `:authority`. A
/// request that asks for an upgrade becomes an extended CONNECT, and a 101 the 200 that agrees to
/// it (RFC 8441). What
/// is marked removed is left out, what was added follows. Views are valid until the next call or
/// the head's end; the object keeps its capacity.
class FieldList {
 public:
  void request(const RequestHead& head, std::string_view scheme);
  void response(const ResponseHead& head);
  /// Complete lines with CRLF, as Chunk::trailers has them.
  void trailers(std::string_view lines);

  [[nodiscard]] std::span<const NameValue> fields() const { return fields_; }

 private:
  void begin(const Head& head);
  void put_head(const Head& head);
  void put_line(std::string_view line);
  void put(std::string_view name, std::string_view value);

  std::string names_;
  std::string path_;
  std::string status_;
  bool upgrades_ = false;
  std::vector<NameValue> fields_;
};

}  // namespace epaulet::http::http2
