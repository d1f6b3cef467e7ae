"""Sends request rows, and keeps what the caller saw; what the apps saw is sorted out afterwards.

Behind each row follow canaries: on the same connection if it is still open, and on a new one, which
finds whatever the row has left on the connections that are kept between sidecar and app. A canary
that gets another answer than its own, or that the app understands differently, is how a smuggled
request, or half of one, shows.
"""

import itertools
from dataclasses import dataclass, field

from mesh import Broken, Wire
from reader import Unclean, read_response
from rows import Row
from world import Route

CANARY = "GET {path} HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n\r\n"

_canaries = itertools.count(1)


@dataclass
class Seen:
    """One row, sent to one app over one route."""

    row: Row
    route: str
    app: str
    source: str = ""  # of the connection, as the sidecar's records name it
    answers: list[int] = field(default_factory=list)
    echoes: list[bytes] = field(default_factory=list)  # bodies of answers
    end: str = ""  # closed | reset | kept
    trouble: list[str] = field(default_factory=list)  # with this row's own answers
    leaks: list[str] = field(default_factory=list)  # what others got of it
    canaries: list[str] = field(default_factory=list)  # paths; the last is on a new connection
    from_app: list[dict] = field(default_factory=list)  # the app's records, canaries left out


def drive(route: Route, app: str, row: Row) -> Seen:
    seen = Seen(row, route.name, app)
    wire, seen.source = route.dial(app)
    with wire:
        _send(wire, row, seen)
        _read(wire, row, seen)
        if seen.end == "kept":
            _ask_canary(wire, seen)
    wire, _ = route.dial(app)
    with wire:
        _ask_canary(wire, seen)
    return seen


def _send(wire: Wire, row: Row, seen: Seen) -> None:
    try:
        wire.send(row.bytes())
        if row.fin:
            wire.fin()
    except OSError:
        seen.end = "reset"  # what was sent so far may have been answered: that is still read


def _read(wire: Wire, row: Row, seen: Seen) -> None:
    """As many answers as the row expects, or until the connection ends."""
    expected = [one for one in row.outcomes if one.status or one.code == "denied"]
    try:
        while len(seen.answers) < max(1, len(expected)):
            method = _method_of(row, len(seen.answers))
            response = read_response(wire, method)
            if response is None:
                seen.end = "closed"
                return
            seen.answers.append(response.status)
            seen.echoes.append(response.body)
            if response.closes:
                rest = wire.rest()
                seen.end = "closed"
                if rest:
                    seen.trouble.append(f"behind the last answer came {rest[:80]!r}")
                return
        seen.end = "kept"
    except (Unclean, Broken) as error:
        seen.trouble.append(f"the caller read {error}")
    except TimeoutError:
        seen.trouble.append(f"after the answers {seen.answers} nothing came, not even an end")
    except OSError:
        seen.end = "reset"


def _method_of(row: Row, index: int) -> str:
    outcome = row.outcomes[min(index, len(row.outcomes) - 1)]
    if outcome.forwarded:
        return outcome.method
    return "GET"  # our own answers to what cannot be read have a body


def _ask_canary(wire: Wire, seen: Seen) -> None:
    path = f"/canary/{next(_canaries)}"
    seen.canaries.append(path)
    try:
        wire.send(CANARY.format(path=path))
        response = read_response(wire, "GET")
        if response is None:
            raise Broken("ended")
        if (response.status, response.body) != (200, b"saw " + path.encode()):
            seen.leaks.append(f"the canary {path} got {response.status} {response.body[:80]!r}")
        elif wire.rest():
            seen.leaks.append(f"the canary {path} got more than one answer")
    except (Unclean, Broken, OSError) as error:
        seen.leaks.append(f"the canary {path} got no answer: {error!r}")


def share_out(records: list[dict], all_seen: list[Seen]) -> None:
    """Gives each row what its app understood while the row was sent.

    `all_seen`: of this app over all routes, in the order in which they were sent. A complete
    request belongs to the row before whose last canary it came; one that broke off to the last row
    of its path, since an app may notice the end late.
    """
    owner = {path: index for index, seen in enumerate(all_seen) for path in seen.canaries}
    ended_by = {seen.canaries[-1]: index for index, seen in enumerate(all_seen)}
    current = 0
    for record in records:
        if record["kind"] == "listening":
            continue
        target = record.get("target", "")
        if record["kind"] == "request" and target in owner:
            current = owner[target] + (target in ended_by)
            _check_canary(record, all_seen[owner[target]])
            continue
        if record["kind"] != "request":
            _last_of(target, all_seen[: current + 1]).from_app.append(record)
            continue
        if current >= len(all_seen):
            all_seen[-1].leaks.append(f"behind the last canary the app saw {record}")
            continue
        all_seen[current].from_app.append(record)


def _last_of(target: str, candidates: list[Seen]) -> Seen:
    path = target.partition("?")[0]
    return next((one for one in reversed(candidates) if one.row.own_path == path), candidates[-1])


def _check_canary(record: dict, seen: Seen) -> None:
    if (record["method"], record["host"], record["body"]) != ("GET", "canary", ""):
        seen.leaks.append(f"the app understood a canary as {record}")
