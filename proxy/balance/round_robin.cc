#include <algorithm>

#include "balance/picker.h"

namespace epaulet::balance {
namespace {

class RoundRobin final : public Picker {
 public:
  explicit RoundRobin(std::uint64_t start) : next_(start) {}

  std::optional<std::size_t> pick(std::size_t count, std::span<const std::size_t> tried, SessionKey,
                                  TimePoint) override {
    if (count == 0) return std::nullopt;
    const std::size_t first = next_++ % count;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t candidate = (first + i) % count;
      if (std::find(tried.begin(), tried.end(), candidate) == tried.end()) return candidate;
    }
    return first;  // All were tried: better one of them again than none.
  }

 private:
  std::uint64_t next_;
};

}  // namespace

std::unique_ptr<Picker> make_round_robin(std::uint64_t start) {
  return std::make_unique<RoundRobin>(start);
}

}  // namespace epaulet::balance
