"""Under pressure: a peer that is stopped (SIGSTOP). Its kernel still accepts; nobody answers."""

import contextlib
import signal
import time

from bystander import Bystander
from lab import wait_until
from mesh import CALLEE, Mesh, field

CALLS = """
workers: 1
identity: { dir: /var/run/epaulet/identity }
retries: { max: 1, backoff: { initial: 5ms } }
timeouts: { connect: 400ms, attempt: 700ms, request: 2s }
services:
  api2.default:
    ports: { 80: http, 82: tcp }
    endpoints: { addresses: ["10.88.0.12:8080"] }
    tls: { identities: [spiffe://cluster.local/ns/default/sa/api2] }
  api3.default:
    ports: { 80: http }
    endpoints: { addresses: ["10.88.0.13:8080"] }
    tls: { identities: [spiffe://cluster.local/ns/default/sa/api3] }
"""
SERVES = CALLEE + "timeouts: { request: 1s }\n"
GET = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
WAITING = 100


@contextlib.contextmanager
def stopped(process):
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)


def test_a_stopped_peer_costs_its_callers_a_timeout_and_nobody_else_anything(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", CALLS)
    api2, api3 = mesh.member("api2", SERVES), mesh.member("api3", CALLEE.replace("api2", "api3"))

    def ask(request: str = GET) -> tuple[int, dict, float]:
        """Status, the caller's sidecar's record, and seconds."""
        with api.call("api2.default") as caller:
            begin = time.monotonic()
            status, head, _ = caller.send(request).response()
            seconds = time.monotonic() - begin
            identifier = field(head, "x-request-id")
            return status, api.wait_logged(id=identifier) if identifier else {}, seconds

    def assert_told(record: dict) -> None:
        """Of the last two asks, and with a remedy."""
        assert api.counter("epaulet_requests_total", outcome="attempt_timeout", status="5xx") == 2
        assert api.sidecar.explain(record["id"])[0]["remedy"]

    with contextlib.ExitStack() as stack:
        others = stack.enter_context(Bystander(api, api3, "api3.default"))
        app = stack.enter_context(Bystander(api, api2))  # for its app: asked for by `ask` too
        app._caller.stop()
        assert ask()[0] == 200

        with stopped(app._app):
            # GET is tried twice; each attempt has its time.
            status, record, seconds = ask()
            assert (status, record["outcome"]) == (504, "attempt_timeout"), record
            assert record["attempts"] == 2 and 1.4 <= seconds < 2.0, (record, seconds)
            # POST is not: it may have been received.
            status, record, seconds = ask(POST)
            assert (status, record["outcome"]) == (504, "attempt_timeout"), record
            assert record["attempts"] == 1 and 0.7 <= seconds < 1.3, (record, seconds)
            assert_told(record)
            # The other side knows who gave up.
            api2.wait_logged(kind="exchange", outcome="downstream_reset", id=record["id"])
        wait_until(lambda: ask()[0] == 200, "the app to answer again", 5)

        with stopped(api2.process):
            # On a connection that is there already nobody answers; a new one is not made.
            status, record, seconds = ask(POST)
            assert status == 504, record
            assert record["outcome"] in ("attempt_timeout", "connect_timeout"), record
            wait_until(
                lambda: ask(POST)[1]["outcome"] == "connect_timeout", "the pool to be empty", 5
            )
            status, record, seconds = ask()
            assert (status, record["outcome"]) == (504, "connect_timeout"), record
            assert record["attempts"] == 2 and 0.8 <= seconds < 1.4, (record, seconds)
            explained = api.sidecar.explain(record["id"])[0]
            assert "`timeouts.connect`" in explained["summary"], explained
            with api.call("api2.default", 82) as tunnel:
                assert tunnel.send("hello").ends() == "reset"
            assert api.wait_logged(kind="handshake", outcome="connect_timeout")
            assert api.counter("epaulet_connections_failed_total", outcome="connect_timeout") == 1
        counted = api.counter("epaulet_requests_total", outcome="connect_timeout", status="5xx")
        assert counted >= 2
        wait_until(lambda: ask()[0] == 200, "the sidecar to answer again", 5)

        @contextlib.contextmanager
        def nobody_answers(process):
            with contextlib.ExitStack() as waiting, stopped(process):
                for _ in range(WAITING):
                    waiting.enter_context(api.call("api2.default")).send(GET)
                yield

        for process in (app._app, api2.process):
            others.assert_unharmed(lambda: nobody_answers(process))
            wait_until(lambda: ask()[0] == 200, "everything to be as before", 5)
        assert api.counter("epaulet_requests_active") <= 1
