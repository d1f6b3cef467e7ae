"""Hedging: when an endpoint is slow now and then, callers hardly see it."""

import random
import time

from answering import AnsweringApp
from mesh import Member, Mesh

CALLEE = """
workload: { service: api2.default, ports: { 8080: { tls: strict }, 8081: { tls: strict } } }
identity: { dir: /var/run/epaulet/identity }
access: [ { name: all, allow: [anyone] } ]
"""
CALLER = """
identity: {{ dir: /var/run/epaulet/identity }}
services:
  api2.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080", "10.88.0.12:8081"] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
    balance: {{ policy: round_robin }}
    retries: {{ {hedge} }}
"""
SLOW = 0.6  # seconds: far from what a busy machine adds


class Sometimes(AnsweringApp):
    """One of its answers in 33 is slow."""

    def __init__(self, member: Member, port: int, share: float):
        self.share = share
        self.requests = 0
        self.dice = random.Random(port)
        super().__init__(member.pod, port)

    def answer(self, *_):
        self.requests += 1
        time.sleep(SLOW if self.dice.random() < self.share else 0.003)
        return 200, "", "ok"


def latencies(api: Member, count: int) -> list[float]:
    took = []
    with api.call("api2.default") as client:
        for _ in range(count):
            begun = time.monotonic()
            client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert client.response()[::2] == (200, b"ok")
            took.append(time.monotonic() - begun)
    return sorted(took)


def test_the_slowest_hundredth_gets_fast_when_one_endpoint_is_slow_now_and_then(lab, binaries):
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair(CALLER.format(hedge="max: 2"), CALLEE)
    apps = [Sometimes(api2, 8080, 0.03), Sometimes(api2, 8081, 0)]
    without = latencies(api, 800)
    p99 = int(0.99 * 800)
    assert without[p99] > SLOW / 2, without[-20:]

    before = api.counter("epaulet_config_reloads_total", result="loaded")
    api.replace("config/api.yaml", CALLER.format(hedge="hedge: { quantile: 95% }"))
    api.process.wait_for(
        lambda: api.counter("epaulet_config_reloads_total", result="loaded") > before, "a reload"
    )
    latencies(api, 200)  # It is known how long answers take.
    asked = sum(app.requests for app in apps)
    hedged = latencies(api, 800)
    assert hedged[p99] < SLOW / 2, hedged[-20:]
    assert sum(app.requests for app in apps) - asked <= 800 * 1.2, "within the budget"
    assert api.counter("epaulet_hedges_won_total") >= 5
    assert api.counter("epaulet_hedges_total") >= api.counter("epaulet_hedges_won_total")
    assert api.counter("epaulet_backend_ejections_total") == 0
    logged = api.wait_logged(kind="exchange", hedged="won")
    assert (logged["outcome"], logged["attempts"]) == ("ok", 2), logged
    print(f"p99 {without[p99] * 1000:.1f} ms without, {hedged[p99] * 1000:.1f} ms with")
