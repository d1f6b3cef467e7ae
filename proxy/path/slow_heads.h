#pragma once

#include <optional>

#include "path/connection.h"

namespace epaulet::path {

/// Cuts off a connection of HTTP/2 on which something was begun and does not go on: a head that
/// does not come on holds up all others, since one comes after the other.
class SlowHeads : private Timer {
 public:
  /// `connection` outlives this.
  explicit SlowHeads(Connection& connection) : connection_(connection) {}

  /// Something is begun now.
  void watch();
  /// The connection has ended.
  void stop() { disarm(); }

 protected:
  ~SlowHeads() = default;

 private:
  /// When the first of those that are not whole was begun; nothing: there is none.
  virtual std::optional<TimePoint> oldest() = 0;
  void on_timer() override;
  [[nodiscard]] Duration head_time() const;

  Connection& connection_;
};

}  // namespace epaulet::path
