#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "config/config_files.h"
#include "config/doubts.h"
#include "config/json_schema.h"
#include "config/settings_json.h"
#include "redirect/command.h"
#include "runtime/asio_loop.h"
#include "server/explain_command.h"
#include "server/key_command.h"
#include "server/key_files.h"
#include "server/policy_command.h"
#include "server/process.h"
#include "server/wait_command.h"

namespace {

constexpr const char* kVersion = EPAULET_VERSION;

int check(const std::vector<std::string>& files, bool prints) {
  const auto loaded = epaulet::load_settings(epaulet::read_config_files(files));
  if (!loaded.ok()) {
    std::fputs(loaded.format().c_str(), stderr);
    return 1;
  }
  const auto keys = epaulet::server::load_key_files(*loaded.settings);
  if (!keys.problems.empty()) {
    std::fputs(keys.problems.c_str(), stderr);
    return 1;
  }
  for (const auto& warning : keys.warnings) {
    std::fprintf(stderr, "%s\n  the other keys of the file are used\n", warning.c_str());
  }
  for (const auto& notice : loaded.notices) {
    std::fprintf(stderr, "left out: %s", notice.format().c_str());
  }
  for (const auto& doubt : epaulet::doubts_about(*loaded.settings)) {
    std::fprintf(stderr, "warning: %s", doubt.format().c_str());
  }
  if (prints) {
    std::printf("%s\n", epaulet::settings_to_json(*loaded.settings).c_str());
    return 0;
  }
  for (const auto& file : files) std::printf("%s: valid\n", file.c_str());
  return 0;
}

/// The doctor is a program of its own, which knows Kubernetes; a sidecar does not. It stands beside
/// this one.
int run_doctor(char** argv) {
  std::string path(4096, '\0');
  const auto size = ::readlink("/proc/self/exe", path.data(), path.size());
  path.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  path.resize(path.rfind('/') + 1);
  path += "epaulet-doctor";
  ::execv(path.c_str(), argv + 1);
  std::fprintf(stderr, "epaulet: %s cannot be run: %s\n  remedy: install it beside epaulet\n",
               path.c_str(), std::strerror(errno));
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "doctor") return run_doctor(argv);
  CLI::App app{"epaulet: a sidecar service-mesh proxy"};
  app.set_version_flag("--version", std::string("epaulet ") + kVersion);
  app.require_subcommand(1);
  int exit_code = 0;

  epaulet::server::RunOptions run_options;
  run_options.version = kVersion;
  auto* run = app.add_subcommand("run", "run the sidecar until SIGTERM has drained it");
  run->add_option(
         "--config", run_options.config,
         "the configuration file, or a folder whose *.yaml are meant; may be given several times")
      ->required()
      ->allow_extra_args(false);
  run->add_option("--redirect-result", run_options.redirect_result,
                  "what `epaulet redirect install` left; /ready reads it");
  run->callback([&] {
    epaulet::server::Process process(run_options);
    exit_code = process.run();
  });

  std::vector<std::string> files;
  bool prints = false;
  auto* check_command =
      app.add_subcommand("check", "say all that is wrong with a configuration file");
  check_command
      ->add_option("file", files,
                   "the configuration file; several files and folders are one configuration")
      ->required();
  check_command->add_flag("--print", prints,
                          "print what the files mean together, Gateway API's routes as our own");
  check_command->callback([&] { exit_code = check(files, prints); });

  epaulet::server::add_key_command(app, exit_code);
  epaulet::server::add_policy_command(app, exit_code);

  app.add_subcommand("schema", "print the JSON schema of the configuration, for editors")
      ->callback([] { std::fputs(epaulet::json_schema().c_str(), stdout); });

  epaulet::server::ExplainOptions explain_options;
  auto* explain =
      app.add_subcommand("explain", "tell why something was refused, failed or was slow");
  explain->add_option("id", explain_options.id, "request id; without one: everything that is kept");
  explain->add_option("--admin", explain_options.admin, "the sidecar's admin address")
      ->capture_default_str();
  explain->add_flag("--json", explain_options.json, "as JSON");
  explain->callback([&] { exit_code = epaulet::server::explain_command(explain_options); });

  epaulet::server::WaitOptions wait_options;
  auto* wait = app.add_subcommand("wait", "wait until the sidecar is ready");
  wait->add_option("--admin", wait_options.admin, "the sidecar's admin address")
      ->capture_default_str();
  long at_most = wait_options.at_most.count();
  wait->add_option("--seconds", at_most, "so long at most")
      ->check(CLI::Range(1L, 3600L))
      ->capture_default_str();
  wait->add_flag("--then-go-on", wait_options.then_go_on,
                 "end with 0 also when it is not ready by then, for a hook whose failure would end "
                 "the container");
  wait->callback([&] {
    wait_options.at_most = std::chrono::seconds(at_most);
    exit_code = epaulet::server::wait_command(wait_options);
  });

  epaulet::redirect::add_redirect_command(app, exit_code, [] {
    return std::chrono::floor<std::chrono::seconds>(epaulet::AsioLoop::read_wall_clock());
  });

  app.add_subcommand("doctor",
                     "say what is wrong with a mesh in Kubernetes (before, check) or in this pod "
                     "(pod), and what to do");

  app.add_subcommand("version", "print the version")->callback([] {
    std::printf("epaulet %s\n", kVersion);
  });

  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
