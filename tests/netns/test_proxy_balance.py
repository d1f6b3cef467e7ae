"""Which endpoint is next: with real apps, sidecars and latencies."""

import collections
from concurrent.futures import ThreadPoolExecutor

from lab import wait_until
from mesh import CALLEE, Member, Mesh

# Says who it is, after so many milliseconds.
APP = """
const [delay, name] = process.argv.slice(1);
require('http').createServer((request, response) => {
  setTimeout(() => response.end(name), Number(delay));
}).listen(8080, '::', () => console.log('listening'));
"""

CALLER = """
workers: 1
identity: {{ dir: /var/run/epaulet/identity }}
services:
  shop.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080", "10.88.0.13:8080", "10.88.0.14:8080"] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
{keys}
"""


def world(lab, binaries, keys: str, delays: dict[str, int]) -> Member:
    """`api`, which calls, and three endpoints of shop.default, each as slow as it is said to be."""
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", CALLER.format(keys=keys))
    for name, delay in delays.items():
        member = mesh.member(name, CALLEE, identity=mesh.issue("api2"))
        node = member.pod.start(["node", "-e", APP, str(delay), name], uid=1000, name="app")
        node.wait_for_line("listening")
    return api


def ask(api: Member, requests: int = 1, header: str = "") -> collections.Counter:
    """Who answers requests that one connection makes one after the other."""
    names: collections.Counter = collections.Counter()
    with api.call("shop.default") as client:
        for _ in range(requests):
            client.send(f"GET / HTTP/1.1\r\nHost: h\r\n{header}\r\n")
            status, head, body = client.response()
            assert status == 200, head
            names[body.decode()] += 1
    return names


def crowd(api: Member, callers: int, requests: int) -> collections.Counter:
    with ThreadPoolExecutor(callers) as pool:
        return sum(pool.map(lambda _: ask(api, requests), range(callers)), collections.Counter())


def reloads(api: Member) -> float:
    return api.counter("epaulet_config_reloads_total", result="loaded")


def test_by_default_a_slow_endpoint_is_left_to_itself(lab, binaries):
    api = world(lab, binaries, "    # the default", {"api2": 2, "api3": 300, "api4": 2})
    asked = crowd(api, callers=6, requests=60)
    assert sum(asked.values()) == 360
    assert 1 <= asked["api3"] <= 20, asked
    assert min(asked["api2"], asked["api4"]) >= 60, asked


def test_turns_are_taken_where_the_file_says_so_however_slow_somebody_is(lab, binaries):
    keys = "    balance: { policy: round_robin }"
    api = world(lab, binaries, keys, {"api2": 1, "api3": 60, "api4": 1})
    assert ask(api, requests=30) == {"api2": 10, "api3": 10, "api4": 10}


def test_least_request_looks_at_what_is_under_way(lab, binaries):
    keys = "    balance: { policy: least_request }"
    api = world(lab, binaries, keys, {"api2": 5, "api3": 400, "api4": 5})
    asked = crowd(api, callers=8, requests=40)
    assert asked["api3"] <= 40 and min(asked["api2"], asked["api4"]) >= 80, asked


def test_a_ring_and_maglev_keep_a_key_at_its_endpoint_through_a_reload_and_restart(lab, binaries):
    api = world(lab, binaries, "    # the default", {"api2": 0, "api3": 0, "api4": 0})
    for policy in ("ring_hash", "maglev"):
        keys = f"    balance: {{ policy: {policy}, by: {{ header: x-tenant }} }}"
        loaded = reloads(api)
        api.replace("config/api.yaml", CALLER.format(keys=keys))
        wait_until(lambda loaded=loaded: reloads(api) > loaded, "the reload", 5)
        at = {}
        for tenant in range(12):
            asked = ask(api, requests=3, header=f"X-Tenant: {tenant}\r\n")
            assert len(asked) == 1, asked
            (at[tenant],) = asked
        assert len(set(at.values())) > 1, at
        api.process.kill()
        api.start()
        for tenant, name in at.items():
            assert ask(api, header=f"X-Tenant: {tenant}\r\n") == {name: 1}
        assert len(ask(api, requests=6)) == 3, "without a key, one after the other"


def test_explain_says_who_chose(lab, binaries):
    keys = "    timeouts: { request: 150ms }\n    balance: { policy: random }"
    api = world(lab, binaries, keys, {"api2": 400, "api3": 400, "api4": 400})
    with api.call("shop.default") as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.response()[0] == 504
    record = api.wait_logged(kind="exchange", outcome="request_timeout")
    (explained,) = api.sidecar.explain(record["id"])
    picked = [one for one in explained["events"] if one["code"] == "endpoint_picked"]
    assert [one["balancer"] for one in picked] == ["random"], explained
