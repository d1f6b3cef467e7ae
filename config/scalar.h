#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/address.h"

/// One value without inner structure: its type, how its text is read, and how it is written again.
namespace epaulet::config {

/// Why a text is not a value of its type. The place and the key are the caller's.
struct Complaint {
  std::string message;
  std::string remedy;
  std::string did_you_mean;
};

enum class ScalarKind : std::uint8_t {
  text,
  boolean,
  integer,
  number,
  duration,  ///< With a unit: 10s, 250ms, 1m30s. Held in nanoseconds.
  share,     ///< 20% or 0.2. Held as 0..1.
  size,      ///< 64KiB. Held in bytes.
  status,    ///< A response status, or a class of them: 503, 5xx. Held as 503, or as 5.
  choice,    ///< One of a few words.
  address,   ///< IP address with port.
  network_v4,
  network_v6,
  network,  ///< Of either family.
};

struct Choice {
  std::string_view word;
  std::int64_t value = 0;
};

/// What a name stands for: it must exist, which only the whole file can tell.
enum class Mentions : std::uint8_t {
  nothing,
  role,
  issuer,
  key_owner,
  backend,
  workload_port,
  identity
};

/// The type of a scalar. A constant, one for each meaning.
struct Scalar {
  ScalarKind kind = ScalarKind::text;
  std::string_view noun;     ///< Completes "expected ...".
  std::string_view example;  ///< A text that is read without complaint.
  /// Inclusive range: the number itself; nanoseconds; bytes; prefix bits of a network.
  std::int64_t min = 0;
  std::int64_t max = INT64_MAX;
  std::span<const Choice> choices{};
  bool choices_are_numbers = false;
  std::uint16_t default_port = 0;  ///< Of an address that names none; 0: it must.
  std::optional<Complaint> (*check)(std::string_view text) = nullptr;  ///< Further rules of a text.
  std::string_view pattern{};  ///< Of a text, for the JSON schema (ECMA 262); "": any.
  Mentions mentions = Mentions::nothing;
  bool may_be_empty = false;  ///< Of a text: "" is a value, too.
};

using ScalarValue = std::variant<std::int64_t, double, std::string, SocketAddress, IpNetwork>;

/// `quoted`: written in quotes, which makes a number or a boolean a text.
[[nodiscard]] std::variant<ScalarValue, Complaint> read_scalar(const Scalar& type,
                                                               std::string_view text, bool quoted);

/// The text that read_scalar() turns into `value` again: 90 seconds become "1m30s".
[[nodiscard]] std::string write_scalar(const Scalar& type, const ScalarValue& value);

/// "1 to 10", in the unit of the type; "" if the type has no range to speak of.
[[nodiscard]] std::string range_of(const Scalar& type);

/// True if `write_scalar` gives a JSON number or boolean, not a string.
[[nodiscard]] bool is_bare_in_json(const Scalar& type);

inline constexpr std::size_t kTextBytesMax = 4096;  ///< Of any text value.

}  // namespace epaulet::config
