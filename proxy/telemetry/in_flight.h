#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/limits.h"
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
    void leave() {
      if (of_ != nullptr) std::exchange(of_, nullptr)->leave(slot_);
    }

   private:
    friend class InFlight;
    static constexpr std::uint32_t kUnlisted = UINT32_MAX;
    Entry(InFlight* of, std::uint32_t slot) : of_(of), slot_(slot) {}
    InFlight* of_ = nullptr;
    std::uint32_t slot_ = kUnlisted;
  };
  /// Where all places are taken it is counted alone.
  [[nodiscard]] Entry enter(const Request& request);

  struct Seen {
    struct One : Request {
      std::uint64_t order = 0;  ///< The later, the more.
    };
    std::uint32_t count = 0;  ///< In flight, listed or not.
    bool is_alone = false;    ///< The only one, and since it began.
    std::size_t listed = 0;
    std::array<One, limits::kInFlightMax> requests;  ///< In no order.
  };
  void look(Seen& seen) const;

 private:
  struct alignas(64) Slot {
    std::atomic<std::uint64_t> order{0};  ///< 0: nobody's, or not whole.
    std::atomic<std::uint64_t> trace_high{0};
    std::atomic<std::uint64_t> trace_low{0};
    std::atomic<std::uint64_t> span{0};
    std::atomic<std::uint64_t> request_id{0};
    std::atomic<std::uint64_t> overlaps{0};  ///< Of all, when it began.
    std::atomic<std::uint32_t> flags{0};
  };
  static_assert(limits::kInFlightMax == 64, "one bit for each slot");

  [[nodiscard]] std::uint32_t take_slot();
  void leave(std::uint32_t slot);

  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::uint64_t> overlaps_{0};  ///< Times that one came while another was there.
  std::atomic<std::uint64_t> orders_{0};
  std::atomic<std::uint64_t> taken_{0};  ///< A bit for each slot.
  std::array<Slot, limits::kInFlightMax> slots_;
};

/// Where a call of the app that says nothing of a trace belongs.
struct Join {
  enum class Kind : std::uint8_t { none, certain, guess } kind = Kind::none;
  /// Of `certain`: its parent. Of `guess`: what is most likely, which decides about sampling.
  InFlight::Request request;
  std::uint8_t links = 0;  ///< Of `guess`: sampled ones, the most likely first.
  std::array<SpanIds, limits::kSpanLinksMax> linked;
};

/// Certain: it carries the request id of one of them, or there is one alone since it began. Else
/// the later a request came, the more likely it is.
[[nodiscard]] Join join(InFlight::Seen& seen, std::uint64_t request_id);

}  // namespace epaulet::telemetry
