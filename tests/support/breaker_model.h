#pragma once

#include <algorithm>
#include <deque>
#include <map>

#include "resilience/breaker.h"

namespace epaulet::test {

/// resilience::Breaker without atomics, windows of slots or numbers of states: lists of what
/// happened.
class BreakerModel {
 public:
  using State = resilience::Breaker::State;
  using Judgement = resilience::Judgement;
  explicit BreakerModel(const BreakerSettings& rules) : rules_(rules) {}

  [[nodiscard]] bool enter(int id, TimePoint now) {
    if (state_ == State::open && now >= until_) {
      state_ = State::half_open;
      ++epoch_;
      out_.clear();
      succeeded_ = 0;
      last_probe_ = now;
      out_[id] = true;
      begun_[id] = epoch_;
      return true;
    }
    if (state_ == State::open) return false;
    if (state_ == State::half_open) {
      if (out_.size() + succeeded_ >= rules_.probes && now - last_probe_ < rules_.open_for)
        return false;
      out_[id] = true;
      last_probe_ = now;
    }
    begun_[id] = epoch_;
    return true;
  }

  void settle(int id, TimePoint now, Judgement judgement, std::chrono::nanoseconds took) {
    if (begun_[id] != epoch_) return;
    const bool slow = rules_.slow && took > rules_.slow->over;
    const bool failed = judgement == Judgement::failure;
    if (state_ == State::half_open) {
      out_.erase(id);
      if (failed || slow) {
        open_for_ = std::min(open_for_ * 2, std::chrono::nanoseconds(rules_.max_open_for));
        open(now);
      } else if (judgement == Judgement::success && ++succeeded_ == rules_.probes) {
        state_ = State::closed;
        ++epoch_;
        calls_.clear();
        row_ = 0;
      }
      return;
    }
    if (judgement == Judgement::no_evidence && !slow) return;
    const bool is_judged = judgement != Judgement::no_evidence;
    if (is_judged) row_ = failed ? row_ + 1 : 0;
    const auto tenth = now.time_since_epoch() / (rules_.window / 10);
    calls_.push_back({tenth, failed, slow, is_judged});
    std::erase_if(calls_, [&](const Call& call) { return call.tenth <= tenth - 10; });
    double failures = 0;
    double slows = 0;
    std::size_t judged = 0;
    for (const auto& call : calls_) {
      failures += call.failed ? 1 : 0;
      slows += call.slow ? 1 : 0;
      judged += call.is_judged ? 1 : 0;
    }
    const double all = static_cast<double>(calls_.size());
    const bool enough = calls_.size() >= rules_.min_requests;
    const bool trips = (failed || slow) &&
                       ((rules_.consecutive && row_ >= *rules_.consecutive) ||
                        (judged >= rules_.min_requests && rules_.error_ratio && failures > 0 &&
                         failures / static_cast<double>(judged) >= *rules_.error_ratio) ||
                        (enough && rules_.slow && slows > 0 && slows / all >= rules_.slow->ratio));
    if (!trips) return;
    open_for_ = rules_.open_for;
    open(now);
  }

  [[nodiscard]] State state() const { return state_; }

 private:
  void open(TimePoint now) {
    state_ = State::open;
    ++epoch_;
    until_ = now + open_for_;
  }

  struct Call {
    std::int64_t tenth;
    bool failed;
    bool slow;
    bool is_judged;
  };
  const BreakerSettings rules_;
  State state_ = State::closed;
  int epoch_ = 0;
  TimePoint until_{};
  TimePoint last_probe_{};
  std::chrono::nanoseconds open_for_{0};
  std::map<int, bool> out_;
  std::size_t succeeded_ = 0;
  std::map<int, int> begun_;
  std::deque<Call> calls_;
  std::uint32_t row_ = 0;
};

}  // namespace epaulet::test
