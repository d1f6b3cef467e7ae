#include "resilience/single_flight.h"

#include <functional>
#include <utility>

namespace epaulet::resilience {

SingleFlight::Joined SingleFlight::join(std::string key, std::uint64_t changes) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    if (found->second->changes_ == changes) return {found->second, false};
    by_key_.erase(found);  // Whoever follows it goes on doing so.
  }
  auto flight = std::make_shared<Flight>(*this, std::move(key), changes);
  by_key_.emplace(flight->key_, flight);
  return {std::move(flight), true};
}

bool SingleFlight::is_kept_apart(std::string_view key, TimePoint now) const {
  if (apart_.empty()) return false;
  const auto hash = std::hash<std::string_view>{}(key);
  const Apart& known = apart_[hash % kApartMax];
  return known.hash == hash && now < known.until;
}

void SingleFlight::keep_apart(std::string_view key, TimePoint now) {
  apart_.resize(kApartMax);
  const auto hash = std::hash<std::string_view>{}(key);
  apart_[hash % kApartMax] = {hash, now + kApartFor};
}

/// Another one of its key may stand in its place.
void SingleFlight::Flight::leave_table() {
  const auto found = table_.by_key_.find(key_);
  if (found != table_.by_key_.end() && found->second.get() == this) table_.by_key_.erase(found);
}

void SingleFlight::Flight::close() {
  if (std::exchange(is_open_, false)) leave_table();
}

void SingleFlight::Flight::tell_all(News news) {
  while (!followers_.empty()) followers_.pop_front().tell(news);
  while (!beside_.empty()) beside_.pop_front().tell(news);
}

bool SingleFlight::Flight::begin_answer() {
  const auto self = shared_from_this();  // The table may be the last that holds it.
  if (!is_open_) return false;
  if (!is_followed()) {
    close();
    return false;
  }
  is_answering_ = true;
  followers_.for_each([](Follower& follower) { follower.tell(News::answering); });
  return true;
}

void SingleFlight::Flight::land(SharedAnswerPtr answer) {
  const auto self = shared_from_this();
  if (!is_open_) return;
  answer_ = std::move(answer);
  close();
  tell_all(News::landed);
}

void SingleFlight::Flight::end(News why) {
  const auto self = shared_from_this();
  if (!is_open_) return;
  close();
  tell_all(why);
}

void SingleFlight::Flight::hand_over(TimePoint now) {
  const auto self = shared_from_this();
  if (!is_open_) return;
  if (followers_.empty()) return end(News::failed);
  if (++hand_overs_ > kHandOversMax) {
    keep_apart(now);
    return end(News::failed);
  }
  Follower& next = followers_.pop_front();
  if (std::exchange(is_answering_, false))
    followers_.for_each([](Follower& follower) { follower.tell(News::none); });
  next.tell(News::leads);
}

void SingleFlight::Flight::ask_beside(Follower& follower) {
  const auto self = shared_from_this();
  if (!is_open_) return;
  static_cast<ListNode&>(follower).unlink();
  beside_.push_back(follower);
  leave_table();
}

}  // namespace epaulet::resilience
