"""An app that stands still (SIGSTOP), and callers who lose patience before the mesh does."""

import contextlib
import signal
import socket
import struct
import threading
import time

from mesh import CALLEE, Broken, Member, Mesh, Wire

APP = """
require('http').createServer((request, response) => response.end('here'))
  .listen(8080, '::', () => console.log('listening'));
"""
CALLER = """
workers: 2
identity: {{ dir: /var/run/epaulet/identity }}
services:
  shop.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: [{endpoints}] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
{keys}
"""
PATIENCE = 0.4  # seconds, of timeouts.request's 15
CALLERS = 8
APART = 0.1  # seconds, of one caller's requests


def world(lab, binaries, keys: str, count: int):
    """`api`, which calls, and so many apps behind sidecars of their own."""
    mesh = Mesh(lab, binaries)
    addresses = ", ".join(f'"10.88.0.{12 + i}:8080"' for i in range(count))
    api = mesh.member("api", CALLER.format(endpoints=addresses, keys=keys))
    apps = []
    for i in range(count):
        member = mesh.member(f"api{2 + i}", CALLEE, identity=mesh.issue("api2"))
        apps.append(member.pod.start(["node", "-e", APP], uid=1000, name="app"))
        apps[-1].wait_for_line("listening")
    return api, apps


def leave(wire: Wire) -> None:
    """By a reset, since a mere FIN says that the caller still reads."""
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.socket.close()


class Impatient:
    """Callers that ask ten times a second each and leave when an answer takes too long."""

    def __init__(self, api: Member):
        self.address = api.address_of("shop.default")
        self.api = api
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.asked: list[tuple[float, bool]] = []  # when, and whether it was answered in time
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(CALLERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def run(self, number: int) -> None:
        time.sleep(number * APART / CALLERS)
        wire: Wire | None = None
        while not self.ended.is_set():
            begin = time.monotonic()
            try:
                wire = wire or self.api.dial(self.address, 80)
                wire.socket.settimeout(PATIENCE)
                good = wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").response()[0] == 200
            except (OSError, Broken):
                good = False
            if not good and wire is not None:
                leave(wire)
                wire = None
            with self.lock:
                self.asked.append((begin, good))
            self.ended.wait(max(0.0, begin + APART - time.monotonic()))
        if wire is not None:
            wire.socket.close()

    def failed_since(self, begin: float) -> tuple[int, int]:
        """Of all since then."""
        with self.lock:
            since = [good for when, good in self.asked if when >= begin]
        return since.count(False), len(since)


@contextlib.contextmanager
def stopped(process):
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)


def failures(lab, binaries, keys: str, count: int, settles: float) -> tuple[Member, int, int]:
    """Of what is asked for in the 8 s after those in which everybody finds out."""
    api, apps = world(lab, binaries, keys, count)
    with Impatient(api) as callers:
        time.sleep(3)
        assert callers.failed_since(0)[0] == 0, callers.asked
        with stopped(apps[0]):
            time.sleep(settles)
            begin = time.monotonic()
            time.sleep(8)
            failed, asked = callers.failed_since(begin)
        time.sleep(PATIENCE)
    return api, failed, asked


def test_an_app_that_stands_still_draws_nobody_by_its_silence(lab, binaries):
    keys = "    outliers: { enabled: false }"
    _, failed, asked = failures(lab, binaries, keys, count=2, settles=3)
    assert asked > 200 and failed <= asked * 0.05, (failed, asked)


def test_who_lets_a_row_of_callers_wait_in_vain_is_left_out(lab, binaries):
    keys = "    balance: { policy: round_robin }"
    api, failed, asked = failures(lab, binaries, keys, count=3, settles=5)
    assert asked > 200 and failed <= asked * 0.05, (failed, asked)
    api.wait_logged(event="endpoint_ejected")
    ejected = api.logged(event="endpoint_ejected")  # once, and again by each try that is in vain
    reasons = [record["reason"] for record in ejected]
    assert reasons == ["unanswered"] + ["try_failed"] * (len(reasons) - 1), ejected
    assert {record["endpoint"] for record in ejected} == {"10.88.0.12:8080"}, ejected
    ejections = {"backend": "shop.default", "reason": "unanswered"}
    assert api.counter("epaulet_backend_ejections_total", **ejections) == 1
