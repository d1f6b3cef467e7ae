#pragma once

#include <string>
#include <string_view>

namespace epaulet {

/// Pieces of text in, whole lines out; holds one line at most.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Calls `on_line(std::string_view)` for each line that is whole now, without its end; what it
  /// returns says whether to go on. False: it said no, or a line is too long.
  template <class OnLine>
  [[nodiscard]] bool take(std::string_view piece, OnLine&& on_line) {
    while (!piece.empty()) {
      const auto end = piece.find('\n');
      const auto part = piece.substr(0, end);
      if (kept_.size() + part.size() > bytes_max_) return false;
      if (end == piece.npos) {
        kept_.append(part);
        return true;
      }
      piece.remove_prefix(end + 1);
      if (kept_.empty()) {
        if (!on_line(part)) return false;
        continue;
      }
      kept_.append(part);
      const bool goes_on = on_line(std::string_view(kept_));
      kept_.clear();
      if (kept_.capacity() > kKeptMax) kept_.shrink_to_fit();
      if (!goes_on) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kKeptMax = 64 * 1024;
  std::size_t bytes_max_;
  std::string kept_;
};

}  // namespace epaulet
