#include "telemetry/strings.h"

#include "telemetry/string_table.h"

namespace epaulet::telemetry {
namespace {

StringTable& table() {
  // Never destroyed: text is valid forever, also for threads that outlive main().
  static StringTable& instance = *new StringTable(StringTable::Bounds());
  return instance;
}

}  // namespace

StringId intern(std::string_view text) {
  return table().intern(text, StringTable::Origin::own);
}

StringId intern_foreign(std::string_view text) {
  return table().intern(text, StringTable::Origin::foreign);
}

std::string_view text_of(StringId id) {
  return table().text_of(id);
}

}  // namespace epaulet::telemetry
