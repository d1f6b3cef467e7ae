#include "k8s/doctor/inside.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "admin/client.h"
#include "crypto/ca.h"
#include "k8s/doctor/checks.h"
#include "k8s/doctor/facts.h"
#include "redirect/confirm.h"
#include "redirect/program.h"
#include "redirect/report.h"

namespace epaulet::kube {
namespace {

constexpr std::chrono::seconds kSkewMax{60};

std::optional<WallTime> time_of(std::string_view text) {
  const std::string whole(text);
  std::tm parts{};
  const char* end = ::strptime(whole.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != 0) return std::nullopt;
  return WallTime(std::chrono::seconds(::timegm(&parts)));
}

json::value parsed(const std::string& text) {
  json::error_code error;
  auto document = json::parse(text, error);
  return error || !document.is_object() ? json::value(json::object()) : document;
}

void check_rules(const InsideFacts& facts, const InsideQuestion& question, DoctorReport& report) {
  constexpr std::string_view kAbout = "redirect";
  if (facts.rules) {
    if (!facts.rules->first) {
      return report.fail(
          kAbout, "the rules are not as they should be: " + printable(facts.rules->second),
          "create the pod anew; or as root in its network: epaulet redirect install");
    }
    return report.ok(kAbout, "every rule does what it should");
  }
  if (!facts.redirect_report) {
    return report.fail(kAbout,
                       fmt::format("{} is not there: no rules were installed in this pod",
                                   question.redirect_result),
                       "was the pod created by the injector, and did epaulet-init run?");
  }
  const auto read = redirect::report_from_json(*facts.redirect_report);
  if (!read || !read->ok) {
    return report.fail(kAbout,
                       read ? printable(redirect::complaint(*read))
                            : question.redirect_result + " is no such report",
                       "create the pod anew; the log of epaulet-init has it");
  }
  std::string families;
  for (const auto& family : read->families) families += (families.empty() ? "" : ", ") + family;
  for (const auto& check : facts.standing) {
    if (check.ok) continue;
    return report.fail(kAbout,
                       fmt::format("installed by {} at {}, and gone since: {}", read->backend,
                                   read->installed_at, printable(check.detail)),
                       "create the pod anew: until then it is outside the mesh; who on the node, "
                       "or in the pod with NET_ADMIN, flushes rules?");
  }
  report.ok(kAbout, fmt::format("installed for {} by {} at {}, and {}: as root every rule is tried",
                                families, read->backend, read->installed_at,
                                facts.standing.empty() ? "not looked at now" : "still there"));
}

void check_ready(const InsideFacts& facts, const InsideQuestion& question, DoctorReport& report) {
  if (!facts.ready) {
    return report.fail("sidecar", "it does not answer on " + question.admin,
                       "is it running? kubectl logs -c epaulet; --admin names another address");
  }
  const auto page = parsed(*facts.ready);
  if (is_true_in(page.get_object(), "ready")) return report.ok("sidecar", "ready");
  const auto* reasons = array_in(page.get_object(), "reasons");
  if (reasons == nullptr || reasons->empty())
    return report.fail("sidecar", "not ready", "kubectl logs -c epaulet");
  for (const auto& each : *reasons) {
    if (each.is_string())
      report.fail("sidecar", "not ready: " + printable(each.get_string()),
                  "kubectl logs -c epaulet");
  }
}

/// Of a metric: what stands behind its name, labels included, and its value, for each sample.
std::vector<std::pair<std::string_view, double>> samples_of(std::string_view page,
                                                            std::string_view name) {
  std::vector<std::pair<std::string_view, double>> samples;
  while (!page.empty()) {
    const auto line = page.substr(0, page.find('\n'));
    page.remove_prefix(std::min(line.size() + 1, page.size()));
    const auto space = line.rfind(' ');
    if (!line.starts_with(name) || space == line.npos || space < name.size()) continue;
    const auto labels = line.substr(name.size(), space - name.size());
    if (!labels.empty() && labels.front() != '{') continue;  // Another one's name goes on.
    samples.emplace_back(labels, std::strtod(std::string(line.substr(space + 1)).c_str(), nullptr));
  }
  return samples;
}

/// The directory says something every 15 s.
constexpr std::chrono::seconds kSilenceMax{60};

void check_directory(const InsideFacts& facts, DoctorReport& report) {
  constexpr std::string_view kAbout = "directory";
  if (!facts.metrics) return;
  const auto connected = samples_of(*facts.metrics, "epaulet_directory_connected");
  if (!connected.empty()) {
    constexpr const char* kRemedy =
        "the sidecar's log says why (directory_away); do the pods of epaulet-directory run, and "
        "may this one reach their port 15016?";
    const auto heard = samples_of(*facts.metrics, "epaulet_directory_heard_timestamp_seconds");
    const auto ago = heard.empty() ? facts.now.time_since_epoch()
                                   : facts.now.time_since_epoch() -
                                         std::chrono::duration_cast<std::chrono::nanoseconds>(
                                             std::chrono::duration<double>(heard.front().second));
    if (heard.empty()) {
      report.fail(kAbout,
                  "nothing was heard of it yet: what it tells has no endpoint, or those "
                  "that were remembered",
                  kRemedy);
    } else if (connected.front().second == 0) {
      report.warn(kAbout,
                  fmt::format("it does not answer; it was last heard {} ago, and what it told then "
                              "stays in use",
                              span_text(ago)),
                  kRemedy);
    } else if (ago > kSilenceMax) {
      report.warn(kAbout, fmt::format("it answers, and has said nothing for {}", span_text(ago)),
                  kRemedy);
    } else {
      report.ok(kAbout, fmt::format("it answers; heard {} ago", span_text(ago)));
    }
  }
  constexpr std::size_t kNamedMax = 8;
  std::string empty;
  std::size_t count = 0;
  for (const auto& [labels, value] : samples_of(*facts.metrics, "epaulet_backend_endpoints")) {
    if (value == 0 && ++count <= kNamedMax)
      empty += (empty.empty() ? "" : ", ") + printable(labels, 120);
  }
  if (count > kNamedMax) empty += fmt::format(" and {} more", count - kNamedMax);
  if (count > 0) {
    report.warn("backends", "have no endpoint: " + empty,
                "does the Service exist, has it ready pods in the mesh, and is its name and port "
                "right under endpoints?");
  }
}

/// The identity service dates a leaf by its clock, kBackdate before now; we note when it came.
void check_clock(const json::object& page, WallTime now, DoctorReport& report) {
  const auto* chain = array_in(page, "chain");
  if (chain == nullptr || chain->empty() || !chain->front().is_object()) return;
  const auto begins = time_of(text_in(chain->front().get_object(), "not_before"));
  if (!begins) return;
  if (*begins > now) {
    return report.fail(
        "clock",
        fmt::format("the certificate begins {} from now: this node's clock is behind "
                    "the identity service's",
                    span_text(*begins - now)),
        "set both clocks by NTP");
  }
  const auto came = time_of(text_at(page, {"service", "renewed_at"}));
  if (!came) return;
  const auto skew = *came - (*begins + kBackdate);
  if (skew > kSkewMax || skew < -kSkewMax) {
    return report.warn("clock",
                       fmt::format("this node's clock is {} {} the identity service's",
                                   span_text(skew), skew.count() > 0 ? "ahead of" : "behind"),
                       "set both clocks by NTP: certificates and tokens are judged by them");
  }
  report.ok("clock", "it agrees with the identity service's within a minute");
}

void check_certificate(const InsideFacts& facts, DoctorReport& report) {
  constexpr std::string_view kAbout = "certificate";
  if (!facts.certs) return;
  const auto document = parsed(*facts.certs);
  const auto& page = document.get_object();
  if (!is_true_in(page, "configured"))
    return report.warn(kAbout, "no identity is configured", "identity: in the configuration");
  const auto error = text_at(page, {"service", "last_error"});
  const auto refused = text_in(page, "refused");
  const auto ends = time_of(text_in(page, "not_after"));
  if (!ends) {
    return report.fail(kAbout, "there is none yet: " + printable(error.empty() ? refused : error),
                       "does the identity service run, and is its CA the one that this pod pins?");
  }
  const auto left = *ends - facts.now;
  if (left <= left.zero()) {
    report.fail(kAbout,
                fmt::format("it ended {} ago{}{}", span_text(left), error.empty() ? "" : ": ",
                            printable(error)),
                "does the identity service run? The sidecar asks again by itself");
  } else if (!error.empty() || !refused.empty()) {
    report.warn(kAbout,
                fmt::format("it is not renewed ({} left): {}", span_text(left),
                            printable(error.empty() ? refused : error)),
                "does the identity service run? The sidecar asks again by itself");
  } else {
    report.ok(kAbout,
              fmt::format("{} for {} more", printable(text_in(page, "identity")), span_text(left)));
  }
  check_clock(page, facts.now, report);
}

}  // namespace

InsideFacts gather_inside(const InsideQuestion& question, WallTime now) {
  InsideFacts facts;
  facts.now = now;
  if (std::ifstream file(question.redirect_result); file) {
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (text.size() <= redirect::kReportBytesMax) facts.redirect_report = std::move(text);
  }
  const auto installed =
      facts.redirect_report ? redirect::report_from_json(*facts.redirect_report) : std::nullopt;
  constexpr std::uint16_t kHealthPort = 15021;
  if (installed)
    facts.standing = redirect::standing_rules(redirect::standing_places(*installed, kHealthPort));
  if (::getuid() == 0) {
    const auto end = redirect::run_program({"epaulet", "redirect", "verify"}, "", "epaulet");
    if (end) facts.rules.emplace(end->status == 0, end->reason());
  }
  const auto address = SocketAddress::parse(question.admin);
  if (!address) return facts;
  if (auto page = admin::admin_get(*address, "/ready")) facts.ready = std::move(page->body);
  if (auto page = admin::admin_get(*address, "/certs"); page && page->status == 200)
    facts.certs = std::move(page->body);
  const auto metrics = SocketAddress::parse(question.metrics);
  if (!metrics) return facts;
  if (auto page = admin::admin_get(*metrics, "/stats/prometheus"); page && page->status == 200)
    facts.metrics = std::move(page->body);
  return facts;
}

void diagnose_inside(const InsideFacts& facts, const InsideQuestion& question,
                     DoctorReport& report) {
  check_rules(facts, question, report);
  check_ready(facts, question, report);
  check_certificate(facts, report);
  check_directory(facts, report);
}

}  // namespace epaulet::kube
