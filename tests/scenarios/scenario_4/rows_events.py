"""Row 4: events through a real broker, whose subscriber, sidecars and self end and come back meanwhile."""

import signal
import threading
import time

from lab import wait_until
from mesh import Member, Wire, dial
from scenario import Row
from world import BROKER, HISTORY, NATS_PORT, World

DOWN_SECONDS = 0.5
SETTLE_SECONDS = 0.2
BEGIN_SECONDS = 5.0
BACK_SECONDS = 8.0
PAUSE_SECONDS = 0.02
PUBLISHERS = {"drone": "drone-assigned", "delivery": "delivery-scheduled"}


class Orders:
    """Deliveries, one after the other, until the block ends: whole orders from outside as often as a
    client may, and between them those of which Delivery alone tells."""

    EVERY = 12

    def __init__(self, world: World):
        self._world = world
        self.wanted: set[str] = set()  # the events that there must be
        self.statuses: list[int | str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def _go_on(self) -> None:
        number = 0
        while not self._over.wait(PAUSE_SECONDS):
            number += 1
            try:
                self._order() if number % self.EVERY == 1 else self._schedule(f"more-{number}")
            except (OSError, AssertionError) as error:
                self.statuses.append(repr(error))

    def _order(self) -> None:
        told = self._world.order(v6=len(self.statuses) % 2 == 1)
        self.statuses.append(told.status)
        if told.status == 202:
            number = (told.header("location") or "").rpartition("/")[2]
            self.wanted |= {f"{kind}-{number}" for kind in PUBLISHERS.values()}

    def _schedule(self, number: str) -> None:
        with self._world["scheduler"].call("delivery.default") as wire:
            head = "Host: delivery.default\r\nContent-Type: application/json\r\nContent-Length: 2"
            wire.send(f"PUT /internal/deliveries/{number} HTTP/1.1\r\n{head}\r\n\r\n{{}}")
            status = wire.response()[0]
        self.statuses.append(status)
        if status == 201:
            self.wanted.add(f"delivery-scheduled-{number}")

    def __enter__(self) -> "Orders":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()


def published(world: World) -> list[str]:
    """What the broker has said it keeps."""
    return [one for name in PUBLISHERS for one in world.said(name, "published")]


def written(world: World) -> list[str]:
    file = world[HISTORY].pod.run_dir / HISTORY / "events"
    return file.read_text().split() if file.exists() else []


def lost_connections(world: World) -> dict[str, int]:
    return {name: len(world.said(name, "nats")) for name in (*PUBLISHERS, HISTORY)}


def events(row: Row, world: World) -> None:
    before = world.broker_wire()
    with Orders(world) as orders:
        wait_until(lambda: orders.wanted & set(written(world)), "a first event", BEGIN_SECONDS)
        _subscriber_ends(row, world, orders)
        _sidecar_of_subscriber_ends(row, world, orders)
        _sidecar_of_broker(row, world, orders)
        _broker_ends(row, world, orders)
    _all_is_there(row, world, orders)
    wire = world.broker_wire() - before
    row.evidence["wire"] = wire.as_evidence()
    row.seen.append(f"{wire.tls_records} TLS records, {wire.plaintext_segments} plaintext")
    row.check("nothing but TLS to and from the broker", wire.tls_records and not wire.plaintext_segments)
    _nobody_else(row, world)


class Absence:
    """Somebody ends, and comes back: whatever is owed at that moment arrives, then new events do."""

    def __init__(self, row: Row, world: World, orders: Orders, what: str):
        self._row, self._world, self._orders, self._what = row, world, orders, what

    def passes(self) -> None:
        time.sleep(DOWN_SECONDS)
        self._owed = set(self._orders.wanted)
        self._missed = len(self._owed - set(written(self._world)))
        self._began = time.monotonic()
        self._row.check(f"{self._what}: events are owed", self._missed)

    def nothing_is_lost(self) -> None:
        wait_until(lambda: self._owed <= set(written(self._world)), f"what {self._what} held up", BACK_SECONDS)
        seconds = time.monotonic() - self._began
        self._row.tries.append((self._what, f"{self._missed} events held up; all there {seconds:.1f} s after its return"))
        now = len(written(self._world))
        wait_until(lambda: len(written(self._world)) > now, f"new events after {self._what}", BACK_SECONDS)


def _kept_while(row: Row, world: World, absence: Absence, what: str) -> None:
    """Nothing arrives at a subscriber who is away, and the broker goes on keeping."""
    time.sleep(SETTLE_SECONDS)  # what it had received before is still written down
    had, kept = len(written(world)), world.kept()
    absence.passes()
    row.check(f"{what}: nothing is written down", len(written(world)) == had)
    row.check(f"{what}: the broker goes on keeping", world.kept() > kept)


def _subscriber_ends(row: Row, world: World, orders: Orders) -> None:
    what = "kill -KILL Delivery History"
    absence = Absence(row, world, orders, what)
    world.apps[HISTORY].process.kill()
    _kept_while(row, world, absence, what)
    world.start_app(HISTORY)
    absence.nothing_is_lost()


def _sidecar_of_subscriber_ends(row: Row, world: World, orders: Orders) -> None:
    """Its sidecar alone, while it tries to come back; then both, the app up before the other."""
    for what, with_app in (("kill -KILL its sidecar", False), ("kill -KILL its sidecar and itself", True)):
        absence = Absence(row, world, orders, what)
        lost = lost_connections(world)[HISTORY]
        world[HISTORY].process.kill()
        wait_until(lambda: lost_connections(world)[HISTORY] > lost, "its connection's end", BACK_SECONDS)
        if with_app:
            world.apps[HISTORY].process.kill()
        _kept_while(row, world, absence, what)
        if with_app:
            world.start_app(HISTORY)
        world[HISTORY].start()
        absence.nothing_is_lost()


def _sidecar_of_broker(row: Row, world: World, orders: Orders) -> None:
    """A reload and a new certificate end no connection; a drain ends all of them, and they come back."""
    member = world[BROKER]
    lost = lost_connections(world)
    _reload(member)
    _rotate(world, member)
    now = len(written(world))
    wait_until(lambda: len(written(world)) > now + 10, "events after reload and rotation", BACK_SECONDS)
    row.check("a reload and a new certificate end no connection", lost_connections(world) == lost)
    absence = Absence(row, world, orders, "kill -TERM the broker's sidecar")
    member.process.signal(signal.SIGTERM)
    wait_until(lambda: not member.process.is_running(), "the drain's end", BACK_SECONDS)
    row.check(f"its status is 0, not {member.process.exit_status}", member.process.exit_status == 0)
    absence.passes()
    _callers(row, member)
    member.start()
    absence.nothing_is_lost()
    now = lost_connections(world)
    row.check(f"each client dialled again {lost} {now}", all(now[one] > lost[one] for one in now))


def _callers(row: Row, member: Member) -> None:
    """Who had come in by mTLS, and by which rule."""
    come = [one for one in member.logged(kind="connection", direction="inbound") if one.get("tls")]
    peers = {one["peer"].rpartition("/")[2] for one in come if "peer" in one}
    row.evidence["rule"] = sorted({one["rule"]["name"] for one in come if one.get("rule")})
    row.check(f"by mTLS the three came, and nobody else {peers}", peers == {*PUBLISHERS, HISTORY})
    row.check(f"by rule events {row.evidence['rule']}", row.evidence["rule"] == ["events"])


def _reload(member: Member) -> None:
    applied = len(member.logged(event="config_applied"))
    member.replace(f"config/{BROKER}.yaml", member.sidecar.config_file.read_text() + "explain: { slow: 3s }\n")
    member.process.wait_for(lambda: len(member.logged(event="config_applied")) > applied, "the reload")


def _rotate(world: World, member: Member) -> None:
    loaded = len(member.logged(event="identity_loaded"))
    member.give_identity(world.mesh.issue(BROKER))
    member.process.wait_for(lambda: len(member.logged(event="identity_loaded")) > loaded, "the certificate")


def _broker_ends(row: Row, world: World, orders: Orders) -> None:
    absence = Absence(row, world, orders, "kill -KILL the broker")
    world.broker.kill()
    absence.passes()
    world.start_broker()
    absence.nothing_is_lost()


def _all_is_there(row: Row, world: World, orders: Orders) -> None:
    bad = [one for one in orders.statuses if one not in (201, 202, 429)]
    row.check(f"no order fails or waits for it {bad[:3]}", orders.statuses and not bad)
    wait_until(lambda: orders.wanted <= set(written(world)), "every order's events", BACK_SECONDS)
    had = written(world)
    row.evidence["events"] = {
        "wanted": len(orders.wanted),
        "kept": world.kept(),
        "written": len(had),
        "sent_again": sum(sum(world.said(name, "again")) for name in PUBLISHERS),
        "redelivered": len(world.said(HISTORY, "redelivered")),
        "connections_lost": lost_connections(world),
    }
    row.seen.append(f"events: {row.evidence['events']}")
    row.check("nothing is written down twice", len(had) == len(set(had)))
    row.check("nor more or less than the broker keeps", len(had) == world.kept())
    lost = set(published(world)) - set(had)
    row.check(f"and all that the broker has said it keeps {sorted(lost)[:3]}", not lost)


def _nobody_else(row: Row, world: World) -> None:
    """The broker is nobody's outside, and no other service's."""
    broker = world[BROKER]
    for what, pod in {"outside": world.outside, "accounts": world["accounts"].pod}.items():
        with Wire(dial(pod, broker.pod.ipv4, NATS_PORT)) as stranger:
            stranger.send("CONNECT {}\r\n")
            ended = stranger.ends()
        row.tries.append((f"{what}$ nc broker {NATS_PORT}", ended))
        row.check(f"{what}: reset before a byte of NATS, not {ended}", ended == "reset")
    refused = broker.sidecar.explain()
    row.give_reason(next((one for one in reversed(refused) if one.get("rule")), None))
