#include "upstream/trust_watch.h"

#include <algorithm>

namespace epaulet::upstream {

TrustWatch::Use::Use(TrustWatch& watch, Scope& scope, const Trust& trust)
    : watch_(watch), scope_(scope), trust_(trust) {
  if (trust.ends == TimePoint::max()) return;
  watch.uses_.push_back(*this);
  watch.arm_until(trust.ends);
}

TrustWatch::Use::~Use() {
  if (trust_.ends == TimePoint::max()) return;
  unlink();
  if (!watch_.uses_.empty()) return;
  watch_.disarm();
  watch_.next_ = TimePoint::max();
}

void TrustWatch::arm_until(TimePoint at) {
  if (at >= next_) return;
  next_ = at;
  loop_.timers().arm(*this, at);
}

void TrustWatch::on_timer() {
  const auto now = loop_.now();
  next_ = TimePoint::max();
  auto next = TimePoint::max();
  uses_.for_each([&](Use& use) {
    if (use.trust_.ends <= now) {
      use.unlink();
      use.scope_.cancel({use.reason_, Side::upstream, Stage::tls});
    } else {
      next = std::min(next, use.trust_.ends);
    }
  });
  arm_until(next);
}

}  // namespace epaulet::upstream
