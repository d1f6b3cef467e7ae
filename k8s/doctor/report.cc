#include "k8s/doctor/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace epaulet::kube {

void DoctorReport::ok(std::string_view about, std::string what) {
  findings_.push_back({Level::ok, std::string(about), std::move(what), ""});
}

void DoctorReport::warn(std::string_view about, std::string what, std::string remedy) {
  findings_.push_back({Level::warning, std::string(about), std::move(what), std::move(remedy)});
}

void DoctorReport::fail(std::string_view about, std::string what, std::string remedy) {
  findings_.push_back({Level::failure, std::string(about), std::move(what), std::move(remedy)});
}

std::size_t DoctorReport::count(Level level) const {
  return static_cast<std::size_t>(
      std::count_if(findings_.begin(), findings_.end(),
                    [level](const auto& each) { return each.level == level; }));
}

std::string DoctorReport::text() const {
  std::string text;
  for (const auto& [level, about, what, remedy] : findings_) {
    constexpr std::string_view kMarks[] = {"ok", "warning", "FAILURE"};
    text += fmt::format("{:<8} {:<14} {}\n", kMarks[static_cast<std::size_t>(level)], about, what);
    if (!remedy.empty()) text += fmt::format("{:<23} remedy: {}\n", "", remedy);
  }
  return text + fmt::format("{} ok, {} warnings, {} failures\n", count(Level::ok),
                            count(Level::warning), count(Level::failure));
}

std::string DoctorReport::json() const {
  boost::json::array list;
  for (const auto& [level, about, what, remedy] : findings_) {
    boost::json::object one{{"level", name_of(level)}, {"about", about}, {"what", what}};
    if (!remedy.empty()) one["remedy"] = remedy;
    list.push_back(std::move(one));
  }
  boost::json::object report{{"ok", count(Level::failure) == 0},
                             {"warnings", count(Level::warning)},
                             {"failures", count(Level::failure)},
                             {"findings", std::move(list)}};
  return boost::json::serialize(report) + "\n";
}

std::string_view name_of(Level level) {
  constexpr std::string_view kNames[] = {"ok", "warning", "failure"};
  return kNames[static_cast<std::size_t>(level)];
}

std::string printable(std::string_view text, std::size_t max) {
  std::string out;
  for (const char c : text.substr(0, max)) out += c >= ' ' && c <= '~' ? c : ' ';
  return text.size() > max ? out + "..." : out;
}

}  // namespace epaulet::kube
