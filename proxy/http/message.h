#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/block.h"
#include "runtime/pool_allocator.h"

/// The vocabulary of messages, common to all HTTP versions and to every stage of the data path.
/// Views point into the head's own storage, which lives as long as the head.
namespace epaulet::http {

enum class Method : std::uint8_t {
  get,
  head,
  post,
  put,
  del,
  options,
  trace,
  connect,
  patch,
  other
};

/// RFC 9110 section 9.2.2.
[[nodiscard]] constexpr bool is_idempotent(Method method) {
  switch (method) {
    case Method::get:
    case Method::head:
    case Method::put:
    case Method::del:
    case Method::options:
    case Method::trace:
      return true;
    case Method::post:
    case Method::connect:
    case Method::patch:
    case Method::other:
      return false;
  }
  return false;
}

enum class Version : std::uint8_t { http10, http11 };

/// Fields that the data path itself reads; everything else is `other` and only passed on.
enum class FieldId : std::uint8_t {
  other,
  authorization,
  b3,
  connection,
  content_length,
  expect,
  host,
  idempotency_key,
  keep_alive,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  proxy_status,
  retry_after,
  te,
  trailer,
  transfer_encoding,
  traceparent,
  tracestate,
  upgrade,
  x_b3,  ///< Any X-B3-*.
  x_request_id,
  epaulet,  ///< Any x-epaulet-*, in any spelling.
};

/// One header field as it was received.
struct Field {
  std::string_view name;   ///< As spelt.
  std::string_view value;  ///< Without surrounding white space.
  std::string_view line;   ///< The raw line with its CRLF, passed on byte for byte.
  FieldId id = FieldId::other;
  bool removed = false;  ///< Not passed on.
};

using Fields = std::vector<Field, PoolAllocator<Field>>;

/// Fields that we add behind those received: raw lines, so that serialising is appending.
class AddedFields {
 public:
  /// `name` and `value` are ours or proven clean: no CR, LF or NUL.
  void add(std::string_view name, std::string_view value) {
    if (lines_.empty()) lines_.reserve(kUsualBytes);
    lines_.append(name).append(": ").append(value).append("\r\n");
  }
  /// Complete lines with CRLF.
  void append(std::string_view lines) { lines_.append(lines); }
  void clear() { lines_.clear(); }
  [[nodiscard]] std::string_view lines() const { return lines_; }

 private:
  static constexpr std::size_t kUsualBytes = 247;  ///< An id, a trace, a deadline, an identity.
  PooledString lines_;
};

/// How a body is delimited (RFC 9112 section 6).
struct Framing {
  enum class Kind : std::uint8_t {
    none,         ///< No body.
    length,       ///< Content-Length.
    chunked,      ///< Transfer-Encoding: chunked.
    until_close,  ///< A response without either.
  };
  Kind kind = Kind::none;
  /// With Kind::length; at least 1 (a zero length is Kind::none), but of an HTTP/2 request whose
  /// stream goes on behind `Content-Length: 0`.
  std::uint64_t length = 0;
};

/// What requests and responses share. Reused from exchange to exchange: clear() keeps capacity.
struct Head {
  Block storage;            ///< The raw head; every view points into it.
  std::uint32_t bytes = 0;  ///< Of the raw head.
  Version version = Version::http11;
  Fields fields;  ///< In order of arrival.
  AddedFields added;
  Framing framing;
  /// The sender means to keep the connection (version and Connection field, RFC 9112 section 9.3).
  bool keep_alive = true;

  /// First field with this id that is not removed, or nullptr.
  [[nodiscard]] const Field* find(FieldId id) const;
  /// First field of this name (any case) that is not removed, or nullptr.
  [[nodiscard]] const Field* find(std::string_view name) const;
  /// Marks all fields with this id as removed.
  void remove(FieldId id);

 protected:
  void clear_head() {
    storage.reset();
    bytes = 0;
    version = Version::http11;
    fields.clear();
    added.clear();
    framing = {};
    keep_alive = true;
  }
};

enum class TargetForm : std::uint8_t { origin, absolute, authority, asterisk };

struct RequestHead : Head {
  Method method = Method::other;
  std::string_view method_text;
  std::string_view target;  ///< As received.
  TargetForm form = TargetForm::origin;
  std::string_view
      path;  ///< Without query; "/" for an absolute form without path; "*" for asterisk form.
  std::string_view query;  ///< Without "?"; empty if none.
  /// The authority in force: of an absolute target, else of Host (RFC 9112 section 3.2.2).
  std::string_view authority;
  bool expects_continue = false;
  /// Value of Upgrade if Connection nominates it; empty otherwise.
  std::string_view upgrade;
  /// Where the forwarded path differs (paths: normalize); empty: `target` goes out as received.
  PooledString rewritten_target;

  void clear() {
    clear_head();
    method = Method::other;
    method_text = target = path = query = authority = upgrade = {};
    form = TargetForm::origin;
    expects_continue = false;
    rewritten_target.clear();
  }
};

struct ResponseHead : Head {
  std::uint16_t status = 0;
  std::string_view reason;
  std::string_view upgrade;  ///< Value of Upgrade in a 101 response.

  [[nodiscard]] bool informational() const {
    return status >= 100 && status < 200 && status != 101;
  }
  void clear() {
    clear_head();
    status = 0;
    reason = upgrade = {};
  }
};

/// What the id of a field name is; names compare without case.
[[nodiscard]] FieldId field_id(std::string_view name);
[[nodiscard]] Method method_of(std::string_view text);

}  // namespace epaulet::http
