#include "redirect/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "redirect/backend.h"
#include "redirect/checks.h"
#include "redirect/failure.h"
#include "redirect/pod.h"
#include "redirect/report.h"
#include "redirect/route.h"

namespace epaulet::redirect {
namespace {

constexpr const char* kCheckRemedy =
    "run `epaulet redirect install` again; if it stays, look at `nft list ruleset`, "
    "`iptables-save` "
    "and `iptables-legacy-save` for a rule of somebody else's that comes first";

std::string sentence(const Failure& failure) {
  return failure.remedy.empty() ? failure.what : failure.what + "; remedy: " + failure.remedy;
}

int fail(const Failure& failure) {
  fmt::print(stderr, "epaulet redirect: {}\n", sentence(failure));
  return 1;
}

std::optional<Failure> contradiction(const RedirectOptions& options) {
  const auto found = contradictions(options);
  if (found.empty()) return std::nullopt;
  std::string all;
  for (const auto& one : found) all += (all.empty() ? "" : "; ") + one;
  return Failure{std::move(all), ""};
}

/// The networks that need a route here.
std::vector<IpNetwork> virtual_networks(const RedirectOptions& options, bool ipv6) {
  std::vector<IpNetwork> networks{options.virtual_v4};
  if (ipv6) networks.push_back(options.virtual_v6);
  return networks;
}

OrFailure<std::vector<Check>> put_in_place_and_check(const RedirectOptions& options,
                                                     Report& report) {
  if (const auto wrong = contradiction(options)) return *wrong;
  const auto pod = look_at_pod();
  if (!pod) return pod.error();
  if (const auto wrong = obstacle(*pod, options)) return *wrong;
  const bool ipv6 = wants_ipv6(*pod, options);
  const auto backend = install_rules(options);
  if (!backend) return backend.error();
  report.backend = *backend;
  if (auto done = set_virtual_routes(virtual_networks(options, ipv6)); !done) return done.error();
  report.families.emplace_back("ipv4");
  if (ipv6) report.families.emplace_back("ipv6");
  return check_rules(options, *pod);
}

std::size_t count_failed(const std::vector<Check>& checks) {
  std::size_t failed = 0;
  for (const auto& check : checks) failed += check.ok ? 0 : 1;
  return failed;
}

void print_failed(const std::vector<Check>& checks) {
  for (const auto& check : checks) {
    if (!check.ok) fmt::print(stderr, "epaulet redirect: {}: {}\n", check.name, check.detail);
  }
  fmt::print(stderr, "epaulet redirect: {} of {} checks failed; remedy: {}\n", count_failed(checks),
             checks.size(), kCheckRemedy);
}

}  // namespace

int install(const RedirectCommand& command, std::chrono::sys_seconds now) {
  if (command.dry_run) {
    if (const auto wrong = contradiction(command.options)) return fail(*wrong);
    fmt::print("{}", rules_text(command.options));
    return 0;
  }
  Report report;
  report.arguments = command.arguments;
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(now - day);
  report.installed_at = fmt::format(
      "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()), unsigned{date.month()},
      unsigned{date.day()}, time.hours().count(), time.minutes().count(), time.seconds().count());
  int status = 0;
  auto checks = put_in_place_and_check(command.options, report);
  if (!checks) {
    report.error = sentence(checks.error());
    status = fail(checks.error());
  } else {
    report.checks = std::move(*checks);
    report.ok = count_failed(report.checks) == 0;
    if (!report.ok) {
      print_failed(report.checks);
      status = 1;
    }
  }
  if (auto written = write_report(command.result_file, report); !written) {
    return fail(written.error());
  }
  if (status == 0) {
    fmt::print("epaulet redirect: installed by {} for {}, {} checks passed\n", report.backend,
               fmt::join(report.families, " and "), report.checks.size());
  }
  return status;
}

int remove(const RedirectCommand& command) {
  if (auto removed = remove_rules(); !removed) return fail(removed.error());
  if (auto removed = remove_virtual_routes(); !removed) return fail(removed.error());
  if (::unlink(command.result_file.c_str()) != 0 && errno != ENOENT) {
    return fail({fmt::format("cannot remove {}: {}", command.result_file, errno_text(errno)), ""});
  }
  fmt::print("epaulet redirect: removed\n");
  return 0;
}

int verify(const RedirectCommand& command) {
  if (const auto wrong = contradiction(command.options)) return fail(*wrong);
  const auto pod = look_at_pod();
  if (!pod) return fail(pod.error());
  if (const auto wrong = obstacle(*pod, command.options)) return fail(*wrong);
  const auto checks = check_rules(command.options, *pod);
  if (!checks) return fail(checks.error());
  for (const auto& check : *checks) {
    fmt::print("{:4} {}: {}\n", check.ok ? "ok" : "fail", check.name, check.detail);
  }
  const auto failed = count_failed(*checks);
  if (failed == 0) return 0;
  std::fflush(stdout);
  fmt::print(stderr, "epaulet redirect: {} of {} checks failed; remedy: {}\n", failed,
             checks->size(), kCheckRemedy);
  return 1;
}

}  // namespace epaulet::redirect
