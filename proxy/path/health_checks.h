#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "path/probe.h"
#include "path/worker.h"
#include "resilience/check_schedule.h"

namespace epaulet::path {

/// Asks the endpoints of backends with `health_check` whether they are well, for all workers: one
/// worker of the process has this. It follows the worker's view: who comes is checked, who stays
/// keeps what is known, who leaves is forgotten with the check that is under way. A drain ends it.
class HealthChecks final : private Timer {
 public:
  /// The worker outlives this, and cancels its root before.
  explicit HealthChecks(Worker& worker);

  /// The view is another one.
  void follow();
  /// The backend has other endpoints.
  void follow(const std::string& backend);
  /// Nobody is checked any more; what is known stays.
  void stop();

 private:
  using Id = resilience::CheckSchedule::Id;
  struct Target {
    std::string backend;
    SocketAddress endpoint;
    Scope* under_way = nullptr;  ///< Of its check.
    bool was_unhealthy = false;  ///< As it was told.
  };
  using Name = std::pair<std::string, SocketAddress>;

  [[nodiscard]] const BackendState* checked_backend(const std::string& name) const;
  [[nodiscard]] std::optional<Hop> hop_to(const Target& target) const;
  void add(const Name& name, const BackendState& backend);
  void remove(Id id);
  void go_on();
  void arm();
  Task<void> check(Id id);
  void note(Id id, const std::optional<resilience::HealthBoard::Finding>& finding);
  /// What the checks say has changed, or the endpoints have.
  void heed(const BackendState& backend);
  void on_timer() override { go_on(); }

  Worker& worker_;
  resilience::CheckSchedule schedule_;
  Id last_id_ = 0;
  std::map<Id, Target> targets_;
  std::map<Name, Id> ids_;
  std::map<std::string, std::weak_ptr<resilience::HealthBoard>> boards_;
  std::map<std::string, bool> panics_;  ///< As they were told.
  bool stopped_ = false;
};

}  // namespace epaulet::path
