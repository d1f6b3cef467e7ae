#include "config/diagnostic.h"

#include <fmt/format.h>

#include "config/utf8.h"

namespace epaulet {
namespace {

constexpr std::size_t kExcerptColumns = 100;
constexpr std::size_t kQuotedColumns = 60;

/// The part of a line around its column: a one-line JSON file can be megabytes wide.
struct Excerpt {
  std::string text;
  std::string mark;  ///< Blanks up to the column; tabs stay tabs, so that it lines up anywhere.
};

Excerpt excerpt_of(std::string_view line, std::size_t column) {
  const std::size_t skipped = column > kExcerptColumns * 3 / 4 ? column - kExcerptColumns / 2 : 0;
  Excerpt excerpt;
  if (skipped > 0) {
    excerpt.text = "...";
    excerpt.mark = "   ";
  }
  std::size_t at = 0;
  for (std::size_t position = 0; at < line.size() && position < skipped + kExcerptColumns;
       ++position) {
    const auto character = config::utf8_character(line, at);
    at += character.size();
    if (position < skipped) continue;
    const bool is_control = static_cast<unsigned char>(character.front()) < 0x20;
    const bool is_tab = character == "\t";
    excerpt.text += is_control && !is_tab ? std::string_view("?") : character;
    if (position + 1 < column) excerpt.mark += is_tab ? '\t' : ' ';
  }
  if (at < line.size()) excerpt.text += "...";
  return excerpt;
}

}  // namespace

std::string Diagnostic::format() const {
  std::string out = origin.line == 0 ? origin.source : origin.to_string();
  out += ": " + message;
  if (!did_you_mean.empty()) out += "; did you mean " + config::in_quotes(did_you_mean) + "?";
  out += '\n';
  if (!source_line.empty()) {
    const auto excerpt = excerpt_of(source_line, origin.column);
    out += fmt::format("{:6} | {}\n       | {}^\n", origin.line, excerpt.text, excerpt.mark);
  }
  if (!remedy.empty()) out += "  remedy: " + remedy + "\n";
  return out;
}

std::string format(const std::vector<Diagnostic>& diagnostics) {
  std::string out;
  for (const auto& diagnostic : diagnostics) out += diagnostic.format();
  return out;
}

namespace config {

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size(); ++columns) {
    if (columns == kQuotedColumns) return out + "...\"";
    const auto character = utf8_character(text, at);
    at += character.size();
    const auto byte = static_cast<unsigned char>(character.front());
    if (character == "\n") {
      out += "\\n";
    } else if (character == "\t") {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f || !is_utf8_text(character)) {
      out += fmt::format("\\x{:02x}", byte);
      // A malformed or unprintable sequence of several bytes is shown by its first.
    } else {
      out += character;
    }
  }
  return out + "\"";
}

}  // namespace config
}  // namespace epaulet
