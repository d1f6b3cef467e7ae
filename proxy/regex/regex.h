#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace epaulet {

/// A regular expression in RE2's syntax, which fits a text or does not: always the whole of it.
/// There are no back references and nothing backtracks, so the time grows with the text alone, by
/// a factor that the limits below bound: for the worst expression a few milliseconds. Immutable,
/// and may be asked by several threads at once; they share what it learns of texts, 1 MiB at most,
/// which is all that it allocates. Movable.
class Regex {
 public:
  static constexpr std::size_t kBytesMax = 1024;      ///< Of an expression.
  static constexpr int kProgramMax = 1000;            ///< Instructions that it becomes.
  static constexpr std::size_t kTextBytesMax = 4096;  ///< A longer text does not fit.

  /// Why it is none; nothing: it is one.
  [[nodiscard]] static std::optional<std::string> fault_of(std::string_view expression);

  /// fault_of() has nothing to say of it.
  explicit Regex(std::string_view expression);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  [[nodiscard]] bool fits(std::string_view text) const;

 private:
  std::unique_ptr<const re2::RE2> program_;
};

}  // namespace epaulet
