"""Rows 1, 2 and 3: keys, tokens and certificates, none of which the services know of."""

import threading
import time

from scenario import Row
from world import SERVICES, World

KEY, OWNER = "X-API-Key", "X-Service-Name"
ROTATIONS = 4
AN_HOUR_AGO = -3600  # beyond any leeway for clocks


def encrypted(fill):
    """The row, and that TLS crosses between the pods meanwhile, nothing else, however far it gets."""

    def filled(row: Row, world: World) -> None:
        before = world.wire()
        try:
            fill(row, world)
        finally:
            wire = world.wire() - before
            row.evidence["wire"] = wire.as_evidence()
            row.seen.append(f"{wire.tls_records} TLS records, {wire.plaintext_segments} plaintext")
            plain = wire.plaintext_segments or wire.dropped_frames
            row.check("nothing but TLS between pods", not plain)
            row.check("and there is TLS", wire.tls_records > 0)

    return filled


class Callers:
    """What is asked of the User Service from outside, and who reaches its app."""

    def __init__(self, row: Row, world: World, path: str):
        self._row, self._world, self._path = row, world, path
        self._before = len(world.apps["user"].requests())
        self.admitted = 0
        row.evidence["http_status"] = []

    def expect(self, what: str, status: int, headers: list[tuple[str, str]]) -> None:
        told = self._world.user(self._path, headers)
        self._row.tries.append((f"outside$ curl .../{self._path.strip('/')}  # {what}", str(told.status)))
        self._row.check(f"{what}: {status}, not {told.status}", told.status == status)
        self._row.evidence["http_status"].append(told.status)
        self.admitted += status == 200
        if status != 200:
            identifier = told.header("x-request-id")
            records = self._world["user"].sidecar.explain(identifier) if identifier else []
            self._row.check(f"{what}: explained by its id", records)
            self._row.give_reason(records[-1] if records else None)

    def finish(self) -> None:
        seen = self._world.apps["user"].requests()[self._before :]
        self._row.evidence["app_requests"] = {"admitted": self.admitted, "seen": len(seen)}
        self._row.check("the app saw those alone who were let in", len(seen) == self.admitted)


def api_keys(row: Row, world: World) -> None:
    old, new = world.keys
    user = world["user"]
    callers = Callers(row, world, "/orders-of/1")

    def key(text: str, owner: str = "order-service") -> list[tuple[str, str]]:
        return [(KEY, text), (OWNER, owner)]

    callers.expect("no key", 401, [])
    callers.expect("a wrong key", 401, key("wrong" * 8))
    callers.expect("the key, in another's name", 401, key(old, "audit-service"))
    callers.expect("the key", 200, key(old))
    callers.expect("the next key, not yet known", 401, key(new))
    world.give_keys(old, new)
    user.process.wait_for(lambda: world.user("/orders-of/1", key(new)).status == 200, "the new key", 5)
    callers.admitted += 1
    callers.expect("the old key, while both are known", 200, key(old))
    world.give_keys(new)
    user.process.wait_for(lambda: world.user("/orders-of/1", key(old)).status == 401, "its end", 5)
    seen_meanwhile = len(world.apps["user"].requests())  # some of those that waited for it came in
    callers.admitted = seen_meanwhile - callers._before
    callers.expect("the old key, withdrawn", 401, key(old))
    callers.expect("the new key", 200, key(new))
    callers.finish()

    fields = {
        name.lower()
        for request in world.apps["user"].requests()
        for name, _ in request["headers"]
        if request["url"] == "/orders-of/1"
    }
    row.check("the app never sees a key", KEY.lower() not in fields)
    told = user.process.text() + str(user.sidecar.admin("/config")) + str(user.sidecar.explain())
    row.check("no key stands in log, configuration or explain", not any(one in told for one in world.keys))
    written = (user.sidecar.home / "config" / "user.yaml").read_text()
    row.check("nor in the route file", not any(one in written for one in world.keys))
    row.evidence["rule"] = [one["rule"] for one in user.logged(route="audit", status=200)][-1:]


@encrypted
def service_tokens(row: Row, world: World) -> None:
    callers = Callers(row, world, "/users/1")
    token = world.gateway.token

    def bearer(text: str) -> list[tuple[str, str]]:
        return [("Authorization", f"Bearer {text}")]

    callers.expect("no token", 401, [])
    for what, text in {
        "not a token": "word",
        "expired": token(lifetime=AN_HOUR_AGO),
        "wrong signature": token(secret="another"),
        "for another audience": token(aud=["product-service"]),
        "not a service's": token(service=False),
        "without the permission": token(permissions=["read:orders"]),
    }.items():
        callers.expect(what, 403, bearer(text))
    callers.expect("HS256, all of it right", 200, bearer(token()))
    callers.finish()

    before = len(world.apps["user"].requests())
    told = world.order(1)
    row.tries.append(("outside$ curl -X POST .../orders  # whose app sends no token", str(told.status)))
    row.check("the Order Service's sidecar signs one (ES256) itself", told.status == 201)
    fetched = world.apps["user"].requests()[before:]
    row.check("the user was fetched once", [one["url"] for one in fetched] == ["/users/1"])
    row.evidence["rule"] = [one["rule"] for one in world["user"].logged(status=200)][-1:]
    row.check("by rule users", row.evidence["rule"] and row.evidence["rule"][0]["name"] == "users")


class Orders:
    """Orders one after the other, until the block ends."""

    def __init__(self, world: World):
        self._world = world
        self.statuses: list[int | str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._order, daemon=True)

    def _order(self) -> None:
        while not self._over.is_set():
            try:
                self.statuses.append(self._world.order(len(self.statuses) % 3 + 1).status)
            except OSError as error:
                self.statuses.append(repr(error))

    def __enter__(self) -> "Orders":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()


@encrypted
def rotation(row: Row, world: World) -> None:
    serials = {name: _serial(world, name) for name in SERVICES}
    with Orders(world) as orders:
        for _ in range(ROTATIONS):
            for name in SERVICES:
                world.new_certificate(name)
            time.sleep(0.4)
    new = {name: _serial(world, name) for name in SERVICES}
    failed = [status for status in orders.statuses if status != 201]
    row.tries.append((f"{ROTATIONS} new certificates for each of three", f"{len(orders.statuses)} orders"))
    row.check(f"no order fails {failed[:3]}", orders.statuses and not failed)
    row.check("new certificates are in force everywhere", all(new[one] != serials[one] for one in SERVICES))
    row.check("each request had a proven caller", _peers(world) == {"order"})
    world.good_certificates()


def _serial(world: World, name: str):
    return str(world[name].sidecar.admin("/certs"))


def _peers(world: World) -> set[str]:
    """Who called the two by mTLS, by the ends of their identities."""
    records = world["user"].logged(direction="inbound") + world["notification"].logged(direction="inbound")
    return {one["peer"].rpartition("/")[2] for one in records if one.get("tls") and one.get("peer")}
