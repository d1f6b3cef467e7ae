#include "config/context.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/limits.h"

namespace epaulet::config {

void Complaints::add(const Place& place, std::string path, Complaint complaint) {
  if (!has_room()) {
    ++dropped_;
    return;
  }
  if (!path.empty()) complaint.message = path + ": " + complaint.message;
  found_.push_back(source_.diagnose(place, std::move(path), std::move(complaint.message),
                                    std::move(complaint.remedy),
                                    std::move(complaint.did_you_mean)));
}

bool Complaints::are_about(std::string_view path) const {
  return std::any_of(found_.begin(), found_.end(), [&](const Diagnostic& diagnostic) {
    return std::string_view(diagnostic.origin.object).starts_with(path);
  });
}

bool Complaints::has_room() const {
  return found_.size() < limits::kConfigErrorsMax;
}

std::vector<Diagnostic> Complaints::take() {
  std::stable_sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) {
    const Origin& first = a.origin;
    const Origin& second = b.origin;
    return std::tie(first.line, first.column) < std::tie(second.line, second.column);
  });
  auto diagnostics = std::exchange(found_, {});
  if (dropped_ > 0) {
    diagnostics.push_back(source_.diagnose(
        {}, {}, std::to_string(dropped_) + " more errors are not shown", "repair the first ones"));
  }
  dropped_ = 0;
  return diagnostics;
}

}  // namespace epaulet::config
