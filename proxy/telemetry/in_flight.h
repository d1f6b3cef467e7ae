#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "runtime/clock.h"
#include "telemetry/span.h"

namespace epaulet::telemetry {

/// What the app is working on, over all workers: a call that it makes meanwhile, and that says
/// nothing of a trace, may belong to it. No lock: a few atomic operations for each request, and
/// who looks while others come and go sees less, never what is not so.
class InFlight {
 public:
  struct Request {
    SpanIds ids;
    std::uint64_t request_id = 0;  ///< key_of() it; 0: none.
    bool has_trace = false;        ///< `ids` say something.
    bool sampled = false;
  };
  [[nodiscard]] static std::uint64_t key_of(std::string_view request_id);

  /// What takes longer is a stream rather than a request: what the app asks later is not its.
  static constexpr std::chrono::seconds kListedFor{60};
  /// How long an app may go on with what it was not let finish.
  static constexpr std::chrono::seconds kDoubtFor{30};

  /// One request, until it is left or destroyed.
  class Entry {
   public:
    Entry() = default;
    Entry(Entry&& other) noexcept
        : of_(std::exchange(other.of_, nullptr)), slot_(std::exchange(other.slot_, kUnlisted)) {}
    Entry& operator=(Entry&& other) noexcept {
      leave();
      of_ = std::exchange(other.of_, nullptr);
      slot_ = std::exchange(other.slot_, kUnlisted);
      return *this;
    }
    ~Entry() { leave(); }
    /// The app has answered it.
    void leave() {
      if (of_ != nullptr) std::exchange(of_, nullptr)->leave(slot_);
    }
    /// The app was not let finish, and may work on it still.
    void leave_unfinished(TimePoint now) {
      if (of_ != nullptr) of_->doubt(now);
      leave();
    }
    /// Nothing is joined to it any more; it is counted on, so that nothing else is certain.
    void unlist() {
      if (of_ != nullptr) of_->free_slot(std::exchange(slot_, kUnlisted));
    }

   private:
    friend class InFlight;
    static constexpr std::uint32_t kUnlisted = UINT32_MAX;
    Entry(InFlight* of, std::uint32_t slot) : of_(of), slot_(slot) {}
    InFlight* of_ = nullptr;
    std::uint32_t slot_ = kUnlisted;
  };
  /// Without a trace, or where all places are taken, it is counted alone.
  [[nodiscard]] Entry enter(const Request& request, TimePoint now);

  struct Seen {
    struct One : Request {
      std::uint64_t order = 0;  ///< The later, the more.
    };
    std::uint32_t count = 0;  ///< In flight, listed or not.
    bool is_alone = false;    ///< The only one, since it began, and nothing is unfinished.
    std::size_t listed = 0;
    std::array<One, limits::kInFlightMax> requests;  ///< In no order.
  };
  void look(Seen& seen, TimePoint now) const;

 private:
  struct alignas(64) Slot {
    std::atomic<std::uint64_t> order{0};  ///< 0: nobody's, or not whole.
    std::atomic<std::uint64_t> trace_high{0};
    std::atomic<std::uint64_t> trace_low{0};
    std::atomic<std::uint64_t> span{0};
    std::atomic<std::uint64_t> request_id{0};
    std::atomic<std::uint64_t> overlaps{0};  ///< Of all, when it began.
    std::atomic<TimePoint::rep> came{0};
    std::atomic<std::uint32_t> flags{0};
  };
  static_assert(limits::kInFlightMax == 64, "one bit for each slot");

  [[nodiscard]] std::uint32_t take_slot();
  void free_slot(std::uint32_t slot);
  void leave(std::uint32_t slot);
  void doubt(TimePoint now);

  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::uint64_t> overlaps_{0};  ///< Times that one came while another was there.
  std::atomic<std::uint64_t> orders_{0};
  std::atomic<std::uint64_t> taken_{0};  ///< A bit for each slot.
  std::atomic<TimePoint::rep> doubt_until_{0};
  std::array<Slot, limits::kInFlightMax> slots_;
};

/// Where a call of the app that says nothing of a trace belongs.
struct Join {
  enum class Kind : std::uint8_t { none, certain, guess } kind = Kind::none;
  InFlight::Request request;  ///< Of `certain`: its parent. Of `guess`: what is most likely.
  /// Whether its trace is sampled, if that is known. A guess is no reason to sample what would not
  /// be: who keeps a request open would decide for all that the app does.
  std::optional<bool> sampled;
  SpanLinks links;  ///< Of `guess`: sampled ones.
};

/// Certain: it carries the request id of one of them, or there is one alone since it began. Else
/// the later a request came, the more likely it is.
[[nodiscard]] Join join(InFlight::Seen& seen, std::uint64_t request_id);

}  // namespace epaulet::telemetry
