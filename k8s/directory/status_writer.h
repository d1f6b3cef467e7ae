#pragma once

#include <functional>
#include <memory>
#include <string>

#include "k8s/api/client.h"
#include "k8s/directory/model.h"
#include "runtime/loop.h"

namespace epaulet::kube {

struct StatusCounts {
  std::uint64_t written = 0;    ///< Of routes' statuses.
  std::uint64_t conflicts = 0;  ///< Somebody else was first; looked at again.
  std::uint64_t failures = 0;
  std::uint64_t events = 0;  ///< Written for refused routes.
};

/// Writes back what became of each route, where that is not said yet: one after the other, an Event
/// first for one that is refused (its status is written also where Events are not taken). What is
/// right already costs no request, so after a start, or beside another replica, nothing is written
/// twice. What fails is tried again after a while.
class StatusWriter {
 public:
  /// From one look to the next: what changes at once is written once.
  static constexpr std::chrono::milliseconds kPause{200};
  static constexpr std::chrono::seconds kAgain{30};
  static constexpr std::chrono::seconds kTime{10};

  using OnFailure = std::function<void(const std::string& why)>;
  /// `api` and `model` outlive this.
  StatusWriter(Loop& loop, ApiClient& api, Model& model, OnFailure on_failure);
  StatusWriter(const StatusWriter&) = delete;
  StatusWriter& operator=(const StatusWriter&) = delete;
  ~StatusWriter();

  void start();
  /// The model has changed.
  void look();
  [[nodiscard]] const StatusCounts& counts() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // Shared with the coroutine, which ends later than this.
};

}  // namespace epaulet::kube
