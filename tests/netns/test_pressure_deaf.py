"""Under pressure: peers that never read."""

import contextlib
import re
import time
from pathlib import Path

from bystander import Bystander
from crowd import crowd
from lab import wait_until
from mesh import CALLER, Broken, Mesh, Wire, dial, field

HTTP_PORT, TCP_PORT, UPLOAD_PORT = 8081, 8082, 8083
IDLE_SECONDS = 1.0
DEAF = """
workers: 1
workload:
  service: api2.default
  ports:
    8080: { tls: strict }
    8081: { tls: permissive }
    8082: { tls: permissive, protocol: tcp }
    8083: { tls: permissive }
identity: { dir: /var/run/epaulet/identity }
access: [ { name: all, allow: [anyone] } ]
timeouts: { request: 0, idle: 1s }
"""
BODY_BYTES = 64 << 20
GET = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
CALLERS = 30  # that read nothing, and as many whose app reads nothing
BYTES_FOR_EACH = 96 << 10  # of the sidecar's own memory: its blocks, what is kept for a retry
FEW = 8  # where p99 is measured: each fills megabytes of the kernel's buffers, again and again


def fill(wire: Wire) -> int:
    """Writes until the peer takes no more for a while; how many bytes it took."""
    sent, data = 0, b"x" * (1 << 16)
    wire.socket.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while sent < BODY_BYTES:
            sent += wire.socket.send(data)
    wire.socket.settimeout(8.0)
    return sent


def drain(wire: Wire, count: int) -> None:
    while count:
        got = len(wire.socket.recv(1 << 20))
        assert got, f"ended {count} bytes too early"
        count -= got


def resident_bytes(member) -> int:
    status = Path(f"/proc/{member.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def test_a_peer_that_never_reads_is_let_go(lab, binaries):
    mesh = Mesh(lab, binaries)
    api2 = mesh.member("api2", DEAF)
    outside = lab.pod("outside")
    app, raw = api2.app(HTTP_PORT), api2.app(TCP_PORT)

    # A caller that does not read its answer: cut, since half of it went out.
    with Wire(dial(outside, api2.pod.ipv4, HTTP_PORT)) as caller:
        caller.send(GET)
        wire, head = app.take_head()
        begin = time.monotonic()
        wire.send(f"HTTP/1.1 200 OK\r\nContent-Length: {BODY_BYTES}\r\n\r\n")
        assert fill(wire) < BODY_BYTES
        record = api2.wait_logged(outcome="idle_timeout")
        assert time.monotonic() - begin >= IDLE_SECONDS
        assert record["status"] == 200 and record["id"] == field(head, "x-request-id"), record
        assert "`timeouts.idle`" in api2.sidecar.explain(record["id"])[0]["summary"]
        with contextlib.suppress(ConnectionResetError):
            drain(caller, BODY_BYTES)
            raise Broken("half an answer must not look whole")
        with contextlib.suppress(ConnectionError):
            fill(wire)
            raise Broken("the app goes on for nobody")

    # An app that does not read an upload: the caller is told.
    with Wire(dial(outside, api2.pod.ipv4, HTTP_PORT)) as caller:
        caller.send(POST)
        wire, _ = app.take_head()
        assert fill(caller) < BODY_BYTES
        status, head, _ = caller.response()
        assert status == 504, head
        record = api2.wait_logged(id=field(head, "x-request-id"))
        assert record["outcome"] == "idle_timeout", record
    assert api2.counter("epaulet_requests_total", outcome="idle_timeout") == 2

    # A tunnel has no such timer: who reads at last gets everything, in either direction.
    with Wire(dial(outside, api2.pod.ipv4, TCP_PORT)) as caller:
        caller.send("hello")
        wire = raw.take()
        assert wire.take(5) == b"hello"
        down, up = fill(wire), fill(caller)
        time.sleep(1.5 * IDLE_SECONDS)
        drain(caller, down)
        drain(wire, up)
        caller.fin()
        assert wire.ends() == "fin"
        wire.close()
        assert caller.ends() == "fin"
    assert api2.wait_logged(kind="connection", outcome="ok")["bytes_sent"] == down


def test_many_that_never_read_hold_a_few_blocks_each(lab, binaries):
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair("workers: 1\n" + CALLER, DEAF)
    outside, bare = lab.pod("outside"), lab.pod("bare")

    @contextlib.contextmanager
    def deaf(address: str, count: int):
        with (
            crowd(outside, "deaf", address, HTTP_PORT, count=count, text=GET),
            crowd(outside, "deaf", address, UPLOAD_PORT, count=count, text=POST, upload=True),
        ):
            yield

    with contextlib.ExitStack() as stack:
        others = stack.enter_context(Bystander(api, api2))
        for pod, life in ((api2.pod, 1e9), (bare, 1.1 * IDLE_SECONDS)):
            stack.enter_context(crowd(pod, "bare", port=HTTP_PORT, body=BODY_BYTES, life=life))
            stack.enter_context(crowd(pod, "bare", port=UPLOAD_PORT, hears=0, life=life))
        before = resident_bytes(api2)
        with deaf(api2.pod.ipv4, CALLERS):
            wait_until(
                lambda: api2.counter("epaulet_requests_active") >= 2 * CALLERS, "all at once", 5
            )
            most = 0
            for _ in range(15):
                most = max(most, resident_bytes(api2) - before)
                time.sleep(0.1)
            each = most / 2 / CALLERS
            print(f"# {each / 1024:.0f} KiB for each that does not read")
            assert each <= BYTES_FOR_EACH
            wait_until(
                lambda: api2.counter("epaulet_requests_total", outcome="idle_timeout")
                >= 2 * CALLERS,
                "nobody to stay for longer than the idle timeout",
                5,
            )
        wait_until(lambda: api2.counter("epaulet_requests_active") <= 1, "them to have gone", 3)
        others.assert_unharmed(
            lambda: deaf(api2.pod.ipv4, FEW), lambda: deaf(bare.ipv4, FEW)
        )
