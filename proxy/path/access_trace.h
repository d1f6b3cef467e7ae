#pragma once

#include "path/snapshot.h"
#include "telemetry/trace.h"

namespace epaulet::path {

/// Writes down who made a request, and why a credential of it was refused.
void trace_principals(const Snapshot& snapshot, const Principals& principals,
                      telemetry::StringId peer, TimePoint now, telemetry::Trace& trace);

/// Copies what audit mode did not carry out into the record, of an exchange or a connection.
template <class Record>
void note_audit(const Snapshot& snapshot, const Verdict& verdict, Record& record) {
  const auto ids = snapshot.ids_of(verdict.audited_rule);
  record.audited = verdict.audited;
  record.audit_rule = ids.name;
  record.audit_origin = ids.origin;
}

/// Writes down what was decided and, of a refusal, which roles were compared. Returns the rule's
/// ids.
Snapshot::RuleIds trace_verdict(const Snapshot& snapshot, const Verdict& verdict, TimePoint now,
                                telemetry::Trace& trace);

/// The refusal, with what else there is to say of it.
[[nodiscard]] Error refusal_of(const Verdict& verdict);

/// The same error with a note, if it has none yet, that tells which rule of HTTP/1 a message broke
/// or what is wrong with a path. For the end of an exchange: it may take the string table's lock.
[[nodiscard]] Error with_fault(Error error);

}  // namespace epaulet::path
