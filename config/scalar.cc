#include "config/scalar.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "config/diagnostic.h"
#include "config/nearest_word.h"
#include "config/units.h"

namespace epaulet::config {
namespace {

using Read = std::variant<ScalarValue, Complaint>;

Complaint expected(const Scalar& type, std::string_view found, std::string remedy = {}) {
  std::string message = "expected " + std::string(type.noun);
  if (!type.example.empty()) message += ", for example " + std::string(type.example);
  return {message + "; found " + in_quotes(found), std::move(remedy), {}};
}

/// Words of later versions, so that nobody looks for a spelling mistake.
bool is_future_word(std::string_view word) {
  constexpr std::string_view kWords[] = {"http2", "h2", "h2c", "grpc", "directory"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

Read in_range(const Scalar& type, std::int64_t value, std::string_view text) {
  if (value >= type.min && value <= type.max) return ScalarValue(value);
  return Complaint{std::string(text) + " is out of range: " + range_of(type), {}, {}};
}

template <class Number>
Read in_range(const Scalar& type, const std::variant<Number, Complaint>& read,
              std::string_view text) {
  if (const auto* complaint = std::get_if<Complaint>(&read)) return *complaint;
  return in_range(type, std::get<Number>(read), text);
}

Read read_text(const Scalar& type, std::string_view text) {
  if (text.empty() && type.may_be_empty) return ScalarValue(std::string());
  if (text.empty())
    return Complaint{"expected " + std::string(type.noun) + "; found an empty text", {}, {}};
  if (text.size() > kTextBytesMax) {
    return Complaint{"longer than " + std::to_string(kTextBytesMax) + " bytes", {}, {}};
  }
  const bool has_control = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
  });
  if (has_control)
    return Complaint{"a control character or line break in " + in_quotes(text), {}, {}};
  if (type.check != nullptr) {
    if (auto complaint = type.check(text)) return std::move(*complaint);
  }
  return ScalarValue(std::string(text));
}

Read read_boolean(const Scalar& type, std::string_view text, bool quoted_text) {
  if (!quoted_text && text == "true") return ScalarValue(std::int64_t{1});
  if (!quoted_text && text == "false") return ScalarValue(std::int64_t{0});
  auto complaint = expected(type, text, quoted_text ? "write it without quotes" : "");
  const std::string word = lower(text);
  if (word == "yes" || word == "on" || word == "true") complaint.did_you_mean = "true";
  if (word == "no" || word == "off" || word == "false") complaint.did_you_mean = "false";
  return complaint;
}

Read read_integer(const Scalar& type, std::string_view text, bool quoted_text) {
  if (quoted_text) return expected(type, text, "write it without quotes");
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = end == text.data() + text.size() && !text.empty();
  if (is_number && error == std::errc::result_out_of_range) {
    return Complaint{std::string(text) + " is out of range: " + range_of(type), {}, {}};
  }
  // A leading zero is octal to some readers of YAML and not to others.
  const bool has_leading_zero = text.size() > 1 && text.front() == '0';
  if (!is_number || error != std::errc{} || has_leading_zero) {
    if (text.find(':') != std::string_view::npos) {
      return expected(type, text, "write a blank after the colon");
    }
    return expected(type, text);
  }
  return in_range(type, value, text);
}

Read read_number(const Scalar& type, std::string_view text, bool quoted_text) {
  const auto value = quoted_text ? std::nullopt : read_decimal(text);
  if (!value) return expected(type, text, quoted_text ? "write it without quotes" : "");
  if (*value < static_cast<double>(type.min) || *value > static_cast<double>(type.max)) {
    return Complaint{std::string(text) + " is out of range: " + range_of(type), {}, {}};
  }
  return ScalarValue(*value);
}

Read read_choice(const Scalar& type, std::string_view text) {
  std::vector<std::string_view> words;
  std::string list;
  for (const auto& choice : type.choices) {
    if (choice.word == text) return ScalarValue(choice.value);
    words.push_back(choice.word);
    list += (list.empty() ? "" : ", ") + std::string(choice.word);
  }
  const std::string one_of = words.size() > 1 ? "one of " + list : list;
  if (is_future_word(text)) {
    return Complaint{in_quotes(text) + " is not in this version of epaulet", "write " + one_of, {}};
  }
  Complaint complaint{"expected " + one_of + "; found " + in_quotes(text), {}, {}};
  if (!type.choices_are_numbers) complaint.did_you_mean = nearest_word(text, words);
  return complaint;
}

Read read_status(const Scalar& type, std::string_view text) {
  for (auto digit = type.min / 100; digit <= type.max / 100; ++digit) {
    if (text == std::to_string(digit) + "xx") return ScalarValue(digit);
  }
  return read_integer(type, text, false);
}

Read read_address(const Scalar& type, std::string_view text) {
  if (const auto address = SocketAddress::parse(text)) {
    if (address->port == 0) return Complaint{"port 0 in " + in_quotes(text), {}, {}};
    return ScalarValue(*address);
  }
  if (const auto ip = IpAddress::parse(text)) {
    if (type.default_port != 0) return ScalarValue(SocketAddress{*ip, type.default_port});
    const std::string host = ip->is_v4() ? ip->to_string() : "[" + ip->to_string() + "]";
    return Complaint{in_quotes(text) + " has no port", "write " + host + ":8080, for example", {}};
  }
  return expected(type, text, "for a name use the key dns, where there is one");
}

Read read_network(const Scalar& type, std::string_view text) {
  const auto network = IpNetwork::parse(text);
  if (!network) return expected(type, text);
  const bool is_v4 = network->address.is_v4();
  const auto other = is_v4 ? ScalarKind::network_v6 : ScalarKind::network_v4;
  if (type.kind == other) return expected(type, text);
  const auto bits = static_cast<std::int64_t>(network->prefix_bits);
  if (bits < type.min || bits > type.max) {
    return Complaint{
        "a prefix of " + std::to_string(bits) + " bits is out of range: " + range_of(type), {}, {}};
  }
  for (unsigned bit = network->prefix_bits; bit < (is_v4 ? 32u : 128u); ++bit) {
    const auto byte = network->address.bytes()[bit / 8];
    if ((byte >> (7 - bit % 8) & 1) != 0) {
      return Complaint{in_quotes(text) + " has bits set beyond its prefix", {}, {}};
    }
  }
  return ScalarValue(*network);
}

}  // namespace

Read read_scalar(const Scalar& type, std::string_view text, bool quoted) {
  switch (type.kind) {
    case ScalarKind::text:
      return read_text(type, text);
    case ScalarKind::boolean:
      return read_boolean(type, text, quoted);
    case ScalarKind::integer:
      return read_integer(type, text, quoted);
    case ScalarKind::number:
      return read_number(type, text, quoted);
    case ScalarKind::duration:
      return in_range(type, read_duration(text), text);
    case ScalarKind::share: {
      const auto share = read_share(text);
      if (const auto* complaint = std::get_if<Complaint>(&share)) return *complaint;
      return ScalarValue(std::get<double>(share));
    }
    case ScalarKind::size:
      return in_range(type, read_size(text), text);
    case ScalarKind::status:
      return read_status(type, text);
    case ScalarKind::choice:
      return read_choice(type, text);
    case ScalarKind::address:
      return read_address(type, text);
    case ScalarKind::network_v4:
    case ScalarKind::network_v6:
    case ScalarKind::network:
      return read_network(type, text);
  }
  return Complaint{"unknown type", {}, {}};
}

std::string write_scalar(const Scalar& type, const ScalarValue& value) {
  switch (type.kind) {
    case ScalarKind::text:
      return std::get<std::string>(value);
    case ScalarKind::boolean:
      return std::get<std::int64_t>(value) != 0 ? "true" : "false";
    case ScalarKind::integer:
      return std::to_string(std::get<std::int64_t>(value));
    case ScalarKind::number:
    case ScalarKind::share:
      return write_decimal(std::get<double>(value));
    case ScalarKind::duration:
      return write_duration(std::get<std::int64_t>(value));
    case ScalarKind::size:
      return write_size(std::get<std::int64_t>(value));
    case ScalarKind::status: {
      const auto status = std::get<std::int64_t>(value);
      return std::to_string(status) + (status < 10 ? "xx" : "");
    }
    case ScalarKind::choice:
      for (const auto& choice : type.choices) {
        if (choice.value == std::get<std::int64_t>(value)) return std::string(choice.word);
      }
      return {};
    case ScalarKind::address:
      return std::get<SocketAddress>(value).to_string();
    case ScalarKind::network_v4:
    case ScalarKind::network_v6:
    case ScalarKind::network:
      return std::get<IpNetwork>(value).to_string();
  }
  return {};
}

std::string range_of(const Scalar& type) {
  if (type.max == INT64_MAX) return {};
  switch (type.kind) {
    case ScalarKind::integer:
    case ScalarKind::number:
    case ScalarKind::status:
      return std::to_string(type.min) + " to " + std::to_string(type.max);
    case ScalarKind::duration:
      return write_duration(type.min) + " to " + write_duration(type.max);
    case ScalarKind::size:
      return write_size(type.min) + " to " + write_size(type.max);
    case ScalarKind::network_v4:
    case ScalarKind::network_v6:
      return "/" + std::to_string(type.min) + " to /" + std::to_string(type.max);
    case ScalarKind::text:
    case ScalarKind::boolean:
    case ScalarKind::share:
    case ScalarKind::choice:
    case ScalarKind::address:
    case ScalarKind::network:
      return {};
  }
  return {};
}

bool is_bare_in_json(const Scalar& type) {
  switch (type.kind) {
    case ScalarKind::boolean:
    case ScalarKind::integer:
    case ScalarKind::number:
    case ScalarKind::share:
      return true;
    case ScalarKind::choice:
      return type.choices_are_numbers;
    case ScalarKind::text:
    case ScalarKind::duration:
    case ScalarKind::size:
    case ScalarKind::status:
    case ScalarKind::address:
    case ScalarKind::network_v4:
    case ScalarKind::network_v6:
    case ScalarKind::network:
      return false;
  }
  return false;
}

}  // namespace epaulet::config
