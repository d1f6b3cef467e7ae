"""What a row of the table is, and what must be true for it to pass.

Refused    somebody tries to get in. The app sees not a byte, a counter on 15020 rises, and the
           sidecar's log and explain say why: the outcome, and the rule where a rule decided.
Stripped   the request may pass, what it claims about its sender may not.
Dropped    a rule of ours in the kernel refuses it: its named counter rises, the app sees nothing.
Forbidden  the kernel refuses it by who asks: a file's mode, a signal, a capability, a port that is
           taken. What the attempt hears is the evidence; nothing of ours runs that could count it.
Answered   a page of the sidecar itself says no, and in its answer why; a counter on 15020 rises,
           and the log says so, seldom. Explain keeps what concerns traffic, so nothing of this.
Control    the honest neighbour of such attempts: it gets in. A mesh that refuses everything
           fails here.
Possible   what the mesh does not prevent. The threat model lists it, and this shows it.
"""

import json
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from lab import request, wait_until
from mesh import ADMIN, METRICS, Broken, Member, Wire
from world import World

WAIT_SECONDS = 5.0
PAGE_REFUSALS = "epaulet_page_requests_refused_total"
# What an outsider may learn from a refusal: nothing but an id to ask for.
MAY_LEARN = {"content-type", "content-length", "connection", "x-request-id", "www-authenticate"}
OUTCOME = re.compile(r"^epaulet_(?:requests|connections_failed|tunnels)_total\{(.*)\} (\S+)$", re.M)


@dataclass
class Told:
    """What the attempt heard: an answer, or how its connection ended."""

    status: int | None = None
    head: bytes = b""
    body: bytes = b""
    end: str = ""
    source: str = ""  # address and port, as the sidecar's log writes them

    def header(self, name: str) -> str | None:
        found = re.search(rb"(?im)^" + name.encode() + rb":[ \t]*(.*?)\r$", self.head)
        return found[1].decode() if found else None


Try = Callable[[World], Told]


def dial_and_tell(dial: Callable[[], Wire], raw: bytes, method: str = "GET") -> Told:
    try:
        wire = dial()
    except OSError as error:  # a reset may come as early as that; an SSLError is one too
        return Told(end=repr(error))
    return tell(wire, raw, method)


def tell(wire: Wire, raw: bytes, method: str = "GET") -> Told:
    """Says this, reads what comes, whatever it is, and closes."""
    source = source_of(wire)
    with wire:
        try:
            wire.send(raw)
            status, head, body = wire.response(method)
            return Told(status, head, body, source=source)
        except (ConnectionResetError, BrokenPipeError):
            return Told(end="reset", source=source)
        except (Broken, ssl.SSLError, OSError, ValueError) as error:
            return Told(end=repr(error), body=wire.buffer, source=source)


def source_of(wire: Wire) -> str:
    try:
        host, port = wire.socket.getsockname()[:2]
    except OSError:
        return ""  # it has ended already
    host = host.removeprefix("::ffff:").split("%")[0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Row:
    name: str

    def run(self, world: World) -> None:
        raise NotImplementedError


def app_calls(world: World, action: Callable[[], Told]) -> tuple[Told, list]:
    before = len(world.seen)
    told = action()
    return told, world.seen[before:]


def counted(member: Member, code: str) -> float:
    """How often 15020 says that something ended with this outcome."""
    page = request(member.pod, "127.0.0.1", METRICS, "/metrics").body
    return sum(float(v) for labels, v in OUTCOME.findall(page) if f'outcome="{code}"' in labels)


def explained(member: Member, identifier: str) -> dict:
    answer = request(
        member.pod, "127.0.0.1", ADMIN, f"/explain?id={identifier}", host=f"127.0.0.1:{ADMIN}"
    )
    assert answer.status == 200, f"explain knows nothing of {identifier}"
    page = json.loads(answer.body)
    return page["records"][0] if "records" in page else page


@dataclass
class Refused(Row):
    name: str
    attempt: Try
    code: str
    status: int | None = None  # None: the connection is reset
    rule: str | None = None  # of `access`
    by: str = "api2"  # whose sidecar refuses
    says: str = ""  # part of the log's summary
    admits: int = 0  # how often the app is reached on the way, by what may
    tells: frozenset[str] = frozenset()  # fields that this refusal has beside MAY_LEARN

    def run(self, world: World) -> None:
        member = getattr(world, self.by)
        log_before, before = len(member.sidecar.log_records()), counted(member, self.code)
        told, calls = app_calls(world, lambda: self.attempt(world))
        world.admitted += self.admits
        assert len(calls) == self.admits, f"the app was reached: {calls}"
        assert told.status == self.status, told
        record = self._record(member, log_before, told)
        if self.rule is not None:
            assert record.get("rule", {}).get("name") == self.rule, record
        assert self.says in record["summary"], record
        wait_until(lambda: counted(member, self.code) > before, f"{self.code} counted", 10)
        page = explained(member, record["id"])
        assert page["outcome"] == self.code and page["remedy"], page
        if told.status is not None and self.by != "api":
            assert told.header("x-request-id") == record["id"], told
            if not record.get("tls"):
                names = re.findall(rb"(?m)^([^:\r\n]+):", told.head)
                assert {n.decode().lower() for n in names} <= MAY_LEARN | self.tells, told.head
        assert len(world.seen) - world.admitted == 0, f"the app was reached late: {world.seen[-1]}"

    def _record(self, member: Member, skip: int, told: Told) -> dict:
        last = []
        identifier = told.header("x-request-id")

        def is_of(record: dict) -> bool:
            if identifier and self.by != "api":
                return record["id"] == identifier
            # Not by port: where two tracked connections collide, the kernel gives one another.
            return told.source.rsplit(":", 1)[0] in record.get("downstream", "")

        def find():
            last[:] = member.sidecar.log_records()[skip:]
            for record in last:
                if record.get("outcome") == self.code and "summary" in record:
                    if is_of(record):
                        return record
            return None

        try:
            return wait_until(find, f"a record of {self.code}", WAIT_SECONDS)
        except Exception as error:
            raise AssertionError(f"{error}; heard {told}; there are {last}") from None


@dataclass
class Stripped(Row):
    """The request reaches the app without `forged`, in whatever spelling and place it was put."""

    name: str
    attempt: Try
    forged: bytes

    def run(self, world: World) -> None:
        told, calls = app_calls(world, lambda: self.attempt(world))
        world.admitted += len(calls)
        assert told.status == 200 and len(calls) == 1, (told, calls)
        everything = calls[0].head + calls[0].trailers
        assert self.forged.lower() not in everything.lower(), everything


@dataclass
class Control(Row):
    name: str
    attempt: Try
    sees: bytes = b""  # what the app must be told
    status: int = 200
    reaches_app: int = 1

    def run(self, world: World) -> None:
        told, calls = app_calls(world, lambda: self.attempt(world))
        world.admitted += len(calls)
        assert told.status == self.status and len(calls) == self.reaches_app, (told, calls)
        if calls:
            assert self.sees in calls[-1].head + calls[-1].trailers, calls[-1]


class Possible(Control):
    pass


@dataclass
class Dropped(Row):
    """`attempt` sends; the rule with this comment counts it."""

    name: str
    attempt: Callable[[World], None]
    rule: str
    by: str = "api2"

    def run(self, world: World) -> None:
        member = getattr(world, self.by)
        before = dropped(member, self.rule)
        _, calls = app_calls(world, lambda: self.attempt(world))
        wait_until(
            lambda: dropped(member, self.rule) > before, f"the rule {self.rule} to count", 2
        )
        assert not calls, calls


@dataclass
class Answered(Row):
    name: str
    attempt: Try
    status: int
    says: str
    page: str  # "admin", "metrics" or "health"
    by: str = "api2"

    def run(self, world: World) -> None:
        member = getattr(world, self.by)
        before = member.counter(PAGE_REFUSALS, page=self.page)
        told, calls = app_calls(world, lambda: self.attempt(world))
        assert not calls, calls
        assert told.status == self.status and self.says in told.body.decode(), told
        assert member.counter(PAGE_REFUSALS, page=self.page) == before + 1
        # At most one in ten seconds of this page.
        said = member.wait_logged(event="page_request_refused", page=self.page)
        assert said["level"] == "warning", said


def dropped(member: Member, rule: str) -> int:
    """Packets that the rule with this comment has counted."""
    rules = member.pod.run(["nft", "list", "table", "inet", "epaulet"]).stdout
    found = re.findall(rf'counter packets (\d+) .*comment "{rule}"', rules)
    assert found, rules
    return sum(int(one) for one in found)


@dataclass
class Check(Row):
    """A step of its own, in words of its own; `kind` says which of the rows above it is like."""

    name: str
    check: Callable[[World], None]
    kind: str = "Refused"

    def run(self, world: World) -> None:
        self.check(world)
