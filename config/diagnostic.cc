#include "config/diagnostic.h"

#include <fmt/format.h>

#include "config/utf8.h"

namespace epaulet {
namespace {

constexpr std::size_t kExcerptColumns = 100;
constexpr std::size_t kQuotedColumns = 60;
constexpr std::size_t kMessageColumns = 600;

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
    const bool is_tab = character == "\t";
    // One column for each, so that the mark stays right.
    excerpt.text += config::is_printable(character) || is_tab ? character : "?";
    if (position + 1 < column) excerpt.mark += is_tab ? '\t' : ' ';
  }
  if (at < line.size()) excerpt.text += "...";
  return excerpt;
}

}  // namespace

std::string Diagnostic::format() const {
  // Names in the file may hold anything that an escape in double quotes can make.
  std::string out =
      config::printable(origin.line == 0 ? origin.source : origin.to_string(), kMessageColumns);
  out += ": " + config::printable(message, kMessageColumns);
  if (!did_you_mean.empty()) out += "; did you mean " + config::in_quotes(did_you_mean) + "?";
  out += '\n';
  if (!source_line.empty()) {
    const auto excerpt = excerpt_of(source_line, origin.column);
    out += fmt::format("{:6} | {}\n       | {}^\n", origin.line, excerpt.text, excerpt.mark);
  }
  if (!remedy.empty()) out += "  remedy: " + config::printable(remedy, kMessageColumns) + "\n";
  return out;
}

std::string format(const std::vector<Diagnostic>& diagnostics) {
  std::string out;
  for (const auto& diagnostic : diagnostics) out += diagnostic.format();
  return out;
}

namespace config {

bool is_printable(std::string_view character) {
  return static_cast<unsigned char>(character.front()) >= 0x20 && is_utf8_text(character);
}

std::string printable(std::string_view text, std::size_t columns_max) {
  std::string out;
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size(); ++columns) {
    if (columns == columns_max) return out + "...";
    const auto character = utf8_character(text, at);
    at += character.size();
    if (character == "\n") {
      out += "\\n";
    } else if (character == "\t") {
      out += "\\t";
    } else if (is_printable(character)) {
      out += character;
    } else {
      for (const char byte : character) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
      }
    }
  }
  return out;
}

std::string in_quotes(std::string_view text) {
  return "\"" + printable(text, kQuotedColumns) + "\"";
}

}  // namespace config
}  // namespace epaulet
