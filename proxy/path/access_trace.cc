#include "path/access_trace.h"

#include <fmt/format.h>

#include "http/http1/fault.h"
#include "policy/path_hygiene.h"

namespace epaulet::path {
namespace {

using telemetry::Event;

telemetry::StringId held_roles(const RoleTable& roles, const RoleSet& held) {
  std::vector<std::string_view> names;
  roles.for_each_name(held, [&](std::string_view name) { names.push_back(name); });
  // Callers choose which of the many combinations they hold.
  return names.empty() ? 0 : telemetry::intern_foreign(fmt::format("{}", fmt::join(names, ", ")));
}

}  // namespace

Snapshot::RuleIds trace_verdict(const Snapshot& snapshot, const Verdict& verdict, TimePoint now,
                                telemetry::Trace& trace) {
  const auto ids = snapshot.ids_of(verdict.rule);
  if (verdict.is_about_roles()) {
    const bool denies = verdict.rule->deny.intersects(verdict.roles);
    trace.add(now, Stage::authorize, Event::roles_compared, denies ? 0 : ids.allows,
              held_roles(*snapshot.roles, verdict.roles));
  }
  trace.add(now, Stage::authorize, verdict.allowed() ? Event::allowed : Event::denied, ids.name,
            ids.origin);
  return ids;
}

Error refusal_of(const Verdict& verdict) {
  Error error = verdict.error();
  if (verdict.lenient) error.note = telemetry::intern(kLenientReason);
  return error;
}

Error with_fault(Error error) {
  if (error.note != 0 || error.detail <= 0) return error;
  if (error.code == ErrorCode::path_ambiguous) {
    error.note = telemetry::intern(name_of(static_cast<PathFlaw>(error.detail)));
  } else if (error.stage == Stage::parse) {
    const auto& fault = http::http1::describe_fault(http::http1::fault_of(error));
    if (!fault.text.empty()) {
      error.note = telemetry::intern(fmt::format("{} ({})", fault.text, fault.section));
    }
  }
  return error;
}

}  // namespace epaulet::path
