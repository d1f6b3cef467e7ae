#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "redirect/failure.h"

namespace epaulet::redirect {

struct ProgramEnd {
  int status = 0;      ///< Exit status; 128 + signal number if a signal ended it.
  std::string output;  ///< Both streams in order, at most kProgramOutputBytesMax.

  [[nodiscard]] bool says(std::string_view text) const {
    return output.find(text) != std::string::npos;
  }
  /// The output as one line, for a message; "no reason given" if there is none.
  [[nodiscard]] std::string reason() const;
};

inline constexpr std::size_t kProgramOutputBytesMax = 1024 * 1024;

/// Runs a program without a shell, gives it `input` and waits for its end.
///
/// `arguments[0]` is searched in PATH, then in /usr/sbin and /sbin, which an unprivileged PATH
/// lacks. Fails with ENOENT's text and `package` in the remedy if it is not installed.
[[nodiscard]] OrFailure<ProgramEnd> run_program(const std::vector<std::string>& arguments,
                                                std::string_view input, std::string_view package);

/// Would `run_program` find it?
[[nodiscard]] bool is_installed(std::string_view program);

}  // namespace epaulet::redirect
