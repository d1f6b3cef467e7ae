"""Adaptive concurrency: a real app that gets slower with each request at once is kept busy and fast."""

import collections
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from answering import AnsweringApp
from mesh import App, Member, Mesh, Wire, dial, field

CALLEE = """
workload:
  service: api2.default
  ports: {{ 8080: {{ tls: permissive }} }}
  probes: [ {{ path: /healthz, port: 8080 }} ]
identity: {{ dir: /var/run/epaulet/identity }}
access:
  - {{ name: all, allow: [anyone] }}
{concurrency}
"""
CALLER = """
identity: { dir: /var/run/epaulet/identity }
services:
  api2.default:
    ports: { 80: http }
    endpoints: { addresses: ["10.88.0.12:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
    outliers: { consecutive: 1 }
    breaker: { consecutive: 1 }
    routes:
      - { name: pay, paths: [/pay], criticality: critical }
"""
THREADS = 4
THINK = 0.02  # seconds, so that the app answers 200 requests a second


class Queueing(AnsweringApp):
    """Works on THREADS requests at once, THINK seconds each; the others wait."""

    def __init__(self, member: Member):
        self.room = threading.Semaphore(THREADS)
        self.lock = threading.Lock()
        self.under_way = self.most = 0
        self.heads: list[bytes] = []
        super().__init__(member.pod)

    def answer(self, head: bytes, _: bytes):
        with self.lock:
            self.heads.append(head)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        with self.room:
            time.sleep(THINK)
        with self.lock:
            self.under_way -= 1
        return 200, "", ""


def ask(api: Member, path: str = "/", header: str = "") -> tuple[int, bytes]:
    with api.call("api2.default") as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n{header}\r\n")
        return client.response()[:2]


def hammer(api: Member, callers: int, seconds: float, path: str = "/") -> list[tuple[int, float]]:
    """Status and time of each request of so many callers that ask one after the other."""
    seen: list[tuple[int, float]] = []
    until = time.monotonic() + seconds

    def call(_: int) -> None:
        with api.call("api2.default") as client:
            while time.monotonic() < until:
                begun = time.monotonic()
                client.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
                status = client.response()[0]
                seen.append((status, time.monotonic() - begun))
                if status != 200:
                    time.sleep(0.05)

    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(call, range(callers)))
    return seen


def median(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


def test_an_overloaded_app_stays_fast_for_those_that_are_let_in(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, CALLEE.format(concurrency="concurrency: { min: 4 }"))
    app = Queueing(api2)
    hammer(api, 2, 1.0)  # It is known how fast the app is at rest.
    seen = hammer(api, 40, 4.0)
    answered = [took for status, took in seen if status == 200]
    statuses = collections.Counter(status for status, _ in seen)
    assert set(statuses) == {200, 503}, statuses
    # Without a limit each of 40 callers waits for ten rounds of four: 200 ms.
    late = answered[len(answered) // 2 :]
    assert median(late) < 6 * THINK, (median(late), statuses)
    assert len(answered) > 4.0 * THREADS / THINK / 2, statuses
    assert api2.counter("epaulet_concurrency_limit") < 25
    refused = api2.counter("epaulet_concurrency_requests_total", criticality="default", result="refused")
    assert refused == statuses[503]

    logged = api2.wait_logged(kind="exchange", outcome="overloaded")
    assert (logged["status"], logged["criticality"]) == (503, "default"), logged
    (told,) = api2.logged(kind="process", event="app_overloaded")
    assert "api2.yaml" in told["source"], told
    (explained,) = api2.sidecar.explain(logged["id"])
    assert "the limit was" in explained["summary"], explained
    heard = api.wait_logged(kind="exchange", outcome="overloaded")
    assert heard["status"] == 503, heard
    # It is no failure of the endpoint.
    assert api.counter("epaulet_backend_ejections_total") == 0
    assert api.counter("epaulet_breaker_state", state="closed") == 1


def test_critical_requests_get_through_and_probes_are_exempt(lab, binaries):
    concurrency = """
concurrency:
  min: 2
  max: 2
  criticality: [ { name: batch, paths: [/batch], is: sheddable } ]
"""
    api, api2 = Mesh(lab, binaries).pair(CALLER, CALLEE.format(concurrency=concurrency))
    app = App(api2.pod)
    wires = [api.call("api2.default") for _ in range(2)]
    held = []
    for wire in wires:
        wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        held.append(app.take_head()[0])
    # Two are under way and the limit is two.
    status, head = ask(api)
    assert status == 503 and field(head, "retry-after") == "1", head
    assert ask(api, "/batch")[0] == 503
    assert ask(api, header="X-Epaulet-Criticality: critical\r\n")[0] == 503, "the app's word"
    outside = lab.pod("out")
    with Wire(dial(outside, "10.88.0.12", 8080)) as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Epaulet-Criticality: critical\r\n\r\n")
        assert client.response()[0] == 503, "a stranger's word"
    with api.call("api2.default") as client:
        client.send("GET /pay HTTP/1.1\r\nHost: h\r\n\r\n")
        wire, head = app.take_head()
        assert field(head, "x-epaulet-criticality") is None, head
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert client.response()[0] == 200
    with Wire(dial(outside, "10.88.0.12", 8080)) as client:
        client.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        app.take_head()[0].send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert client.response()[0] == 200, "a probe"

    # A reload that changes nothing of it keeps what is under way.
    before = api2.counter("epaulet_config_reloads_total", result="loaded")
    api2.replace(
        "config/api2.yaml", CALLEE.format(concurrency=concurrency) + "log: { level: debug }\n"
    )
    api2.process.wait_for(
        lambda: api2.counter("epaulet_config_reloads_total", result="loaded") > before, "a reload"
    )
    assert ask(api)[0] == 503
    assert api2.counter("epaulet_concurrency_in_flight") == 2
    for wire, caller in zip(held, wires):
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert caller.response()[0] == 200
    assert api2.counter("epaulet_concurrency_in_flight") == 0
    page = api2.sidecar.admin("/endpoints")["concurrency"]
    assert (page["limit"], page["in_flight"]) == (2, 0), page
    assert page["refused"]["sheddable"] == 1 and page["admitted"]["critical"] == 1, page
