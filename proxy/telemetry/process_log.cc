#include "telemetry/process_log.h"

#include "telemetry/json_line.h"
#include "telemetry/plain_text.h"

namespace epaulet::telemetry {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "error";
}

void ProcessLog::write(LogLevel level, WallTime now, std::string_view event,
                       std::string_view message, std::initializer_list<LogField> fields) {
  if (!enabled(level)) return;
  JsonLine line;
  line.text("time", TimeText(now).view()).text("level", name_of(level)).text("kind", "process");
  line.text("event", event).text("message", message);
  for (const LogField& field : fields) {
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      line.text(field.name, *text);
    } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      line.number(field.name, *number);
    } else {
      line.boolean(field.name, std::get<bool>(field.value));
    }
  }
  if (!ring_.push(line.finish())) dropped_.add();
}

}  // namespace epaulet::telemetry
