#include "server/policy_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>

#include "base/limits.h"
#include "config/loader.h"
#include "config/policy_cases.h"
#include "server/key_files.h"
#include "server/policy_replay.h"
#include "server/what_if.h"

namespace epaulet::server {
namespace {

using Answer = WhatIf::Answer;

constexpr int kSurprise = 1;
constexpr int kUnusable = 2;

struct Options {
  std::string config;
  std::string cases;
  AssumedCaller who;
  AssumedRequest what;
  AssumedToken token;
  std::vector<std::string> claims;
  std::vector<std::string> headers;
};

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

std::string verdict_text(bool allowed, std::uint16_t status) {
  if (allowed) return "allow";
  return status == 0 ? "deny (reset)" : fmt::format("deny ({})", status);
}

std::string sentence(const Answer& answer) {
  if (!answer.problem.empty()) return "no question: " + answer.problem;
  return fmt::format("{} by {}{}{}", verdict_text(answer.allowed, answer.status), answer.why,
                     answer.audit.empty() ? "" : "; enforced: ", answer.audit);
}

/// What of the answer was not expected; "" if all of it was.
std::string surprise(const ExpectedVerdict& expected, const Answer& answer) {
  if (!answer.problem.empty()) return "a question that makes sense";
  if (expected.allow != answer.allowed) return expected.allow ? "allow" : "deny";
  if (expected.status && !answer.allowed && *expected.status != answer.status)
    return fmt::format("status {}", *expected.status);
  const std::string_view rule = answer.rule.empty() ? "none" : std::string_view(answer.rule);
  if (!expected.rule.empty() && expected.rule != rule)
    return fmt::format("rule \"{}\"", expected.rule);
  return {};
}

std::optional<Settings> load_config(const std::string& file) {
  auto loaded = load_settings_file(file);
  if (loaded.ok()) return std::move(*loaded.settings);
  std::fputs(loaded.format().c_str(), stderr);
  return std::nullopt;
}

int test(const Options& options) {
  const auto settings = load_config(options.config);
  if (!settings) return kUnusable;
  const auto text = read_file(options.cases, limits::kConfigBytesMax);
  if (!text) {
    std::fprintf(stderr, "%s: cannot be read\n", options.cases.c_str());
    return kUnusable;
  }
  const auto loaded = load_policy_cases(options.cases, *text);
  if (!loaded.diagnostics.empty()) {
    std::fputs(format(loaded.diagnostics).c_str(), stderr);
    return kUnusable;
  }
  const WhatIf what_if(*settings);
  std::size_t surprises = 0;
  for (const auto& one : loaded.cases) {
    const Answer answer = what_if.ask(one.who, one.what);
    const auto missed = surprise(one.expect, answer);
    surprises += missed.empty() ? 0 : 1;
    print(fmt::format("{} {}\n       {}\n", missed.empty() ? "ok    " : "WRONG ", one.name,
                      sentence(answer)));
    if (!missed.empty())
      print(fmt::format("       expected {} ({})\n", missed, one.origin.to_string()));
  }
  print(fmt::format("{} cases, {} not as expected\n", loaded.cases.size(), surprises));
  return surprises == 0 ? 0 : kSurprise;
}

/// "name=value" into the map; false if it is none.
bool add_pairs(const std::vector<std::string>& pairs, std::map<std::string, std::string>& out) {
  for (const auto& pair : pairs) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      std::fprintf(stderr, "\"%s\" is not NAME=VALUE\n", pair.c_str());
      return false;
    }
    out[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return true;
}

int explain(Options options) {
  const auto settings = load_config(options.config);
  if (!settings || !add_pairs(options.claims, options.token.claims) ||
      !add_pairs(options.headers, options.what.headers)) {
    return kUnusable;
  }
  if (!options.token.issuer.empty()) options.who.token = options.token;
  const Answer answer = WhatIf(*settings).ask(options.who, options.what);
  print(sentence(answer) + "\n");
  if (!answer.problem.empty()) return kUnusable;
  return answer.allowed ? 0 : 1;
}

std::string_view name_of(PolicyReplay::Change change) {
  switch (change) {
    case PolicyReplay::Change::none:
      return "as before";
    case PolicyReplay::Change::newly_denied:
      return "newly denied";
    case PolicyReplay::Change::newly_allowed:
      return "newly allowed";
    case PolicyReplay::Change::unknown:
      return "unknown";
  }
  return "";
}

int replay(const Options& options) {
  using Change = PolicyReplay::Change;
  const auto settings = load_config(options.config);
  if (!settings) return kUnusable;
  std::ifstream log(options.cases);
  if (!log) {
    std::fprintf(stderr, "%s: cannot be read\n", options.cases.c_str());
    return kUnusable;
  }
  PolicyReplay replayed(*settings);
  for (std::string line; std::getline(log, line);) replayed.add(line);
  for (const auto& [what, group] : replayed.groups()) {
    print(fmt::format("{:13} {:>8}  {}; for example {}\n", name_of(what.first), group.count,
                      what.second, group.sample));
  }
  for (const auto change :
       {Change::newly_denied, Change::newly_allowed, Change::unknown, Change::none}) {
    print(fmt::format("{} {}, ", replayed.count(change), name_of(change)));
  }
  print(fmt::format("{} lines about something else\n", replayed.skipped()));
  return replayed.count(Change::newly_denied) == 0 ? 0 : kSurprise;
}

void add_question(CLI::App& command, Options& options) {
  command.add_option("--identity", options.who.identity, "the peer's SPIFFE ID");
  command.add_option("--issuer", options.token.issuer, "a token of this issuer");
  command.add_option("--claim", options.claims, "NAME=VALUE of the token; may be repeated");
  command.add_option("--claims-json", options.token.claims_json, "its claims as a JSON object");
  command.add_option("--key-owner", options.who.key_owner,
                     "an API key of this owner, or `invalid`");
  command.add_option("--address", options.who.address, "where the connection comes from");
  command.add_option("--port", options.what.port, "of workload.ports; needed if there are several");
  command.add_flag("--tcp", options.what.tcp, "a connection that is no HTTP");
  command.add_option("--method", options.what.method, "the method")->capture_default_str();
  command.add_option("--path", options.what.path, "the path")->capture_default_str();
  command.add_option("--host", options.what.host, "the host")->capture_default_str();
  command.add_option("--header", options.headers, "NAME=VALUE; may be repeated");
}

}  // namespace

void add_policy_command(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("policy", "ask a configuration who may do what");
  command->require_subcommand(1);
  auto* test_command = command->add_subcommand("test", "ask all that a file of cases asks");
  test_command->add_option("cases", options->cases, "the file of cases")->required();
  test_command->add_option("--config", options->config, "the configuration file")->required();
  test_command->callback([options, &exit_code] { exit_code = test(*options); });
  auto* replay_command = command->add_subcommand(
      "replay", "say what a new configuration would have refused or let in");
  replay_command->add_option("log", options->cases, "an access log, as the sidecar prints it")
      ->required();
  replay_command->add_option("--config", options->config, "the new configuration")->required();
  replay_command->callback([options, &exit_code] { exit_code = replay(*options); });
  auto* explain_command = command->add_subcommand("explain", "ask one question");
  explain_command->add_option("--config", options->config, "the configuration file")->required();
  add_question(*explain_command, *options);
  explain_command->callback([options, &exit_code] { exit_code = explain(*options); });
}

}  // namespace epaulet::server
