"""Compares what the caller, the sidecar's records and the app say about one row.

First what holds for every message whatever was expected of it: the app took exactly the requests
that the sidecar says it passed on, each with the same method, path and number of body bytes. Then
what the row expects.
"""

from drive import Seen
from rows import Outcome

SUCCESS = "ok"
APP_REFUSALS = (400, 501)
TWO_READINGS = "two readings: "  # begins a problem that no expectation could excuse


class Records:
    """A sidecar's log, by the caller's end of a connection and by exchange."""

    def __init__(self, records: list[dict]):
        self.by_source: dict[str, list[dict]] = {}
        self.by_id: dict[str, dict] = {}
        for record in records:
            if "downstream" in record:
                self.by_source.setdefault(record["downstream"], []).append(record)
            if record.get("kind") == "exchange":
                self.by_id[record["id"]] = record


def judge(seen: Seen, front: Records, behind: Records | None) -> list[str]:
    """What is wrong, one line each; nothing if the row holds."""
    records = list(front.by_source.get(seen.source, ()))
    problems = [TWO_READINGS + line for line in seen.leaks] + seen.trouble
    if len(seen.canaries) > 1:
        if not records:
            return [*problems, "the sidecar has no record of the connection"]
        records.pop()  # the canary's, on the same connection
    inner = records
    if behind:
        inner = [behind.by_id[one["id"]] for one in records if one["id"] in behind.by_id]
    problems += [TWO_READINGS + line for line in two_readings(seen, inner)]
    if seen.app != "http2" or not seen.row.unsaid:
        problems += unexpected(seen, records, inner, behind is not None)
    return problems


def two_readings(seen: Seen, records: list[dict]) -> list[str]:
    """`records`: of the sidecar beside the app."""
    passed = [one for one in records if one["outcome"] == SUCCESS]
    taken = [one for one in seen.from_app if one["kind"] == "request"]
    refused = sum(one["kind"] == "refused" for one in seen.from_app)
    problems = []
    if refused and len(taken) < len(passed):
        passed = [one for one in passed if one["status"] < 400]  # the app itself refused the others
    if len(passed) != len(taken):
        problems.append(
            f"the sidecar passed {len(passed)} requests on, the app took {len(taken)}:"
            f" {[(one['method'], one['target']) for one in taken]}"
        )
    for record, request in zip(passed, taken):
        ours = (record["method"], record["rule"]["name"], record["request_bytes"])
        rule = seen.row.rule or _rule_of(request["target"], seen)
        theirs = (request["method"], rule, len(request["body"]))
        if ours != theirs:
            problems.append(f"the sidecar understood {ours}, the app {theirs}: {request}")
    for request in seen.from_app:
        if "/smuggled" in request.get("target", "") or request.get("injected"):
            problems.append(f"smuggled into the app: {request}")
    return problems


def _rule_of(target: str, seen: Seen) -> str:
    """The access rule that admits this path: named after it, but for rows with an odd path."""
    path = target.partition("?")[0]
    return seen.row.name if path == seen.row.own_path else path.removeprefix("/")


def unexpected(seen: Seen, records: list[dict], inner: list[dict], in_mesh: bool) -> list[str]:
    problems = []
    outcomes = list(seen.row.outcomes)
    statuses = [_statuses(one, seen.app, in_mesh) for one in outcomes]
    wanted = [status for status in statuses if status]
    fits = len(wanted) == len(seen.answers)
    if not fits or any(got not in any_of for got, any_of in zip(seen.answers, wanted)):
        problems.append(f"the caller got {seen.answers}, not {wanted}, and was {seen.end}")
    last = outcomes[-1]
    if not last.forwarded and last.code != "denied" and not last.by_app_side:
        ends = ("closed", "reset") if last.status or last.may_begin else ("reset", "closed")
        kept = last.code == "upgrade_unsupported"  # nothing is unclear about a CONNECT
        if seen.end not in ends and not kept:
            problems.append(f"the connection was {seen.end} behind the refusal")
    problems += _compare_records(outcomes, records, inner, in_mesh)
    problems += _compare_requests(seen, outcomes)
    return problems


def _statuses(outcome: Outcome, app: str, in_mesh: bool) -> tuple[int, ...]:
    """Those that the caller may get; none: no answer comes."""
    if outcome.code == "denied":
        return (403,) if in_mesh else (401,)  # a sidecar's caller has a name, but no role
    if app in outcome.refused_by:
        return (outcome.status, *APP_REFUSALS)
    return (outcome.status,) if outcome.status else ()


def _compare_records(outcomes, records, inner, in_mesh) -> list[str]:
    codes = []
    for outcome in outcomes:
        code = outcome.code
        if code == "denied":
            code = "forbidden" if in_mesh else "unauthenticated"
        codes.append(outcome.mesh_code if in_mesh and outcome.mesh_code else code)
    found = [one["outcome"] for one in records]
    by_id = {one["id"]: one["outcome"] for one in inner}
    for index, (record, outcome) in enumerate(zip(records, outcomes)):
        if outcome.code == "denied" or outcome.by_app_side:  # the caller's side passes it on
            found[index] = by_id.get(record["id"], found[index])
    return [] if found == codes else [f"the sidecar's records say {found}, not {codes}"]


def _compare_requests(seen: Seen, outcomes: list[Outcome]) -> list[str]:
    wanted = [
        one
        for index, one in enumerate(outcomes)
        if one.forwarded and not _app_refused(seen, index)
    ]
    taken = [one for one in seen.from_app if one["kind"] == "request"]
    problems = []
    if len(wanted) != len(taken):
        problems.append(f"the app took {len(taken)} requests, not {len(wanted)}")
    for outcome, request in zip(wanted, taken):
        for what, value in _expected(outcome, seen).items():
            if request.get(what, value) != value:
                problems.append(f"the app's {what} is {request[what]!r}, not {value!r}")
    begun = [one for one in seen.from_app if one["kind"] != "request"]
    may_begin = any(one.may_begin or seen.app in one.refused_by for one in outcomes)
    if begun and not may_begin:
        problems.append(f"the app saw the beginning of a request: {begun}")
    return problems


def _app_refused(seen: Seen, index: int) -> bool:
    """Versions of an app differ in what they refuse; what one takes is compared all the same."""
    if seen.app not in seen.row.outcomes[index].refused_by or index >= len(seen.answers):
        return False
    return seen.answers[index] in APP_REFUSALS


def _expected(outcome: Outcome, seen: Seen) -> dict:
    own = seen.row.own_path.encode()
    target = own if outcome.target is None else outcome.target.replace(b"<path>", own)
    fields = {
        "method": outcome.method,
        "target": target.decode("latin-1"),
        "body": outcome.body.decode("latin-1"),
        "probe": [] if outcome.probe is None else [outcome.probe.decode("latin-1")],
        "trailers": [name.decode() for name in outcome.trailers],
    }
    if outcome.host is not None:
        fields["host"] = outcome.host.decode()
    return fields
