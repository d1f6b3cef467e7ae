#pragma once

#include <algorithm>
#include <cstddef>

namespace epaulet::kube {

/// How many objects a page of a list may have, of which nobody knows how large they are: half as
/// many after a page that was too long, twice as many after one that was short.
class PageLimit {
 public:
  static constexpr std::size_t kObjectsMax = 250;
  static constexpr std::size_t kBytesMax = 8 * 1024 * 1024;

  [[nodiscard]] std::size_t objects() const { return objects_; }
  /// A page was too long. False: it was one object.
  bool shrink() {
    if (objects_ == 1) return false;
    objects_ /= 2;
    return true;
  }
  /// A page of so many bytes was read.
  void fits(std::size_t bytes) {
    constexpr std::size_t kShort = kBytesMax / 4;
    if (bytes < kShort) objects_ = std::min(2 * objects_, kObjectsMax);
  }

 private:
  std::size_t objects_ = kObjectsMax;
};

}  // namespace epaulet::kube
