"""Rate limits: what callers of an app may ask, and what an app may, with real sidecars and clocks."""

import collections
import time
from concurrent.futures import ThreadPoolExecutor

from answering import KeepingApp
from mesh import Member, Mesh, Wire, dial, field

CALLEE = """
workers: 2
workload: {{ service: api2.default, ports: {{ 8080: {{ tls: permissive }} }} }}
identity: {{ dir: /var/run/epaulet/identity }}
access:
  - {{ name: all, allow: [anyone] }}
rate_limits:
{limits}
"""
CALLER = """
identity: {{ dir: /var/run/epaulet/identity }}
services:
  api2.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080"] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
    retries: {{ max: 3, backoff: {{ initial: 1ms }}, budget: 100%, statuses: [429] }}
    outliers: {{ consecutive: 1, statuses: [4xx] }}
    breaker: {{ consecutive: 1, statuses: [4xx] }}
{keys}
"""


def ask(api: Member, path: str = "/", header: str = "") -> tuple[int, bytes, bytes]:
    with api.call("api2.default") as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n{header}\r\n")
        return client.response()


def told(head: bytes) -> tuple[int, int, int]:
    names = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")
    return tuple(int(field(head, name)) for name in names)


def test_an_apps_callers_have_a_bucket_each_and_their_sidecars_are_told(lab, binaries):
    limits = """
  - { name: tenants, paths: [/orders/**], requests: 3, per: 1m, by: { header: x-tenant } }
"""
    api, api2 = Mesh(lab, binaries).pair(CALLER.format(keys=""), CALLEE.format(limits=limits))
    app = KeepingApp(api2.pod)
    for left in (2, 1, 0):
        status, head, _ = ask(api, "/orders/1", "X-Tenant: a\r\n")
        limit, remaining, reset = told(head)
        assert (status, limit, remaining) == (200, 3, left), head
        assert 20 * (3 - left) - 2 <= reset <= 20 * (3 - left), head
    for _ in range(3):
        status, head, body = ask(api, "/orders/1", "X-Tenant: a\r\n")
        assert status == 429 and told(head)[:2] == (3, 0), head
        assert 1 <= int(field(head, "retry-after")) <= 20, head
        assert field(head, "proxy-status") is None, head
        assert b"Request id" in body, body
    assert len(app.heads) == 3, "the app was spared, and nothing tried again"
    assert ask(api, "/orders/1", "X-Tenant: b\r\n")[0] == 200
    assert field(ask(api, "/other", "X-Tenant: a\r\n")[1], "ratelimit-limit") is None

    refused = api2.wait_logged(kind="exchange", outcome="rate_limited")
    assert refused["status"] == 429, refused
    (explained,) = api2.sidecar.explain(refused["id"])
    assert "limit tenants (" in explained["summary"], explained
    assert "one more is allowed" in explained["summary"], explained
    count = "epaulet_rate_limit_requests_total"
    assert api2.counter(count, limit="tenants", result="refused") == 3
    assert api2.counter(count, limit="tenants", result="allowed") == 4
    # It was no failure of the endpoint, and no reason to ask again.
    heard = api.wait_logged(kind="exchange", outcome="rate_limited")
    assert (heard["status"], heard["attempts"]) == (429, 1), heard
    assert api.counter("epaulet_backend_ejections_total") == 0
    assert api.counter("epaulet_breaker_state", state="closed") == 1
    assert api.counter("epaulet_retries_total") == 0


def test_principals_and_addresses_are_told_apart_and_a_refused_caller_uses_nothing(lab, binaries):
    limits = """
  - { name: callers, requests: 2, per: 1m, by: { principal: true } }
  - { name: everybody, requests: 5, per: 1m }
"""
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair(CALLER.format(keys=""), CALLEE.format(limits=limits))
    KeepingApp(api2.pod)
    outside = [lab.pod(name) for name in ("out1", "out2")]

    def plain(pod) -> int:
        with Wire(dial(pod, "10.88.0.12", 8080)) as client:
            client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            return client.response()[0]

    assert [ask(api)[0] for _ in range(3)] == [200, 200, 429]
    assert [plain(outside[0]) for _ in range(3)] == [200, 200, 429], "anonymous, by address"
    # What `callers` refused has given back what it took of `everybody`, which has one left.
    assert [plain(outside[1]) for _ in range(2)] == [200, 429]
    assert api2.counter("epaulet_rate_limit_requests_total", limit="everybody", result="allowed") == 5


def test_an_app_is_held_to_what_its_own_sidecar_is_told(lab, binaries):
    keys = """
    rate_limit: { requests: 2, per: 1s }
    routes:
      - { name: bulk, paths: [/bulk], rate_limit: { requests: 1, per: 1m } }
"""
    api, api2 = Mesh(lab, binaries).pair(CALLER.format(keys=keys), CALLEE.format(limits="  []"))
    app = KeepingApp(api2.pod)
    assert [ask(api)[0] for _ in range(3)] == [200, 200, 429]
    status, head, body = ask(api)
    assert status == 429 and b"that of api2.default" in body, body
    assert told(head)[:2] == (2, 0) and field(head, "retry-after") == "1", head
    assert [ask(api, "/bulk")[0] for _ in range(2)] == [200, 429], "a limit of its own"
    assert len(app.heads) == 3
    time.sleep(0.6)
    assert ask(api)[0] == 200, "half of it has come back"
    assert api.counter("epaulet_rate_limit_requests_total", service="api2.default") >= 6
    logged = api.wait_logged(kind="exchange", outcome="rate_limited")
    assert logged["attempts"] == 0, logged


def test_workers_share_one_number_and_a_reload_keeps_it(lab, binaries):
    limits = "  - { name: all, requests: 40, per: 1h }"
    api, api2 = Mesh(lab, binaries).pair(CALLER.format(keys=""), CALLEE.format(limits=limits))
    KeepingApp(api2.pod)
    with ThreadPoolExecutor(8) as pool:
        statuses = collections.Counter(pool.map(lambda _: ask(api)[0], range(60)))
    assert statuses == {200: 40, 429: 20}, statuses
    before = api2.counter("epaulet_config_reloads_total", result="loaded")
    api2.replace("config/api2.yaml", CALLEE.format(limits=limits) + "log: { level: debug }\n")
    api2.process.wait_for(
        lambda: api2.counter("epaulet_config_reloads_total", result="loaded") > before, "a reload"
    )
    assert ask(api)[0] == 429
