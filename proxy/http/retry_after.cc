#include "http/retry_after.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace epaulet::http {
namespace {

using std::chrono::seconds;

/// Reads a date piece by piece; anything else than expected leaves it failed.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  void literal(std::string_view expected) {
    if (!rest_.starts_with(expected)) return fail();
    rest_.remove_prefix(expected.size());
  }
  /// Exactly so many digits; the first may be a blank instead (asctime).
  int number(std::size_t digits, bool blank_first = false) {
    if (rest_.size() < digits) return fail(), 0;
    auto text = rest_.substr(0, digits);
    rest_.remove_prefix(digits);
    if (blank_first && text.front() == ' ') text.remove_prefix(1);
    int value = 0;
    for (const char c : text) {
      if (c < '0' || c > '9') return fail(), 0;
      value = value * 10 + (c - '0');
    }
    return value;
  }
  unsigned month() {
    static constexpr std::array<std::string_view, 12> kMonths{
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    for (unsigned i = 0; i < kMonths.size(); ++i) {
      if (!rest_.starts_with(kMonths[i])) continue;
      rest_.remove_prefix(3);
      return i + 1;
    }
    return fail(), 1;
  }
  seconds time_of_day() {
    const int hours = number(2);
    literal(":");
    const int minutes = number(2);
    literal(":");
    const int secs = number(2);
    if (hours > 23 || minutes > 59 || secs > 60) fail();
    return seconds(hours * 3600 + minutes * 60 + secs);
  }
  void skip_letters() {
    while (!rest_.empty() && rest_.front() >= 'A' && rest_.front() <= 'z') rest_.remove_prefix(1);
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  void fail() { failed_ = true; }
  [[nodiscard]] bool is_whole() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

std::optional<WallTime> date(int year, unsigned month, int day, seconds time) {
  const std::chrono::year_month_day ymd{std::chrono::year(year), std::chrono::month(month),
                                        std::chrono::day(static_cast<unsigned>(day))};
  if (!ymd.ok()) return std::nullopt;
  constexpr std::chrono::year kLast{2200};  // Nanoseconds end soon after.
  if (ymd.year() > kLast) return WallTime(std::chrono::sys_days(kLast / 1 / 1));
  return WallTime(std::chrono::sys_days(ymd) + time);
}

/// RFC 9110 section 5.6.7: IMF-fixdate, and the two obsolete forms that recipients must read.
std::optional<WallTime> read_date(std::string_view text) {
  DateReader reader(text);
  reader.skip_letters();
  int year = 0;
  unsigned month = 1;
  int day = 0;
  seconds time{0};
  if (reader.rest().starts_with(", ") && text.find('-') == std::string_view::npos) {
    reader.literal(", ");  // Sun, 06 Nov 1994 08:49:37 GMT
    day = reader.number(2);
    reader.literal(" ");
    month = reader.month();
    reader.literal(" ");
    year = reader.number(4);
    reader.literal(" ");
    time = reader.time_of_day();
    reader.literal(" GMT");
  } else if (reader.rest().starts_with(", ")) {
    reader.literal(", ");  // Sunday, 06-Nov-94 08:49:37 GMT
    day = reader.number(2);
    reader.literal("-");
    month = reader.month();
    reader.literal("-");
    year = 2000 + reader.number(2);  // It says when to come back, so it is of this century.
    reader.literal(" ");
    time = reader.time_of_day();
    reader.literal(" GMT");
  } else {
    reader.literal(" ");  // Sun Nov  6 08:49:37 1994
    month = reader.month();
    reader.literal(" ");
    day = reader.number(2, true);
    reader.literal(" ");
    time = reader.time_of_day();
    reader.literal(" ");
    year = reader.number(4);
  }
  if (!reader.is_whole()) return std::nullopt;
  return date(year, month, day, time);
}

std::optional<std::chrono::nanoseconds> read_delay(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return kRetryAfterMax;
  if (error != std::errc{}) return std::nullopt;
  const auto most = static_cast<std::uint64_t>(seconds(kRetryAfterMax).count());
  return seconds(std::min(value, most));
}

}  // namespace

std::optional<std::chrono::nanoseconds> retry_after(const ResponseHead& head, WallTime now) {
  if (head.status != 429 && head.status != 503) return std::nullopt;
  const auto* field = head.find(FieldId::retry_after);
  if (field == nullptr) return std::nullopt;
  if (const auto delay = read_delay(field->value)) return delay;
  const auto when = read_date(field->value);
  if (!when) return std::nullopt;
  return std::clamp<std::chrono::nanoseconds>(*when - now, seconds(0), kRetryAfterMax);
}

}  // namespace epaulet::http
