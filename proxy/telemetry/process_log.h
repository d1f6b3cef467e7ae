#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>

#include "config/settings.h"
#include "runtime/clock.h"
#include "telemetry/cell.h"
#include "telemetry/log_ring.h"

namespace epaulet::telemetry {

/// A member of a log line. `name` is ours; the value may hold any octets.
struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, bool> value;
};

/// What the process has to say beside the access log: start, reload, certificates, DNS refusals.
/// One JSON line each: {"time","level","kind":"process","event","message",...}. Never blocks:
/// without room the line is dropped and counted.
///
/// Thread: that of its ring.
class ProcessLog {
 public:
  ProcessLog(LogRing& ring, Cell& dropped) : ring_(ring), dropped_(dropped) {}

  /// Less important lines are not written. Default: info.
  void set_level(LogLevel level) { level_ = level; }
  [[nodiscard]] bool enabled(LogLevel level) const { return level >= level_; }

  /// `event`: snake_case, stable. `message`: one sentence for people. `fields`: further facts;
  /// their names must not be those above.
  void write(LogLevel level, WallTime now, std::string_view event, std::string_view message,
             std::initializer_list<LogField> fields = {});

  void info(WallTime now, std::string_view event, std::string_view message,
            std::initializer_list<LogField> fields = {}) {
    write(LogLevel::info, now, event, message, fields);
  }
  void warning(WallTime now, std::string_view event, std::string_view message,
               std::initializer_list<LogField> fields = {}) {
    write(LogLevel::warning, now, event, message, fields);
  }
  void error(WallTime now, std::string_view event, std::string_view message,
             std::initializer_list<LogField> fields = {}) {
    write(LogLevel::error, now, event, message, fields);
  }

 private:
  LogRing& ring_;
  Cell& dropped_;
  LogLevel level_ = LogLevel::info;
};

[[nodiscard]] std::string_view name_of(LogLevel level);

}  // namespace epaulet::telemetry
