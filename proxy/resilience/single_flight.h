#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "base/intrusive_list.h"
#include "resilience/background_room.h"
#include "runtime/clock.h"

namespace epaulet::resilience {

/// Counts what changed a service, over all workers: what is asked after a change is not answered
/// with what was asked before it.
using ChangeCount = std::atomic<std::uint64_t>;

/// A whole response that several requests get.
struct SharedAnswer {
  std::uint16_t status = 200;
  std::string fields;  ///< Complete lines with CRLF, without framing but for that of a HEAD.
  std::string body;
  bool tells_rate = false;  ///< What is left of a rate limit, in words of its own.
  /// Who gave it, as telemetry has it.
  SocketAddress upstream;
  std::uint32_t endpoint = 0;
  std::uint32_t peer = 0;
  std::optional<BackgroundRoom::Place> place;
};
using SharedAnswerPtr = std::shared_ptr<const SharedAnswer>;

/// Requests that ask the same at the same time: the first leads and asks, those that come meanwhile
/// follow and get its answer. Knows neither sockets nor clocks; one worker's, one thread.
///
/// A flight: open (joined by whoever asks the same) until
///   begin_answer()  nobody follows: over, and nothing of the answer is kept; else `answering`
///   land()          everybody has the answer
///   end()           everybody goes alone: the answer is the leader's own
///   hand_over()     the leader has left, or has failed: the first follower leads, the others go on
///                   waiting; after kHandOversMax they go alone
/// Once a follower asks beside it, nobody joins any more: a leader that hangs holds up those who
/// have come before, and no others.
class SingleFlight {
 public:
  /// A flight whose leaders all leave is one that nobody should wait for.
  static constexpr unsigned kHandOversMax = 3;
  /// What was not to be shared is asked by each caller alone for so long, and so many of them are
  /// known: who waits for the next one's answer would wait in vain.
  static constexpr std::chrono::seconds kApartFor{10};
  static constexpr std::size_t kApartMax = 1024;

  enum class News : std::uint8_t {
    none,       ///< Also once more, where another leads after an answer has begun.
    answering,  ///< The answer has begun, and may be shared so far.
    landed,     ///< The answer is there.
    leads,      ///< The leader has left or failed: this one asks, for the others too.
    failed,     ///< Several leaders got no answer.
    refused,    ///< What came is not to be shared.
    too_large,  ///< Or not to be kept.
  };

  /// One that waits; leaves its flight when it is destroyed.
  class Follower : public ListNode {
   public:
    [[nodiscard]] News news() const { return news_; }

   protected:
    ~Follower() = default;

   private:
    friend class SingleFlight;
    virtual void on_news() = 0;
    void tell(News news) {
      news_ = news;
      on_news();
    }
    News news_ = News::none;
  };

  class Flight : public std::enable_shared_from_this<Flight> {
   public:
    Flight(SingleFlight& table, std::string key, std::uint64_t changes)
        : table_(table), key_(std::move(key)), changes_(changes) {}

    [[nodiscard]] bool is_open() const { return is_open_; }
    /// Only while it is open.
    void follow(Follower& follower) {
      followers_.push_back(follower);
      if (is_answering_) follower.tell(News::answering);
    }
    /// Whether the answer is to be kept for somebody.
    [[nodiscard]] bool begin_answer();
    void land(SharedAnswerPtr answer);
    void end(News why);
    void hand_over(TimePoint now);
    /// This follower asks itself, and hears of the end all the same: it may land first.
    void ask_beside(Follower& follower);
    /// For a while each asks alone.
    void keep_apart(TimePoint now) { table_.keep_apart(key_, now); }
    /// Somebody would still take its answer.
    [[nodiscard]] bool is_followed() const { return !followers_.empty() || !beside_.empty(); }
    /// Once it has landed.
    [[nodiscard]] const SharedAnswerPtr& answer() const { return answer_; }

   private:
    friend class SingleFlight;
    void leave_table();
    void close();
    void tell_all(News news);

    SingleFlight& table_;  ///< Outlives every open flight.
    const std::string key_;
    const std::uint64_t changes_;
    IntrusiveList<Follower> followers_;
    IntrusiveList<Follower> beside_;  ///< Of these none will lead.
    SharedAnswerPtr answer_;
    unsigned hand_overs_ = 0;
    bool is_open_ = true;
    bool is_answering_ = false;
  };
  using FlightPtr = std::shared_ptr<Flight>;

  struct Joined {
    FlightPtr flight;
    bool leads = false;
  };
  /// The open flight of this key, unless something has changed since it began; else a new one, to
  /// be led. `changes`: of the service, now.
  [[nodiscard]] Joined join(std::string key, std::uint64_t changes);

  /// What this key asks for was not to be shared, lately.
  [[nodiscard]] bool is_kept_apart(std::string_view key, TimePoint now) const;

  [[nodiscard]] std::size_t open_flights() const { return by_key_.size(); }

 private:
  struct Apart {
    std::size_t hash = 0;
    TimePoint until{};
  };
  void keep_apart(std::string_view key, TimePoint now);

  std::unordered_map<std::string_view, FlightPtr> by_key_;  ///< By the flight's own key.
  /// By hash; a newer one takes the place of an older one. Empty until there is one.
  std::vector<Apart> apart_;
};

}  // namespace epaulet::resilience
