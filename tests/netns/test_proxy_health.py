"""Breakers, endpoints that are left out, Retry-After: with real apps, sidecars and clocks."""

import re
import time

from lab import wait_until
from mesh import CALLEE, Member, Mesh, field

# Answers with the status of its path; counts what it has seen. /mend makes all well.
APP = """
let well = process.argv[1] !== 'ill', seen = 0;
require('http').createServer((request, response) => {
  if (request.url === '/mend') well = true;
  if (request.url === '/seen') return response.end(String(seen));
  ++seen;
  const status = Number(request.url.split('/')[2] || 200);
  response.statusCode = well ? 200 : status;
  if (request.url.startsWith('/pause')) response.setHeader('Retry-After', '1');
  if (request.url.startsWith('/rest')) response.setHeader('Retry-After', '60');
  request.resume().on('end', () => response.end(process.argv[2]));
}).listen(8080, '::', () => console.log('listening'));
"""

CALLER = """
workers: 2
identity: {{ dir: /var/run/epaulet/identity }}
services:
  shop.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: [{endpoints}] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
    timeouts: {{ connect: 200ms }}
    balance: {{ policy: round_robin }}  # who fails has its turn all the same
{keys}
"""
ALIVE = '"10.88.0.12:8080"'
BOTH = '"10.88.0.12:8080", "10.88.0.13:8080"'
WITH_DEAD = '"10.88.0.12:8080", "10.88.0.99:8080"'


def start_app(member: Member, mood: str = "well") -> None:
    node = member.pod.start(["node", "-e", APP, mood, member.pod.name], uid=1000, name="app")
    node.wait_for_line("listening")


def ask(api: Member, path: str = "/", method: str = "GET") -> tuple[int, bytes, bytes]:
    with api.call("shop.default") as client:
        length = "Content-Length: 0\r\n" if method == "POST" else ""
        client.send(f"{method} {path} HTTP/1.1\r\nHost: h\r\n{length}\r\n")
        return client.response(method)


def breaker(api: Member) -> dict:
    (only,) = api.sidecar.admin("/endpoints")["breakers"]
    return only


def test_a_dead_endpoint_of_two_is_left_out_and_nobody_notices(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(
        CALLER.format(endpoints=WITH_DEAD, keys="    outliers: { eject_for: 1s }"), CALLEE
    )
    start_app(api2)
    statuses = [ask(api, method="POST")[0] for _ in range(150)]
    assert statuses == [200] * 150, statuses
    (shop,) = api.sidecar.admin("/endpoints")["backends"]
    (one,) = [entry for entry in shop["outliers"]["endpoints"] if entry["state"] != "in"]
    assert one["address"] == "10.88.0.99:8080" and one["ejections"] >= 1, one
    assert one["evidence"]["last_failure"]["outcome"].startswith("connect"), one
    assert one["until"] > one["since"], one
    record = api.wait_logged(event="endpoint_ejected")
    assert record["endpoint"] == "10.88.0.99:8080" and record["for_ms"] >= 1000, record
    assert api.counter("epaulet_backend_endpoints_ejected", backend="shop.default") == 1
    assert api.counter("epaulet_backend_ejections_total", reason="connect_failures") >= 1


def test_half_of_the_answers_failing_opens_a_breaker_and_a_probe_closes_it(lab, binaries):
    keys = "    breaker: { error_ratio: 50%, min_requests: 6, open_for: 1s }"
    api, api2 = Mesh(lab, binaries).pair(CALLER.format(endpoints=ALIVE, keys=keys), CALLEE)
    start_app(api2, "ill")
    got = [ask(api, "/s/500" if i % 2 else "/s/200")[0] for i in range(6)]
    assert got == [200, 500] * 3, got
    assert breaker(api)["state"] == "open", breaker(api)
    seen = ask_app(api2)
    status, head, body = ask(api)
    assert status == 503 and int(field(head, "retry-after")) == 1, head
    assert b"the breaker is open: " not in head and b"50% of the calls failed" in body, body
    assert ask_app(api2) == seen, "the app was spared"
    record = api.wait_logged(kind="exchange", outcome="breaker_open")
    (explained,) = api.sidecar.explain(record["id"])
    assert re.search(r"backend shop\.default \(.*:\d+:\d+\): 50% of the calls failed",
                     explained["summary"]), explained
    opened = api.wait_logged(event="breaker_open")
    assert (opened["reason"], opened["failures"], opened["calls"]) == ("error_ratio", 3, 6), opened
    ledger = breaker(api)
    assert ledger["evidence"]["last_failure"]["status"] == 500 and ledger["until"], ledger
    assert api.counter("epaulet_breaker_state", state="open") == 1
    assert api.counter("epaulet_breaker_refused_total") >= 1

    time.sleep(1.1)
    assert ask(api, "/s/500")[0] == 500, "a probe"
    assert breaker(api)["reason"] == "probe_failed"
    assert ask(api)[0] == 503
    time.sleep(2.1)
    assert ask(api)[0] == 200, "a probe"
    assert [ask(api)[0] for _ in range(5)] == [200] * 5
    assert breaker(api)["state"] == "closed"
    assert api.wait_logged(event="breaker_closed")["reason"] == "probes_succeeded"


def ask_app(member: Member) -> int:
    with member.dial("10.88.0.12", 8080) as client:
        client.send("GET /seen HTTP/1.1\r\nHost: h\r\n\r\n")
        return int(client.response()[2])


def test_a_reload_keeps_a_breaker_open(lab, binaries):
    keys = "    breaker: { consecutive: 2, open_for: 60s }"
    text = CALLER.format(endpoints=ALIVE, keys=keys)
    api, api2 = Mesh(lab, binaries).pair(text, CALLEE)
    start_app(api2, "ill")
    assert [ask(api, "/s/500")[0] for _ in range(3)] == [500, 500, 503]
    api.replace("config/api.yaml", text + "log: { level: debug }\n")
    api.wait_logged(event="config_applied")
    assert ask(api)[0] == 503
    api.replace("config/api.yaml", text.replace("consecutive: 2", "consecutive: 3"))
    wait_until(lambda: ask(api)[0] == 200, "a breaker of another shape, closed", 5)


def test_who_asks_for_a_pause_gets_it(lab, binaries):
    keys = "    retries: { statuses: [503], backoff: { initial: 1ms, max: 1ms } }"
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair(CALLER.format(endpoints=ALIVE, keys=keys), CALLEE)
    start_app(api2, "ill")
    begin = time.monotonic()
    status, head, _ = ask(api, "/pause/503")
    assert status == 503 and field(head, "retry-after") == "1", "two retries do not help"
    assert 2 <= time.monotonic() - begin < 4
    assert api.counter("epaulet_request_retries_total", service="shop.default") == 2


def test_a_pause_is_in_the_ledger_and_told_once(lab, binaries):
    keys = "    retries: { statuses: [503], backoff: { initial: 1ms, max: 1ms } }"
    api, api2 = Mesh(lab, binaries).pair(CALLER.format(endpoints=ALIVE, keys=keys), CALLEE)
    start_app(api2, "ill")
    assert [ask(api, "/rest/503")[0] for _ in range(3)] == [503] * 3, "no deadline is that far away"
    (shop,) = api.sidecar.admin("/endpoints")["backends"]
    (one,) = shop["outliers"]["endpoints"]
    assert (one["address"], one["state"], one["reason"]) == ("10.88.0.12:8080", "spared", "retry_after"), one
    assert one["evidence"] == {"status": 503} and one["since"] < one["until"], one
    assert one["pauses"] == 1 and shop["outliers"]["spared"] == 1, shop["outliers"]
    record = api.wait_logged(event="endpoint_spared")
    assert (record["endpoint"], record["status"], record["for_ms"]) == ("10.88.0.12:8080", 503, 60000), record
    assert len(api.logged(event="endpoint_spared")) == 1
    backend = {"backend": "shop.default"}
    assert api.counter("epaulet_backend_endpoints_spared", **backend) == 1
    assert api.counter("epaulet_backend_pauses_total", **backend) == 1
    assert api.counter("epaulet_backend_ejections_total", **backend) == 0
    assert api.counter("epaulet_request_retries_total", service="shop.default") == 0
