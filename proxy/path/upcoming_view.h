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
  using Told = std::map<std::string, EndpointSetPtr>;

  [[nodiscard]] bool is_being_made() const { return static_cast<bool>(view_); }
  /// If one is being made already, this one waits for it, in the place of another that waits: each
  /// that was begun comes into force, however fast they come.
  void begin(SnapshotPtr snapshot, Random& random, const std::string& zone);
  /// Takes over what `before`, which is in force, has of more backends. True: of all of them.
  [[nodiscard]] bool make_some(const View& before, TimePoint now);

  struct Made {
    ViewPtr view;
    Told told;  ///< What it knows that nobody did before.
  };
  /// Begins with the one that waits, if any.
  [[nodiscard]] Made take(Random& random, const std::string& zone);

  /// What is told of endpoints while one is being made is for the newest of them alone: by the
  /// settings that are in force it might be dialled without TLS, or as somebody else. False: none
  /// is being made.
  [[nodiscard]] bool keep(const std::string& backend, const EndpointSetPtr& set);
  void set_zone(const std::string& told);

 private:
  ViewPtr view_;
  std::size_t next_ = 0;  ///< The first backend that was not looked at.
  Told told_;
  SnapshotPtr waiting_;
  Told told_waiting_;
};

}  // namespace epaulet::path
