#include "config/context.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/limits.h"

namespace epaulet::config {

void Complaints::add_in(const SourceText& source, const Place& place, std::string path,
                        Complaint complaint) {
  if (!has_room()) {
    ++dropped_;
    return;
  }
  if (!path.empty()) complaint.message = path + ": " + complaint.message;
  found_.push_back(source.diagnose(place, std::move(path), std::move(complaint.message),
                                   std::move(complaint.remedy), std::move(complaint.did_you_mean)));
}

void Complaints::add_at(const Origin& origin, Complaint complaint) {
  const auto& source = *sources_[index_of(origin.source)];
  add_in(source, source.place_of(origin), origin.object, std::move(complaint));
}

/// What stands in no file is told at the first.
std::size_t Complaints::index_of(std::string_view source) const {
  const auto found = std::find_if(sources_.begin(), sources_.end(),
                                  [&](const auto* each) { return each->name() == source; });
  return found == sources_.end() ? 0 : static_cast<std::size_t>(found - sources_.begin());
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
  std::stable_sort(found_.begin(), found_.end(), [this](const auto& a, const auto& b) {
    const Origin& first = a.origin;
    const Origin& second = b.origin;
    const auto first_file = index_of(first.source);
    const auto second_file = index_of(second.source);
    return std::tie(first_file, first.line, first.column) <
           std::tie(second_file, second.line, second.column);
  });
  auto diagnostics = std::exchange(found_, {});
  if (dropped_ > 0) {
    diagnostics.push_back(sources_.back()->diagnose(
        {}, {}, std::to_string(dropped_) + " more errors are not shown", "repair the first ones"));
  }
  dropped_ = 0;
  return diagnostics;
}

}  // namespace epaulet::config
