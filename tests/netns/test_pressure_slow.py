"""Under pressure: callers that take their time with a request."""

import contextlib
import time

from bystander import Bystander
from crowd import crowd
from lab import wait_until
from mesh import APP_PORT, CALLER, Mesh, Wire, dial, field

OTHER_PORT = APP_PORT + 1  # of the app that slow callers ask
SLOW = """
workers: 1
workload:
  service: api2.default
  ports: { 8080: { tls: permissive }, 8081: { tls: permissive, protocol: http } }
identity: { dir: /var/run/epaulet/identity }
access: [ { name: all, allow: [anyone] } ]
timeouts: { head: 1s, request: 2s, idle: 1s }
"""
CALLS = f"""
workers: 1
{CALLER}
  slow.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8081"] }}
    tls: {{ identities: [spiffe://cluster.local/ns/default/sa/api2] }}
"""
CALLERS = 120
HEAD = "GET / HTTP/1.1\r\nX: " + "a" * 1000
BODY = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"


@contextlib.contextmanager
def trickling(pod, address: str, text: str, at_once: int):
    more = {"count": CALLERS, "text": text, "at_once": at_once, "every": 0.2}
    with crowd(pod, "trickle", address, OTHER_PORT, **more):
        yield


def test_heads_that_trickle_end_by_their_timeout(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLS, SLOW)
    outside = lab.pod("outside")
    app = api2.app(OTHER_PORT)
    with contextlib.ExitStack() as stack:
        others = stack.enter_context(Bystander(api, api2))
        slow = stack.enter_context(Wire(dial(outside, api2.pod.ipv4, OTHER_PORT)))
        begin = time.monotonic()
        slow.send("GET /a HTTP/1.1\r\nHost")
        status, head, _ = slow.response()
        assert status == 408 and 0.9 < time.monotonic() - begin < 2.0, head
        assert slow.ends() == "fin"
        record = api2.wait_logged(outcome="head_timeout")
        assert record["status"] == 408 and record["id"] == field(head, "x-request-id"), record
        assert "`timeouts.head`" in api2.sidecar.explain(record["id"])[0]["summary"]

        def ended() -> float:
            return api2.counter("epaulet_requests_total", outcome="head_timeout")

        def served() -> float:
            return api2.counter("epaulet_connections_active", direction="inbound")

        with trickling(outside, api2.pod.ipv4, HEAD, 16):
            before = ended()
            # Every byte comes in time, and yet all of them end.
            wait_until(lambda: ended() >= before + CALLERS, "all to be ended", 4)
            assert served() <= 2 * CALLERS + 1
        wait_until(lambda: served() <= 1, "all but the bystander to be gone", 3)
        app.nobody()
        assert app.accepted == 0, "nobody is dialled for half a head"
        others.assert_flawless()


def test_bodies_that_trickle_end_by_the_requests_timeout_and_free_the_app(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLS, SLOW)
    outside, bare = lab.pod("outside"), lab.pod("bare")

    def caller() -> Wire:
        return Wire(dial(outside, api2.pod.ipv4, OTHER_PORT))

    app = api2.app(OTHER_PORT)
    with contextlib.ExitStack() as stack:
        others = stack.enter_context(Bystander(api, api2))
        # Nothing comes for `idle`; a byte comes always, up to `request`: the same answer.
        for pause, least, most in ((5.0, 0.9, 1.9), (0.1, 1.9, 3.5)):
            with caller() as slow:
                begin = time.monotonic()
                slow.send(BODY)
                wire, _ = app.take_head()
                status = None
                while status is None:
                    slow.send("x")
                    slow.socket.settimeout(pause)
                    with contextlib.suppress(TimeoutError):
                        status, head, _ = slow.response()
                assert status == 408 and least < time.monotonic() - begin < most, head
                with contextlib.suppress(ConnectionResetError):
                    wire.rest()
                    raise AssertionError("the app would take half a body for whole")
                record = api2.wait_logged(id=field(head, "x-request-id"))
                assert record["outcome"] == "body_timeout" and record["status"] == 408, record
                assert "did not send" in api2.sidecar.explain(record["id"])[0]["summary"]
        # An app whose 100 the caller awaits in vain is not the caller's fault.
        with caller() as polite:
            polite.send(BODY.replace("Host", "Expect: 100-continue\r\nHost"))
            assert polite.response()[0] == 504
            app.take_head()
        # Through both sidecars: the one that runs out of patience tells the other.
        with api.call("slow.default") as slow:
            slow.send(BODY + "x")
            status, head, body = slow.response()
            assert status == 408 and b"did not send" in body, (head, body)
            told = api.wait_logged(id=field(head, "x-request-id"))
            assert told["outcome"] == "body_timeout" and told["attempts"] == 1, told
        app.close()

        stack.enter_context(crowd(api2.pod, "bare", port=OTHER_PORT))
        stack.enter_context(crowd(bare, "bare", port=OTHER_PORT, life=2.2))
        text = BODY + "x" * 1000

        def ended() -> float:
            return api2.counter("epaulet_requests_total", outcome="body_timeout")

        def active() -> float:
            return api2.counter("epaulet_requests_active")

        with trickling(outside, api2.pod.ipv4, text, len(BODY) + 1):
            before = ended()
            wait_until(lambda: ended() >= before + CALLERS, "all to be ended", 6)
            assert active() <= CALLERS + 1, "one exchange for each at most"
        wait_until(lambda: active() <= 1, "the exchanges to have ended", 3)

        @contextlib.contextmanager
        def both(address: str):
            with (
                trickling(outside, address, HEAD, 16),
                trickling(outside, address, text, len(BODY) + 1),
            ):
                yield

        others.assert_unharmed(
            lambda: both(api2.pod.ipv4), lambda: both(bare.ipv4)
        )
