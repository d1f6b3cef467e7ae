#pragma once

#include "base/intrusive_list.h"
#include "crypto/digest.h"
#include "runtime/scope.h"
#include "runtime/timers.h"

namespace epaulet::upstream {

/// What a connection's identity rests on. Without mesh TLS on nothing that ends.
struct Trust {
  /// Nothing begins on it behind this: a little before `ends`, so that what begins can end.
  TimePoint usable_until = TimePoint::max();
  TimePoint ends = TimePoint::max();  ///< Of the peer's or our own leaf, whichever comes first.
  Sha256 authority{};                 ///< Of the root that the peer's chain led to.
};

/// Ends whatever of one worker is under way upstream when the trust that it came from ends: a
/// stolen key is worth no more than its certificate, however long a tunnel lives. One timer is
/// armed for all uses together.
class TrustWatch final : private Timer {
 public:
  explicit TrustWatch(Loop& loop) : loop_(loop) {}

  /// One exchange or tunnel, while it uses a connection. Its scope ends with tls_peer_expired or
  /// tls_peer_untrusted.
  class Use final : private ListNode {
   public:
    Use(TrustWatch& watch, Scope& scope, const Trust& trust);
    ~Use();

   private:
    friend class TrustWatch;
    friend class IntrusiveList<Use>;
    TrustWatch& watch_;
    Scope& scope_;
    Trust trust_;
    ErrorCode reason_ = ErrorCode::tls_peer_expired;
  };

  /// The bundle has changed: what rests on a root that has left ends at `end`.
  template <class Trusts>
  void bundle_changed(const Trusts& trusts, TimePoint end) {
    uses_.for_each([&](Use& use) {
      if (trusts(use.trust_.authority) || use.trust_.ends <= end) return;
      use.trust_.ends = end;
      use.reason_ = ErrorCode::tls_peer_untrusted;
    });
    arm_until(end);
  }

 private:
  void on_timer() override;
  void arm_until(TimePoint at);

  Loop& loop_;
  IntrusiveList<Use> uses_;
  TimePoint next_ = TimePoint::max();  ///< When the timer is due.
};

}  // namespace epaulet::upstream
