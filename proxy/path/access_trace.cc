#include "path/access_trace.h"

#include <fmt/format.h>

#include "http/http1/fault.h"
#include "policy/path_hygiene.h"

namespace epaulet::path {
namespace {

using telemetry::Event;

telemetry::StringId held_roles(const RoleTable& roles, const RoleSet& held) {
  std::vector<std::string_view> names;
  roles.for_each_held(held, [&](std::string_view name) { names.push_back(name); });
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
  if (verdict.audited != ErrorCode::none) {
    trace.add(now, Stage::authorize, Event::audited, static_cast<std::uint32_t>(verdict.audited),
              snapshot.ids_of(verdict.audited_rule).name);
  }
  return ids;
}

void trace_principals(const Snapshot& snapshot, const Principals& principals,
                      telemetry::StringId peer, TimePoint now, telemetry::Trace& trace) {
  trace.add(now, Stage::authenticate, Event::authenticated, peer, principals.token ? 1 : 0);
  if (principals.token_failure != TokenFailure::none) {
    trace.add(now, Stage::authenticate, Event::token_refused,
              telemetry::intern(name_of(principals.token_failure)));
  }
  if (!principals.key_owner.empty()) {
    trace.add(now, Stage::authenticate, Event::key_accepted,
              snapshot.id_of_key_owner(principals.key_owner));
  }
  if (principals.key_failure != KeyFailure::none) {
    trace.add(now, Stage::authenticate, Event::key_refused,
              telemetry::intern(name_of(principals.key_failure)));
  }
}

Error refusal_of(const Verdict& verdict) {
  Error error = verdict.error();
  if (verdict.client_unknown) error.note = telemetry::intern(kClientUnknownReason);
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
