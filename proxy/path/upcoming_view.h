#pragma once

#include <map>
#include <string>

#include "path/view.h"

namespace epaulet::path {

/// The view of a new snapshot, made bit by bit beside the one in force: with ten thousand backends
/// it takes 40 ms, for which no request has to wait.
class UpcomingView {
 public:
  /// So many backends a turn: half a millisecond.
  static constexpr std::size_t kBackendsATurn = 128;

  /// Instead of the one that is being made, if any.
  void begin(SnapshotPtr snapshot, Random& random, std::string zone);
  [[nodiscard]] bool is_being_made() const { return static_cast<bool>(view_); }
  /// Takes over what `before`, which is in force, has of more backends. True: of all of them.
  [[nodiscard]] bool make_some(const View& before, TimePoint now);
  [[nodiscard]] ViewPtr take();

  // What is told meanwhile. Nothing happens while none is being made.
  void set_endpoints(const std::string& backend, const EndpointSetPtr& set);
  void set_zone(const std::string& told);

 private:
  ViewPtr view_;
  std::size_t next_ = 0;  ///< The first backend that was not looked at.
  /// Since the first begin(): also of backends that only a snapshot had which was replaced before
  /// it was in force. Nobody tells them again.
  std::map<std::string, EndpointSetPtr, std::less<>> told_;
};

}  // namespace epaulet::path
