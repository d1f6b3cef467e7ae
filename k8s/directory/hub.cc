#include "k8s/directory/hub.h"

namespace epaulet::kube {

namespace {

/// The name here and as a key of the hub, places and indices.
std::size_t bytes_of(const std::vector<std::string>& services) {
  constexpr std::size_t kEach = 160;
  std::size_t bytes = 0;
  for (const auto& each : services) bytes += kEach + 2 * each.size();
  return bytes;
}

}  // namespace

bool Hub::has_room_for(const std::vector<std::string>& services) const {
  return asked_bytes_ + bytes_of(services) <= kAskedBytesMax;
}

void Hub::publish() {
  for (const auto& service : model_->take_changes()) {
    const auto found = by_service_.find(service);
    if (found == by_service_.end()) continue;
    for (const auto& place : found->second) place.subscription->mark(place.index);
  }
}

void Hub::end_all() {
  ending_ = true;
  for (auto* subscription : all_) subscription->news_.set();
}

Subscription::Subscription(Loop& loop, std::shared_ptr<Hub> hub, std::vector<std::string> services,
                           std::uint64_t since)
    : hub_(std::move(hub)),
      services_(std::move(services)),
      bytes_(bytes_of(services_)),
      is_queued_(services_.size(), false),
      news_(loop) {
  hub_->all_.push_back(this);
  hub_->asked_bytes_ += bytes_;
  for (std::size_t i = 0; i < services_.size(); ++i) {
    Hub::Place place;
    place.subscription = this;
    place.index = i;
    hub_->by_service_[services_[i]].push_back(place);
    if (since == 0 || hub_->model_->has_changed_since(services_[i], since)) mark(i);
  }
}

Subscription::~Subscription() {
  std::erase(hub_->all_, this);
  hub_->asked_bytes_ -= bytes_;
  for (const auto& service : services_) {
    const auto found = hub_->by_service_.find(service);
    std::erase_if(found->second,
                  [this](const Hub::Place& place) { return place.subscription == this; });
    if (found->second.empty()) hub_->by_service_.erase(found);
  }
}

void Subscription::mark(std::size_t index) {
  if (is_queued_[index]) return;
  is_queued_[index] = true;
  if (queue_.size() >= 2 * services_.size()) {
    // A queue that never empties does not grow.
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
  }
  queue_.push_back(index);
  news_.set();
}

const std::string* Subscription::take() {
  if (taken_ == queue_.size()) {
    queue_.clear();
    taken_ = 0;
    return nullptr;
  }
  const auto index = queue_[taken_++];
  is_queued_[index] = false;
  return &services_[index];
}

}  // namespace epaulet::kube
