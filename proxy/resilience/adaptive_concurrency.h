#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <utility>

#include "config/settings.h"
#include "resilience/gradient_limit.h"
#include "resilience/latency_buckets.h"

namespace epaulet::resilience {

/// As in the configuration and in the field between sidecars: "sheddable", "default", "critical",
/// "exempt".
[[nodiscard]] std::string_view name_of(Criticality criticality);

/// A GradientLimit for all workers: who may go on to the app, and what its answers say.
///
/// Up to three quarters of the limit everybody may, up to the limit what is not sheddable, up to
/// twice the limit what is critical. Nobody waits: who is refused may ask another instance. Kept
/// outside snapshots. Relaxed atomics: a request costs three additions, of which a few may pass the
/// limit when workers race; whoever ends a window takes a lock that nobody waits for.
class AdaptiveConcurrency {
 public:
  explicit AdaptiveConcurrency(const GradientLimit::Rules& rules);

  /// What an exchange holds from its admission to the head of its answer.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : of_(std::exchange(other.of_, nullptr)), asked_(std::exchange(other.asked_, {})) {}
    Place& operator=(Place&& other) noexcept {
      leave();
      of_ = std::exchange(other.of_, nullptr);
      asked_ = std::exchange(other.asked_, {});
      return *this;
    }
    ~Place() { leave(); }
    explicit operator bool() const { return of_ != nullptr; }

    /// All of the request was sent. An answer that comes earlier says nothing of latency.
    void asked(TimePoint now) { asked_ = now; }
    /// The answer has begun. `counts`: it took what answers take.
    void answered(TimePoint now, bool counts);
    /// Without an answer to judge by.
    void leave();

   private:
    friend class AdaptiveConcurrency;
    explicit Place(AdaptiveConcurrency& of) : of_(&of) {}
    AdaptiveConcurrency* of_ = nullptr;
    TimePoint asked_{};
  };

  struct Entry {
    Place place;                   ///< None: refused.
    std::uint32_t limit = 0;       ///< As it was.
    bool begins_refusing = false;  ///< The first refusal for a while.
  };
  [[nodiscard]] Entry enter(Criticality criticality, TimePoint now);

  struct Numbers {
    std::uint32_t limit = 0;
    std::uint32_t in_flight = 0;
    bool measuring = false;
    std::chrono::nanoseconds at_rest{0};
    std::chrono::nanoseconds median{0};       ///< Of the last window.
    std::array<std::uint64_t, 3> admitted{};  ///< By Criticality.
    std::array<std::uint64_t, 3> refused{};
  };
  [[nodiscard]] Numbers numbers() const;

  /// A reload has changed the rules: what is known of the app stays, and what is under way counts.
  void change(const GradientLimit::Rules& rules);

 private:
  static constexpr std::uint32_t kSamplesMin = 10;
  static constexpr std::uint32_t kSlowSamplesMin = 3;  ///< After kSlowWindow.
  static constexpr std::chrono::seconds kSlowWindow{10};
  static constexpr std::chrono::seconds kCalm{10};  ///< Between two times of refusing.

  void sample(std::chrono::nanoseconds latency, TimePoint now);
  void end_window(TimePoint now);

  std::atomic<std::uint32_t> limit_;
  std::atomic<std::uint32_t> in_flight_{0};
  std::atomic<std::uint32_t> peak_{0};
  std::atomic<std::uint32_t> samples_{0};
  std::atomic<std::int64_t> window_began_{0};  ///< Nanoseconds; 0: at the first sample.
  std::atomic<std::int64_t> window_for_;
  std::atomic<std::int64_t> refused_at_{0};
  LatencyBuckets latencies_;
  std::array<std::atomic<std::uint64_t>, 3> admitted_{};
  std::array<std::atomic<std::uint64_t>, 3> refused_{};

  mutable std::mutex mutex_;
  GradientLimit gradient_;                   // Under mutex_.
  std::chrono::nanoseconds last_median_{0};  // Under mutex_.
};

}  // namespace epaulet::resilience
