#include "config/document_kinds.h"

#include <yaml-cpp/mark.h>

#include <algorithm>

namespace epaulet::config {

void DocumentKinds::OnDocumentStart(const YAML::Mark& mark) {
  const auto begin = static_cast<std::size_t>(std::max(mark.pos, 0));
  if (!found_.empty() && begin == begin_) stands_still_at_ = begin;
  begin_ = begin;
  found_.emplace_back();
  found_.back().offset = begin;
  depth_ = 0;
  is_map_ = false;
  expects_key_ = true;
}

void DocumentKinds::OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                             const std::string& value) {
  const bool is_kind = depth_ == 1 && is_map_ && !expects_key_ && key_ == "kind";
  take(value, true);
  if (is_kind && !found_.empty())
    found_.back().offset = static_cast<std::size_t>(std::max(mark.pos, 0));
}

/// A scalar, or what stands in its place.
void DocumentKinds::take(const std::string& text, bool is_content) {
  if (found_.empty()) return;
  auto& document = found_.back();
  document.is_empty = document.is_empty && !is_content;
  if (depth_ != 1 || !is_map_) return;
  if (expects_key_) {
    key_ = text;
  } else if (key_ == "apiVersion" && document.api_version.empty()) {
    document.api_version = text;
  } else if (key_ == "kind" && document.kind.empty()) {
    document.kind = text;
  }
  expects_key_ = !expects_key_;
}

void DocumentKinds::open(bool is_map) {
  if (found_.empty()) return;
  found_.back().is_empty = false;
  if (depth_ == 0) is_map_ = is_map;
  if (depth_ == 1 && is_map_) {
    if (expects_key_) key_.clear();
    expects_key_ = !expects_key_;
  }
  ++depth_;
}

}  // namespace epaulet::config
