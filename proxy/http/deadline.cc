#include "http/deadline.h"

#include <algorithm>
#include <charconv>

namespace epaulet::http {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kMost = std::chrono::hours(24);

}  // namespace

std::optional<std::chrono::nanoseconds> deadline_in(const RequestHead& head) {
  const auto* field = head.find(kDeadlineField);
  if (field == nullptr || field->value.empty()) return std::nullopt;
  std::int64_t value = 0;
  const char* const end = field->value.data() + field->value.size();
  const auto [at, error] = std::from_chars(field->value.data(), end, value);
  if (at != end || field->value.front() == '-') return std::nullopt;
  if (error == std::errc::result_out_of_range) return kMost;
  if (error != std::errc{}) return std::nullopt;
  return std::min(Milliseconds(std::min(value, std::int64_t{kMost.count()})), kMost);
}

DeadlineText::DeadlineText(std::chrono::nanoseconds left) {
  const auto rounded = std::clamp(std::chrono::ceil<Milliseconds>(left), Milliseconds(1), kMost);
  const auto [end, error] =
      std::to_chars(text_.data(), text_.data() + text_.size() - 1, rounded.count());
  digits_ = static_cast<std::size_t>(end - text_.data());
  text_[digits_] = 'm';
}

}  // namespace epaulet::http
