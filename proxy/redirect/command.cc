#include "redirect/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "redirect/backend.h"
#include "redirect/checks.h"
#include "redirect/confirm.h"
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

std::string time_text(std::chrono::sys_seconds now) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(now - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     unsigned{date.month()}, unsigned{date.day()}, time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

using Try = OrFailure<std::vector<Check>> (*)(const RedirectOptions&, const Pod&);

/// The pod is looked at first: what makes rules impossible there says more than a failed check.
OrFailure<std::vector<Check>> look_and(Try tries, const RedirectOptions& options) {
  if (const auto wrong = contradiction(options)) return *wrong;
  const auto pod = look_at_pod();
  if (!pod) return pod.error();
  if (const auto wrong = obstacle(*pod, options)) return *wrong;
  return tries(options, *pod);
}

void conclude(Report& report, OrFailure<std::vector<Check>> checks) {
  if (!checks) {
    report.error = sentence(checks.error());
    return;
  }
  report.checks = std::move(*checks);
  report.ok = count_failed(report.checks) == 0;
}

std::string absence(const std::vector<Check>& checks) {
  std::string why;
  for (const auto& check : checks) {
    if (!check.ok) why += (why.empty() ? "" : "; ") + check.detail;
  }
  return fmt::format(
      "nobody has installed the mesh's rules in this pod's network: {}; remedy: see that the pod "
      "of the DaemonSet epaulet-cni on this node is ready, then delete this pod: its successor "
      "gets them",
      why);
}

}  // namespace

Report put_in_place(const RedirectOptions& options) {
  Report report;
  conclude(report, put_in_place_and_check(options, report));
  return report;
}

Report try_in_place(const RedirectOptions& options) {
  Report report;
  conclude(report, look_and(check_rules, options));
  return report;
}

int install(const RedirectCommand& command, std::chrono::sys_seconds now) {
  if (command.dry_run) {
    if (const auto wrong = contradiction(command.options)) return fail(*wrong);
    fmt::print("{}", rules_text(command.options));
    return 0;
  }
  auto report = put_in_place(command.options);
  report.arguments = command.arguments;
  report.installed_at = time_text(now);
  if (!report.error.empty()) {
    fmt::print(stderr, "epaulet redirect: {}\n", report.error);
  } else if (!report.ok) {
    print_failed(report.checks);
  }
  if (auto written = write_report(command.result_file, report); !written) {
    return fail(written.error());
  }
  if (!report.ok) return 1;
  fmt::print("epaulet redirect: installed by {} for {}, {} checks passed\n", report.backend,
             fmt::join(report.families, " and "), report.checks.size());
  return 0;
}

int confirm(const RedirectCommand& command, std::chrono::sys_seconds now) {
  Report report;
  report.backend = "cni";
  report.arguments = command.arguments;
  report.installed_at = time_text(now);
  conclude(report, look_and(confirm_rules, command.options));
  if (!report.ok && report.error.empty()) report.error = absence(report.checks);
  if (!report.checks.empty()) report.families.emplace_back("ipv4");
  if (report.checks.size() > 1) report.families.emplace_back("ipv6");
  if (!report.ok) fmt::print(stderr, "epaulet redirect: {}\n", report.error);
  if (auto written = write_report(command.result_file, report); !written) {
    return fail(written.error());
  }
  if (!report.ok) return 1;
  fmt::print("epaulet redirect: the rules are there for {}\n", fmt::join(report.families, " and "));
  return 0;
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
  const auto checks = look_and(check_rules, command.options);
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
