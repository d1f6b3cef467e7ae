#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace epaulet::kube {

enum class Level : std::uint8_t { ok, warning, failure };

/// One line of what was found. Holds no secret.
struct Finding {
  Level level = Level::ok;
  std::string about;   ///< A word or two: what was looked at.
  std::string what;    ///< A sentence without a full stop.
  std::string remedy;  ///< What to do; "" with ok.
};

class DoctorReport {
 public:
  void ok(std::string_view about, std::string what);
  void warn(std::string_view about, std::string what, std::string remedy);
  void fail(std::string_view about, std::string what, std::string remedy);

  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
  [[nodiscard]] std::size_t count(Level level) const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string json() const;
  /// 0: nothing failed; 1: something did.
  [[nodiscard]] int exit_code() const { return count(Level::failure) == 0 ? 0 : 1; }

 private:
  std::vector<Finding> findings_;
};

[[nodiscard]] std::string_view name_of(Level level);

/// Text that others wrote, fit for a terminal: printable ASCII, at most `max` bytes.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max = 300);

}  // namespace epaulet::kube
