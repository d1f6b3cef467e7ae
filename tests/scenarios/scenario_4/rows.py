"""Row 1: public and backend APIs, separated by access rules of which no service knows."""

import json

from scenario import Row
from world import SERVICES, World

JSON = [("Content-Type", "application/json")]
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
    body = json.dumps({"account": 7, "size": "small"}).encode()
    told = world.ask("scheduler", "POST", "/api/deliveryrequests", JSON, body=body)
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
        "drone": [f"PUT /drones/assigned/{number}"],
    }.items():
        row.check(f"{name} was asked by the scheduler alone {callers.seen(name)}", callers.seen(name) == only)

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
