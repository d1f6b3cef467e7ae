"""Rows with Python's grpcio, whose HTTP/2 is its own (C-core): as client, as server, as both."""

import signal
from collections.abc import Callable

from lab import wait_until
from rows import (
    CANCELLED,
    DEADLINE_EXCEEDED,
    MEBIBYTE,
    NOT_FOUND,
    OK,
    PERMISSION_DENIED,
    UNAVAILABLE,
)
from world import AGAIN, CHECKED, MIXED, ONE, PYTHON, PYTHON_AUTO, RETRIES, World

CLIENT = {"script": "client.py"}
# Client and target: Python calls both servers, and node calls Python's.
PAIRS = ((CLIENT, PYTHON), (CLIENT, ONE), ({}, PYTHON))
ROWS: list[Callable[[World], None]] = []


def row(claim: Callable[[World], None]) -> Callable[[World], None]:
    ROWS.append(claim)
    return claim


def call(world: World, client: dict, target: str, method: str, request=None, **more) -> dict:
    return world.play("call", target, **client, method=method, request=request or {}, **more)


@row
def python_unary(world: World) -> None:
    """unary calls between grpcio and grpc-js, and between grpcio alone, on a port that looks too"""
    for client, target in (*PAIRS, (CLIENT, PYTHON_AUTO)):
        told = call(world, client, target, "Unary", {"number": 42})
        assert told["code"] == OK and told["answer"]["number"] == 42, (client, target, told)
        assert told["answer"]["by"] == ("api2" if target == ONE else "api4"), told
    peer = world.seen(world.api4, "call", "Unary")[-1]["peer"]
    assert peer == "spiffe://cluster.local/ns/default/sa/api", peer


@row
def python_metadata(world: World) -> None:
    """metadata passes both ways between them, binary too, in head and trailers"""
    for client, target in PAIRS:
        told = world.play("metadata", target, **client)
        assert told == {"code": OK, "number": 7, "head": True, "trailers": True}, (target, told)


@row
def python_large(world: World) -> None:
    """20 MiB in a message pass both ways between grpcio and grpcio unchanged; 3 MiB with grpc-js"""
    for (client, target), size in zip(PAIRS, (20 * MEBIBYTE, 3 * MEBIBYTE, 3 * MEBIBYTE)):
        told = world.play("large", target, **client, bytes=size)
        assert told == {"code": OK, "same": True}, (client, target, told)


@row
def python_streaming(world: World) -> None:
    """each kind of stream carries 1,000 messages or 200 questions between them"""
    for client, target in PAIRS:
        told = world.play("list", target, **client, request={"count": 1000, "bytes": 100})
        assert (told["code"], told["count"], told["in_order"]) == (OK, 1000, True), told
        told = world.play("collect", target, **client, count=1000, bytes=1000)
        assert told["code"] == OK, told
        assert (told["answer"]["count"], told["answer"]["bytes"]) == (1000, 1_000_000), told
        told = world.play("talk", target, **client, count=200)
        assert (told["code"], told["count"], told["in_order"]) == (OK, 200, True), told


@row
def python_error(world: World) -> None:
    """an error passes between them with its message and binary details; a refusal of ours, too"""
    for client, target in PAIRS:
        told = call(world, client, target, "Fail")
        assert told["code"] == NOT_FOUND, told
        assert told["details"] == "no such thing: 100 % ünïcode\n", told
        assert bytes.fromhex(told["binary"]) == bytes(range(256)) and told["word"] == "why", told
    told = call(world, CLIENT, PYTHON, "Secret")
    assert told["code"] == PERMISSION_DENIED and "epaulet explain" in told["details"], told
    assert not world.seen(world.api4, "call", "Secret"), "it reached the app"


@row
def python_deadline(world: World) -> None:
    """a deadline reaches the other side and ends the call at both"""
    for client, target in PAIRS:
        server = world.api2 if target == ONE else world.api4
        before = len(world.seen(server, "cancelled", "Wait"))
        told = call(world, client, target, "Wait", deadline_ms=800)
        assert told["code"] == DEADLINE_EXCEEDED and 700 < told["ms"] < 2000, told
        left = world.seen(server, "call", "Wait")[-1]["deadline_ms"]
        assert left is not None and 100 < left <= 800, left
        world.apps[server.pod.name].wait_for(
            lambda: len(world.seen(server, "cancelled", "Wait")) > before, "its end"
        )


@row
def python_cancellation(world: World) -> None:
    """the server sees that a client has cancelled, before an answer and in a stream"""
    for client, target in PAIRS:
        server = world.api2 if target == ONE else world.api4
        kinds = ("Wait", "List")
        before = [len(world.seen(server, "cancelled", kind)) for kind in kinds]
        told = call(world, client, target, "Wait", cancel_after=200)
        assert told["code"] == CANCELLED, told
        request = {"count": 1000, "pause_ms": 20}
        told = world.play("list", target, **client, request=request, cancel_at=5)
        assert told["code"] == CANCELLED and told["count"] < 100, told
        world.apps[server.pod.name].wait_for(
            lambda: all(
                len(world.seen(server, "cancelled", kind)) > was
                for kind, was in zip(kinds, before)
            ),
            "both cancellations",
        )


@row
def retries(world: World) -> None:
    """a listed status is tried again at the other server; where none is listed it is delivered"""

    def flaky(target: str, **request) -> tuple[dict, list[int]]:
        servers = (world.api3, world.api4)
        before = [len(world.seen(one, "call", "Flaky")) for one in servers]
        told = call(world, CLIENT, target, "Flaky", request)
        return told, [
            len(world.seen(one, "call", "Flaky")) - was for one, was in zip(servers, before)
        ]

    told, calls = flaky(MIXED, number=1, count=1)
    assert (told["code"], told["details"], sum(calls)) == (UNAVAILABLE, "not yet", 1), (told, calls)
    told, calls = flaky(AGAIN, number=2, count=1)
    assert told["code"] == OK and sorted(calls) == [1, 2], (told, calls)
    told, calls = flaky(AGAIN, number=3, count=1000)
    assert (told["code"], told["details"]) == (UNAVAILABLE, "not yet"), told
    assert sum(calls) == 1 + RETRIES, calls
    before = sum(len(world.seen(one, "call", "Fail")) for one in (world.api3, world.api4))
    assert call(world, CLIENT, AGAIN, "Fail")["code"] == NOT_FOUND
    after = sum(len(world.seen(one, "call", "Fail")) for one in (world.api3, world.api4))
    assert after == before + 1, "a status that is not listed was tried again"


@row
def health(world: World) -> None:
    """endpoints that grpcio's health service says do not serve, or that have none, get no calls"""

    def found(endpoint: int) -> dict:
        backends = world.api.sidecar.admin("/endpoints")["backends"]
        (checked,) = [one for one in backends if one["backend"] == "checked.default"]
        return checked["health_checks"]["endpoints"][endpoint]

    def says(endpoint: int, words: str) -> None:
        wait_until(lambda: words in found(endpoint).get("last", {}).get("what", ""), words, 10.0)

    def servers() -> set[str]:
        return {
            call(world, CLIENT, CHECKED, "Unary", {"number": 1})["answer"]["by"] for _ in range(4)
        }

    says(0, "has no grpc.health.v1.Health (UNIMPLEMENTED)")
    says(1, "says SERVING")
    wait_until(lambda: found(0)["left_out"], "api2 left out", 10.0)
    assert servers() == {"api4"}
    world.apps["api4"].signal(signal.SIGUSR1)
    says(1, "says NOT_SERVING")
    wait_until(lambda: found(1)["state"] == "unhealthy", "api4 unhealthy", 10.0)
    assert servers() == {"api2", "api4"}, "nobody is well: all are asked"
    world.apps["api4"].signal(signal.SIGUSR2)
    wait_until(lambda: found(1)["state"] == "healthy", "api4 healthy", 10.0)
    assert servers() == {"api4"}


@row
def python_crowd(world: World) -> None:
    """400 calls at once over one connection are shared evenly by a grpc-js and a grpcio server"""
    before = world.api.counter("epaulet_connections_total", direction="outbound")
    told = world.play("crowd", MIXED, **CLIENT, count=400, pause_ms=300)
    assert told["codes"] == {str(OK): 400}, told
    assert 180 <= told["by"]["api3"] <= 220 and 180 <= told["by"]["api4"] <= 220, told
    accepted = world.api.counter("epaulet_connections_total", direction="outbound") - before
    assert accepted == 1, f"{accepted} connections of the client"
    peak = world.seen(world.api4, "peak")[-1]["peak"]
    assert peak >= 50, f"only {peak} at once"
