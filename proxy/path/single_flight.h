#pragma once

#include "path/exchange.h"
#include "resilience/single_flight.h"

/// `single_flight` of a route: requests that ask the same at the same time are answered by one.
namespace epaulet::path {

/// Whether others may be answered with what this request is answered with, or the other way round:
/// http/sharing.h, and nothing of its caller's own is added to the answer.
[[nodiscard]] bool is_to_be_shared(const Exchange& exchange, const Plan& plan);

/// As fulfil(); but where the same is being asked already, waits for that answer, within
/// `single_flight.wait` and half of its own time, and asks itself where none comes that it may
/// have; it takes that answer all the same if it comes first. No follower fails because its leader
/// does.
Task<Error> fulfil_together(Exchange& exchange, const Plan& plan);

/// What may change other answers is being answered, or has failed and may have been done all the
/// same: whoever asks from now on is not answered with what was asked before. Again does no harm.
inline void note_change(const Plan& plan) {
  if (plan.changes != nullptr) plan.changes->fetch_add(1, std::memory_order_release);
}

/// The leader's side while its answer passes: what the attempt tells it (path/attempt.cc).
class LedFlight {
 public:
  LedFlight(const Exchange& exchange, const Plan& plan, resilience::SingleFlight::FlightPtr flight);
  LedFlight(const LedFlight&) = delete;
  LedFlight& operator=(const LedFlight&) = delete;
  ~LedFlight();

  /// The head of the final answer, as the caller gets it.
  void begin_answer();
  void add(const http::Chunk& chunk);
  /// All of it has passed. Again is nothing.
  void land();
  /// The leader has ended; whoever still waits is led by another, or goes alone.
  void settle();

 private:
  [[nodiscard]] bool has_room(std::uint64_t bytes);
  void give_up(resilience::SingleFlight::News why);
  /// The next one's would be the same.
  void keep_apart(resilience::SingleFlight::News why);

  const Exchange& exchange_;
  const Plan& plan_;
  const resilience::SingleFlight::FlightPtr flight_;
  std::unique_ptr<resilience::SharedAnswer> answer_;  ///< While it is kept for somebody.
  bool settled_ = false;
};

}  // namespace epaulet::path
