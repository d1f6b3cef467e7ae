#include "balance/picker.h"
#include "balance/weighted_draw.h"

namespace epaulet::balance {
namespace {

class AnyOfThem final : public Picker {
 public:
  AnyOfThem(std::span<const std::uint32_t> weights, Random& random)
      : draw_(weights), random_(random) {}

  std::optional<std::size_t> pick(std::size_t count, std::span<const std::size_t> avoided,
                                  SessionKey, TimePoint) override {
    if (count == 0) return std::nullopt;
    const auto drawn = draw_.draw_besides(avoided, random_);
    return drawn ? *drawn : draw_.draw(random_);  // Better one of them again than none.
  }

 private:
  WeightedDraw draw_;
  Random& random_;
};

}  // namespace

std::unique_ptr<Picker> make_random(std::span<const std::uint32_t> weights, Random& random) {
  return std::make_unique<AnyOfThem>(weights, random);
}

}  // namespace epaulet::balance
