#include "route/header_edits.h"

#include <algorithm>

#include "base/ascii.h"
#include "http/cgi_name.h"
#include "http/each_line.h"

namespace epaulet {
namespace {

/// In any spelling that some apps fold: who replaces `x-tenant` does not want `X_Tenant` beside it.
bool is_one_of(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [name](const std::string& one) { return http::equals_as_cgi(name, one); });
}

std::string_view name_in(std::string_view line) {
  return line.substr(0, line.find(':'));
}

/// Rarely any: credentials, a trace.
void drop_added(http::AddedFields& added, const std::vector<std::string>& names) {
  bool drops = false;
  http::for_each_line(added.lines(), [&](std::string_view line) {
    drops = drops || is_one_of(names, name_in(line));
  });
  if (!drops) return;
  const std::string lines(added.lines());
  added.clear();
  http::for_each_line(lines, [&](std::string_view line) {
    if (line.empty() || is_one_of(names, name_in(line))) return;
    added.append(line);
    added.append("\r\n");
  });
}

}  // namespace

HeaderEdits::HeaderEdits(const HeaderModifierSettings& settings) : replaced_(settings.remove) {
  const auto put = [this](const std::string& name, const std::string& value) {
    lines_.append(name).append(": ").append(value).append("\r\n");
  };
  for (const auto& [name, value] : settings.set) {
    replaced_.push_back(name);
    put(name, value);
  }
  for (const auto& [name, value] : settings.add) put(name, value);
}

void HeaderEdits::apply(http::Head& head) const {
  if (!replaced_.empty()) {
    for (http::Field& field : head.fields) {
      if (!field.removed && is_one_of(replaced_, field.name)) field.removed = true;
    }
    drop_added(head.added, replaced_);
  }
  head.added.append(lines_);
}

}  // namespace epaulet
