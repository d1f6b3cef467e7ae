#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "k8s/directory/model.h"
#include "runtime/event.h"

namespace epaulet::kube {

class Subscription;

/// Tells who asked for a service that its view has changed. Shared by all streams. One thread.
class Hub {
 public:
  explicit Hub(std::unique_ptr<Model> model) : model_(std::move(model)) {}
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  [[nodiscard]] Model& model() { return *model_; }
  /// What has changed in the model reaches those who asked for it.
  void publish();
  /// All streams are to end: their clients find another replica.
  void end_all();
  [[nodiscard]] bool ending() const { return ending_; }
  /// Names are what a client costs.
  static constexpr std::size_t kAskedBytesMax = 128 * 1024 * 1024;
  [[nodiscard]] bool has_room_for(const std::vector<std::string>& services) const;
  [[nodiscard]] std::size_t subscriptions() const { return all_.size(); }
  [[nodiscard]] std::size_t services_asked_for() const { return by_service_.size(); }

 private:
  friend class Subscription;
  struct Place {
    Subscription* subscription = nullptr;
    std::size_t index = 0;  ///< Of the service in it.
  };
  std::unique_ptr<Model> model_;
  std::unordered_map<std::string, std::vector<Place>> by_service_;
  std::vector<Subscription*> all_;
  std::size_t asked_bytes_ = 0;  ///< About, of all subscriptions.
  bool ending_ = false;
};

/// What one client asked for, and which of it has to be sent: each service at most once, however
/// often it changes meanwhile, so that a slow reader costs no memory and gets the newest state.
class Subscription {
 public:
  /// `services`: each once. `since`: the client knows what was so; 0: nothing.
  Subscription(Loop& loop, std::shared_ptr<Hub> hub, std::vector<std::string> services,
               std::uint64_t since);
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription();

  /// The next service to send; null: the client has everything.
  [[nodiscard]] const std::string* take();
  [[nodiscard]] std::size_t waiting() const { return queue_.size() - taken_; }
  /// Something is to be sent, or the stream is to end.
  [[nodiscard]] Event& news() { return news_; }

 private:
  friend class Hub;
  void mark(std::size_t index);

  std::shared_ptr<Hub> hub_;
  std::vector<std::string> services_;
  const std::size_t bytes_;
  std::vector<bool> is_queued_;
  std::vector<std::size_t> queue_;  ///< Those before taken_ were sent.
  std::size_t taken_ = 0;
  Event news_;
};

}  // namespace epaulet::kube
