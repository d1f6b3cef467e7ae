#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace epaulet {

/// One thing that is wrong in a configuration, with its place and what to do about it.
struct Diagnostic {
  /// `origin.line` 0: about the file as a whole (it cannot be read, say).
  Origin origin;
  std::string message;       ///< One sentence without a full stop.
  std::string did_you_mean;  ///< The nearest word that would be right; "": none is near.
  std::string remedy;        ///< What to write instead; "": the message says it.
  std::string source_line;   ///< The line of text at `origin`; "": not known.

  /// "file:line:column: message; did you mean ...?", then the line of text with a mark beneath the
  /// column, then the remedy. Ends with a newline. Every character is printable: what was found in
  /// the file is escaped, and lines are cut to fit a screen.
  [[nodiscard]] std::string format() const;
};

/// All of them in the order of the file, one after the other.
[[nodiscard]] std::string format(const std::vector<Diagnostic>& diagnostics);

namespace config {

/// True for a character that a terminal shows and does not obey.
[[nodiscard]] bool is_printable(std::string_view character);

/// `text` on one line: what is not printable is escaped, what is longer is cut.
[[nodiscard]] std::string printable(std::string_view text, std::size_t columns_max);

/// What was found in the file, for a message: printable, cut, in double quotes.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace config
}  // namespace epaulet
