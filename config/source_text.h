#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/diagnostic.h"

namespace epaulet::config {

/// A place in the text. `line` and `column` count from 1, columns in characters; line 0: nowhere.
struct Place {
  std::uint32_t offset = 0;  ///< In bytes from the beginning of the text.
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

/// The text of one configuration: what a reader sees of it, never what it means.
class SourceText {
 public:
  /// Borrows `text` (a byte order mark is skipped) for its life. The text must have been found to
  /// be UTF-8 by check_characters() before places are asked for.
  SourceText(std::string name, std::string_view text);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string_view text() const { return text_; }

  /// Bytes that no YAML may contain. yaml-cpp would stop reading at some (U+0004) without a word.
  [[nodiscard]] std::optional<Diagnostic> check_characters() const;

  /// From yaml-cpp's mark: byte offset, line and byte column, both from 0. Amortized O(1) if asked
  /// in the order of the text, also in a file of a single line.
  [[nodiscard]] Place place(std::size_t offset, std::size_t line, std::size_t byte_column);

  /// For any offset, by counting lines: only for errors.
  [[nodiscard]] Place place_of_offset(std::size_t offset) const;

  /// For an object's origin, by counting lines: only for errors.
  [[nodiscard]] Place place_of(const Origin& origin) const;

  /// False if the quoted scalar that begins at `offset` is never closed: yaml-cpp takes the end of
  /// the file for a closing quote. True if no quote stands at `offset`.
  [[nodiscard]] bool quote_is_closed(std::size_t offset) const;

  /// The `-` or `,` of an empty list item whose next token is at `offset`; the offset itself if
  /// there is none.
  [[nodiscard]] std::size_t empty_item(std::size_t offset) const;

  /// The line of text, without its line end.
  [[nodiscard]] std::string_view line_at(const Place& place) const;

  [[nodiscard]] Diagnostic diagnose(const Place& place, std::string object, std::string message,
                                    std::string remedy = {}, std::string did_you_mean = {}) const;

 private:
  std::string name_;
  std::string_view text_;
  // The last place found: the next one on the same line counts on from here.
  std::size_t last_offset_ = 0;
  std::size_t last_line_ = 0;
  std::uint32_t last_column_ = 1;
};

}  // namespace epaulet::config
