"""Rows 1 to 3: who may ask whom, what one failure does to others, and two protocols side by side."""

import signal
import statistics
import threading
import time

from scenario import Row
from world import SERVICES, World

FORGED = "spiffe://cluster.local/ns/default/sa/scheduler"


class Callers:
    """What is asked from outside and by other pods, and who reaches an app."""

    def __init__(self, row: Row, world: World):
        self._row, self._world = row, world
        self._before = {name: len(app.requests()) for name, app in world.apps.items()}
        row.evidence["http_status"] = []

    def expect(self, what: str, statuses: set[int], told) -> None:
        self._row.tries.append((what, str(told.status)))
        self._row.check(f"{what}: {sorted(statuses)}, not {told.status}", told.status in statuses)
        self._row.evidence["http_status"].append(told.status)

    def refused(self, name: str, method: str, path: str, headers=(), v6: bool = False) -> None:
        """By rule, with an id that its sidecar can explain; the app hears nothing."""
        heard = len(self._world.apps[name].requests())
        told = self._world.ask(name, method, path, headers, v6)
        what = f"outside$ curl -X {method} {name}{path}"
        self.expect(what, {400, 401, 403}, told)
        self._row.check(
            f"{what}: the app hears nothing", len(self._world.apps[name].requests()) == heard
        )
        identifier = told.header("x-request-id")
        records = self._world[name].sidecar.explain(identifier) if identifier else []
        self._row.check(f"{what}: explained by its id", records)
        self._row.give_reason(records[-1] if records else None)

    def seen(self, name: str) -> list[str]:
        new = self._world.apps[name].requests()[self._before[name] :]
        return [f"{one['method']} {one['url']}" for one in new]


def public_and_backend(row: Row, world: World) -> None:
    before = world.wire()
    callers = Callers(row, world)
    told = world.order()
    callers.expect("outside$ curl -X POST scheduler/api/deliveryrequests", {202}, told)
    location = told.header("location") or ""
    told = world.ask("delivery", "GET", location)
    callers.expect(f"outside$ curl delivery{location}", {200}, told)
    row.evidence["body"] = told.body
    row.check("the backends did the work", "owner-7" in told.body and "drone-" in told.body)
    callers.expect("the same over IPv6", {200}, world.ask("delivery", "GET", location, v6=True))
    number = location.rpartition("/")[2]
    for name, only in {
        "accounts": ["GET /accounts/7"],
        "package": [f"PUT /packages/{number}"],
    }.items():
        row.check(f"{name} was asked by the scheduler alone {callers.seen(name)}", callers.seen(name) == only)

    calls = world.apps["drone"].assigned()
    row.check(f"drone was called by the scheduler alone {calls}", calls == [number])

    # Backends: nothing of them, to nobody outside.
    for name, method, path in (
        ("accounts", "GET", "/accounts/7"),
        ("package", "PUT", "/packages/1"),
        ("drone", "GET", "/drones"),
        ("delivery", "GET", "/internal/deliveries"),
        ("delivery", "PUT", "/internal/deliveries/1"),
        ("scheduler", "GET", "/internal/queue"),
    ):
        callers.refused(name, method, path)
    callers.refused("delivery", "GET", "/internal/deliveries", v6=True)
    # Nor by what looks like a public route, or says that it is the scheduler's.
    for method, path in (
        ("PUT", "/api/deliveries/1"),
        ("GET", "/api/deliveries/../../internal/deliveries"),
        ("GET", "/api/deliveries/..%2f..%2finternal%2fdeliveries"),
        ("GET", "/api/deliveries/1/../../../internal/deliveries"),
        ("GET", "//internal/deliveries"),
        ("GET", "/internal/deliveries/"),
        ("GET", "/Internal/deliveries"),
        ("GET", "/internal%2fdeliveries"),
    ):
        callers.refused("delivery", method, path)
    claims = [
        ("x-epaulet-peer", FORGED),
        ("x-forwarded-client-cert", f"URI={FORGED}"),
        ("X-Forwarded-For", world["scheduler"].pod.ipv4),
    ]
    callers.refused("delivery", "GET", "/internal/deliveries", claims)
    # A backend's app that somebody took over has no business with another backend.
    for name, path in (("accounts", "/accounts/7"), ("delivery", "/internal/deliveries")):
        with world["drone"].call(f"{name}.default") as wire:
            wire.send(f"GET {path} HTTP/1.1\r\nHost: {name}.default\r\n\r\n")
            status, head, _ = wire.response()
        row.tries.append((f"drone$ curl {name}.default{path}", str(status)))
        row.check(f"drone asks {name}: 403, not {status}", status == 403)
    row.check(
        f"delivery's app was asked for what is public, and by the scheduler {callers.seen('delivery')}",
        callers.seen("delivery")
        == [f"PUT /internal/deliveries/{number}", f"GET {location}", f"GET {location}"],
    )
    row.evidence["app_requests"] = {name: len(callers.seen(name)) for name in SERVICES}
    wire = world.wire() - before
    row.evidence["wire"] = wire.as_evidence()
    row.seen.append(f"{wire.tls_records} TLS records, {wire.plaintext_segments} plaintext")
    row.check("nothing but TLS between pods", wire.tls_records and not wire.plaintext_segments)


class Latency:
    """How long the others take, one question after the other, until the block ends."""

    def __init__(self, world: World):
        self._world = world
        self.public: list[float] = []
        self.backend: list[float] = []
        self.failed: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                began = time.monotonic()
                told = self._world.ask("delivery", "GET", "/api/deliveries/1")
                self.public.append(time.monotonic() - began)
                began = time.monotonic()
                with self._world["scheduler"].call("accounts.default") as wire:
                    wire.send("GET /accounts/7 HTTP/1.1\r\nHost: accounts.default\r\n\r\n")
                    status = wire.response()[0]
                self.backend.append(time.monotonic() - began)
                if (told.status, status) != (200, 200):
                    self.failed.append(f"{told.status} {status}")
            except OSError as error:
                self.failed.append(repr(error))

    def __enter__(self) -> "Latency":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def middle(self) -> float:
        return statistics.median(self.public + self.backend)


def timed(world: World) -> tuple[int, float]:
    began = time.monotonic()
    return world.order().status, time.monotonic() - began


def no_cascade(row: Row, world: World) -> None:
    with Latency(world) as quiet:
        time.sleep(2)
    drone = world.apps["drone"].process
    drone.signal(signal.SIGSTOP)
    outcomes: list[tuple[int, float]] = []
    callers = [
        threading.Thread(target=lambda: outcomes.append(timed(world)), daemon=True) for _ in range(16)
    ]
    with Latency(world) as meanwhile:
        for one in callers:
            one.start()
        for one in callers:
            one.join()
    drone.signal(signal.SIGCONT)
    slowest = max(seconds for _, seconds in outcomes)
    statuses = {status for status, _ in outcomes}
    row.tries.append(("Drone Management stands still; 16 orders", f"{statuses}, {slowest:.1f} s at most"))
    row.check("all of them fail cleanly (502)", statuses == {502} and len(outcomes) == len(callers))
    row.check(f"within the deadline of 3 s and the others' time ({slowest:.1f} s)", slowest < 4.5)
    before, then = quiet.middle(), meanwhile.middle()
    row.tries.append(
        ("delivery's and accounts' median", f"{before * 1e3:.1f} ms before, {then * 1e3:.1f} ms meanwhile")
    )
    row.check(f"none of theirs fails {meanwhile.failed[:3]}", not meanwhile.failed and meanwhile.public)
    row.check("they keep their latency", then < max(3 * before, 0.05))
    record = world["scheduler"].logged(service="drone.default", direction="outbound")[-1]
    row.give_reason(record if "summary" in record else None)
    row.check("it moves on: 202", timed(world)[0] == 202)

    down: list[tuple[int, float]] = []
    with Latency(world) as without:
        drone.kill()
        for _ in range(8):
            down.append(timed(world))
            time.sleep(0.25)  # as many as its rate limit lets through for good
    statuses, slowest = {status for status, _ in down}, max(seconds for _, seconds in down)
    then = without.middle()
    row.tries.append(("Drone Management is down; 8 orders", f"{statuses}, {slowest:.2f} s at most"))
    row.tries.append(("delivery's and accounts' median", f"{then * 1e3:.1f} ms without it"))
    row.check(f"502 at once ({slowest:.2f} s)", statuses == {502} and slowest < 2)
    row.check(f"none of theirs fails without it {without.failed[:3]}", not without.failed and without.public)
    row.check("they keep their latency without it", then < max(3 * before, 0.05))
    world.start_app("drone")
    row.check("up again: 202", world["drone"].process.wait_for(lambda: timed(world)[0] == 202, "an order", 10))


def two_protocols(row: Row, world: World) -> None:
    before = world.wire()
    told = world.order()
    row.tries.append(("outside$ curl -X POST scheduler/api/deliveryrequests", str(told.status)))
    row.check("an order goes by both", told.status == 202)
    number = (told.header("location") or "").rpartition("/")[2]
    row.check("Drone Management was called", number in world.apps["drone"].assigned())
    by_grpc = world["drone"].wait_logged(kind="exchange", direction="inbound", grpc_status=0)
    by_rest = world["accounts"].wait_logged(kind="exchange", direction="inbound", status=200)
    row.seen.append(f"drone: gRPC status {by_grpc['grpc_status']}, accounts: {by_rest['method']} {by_rest['status']}")
    row.check("gRPC is known as such, by its own status", by_grpc["method"] == "POST")
    row.check("REST is none", "grpc_status" not in by_rest)
    written = "".join(
        (member.sidecar.home / "config" / f"{name}.yaml").read_text()
        for name, member in world.members.items()
    )
    declared = [word for word in ("protocol:", ": http", "http1", "http2", "grpc:") if word in written]
    row.check(f"no configuration says which {declared}", not declared)
    wire = world.wire() - before
    row.evidence["wire"] = wire.as_evidence()
    row.check("nothing but TLS between pods", wire.tls_records and not wire.plaintext_segments)
