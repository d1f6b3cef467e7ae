"""Peers that begin a handshake of mesh TLS and do not go on, or only a byte at a time."""

import contextlib
import ssl
import threading
import time

from bystander import Bystander
from crowd import crowd
from lab import wait_until
from mesh import APP_PORT, CALLEE, CALLER, App, Mesh, Wire, dial, field

DETECT_SECONDS, CONNECT_SECONDS = 0.5, 1.0
TIMEOUTS = "timeouts: { detect: 500ms, connect: 1s, request: 20s }\n"
LATE = 1.5  # how much later than its time-out something may be on a busy machine
RECORD = b"\x17\x03\x03\x10\x00"  # the head of an encrypted record of 4 KiB that never becomes whole
FAILED = "epaulet_tls_handshakes_failed_total"


def client_hello() -> bytes:
    """As a sidecar's, whole."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["epaulet/1-h1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="api2.default").do_handshake()
    return outgoing.read()


class Trickle:
    """Sends the bytes one by one until the other end has enough of it."""

    def __init__(self, wire: Wire, data: bytes, pause: float = 0.03):
        self._wire, self._data, self._pause = wire, data, pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self.sent = 0

    def _send(self) -> None:
        with contextlib.suppress(OSError):
            while self.sent < len(self._data) and not self._over.wait(self._pause):
                self._wire.send(self._data[self.sent : self.sent + 1])
                self.sent += 1

    def __enter__(self) -> "Trickle":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()


def end_of(wire: Wire) -> float:
    """How long until it ends, whatever is said before."""
    begin = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        wire.rest()
    return time.monotonic() - begin


def assert_told(member, code: str, remedy: str) -> dict:
    """By one line of the log and its explain record."""
    record = member.wait_logged(kind="handshake", outcome=code)
    (explained,) = member.sidecar.explain(record["id"])
    assert explained["outcome"] == code, explained
    assert remedy in explained["remedy"] + explained["summary"], explained
    return record


def test_a_caller_that_is_silent_after_its_hello_ends_by_the_connect_timeout(lab, binaries):
    api2 = Mesh(lab, binaries).member("api2", CALLEE + TIMEOUTS)
    app, outside = api2.app(), lab.pod("outside")
    with Wire(dial(outside, api2.pod.ipv4, APP_PORT)) as wire:
        wire.send(client_hello())
        took = end_of(wire)
    assert CONNECT_SECONDS - 0.2 < took < CONNECT_SECONDS + LATE, took
    assert_told(api2, "tls_timeout", "`timeouts.connect`")
    assert api2.counter(FAILED, reason="timeout") == api2.counter(FAILED) == 1
    app.nobody()


def test_a_caller_that_trickles_its_part_of_a_handshake_ends_by_the_connect_timeout(lab, binaries):
    api2 = Mesh(lab, binaries).member("api2", CALLEE + TIMEOUTS)
    app, outside = api2.app(), lab.pod("outside")
    with Wire(dial(outside, api2.pod.ipv6, APP_PORT)) as wire:
        wire.send(client_hello() + RECORD)
        with Trickle(wire, b"x" * 4096) as trickle:
            took = end_of(wire)
    assert trickle.sent > 5, "every byte came in time"
    assert CONNECT_SECONDS - 0.2 < took < CONNECT_SECONDS + LATE, took
    assert_told(api2, "tls_timeout", "`timeouts.connect`")
    assert api2.counter(FAILED, reason="timeout") == api2.counter(FAILED) == 1
    app.nobody()


def test_a_caller_that_trickles_its_hello_ends_by_the_detect_timeout(lab, binaries):
    api2 = Mesh(lab, binaries).member("api2", CALLEE + TIMEOUTS)
    app, outside = api2.app(), lab.pod("outside")
    with Wire(dial(outside, api2.pod.ipv4, APP_PORT)) as wire:
        with Trickle(wire, client_hello(), pause=0.05) as trickle:
            took = end_of(wire)
    assert trickle.sent > 5
    # One such time for the first bytes, one for the hello.
    assert took < 2 * DETECT_SECONDS + LATE, took
    record = api2.wait_logged(outcome="detect_timeout")
    (explained,) = api2.sidecar.explain(record["id"])
    assert "`timeouts.detect`" in explained["summary"] + explained["remedy"], explained
    app.nobody()


def test_many_that_are_silent_hold_nobody_up_and_are_all_given_back(lab, binaries):
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair(CALLER, CALLEE + TIMEOUTS)
    app, outside = api2.app(), lab.pod("outside")
    app.serve(lambda wire: (wire.head(), wire.send("HTTP/1.1 204 No Content\r\n\r\n")))
    hello, count = client_hello(), 50
    silent = [Wire(dial(outside, api2.pod.ipv4, APP_PORT)).send(hello) for _ in range(count)]
    with api.call("api2.default") as client:
        assert client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").response()[0] == 204
    wait_until(lambda: api2.counter(FAILED, reason="timeout") == count, "all to end", 5)
    for wire in silent:
        wire.close()

    def served() -> float:
        return api2.counter("epaulet_connections_active", direction="inbound")

    wait_until(lambda: served() <= 1, "all to be given back", 5)
    app.close()

    @contextlib.contextmanager
    def silence(pod):
        """From the callee's flight on: to sign it costs what a handshake costs."""
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(Wire(dial(outside, pod.ipv4, APP_PORT))) for _ in range(count)]
            for wire in wires:
                wire.send(hello)
                if pod is api2.pod:
                    assert wire.socket.recv(1) == b"\x16", "a record of a handshake"
            yield

    bare = lab.pod("bare")
    with Bystander(api, api2) as others, crowd(bare, "bare", port=APP_PORT, life=CONNECT_SECONDS):
        others.assert_unharmed(lambda: silence(api2.pod), lambda: silence(bare))


def assert_call_ends(api, code: str) -> None:
    """A call of the app gets 504 by then, and the log and explain say why."""
    begin = time.monotonic()
    with api.call("api2.default") as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        status, head, _ = client.response()
    took = time.monotonic() - begin
    assert status == 504, head
    assert CONNECT_SECONDS - 0.2 < took < CONNECT_SECONDS + LATE, took
    record = api.wait_logged(kind="exchange", id=field(head, "x-request-id"))
    assert record["outcome"] == code, record
    (explained,) = api.sidecar.explain(record["id"])
    assert "`timeouts.connect`" in explained["summary"] + explained["remedy"], explained
    assert "the TLS handshake did not come to its end" in explained["summary"], explained


def test_a_callee_that_is_silent_or_trickles_ends_the_call_by_the_connect_timeout(lab, binaries):
    retries = "    retries: { max: 0 }\n    tls: { mode: mesh"
    api = Mesh(lab, binaries).member("api", CALLER.replace("    tls: { mode: mesh", retries) + TIMEOUTS)
    peer = App(lab.pod("evil", 12))
    trickles = threading.Event()

    def answer(wire: Wire) -> None:
        wire.take(100)  # a part of the hello
        if trickles.is_set():
            server_hello = b"\x16\x03\x03\x01\x00\x02\x00\x00\xfc\x03\x03"
            with Trickle(wire, server_hello + b"x" * 200):
                wire.rest()
        wire.rest()

    peer.serve(answer)
    assert_call_ends(api, "connect_timeout")
    trickles.set()
    assert_call_ends(api, "connect_timeout")
    assert api.counter(FAILED, reason="timeout") == api.counter(FAILED) == 2
