#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace epaulet {

/// Pieces of text in, whole lines out; holds one line at most.
class LineSplitter {
 public:
  /// What a line that is too long means: the end, or nothing for those behind it.
  enum class TooLong : bool { ends, is_passed_over };
  static constexpr std::size_t kHeadBytes = 200;

  explicit LineSplitter(std::size_t bytes_max, TooLong too_long = TooLong::ends)
      : bytes_max_(bytes_max), too_long_(too_long) {}

  /// How many lines were passed over.
  [[nodiscard]] std::size_t passed_over() const { return passed_over_; }
  /// How the last of them begins.
  [[nodiscard]] const std::string& head() const { return head_; }

  /// Calls `on_line(std::string_view)` for each line that is whole now, without its end; what it
  /// returns says whether to go on. False: it said no, or a line is too long and ends this.
  template <class OnLine>
  [[nodiscard]] bool take(std::string_view piece, OnLine&& on_line) {
    while (!piece.empty()) {
      const auto end = piece.find('\n');
      const auto part = piece.substr(0, end);
      if (!passes_ && kept_.size() + part.size() > bytes_max_) {
        if (too_long_ == TooLong::ends) return false;
        pass_over(part);
      }
      if (end == piece.npos) {
        if (!passes_) kept_.append(part);
        return true;
      }
      piece.remove_prefix(end + 1);
      if (std::exchange(passes_, false)) {
        ++passed_over_;
        continue;
      }
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
  void pass_over(std::string_view part) {
    passes_ = true;
    head_ = kept_.substr(0, kHeadBytes);
    head_ += part.substr(0, kHeadBytes - head_.size());
    kept_ = {};
  }

  static constexpr std::size_t kKeptMax = 64 * 1024;
  std::size_t bytes_max_;
  TooLong too_long_;
  bool passes_ = false;  ///< Until the end of the line.
  std::size_t passed_over_ = 0;
  std::string head_;
  std::string kept_;
};

}  // namespace epaulet
