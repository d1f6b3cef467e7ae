#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "redirect/failure.h"

namespace epaulet::redirect {

struct ProgramEnd {
  int status = 0;      ///< Exit status; 128 + signal number if a signal ended it.
  std::string output;  ///< Both streams in order, at most kProgramOutputBytesMax.
};

inline constexpr std::size_t kProgramOutputBytesMax = 64 * 1024;

/// Runs a program without a shell, gives it `input` and waits for its end.
///
/// `arguments[0]` is searched in PATH, then in /usr/sbin and /sbin, which an unprivileged PATH
/// lacks. Fails with ENOENT's text and `package` in the remedy if it is not installed.
[[nodiscard]] OrFailure<ProgramEnd> run_program(const std::vector<std::string>& arguments,
                                                std::string_view input, std::string_view package);

/// Runs `nft -f -` on a script; a script is one transaction. Translates nft's complaint.
[[nodiscard]] OrFailure<void> run_nft(std::string_view script);

}  // namespace epaulet::redirect
