#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "redirect/options.h"
#include "redirect/report.h"

namespace CLI {
class App;
}

namespace epaulet::redirect {

/// What one `epaulet redirect ...` was told beside the rules themselves.
struct RedirectCommand {
  RedirectOptions options;
  std::string result_file;  ///< Of `install` and `remove`; read by `verify` and readiness.
  bool dry_run = false;     ///< `install`: print the rules and do nothing.
  std::vector<std::string> arguments;  ///< As given, to be kept in the result.
};

/// Calendar time; given by main, because only runtime/ may read the clock.
using WallClock = std::function<std::chrono::sys_seconds()>;

/// Adds `redirect` with `install`, `confirm`, `remove` and `verify` to the program. Parsing such a
/// command line runs it and sets `exit_code`: 0 done, 1 failed; wrong options are CLI11's own
/// errors. `exit_code` must outlive `app`.
void add_redirect_command(CLI::App& app, int& exit_code, WallClock now);

/// Installs the rules and routes, then tries each. Prints what failed and what to do about it.
/// The rules stay when a check fails: a pod that is shut is better than one that is open.
[[nodiscard]] int install(const RedirectCommand& command, std::chrono::sys_seconds now);

/// Removes our rules by whatever backend, our routes and the result file; nothing of anybody
/// else's. Done twice is done.
[[nodiscard]] int remove(const RedirectCommand& command);

/// Tries each rule again and prints a line for each; changes nothing.
[[nodiscard]] int verify(const RedirectCommand& command);

/// Sees, without any right, whether somebody outside (the CNI plugin) has installed the rules, and
/// leaves the result for readiness as `install` does.
[[nodiscard]] int confirm(const RedirectCommand& command, std::chrono::sys_seconds now);

// For a program that has words of its own; complaint() of a report says what is wrong.

/// What `install` does in this network namespace, without a word and without a file.
[[nodiscard]] Report put_in_place(const RedirectOptions& options);
/// What `verify` does.
[[nodiscard]] Report try_in_place(const RedirectOptions& options);

/// The options of `install`, `--name=value` each, from somebody else. Changes nothing outside.
[[nodiscard]] OrFailure<RedirectOptions> parse_rules(const std::vector<std::string>& arguments);

}  // namespace epaulet::redirect
