"""The rows: each is a claim about gRPC through two sidecars, its docstring; it fails by raising."""

import signal
import time
from collections.abc import Callable

from world import AUTO, GUARDED, ONE, PATIENCE, REQUEST_TIMEOUT, TWO, World, resident_bytes

OK, CANCELLED, DEADLINE_EXCEEDED, NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE = 0, 1, 4, 5, 7, 14
MEBIBYTE = 1 << 20
ROWS: list[Callable[[World], None]] = []


def row(claim: Callable[[World], None]) -> Callable[[World], None]:
    ROWS.append(claim)
    return claim


@row
def unary(world: World) -> None:
    """a unary call is answered, on a port for HTTP and on one that looks"""
    for target in (ONE, AUTO):
        told = world.call("Unary", target, number=42)
        assert told["code"] == OK, told
        assert (told["answer"]["number"], told["answer"]["by"]) == (42, "api2"), told
    peer = world.seen(world.api2, "call", "Unary")[-1]["peer"]
    assert peer == "spiffe://cluster.local/ns/default/sa/api", peer


@row
def metadata(world: World) -> None:
    """metadata passes both ways, binary too, in head and trailers"""
    told = world.play("metadata")
    assert told == {"code": OK, "number": 7, "head": True, "trailers": True}, told


@row
def large(world: World) -> None:
    """a message of 1 MiB passes both ways unchanged"""
    told = world.play("large", bytes=MEBIBYTE)
    assert told == {"code": OK, "same": True}, told


@row
def server_streaming(world: World) -> None:
    """a server streams 1,000 messages, in order"""
    told = world.play("list", request={"count": 1000, "bytes": 100})
    assert (told["code"], told["count"], told["in_order"]) == (OK, 1000, True), told


@row
def client_streaming(world: World) -> None:
    """a client streams 1,000 messages, and all arrive"""
    told = world.play("collect", count=1000, bytes=1000)
    assert told["code"] == OK, told
    assert (told["answer"]["count"], told["answer"]["bytes"]) == (1000, 1_000_000), told


@row
def ping_pong(world: World) -> None:
    """each of 200 messages is answered before the next is sent"""
    told = world.play("talk", count=200)
    assert (told["code"], told["count"], told["in_order"]) == (OK, 200, True), told


@row
def error(world: World) -> None:
    """an error of the app passes with its message and its binary details"""
    told = world.call("Fail")
    assert told["code"] == NOT_FOUND, told
    assert told["details"] == "no such thing: 100 % ünïcode\n", told
    assert bytes.fromhex(told["binary"]) == bytes(range(256)) and told["word"] == "why", told


@row
def deadline(world: World) -> None:
    """a client's deadline reaches the server and ends the call there and here"""
    told = world.call("Wait", deadline_ms=800)
    assert told["code"] == DEADLINE_EXCEEDED and 700 < told["ms"] < 2000, told
    server = world.apps["api2"]
    left = world.seen(world.api2, "call", "Wait")[-1]["deadline_ms"]
    assert left is not None and 100 < left <= 800, left
    server.wait_for(lambda: world.seen(world.api2, "cancelled", "Wait"), "its end")


@row
def longer_deadline(world: World) -> None:
    """a client's deadline counts instead of `timeouts.request`, which ends a call without one"""
    told = world.call("Wait", deadline_ms=8000, pause_ms=int(REQUEST_TIMEOUT * 1250))
    assert told["code"] == OK, told
    told = world.call("Wait")
    assert told["code"] == DEADLINE_EXCEEDED and told["ms"] > REQUEST_TIMEOUT * 900, told
    assert "`timeouts.request`" in told["details"], told


@row
def cancellation(world: World) -> None:
    """the server sees that a client has cancelled, before an answer and in a stream"""
    before = len(world.seen(world.api2, "cancelled", "Wait"))
    told = world.call("Wait", cancel_after=200)
    assert told["code"] == CANCELLED, told
    told = world.play("list", request={"count": 1000, "pause_ms": 20}, cancel_at=5)
    assert told["code"] == CANCELLED and told["count"] < 100, told
    world.apps["api2"].wait_for(
        lambda: len(world.seen(world.api2, "cancelled", "Wait")) > before
        and world.seen(world.api2, "cancelled", "List"),
        "both cancellations",
    )


@row
def death(world: World) -> None:
    """a server that dies is UNAVAILABLE at once, in the middle of a stream and before an answer"""
    streaming = world.begin("list", request={"count": 1000, "pause_ms": 50})
    waiting = world.begin("call", method="Wait", request={}, deadline_ms=20_000)
    before = len(world.seen(world.api2, "call", "Wait"))
    streaming.wait_for_line('{"got":3}', PATIENCE)
    world.apps["api2"].wait_for(
        lambda: len(world.seen(world.api2, "call", "Wait")) > before, "the call", PATIENCE
    )
    world.kill_app(world.api2)
    began = time.monotonic()
    try:
        told = [world.result(streaming), world.result(waiting)]
        seconds = time.monotonic() - began
    finally:
        world.start_app(world.api2)
    assert [one["code"] for one in told] == [UNAVAILABLE] * 2, told
    assert 3 <= told[0]["count"] < 1000 and seconds < 5.0, (told, seconds)
    told = world.call("Unary")
    assert told["code"] == OK, f"after its restart: {told}"


@row
def refusals(world: World) -> None:
    """what a sidecar refuses is a gRPC status: a rule by path 7, no endpoint 14"""
    told = world.call("Secret")
    assert told["code"] == PERMISSION_DENIED and "epaulet explain" in told["details"], told
    assert not world.seen(world.api2, "call", "Secret"), "it reached the app"
    assert world.api2.wait_logged(outcome="forbidden")["rule"]["name"] == "nobody"
    told = world.call("Gone")
    assert told["code"] == UNAVAILABLE and "epaulet explain" in told["details"], told


@row
def breaker(world: World) -> None:
    """calls that end with a listed status open a breaker, which refuses with 14 and closes again"""
    assert [world.call("Fail", GUARDED)["code"] for _ in range(3)] == [NOT_FOUND] * 3
    before = len(world.seen(world.api2, "call"))
    told = world.call("Unary", GUARDED)
    assert told["code"] == UNAVAILABLE and "the breaker is open" in told["details"], told
    assert len(world.seen(world.api2, "call")) == before, "it reached the app"
    assert world.call("Unary")["code"] == OK, "another backend's calls"
    time.sleep(2.1)
    assert world.call("Unary", GUARDED)["code"] == OK, "a probe"
    told = [world.call("Fail", GUARDED)["code"] for _ in range(2)]
    assert told == [NOT_FOUND] * 2 and world.call("Unary", GUARDED)["code"] == OK, told


@row
def told_apart(world: World) -> None:
    """both sidecars count calls by their gRPC status: in a head, in trailers, of our own making"""

    def counts() -> list[list[float]]:
        return [
            [one.counter("epaulet_requests_total", grpc_status=str(code)) for code in codes]
            for one in (world.api, world.api2)
        ]

    codes = (OK, NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE)
    before = counts()
    for method in ("Unary", "Fail", "Secret", "Gone"):
        world.call(method)
    world.play("list", request={"count": 3})
    gained = [[now - was for now, was in zip(*pair)] for pair in zip(counts(), before)]
    assert gained == [[2, 1, 1, 1], [2, 1, 1, 0]], gained
    for one, code in ((world.api, UNAVAILABLE), (world.api2, PERMISSION_DENIED)):
        assert one.logged(kind="exchange", grpc_status=code), f"{code} is not in the log"


@row
def balancing(world: World) -> None:
    """calls of one channel go to both servers, half each, over one connection of the client"""
    before = world.api.counter("epaulet_connections_total", direction="outbound")
    told = world.play("spread", TWO, count=200)
    assert sum(told.values()) == 200 and 90 <= told.get("api2", 0) <= 110, told
    assert 90 <= told.get("api3", 0) <= 110, told
    accepted = world.api.counter("epaulet_connections_total", direction="outbound") - before
    assert accepted == 1, f"{accepted} connections of the client"


@row
def long_streams(world: World) -> None:
    """streams of each kind outlive `timeouts.request`, silent ones too"""
    seconds = REQUEST_TIMEOUT * 1.7
    pings = {"grpc.keepalive_time_ms": 700, "grpc.keepalive_permit_without_calls": 1}
    clients = {
        "list": world.begin("list", request={"count": 15, "pause_ms": 250}, channel=pings),
        "silent": world.begin("list", request={"count": 2, "pause_ms": int(seconds * 1000)}),
        "talk": world.begin("talk", count=15, pause_ms=250),
        "collect": world.begin("collect", count=15, pause_ms=250, bytes=10),
    }
    told = {name: world.result(client) for name, client in clients.items()}
    assert {name: one["code"] for name, one in told.items()} == dict.fromkeys(told, OK), told
    assert all(one["ms"] > seconds * 950 for one in told.values()), told
    assert [told[name]["count"] for name in ("list", "silent", "talk")] == [15, 2, 15], told
    assert told["collect"]["answer"]["count"] == 15, told


@row
def crowd(world: World) -> None:
    """200 calls at once on one channel are all answered"""
    told = world.play("crowd", count=200, pause_ms=400)
    assert told["codes"] == {"0": 200}, told
    peak = world.seen(world.api2, "peak")[-1]["peak"]
    assert peak >= 100, f"only {peak} at once"


@row
def flow_control(world: World) -> None:
    """8 streams that nobody reads cost little memory and hold up no other call; all of them arrives"""
    sidecars = (world.api, world.api2)
    before = [resident_bytes(one) for one in sidecars]
    client = world.begin("deaf", streams=8, request={"count": 160, "bytes": 100_000})  # 128 MB
    client.wait_for_line("unary_failed", PATIENCE)
    # How much of it the client itself reads ahead is its own matter: on a quick machine, all.
    growth = [resident_bytes(one) - was for one, was in zip(sidecars, before)]
    client.signal(signal.SIGUSR2)
    told = world.result(client)
    assert told["failed"] == 0 and told["slowest"] < 1000, told
    assert len(world.seen(world.api2, "listed", 160)) == 8
    assert told["counts"] == [{"code": OK, "count": 160}] * 8, told
    # For each stream and each of its two ends in a sidecar: a window of 64 KiB, and what is lent.
    assert max(growth) < 4 * MEBIBYTE, f"the sidecars grew by {growth} bytes"
