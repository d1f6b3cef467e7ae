#include "redirect/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/ascii.h"

extern char** environ;

namespace epaulet::redirect {
namespace {

std::string find_program(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::string_view folders = path != nullptr ? path : "";
  const std::string all = std::string(folders) + ":/usr/sbin:/sbin:/usr/bin:/bin";
  for (std::size_t start = 0; start <= all.size();) {
    const auto end = std::min(all.find(':', start), all.size());
    const auto candidate = all.substr(start, end - start) + "/" + std::string(name);
    if (candidate.front() == '/' && end > start && ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    start = end + 1;
  }
  return "";
}

/// The input as a file in memory: a child that does not read it cannot block us.
int input_file(std::string_view input) {
  const int fd = ::memfd_create("input", MFD_CLOEXEC);
  if (fd < 0) return -1;
  while (!input.empty()) {
    const auto written = ::write(fd, input.data(), input.size());
    if (written < 0) {
      ::close(fd);
      return -1;
    }
    input.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const auto count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    const auto space = kProgramOutputBytesMax - text.size();  // the rest is read and dropped
    text.append(buffer, std::min(static_cast<std::size_t>(count), space));
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 255;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

OrFailure<ProgramEnd> run_program(const std::vector<std::string>& arguments, std::string_view input,
                                  std::string_view package) {
  const auto program = find_program(arguments.front());
  if (program.empty()) {
    return Failure{fmt::format("the program `{}` is not installed", arguments.front()),
                   fmt::format("apt-get install {}", package)};
  }
  int output[2];
  const int in = input_file(input);
  if (in < 0 || ::pipe2(output, O_CLOEXEC) != 0) {
    const int error = errno;
    if (in >= 0) ::close(in);
    return Failure{fmt::format("cannot start {}: {}", program, errno_text(error)), ""};
  }
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output[1], STDERR_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(in);
  ::close(output[1]);
  if (error != 0) {
    ::close(output[0]);
    return Failure{fmt::format("cannot start {}: {}", program, errno_text(error)), ""};
  }
  ProgramEnd end;
  end.output = read_all(output[0]);
  ::close(output[0]);
  end.status = wait_for(child);
  return end;
}

bool is_installed(std::string_view program) {
  return !find_program(program).empty();
}

std::string ProgramEnd::reason() const {
  std::string line;
  std::string_view rest = output;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto part = trim(rest.substr(0, end));
    if (!part.empty()) (line += line.empty() ? "" : " | ") += part;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return line.empty() ? "no reason given" : line;
}

}  // namespace epaulet::redirect
