#include "config/units.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"
#include "config/diagnostic.h"

namespace epaulet::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

constexpr std::array kDurationUnits{
    Unit{"h", 3'600'000'000'000}, Unit{"m", 60'000'000'000}, Unit{"s", 1'000'000'000},
    Unit{"ms", 1'000'000},        Unit{"us", 1'000},         Unit{"ns", 1}};
constexpr std::array kSizeUnits{Unit{"GiB", 1 << 30}, Unit{"MiB", 1 << 20}, Unit{"KiB", 1 << 10},
                                Unit{"B", 1}};
constexpr std::string_view kDurationRemedy =
    "units are ns, us, ms, s, m and h, and parts add up: 1m30s";
constexpr std::string_view kSizeRemedy = "units are B, KiB, MiB and GiB";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view take_while(std::string_view& text, bool (*accept)(char)) {
  const auto end = std::find_if_not(text.begin(), text.end(), accept);
  const auto taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

/// `digits` x factor + 0.`fraction` x factor, exactly; nothing if it overflows or is not whole.
std::optional<std::int64_t> scaled(std::string_view digits, std::string_view fraction,
                                   std::int64_t factor) {
  std::int64_t whole = 0;
  for (const char c : digits) {
    if (__builtin_mul_overflow(whole, 10, &whole)) return std::nullopt;
    if (__builtin_add_overflow(whole, c - '0', &whole)) return std::nullopt;
  }
  if (__builtin_mul_overflow(whole, factor, &whole)) return std::nullopt;
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  if (fraction.size() > 12) return std::nullopt;
  // At most 12 digits times 3.6e12 stays below 2^127.
  __extension__ using Wide = __int128;
  Wide part = 0;
  Wide divisor = 1;
  for (const char c : fraction) {
    part = part * 10 + (c - '0');
    divisor *= 10;
  }
  if (part * factor % divisor != 0) return std::nullopt;
  const auto rest = static_cast<std::int64_t>(part * factor / divisor);
  if (__builtin_add_overflow(whole, rest, &whole)) return std::nullopt;
  return whole;
}

/// sec, seconds, min, hours, KB, Mi: their first letters say what was meant.
std::string_view meant_unit(std::string_view unit, std::span<const Unit> units) {
  const auto word = lower(trim(unit));
  for (const auto& known : units) {
    if (lower(known.name) == word) return known.name;
  }
  constexpr std::pair<std::string_view, std::string_view> kDurationWords[] = {
      {"sec", "s"},    {"min", "m"},       {"hour", "h"},      {"hr", "h"},
      {"milli", "ms"}, {"msec", "ms"},     {"us", "us"},       {"usec", "us"},
      {"micro", "us"}, {"\xc2\xb5", "us"}, {"\xce\xbc", "us"}, {"nano", "ns"}};
  constexpr std::pair<std::string_view, std::string_view> kSizeWords[] = {
      {"k", "KiB"}, {"m", "MiB"}, {"g", "GiB"}, {"byte", "B"}};
  const bool is_duration = units.size() == kDurationUnits.size();
  const auto words =
      is_duration ? std::span<const std::pair<std::string_view, std::string_view>>(kDurationWords)
                  : kSizeWords;
  for (const auto& [beginning, name] : words) {
    if (word.starts_with(beginning)) return name;
  }
  return {};
}

/// `number` is the part's, as it was written; `is_whole`: the text has no other part.
Complaint wrong_unit(std::string_view number, std::string_view unit, bool is_whole,
                     std::span<const Unit> units, std::string_view remedy) {
  Complaint complaint{"unknown unit " + in_quotes(unit), std::string(remedy), {}};
  if (unit != trim(unit)) {
    complaint.message =
        "a blank between number and unit in " + in_quotes(std::string(number) + std::string(unit));
  }
  const auto meant = meant_unit(unit, units);
  if (!meant.empty() && is_whole) {
    complaint.did_you_mean = std::string(number) + std::string(meant);
  }
  return complaint;
}

const Unit* find_unit(std::string_view name, std::span<const Unit> units) {
  const auto found =
      std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
  return found == units.end() ? nullptr : &*found;
}

/// One "number unit" part, taken from the front of `text`, which is the end of `all`.
std::variant<std::int64_t, Complaint> take_part(std::string_view& text, std::string_view all,
                                                std::span<const Unit> units,
                                                std::string_view example, std::string_view remedy) {
  const auto part = text;
  const auto digits = take_while(text, is_digit);
  std::string_view fraction;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    fraction = take_while(text, is_digit);
    if (fraction.empty())
      return Complaint{"a digit must follow the point in " + in_quotes(all), {}, {}};
  }
  if (digits.empty()) {
    return Complaint{"expected a number with its unit, for example " + std::string(example) +
                         "; found " + in_quotes(all),
                     std::string(remedy),
                     {}};
  }
  const auto number = part.substr(0, part.size() - text.size());
  const auto unit = take_while(text, [](char c) { return !is_digit(c) && c != '.'; });
  if (unit.empty()) {
    return Complaint{in_quotes(all) + " has no unit",
                     "write " + std::string(number) + std::string(units[2].name) +
                         ", for example; " + std::string(remedy),
                     {}};
  }
  const auto* known = find_unit(unit, units);
  if (known == nullptr) return wrong_unit(number, unit, part == all && text.empty(), units, remedy);
  const auto value = scaled(digits, fraction, known->factor);
  if (!value) return Complaint{in_quotes(all) + " is too large or too fine", {}, {}};
  return *value;
}

std::string write_in_units(std::int64_t value, std::span<const Unit> units, bool may_add_up) {
  std::string out;
  for (const auto& unit : units) {
    if (!may_add_up && value % unit.factor != 0) continue;
    if (value < unit.factor) continue;
    out += std::to_string(value / unit.factor) + std::string(unit.name);
    value %= unit.factor;
    if (value == 0) break;
  }
  return out;
}

}  // namespace

std::variant<std::int64_t, Complaint> read_duration(std::string_view text) {
  if (text == "0") return 0;
  std::int64_t sum = 0;
  auto rest = text;
  do {
    const auto part = take_part(rest, text, kDurationUnits, "10s", kDurationRemedy);
    if (const auto* complaint = std::get_if<Complaint>(&part)) return *complaint;
    if (__builtin_add_overflow(sum, std::get<std::int64_t>(part), &sum)) {
      return Complaint{in_quotes(text) + " is too large", {}, {}};
    }
  } while (!rest.empty());
  return sum;
}

std::string write_duration(std::int64_t nanoseconds) {
  return nanoseconds == 0 ? "0s" : write_in_units(nanoseconds, kDurationUnits, true);
}

std::variant<double, Complaint> read_share(std::string_view text) {
  const bool is_percent = text.ends_with('%');
  const auto number = is_percent ? text.substr(0, text.size() - 1) : text;
  const auto value = read_decimal(number);
  if (!value) {
    return Complaint{"expected a share, for example 20% or 0.2; found " + in_quotes(text), {}, {}};
  }
  if (is_percent && *value > 100) return Complaint{in_quotes(text) + " is more than 100%", {}, {}};
  if (!is_percent && *value > 1) {
    return Complaint{in_quotes(text) + " is more than 1", "a share is 20% or 0.2", ""};
  }
  return is_percent ? *value / 100 : *value;
}

std::variant<std::int64_t, Complaint> read_size(std::string_view text) {
  auto rest = text;
  const auto part = take_part(rest, text, kSizeUnits, "64KiB", kSizeRemedy);
  if (std::holds_alternative<std::int64_t>(part) && !rest.empty()) {
    return Complaint{"expected one number with a unit, for example 64KiB; found " + in_quotes(text),
                     std::string(kSizeRemedy),
                     {}};
  }
  return part;
}

std::string write_size(std::int64_t bytes) {
  return bytes == 0 ? "0B" : write_in_units(bytes, kSizeUnits, false);
}

std::optional<double> read_decimal(std::string_view text) {
  const bool is_plain =
      std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
  if (!is_plain || text.empty() || !is_digit(text.front()) || !is_digit(text.back())) {
    return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string write_decimal(double value) {
  std::array<char, 400> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  return {buffer.data(), end.ptr};
}

}  // namespace epaulet::config
