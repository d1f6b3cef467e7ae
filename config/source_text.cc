#include "config/source_text.h"

#include <algorithm>

#include "base/ascii.h"
#include "config/utf8.h"

namespace epaulet::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::uint32_t count_characters(std::string_view text) {
  return static_cast<std::uint32_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_utf8_continuation(c); }));
}

/// Without what follows a `#` that begins a comment (YAML 1.2.2 section 6.6).
std::string_view without_comment(std::string_view line) {
  for (std::size_t at = 0; at < line.size(); ++at) {
    const bool begins = at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t';
    if (line[at] == '#' && begins) return line.substr(0, at);
  }
  return line;
}

std::string_view trim_end(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

SourceText::SourceText(std::string name, std::string_view text)
    : name_(std::move(name)),
      text_(text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text) {}

std::optional<Diagnostic> SourceText::check_characters() const {
  const auto at = first_byte_not_text(text_);
  if (!at) return std::nullopt;
  const Place place = place_of_offset(*at);
  const auto byte = static_cast<unsigned char>(text_[*at]);
  if (byte == '\r') {
    return diagnose(place, {}, "the line ends with a carriage return alone",
                    "end lines with a newline");
  }
  if (byte < 0x80 || utf8_character(text_, *at).size() > 1) {
    return diagnose(place, {}, "a control character, which YAML does not allow", "remove it");
  }
  return diagnose(place, {}, "the text is not UTF-8", "save the file as UTF-8");
}

Place SourceText::place(std::size_t offset, std::size_t line, std::size_t byte_column) {
  offset = std::min(offset, text_.size());
  byte_column = std::min(byte_column, offset);
  const bool goes_on = line == last_line_ && offset >= last_offset_;
  const std::size_t from = goes_on ? last_offset_ : offset - byte_column;
  const std::uint32_t column =
      (goes_on ? last_column_ : 1) + count_characters(text_.substr(from, offset - from));
  last_offset_ = offset;
  last_line_ = line;
  last_column_ = column;
  return {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(line + 1), column};
}

Place SourceText::place_of_offset(std::size_t offset) const {
  const auto before = text_.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto newline = before.rfind('\n');
  const auto start = newline == std::string_view::npos ? 0 : newline + 1;
  return {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(line),
          count_characters(before.substr(start)) + 1};
}

Place SourceText::place_of(const Origin& origin) const {
  std::size_t start = 0;
  for (std::uint32_t line = 1; line < origin.line; ++line) {
    const auto newline = text_.find('\n', start);
    if (newline == std::string_view::npos) break;
    start = newline + 1;
  }
  return {static_cast<std::uint32_t>(start), origin.line, origin.column};
}

bool SourceText::quote_is_closed(std::size_t offset) const {
  if (offset >= text_.size()) return true;
  const char quote = text_[offset];
  if (quote != '"' && quote != '\'') return true;
  for (std::size_t at = offset + 1; at < text_.size(); ++at) {
    if (quote == '"' && text_[at] == '\\') {
      ++at;
    } else if (text_[at] == quote) {
      if (quote == '"' || at + 1 >= text_.size() || text_[at + 1] != '\'') return true;
      ++at;  // Two single quotes stand for one.
    }
  }
  return false;
}

std::size_t SourceText::empty_item(std::size_t offset) const {
  std::size_t end = std::min(offset, text_.size());
  while (end > 0) {
    const auto newline = text_.rfind('\n', end - 1);
    const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    const auto line = trim_end(without_comment(text_.substr(start, end - start)));
    if (!line.empty()) {
      const std::size_t last = start + line.size() - 1;
      return text_[last] == '-' || text_[last] == ',' ? last : offset;
    }
    end = newline == std::string_view::npos ? 0 : newline;
  }
  return offset;
}

std::string_view SourceText::line_at(const Place& place) const {
  if (place.line == 0) return {};
  const std::size_t offset = std::min<std::size_t>(place.offset, text_.size());
  const auto newline = offset == 0 ? std::string_view::npos : text_.rfind('\n', offset - 1);
  const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
  return trim_end(text_.substr(start, text_.find('\n', offset) - start));
}

Diagnostic SourceText::diagnose(const Place& place, std::string object, std::string message,
                                std::string remedy, std::string did_you_mean) const {
  Diagnostic diagnostic;
  diagnostic.origin = Origin{name_, std::move(object), place.line, place.column};
  diagnostic.message = std::move(message);
  diagnostic.remedy = std::move(remedy);
  diagnostic.did_you_mean = std::move(did_you_mean);
  diagnostic.source_line = std::string(line_at(place));
  return diagnostic;
}

}  // namespace epaulet::config
