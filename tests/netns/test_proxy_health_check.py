"""Endpoints are asked whether they are well: with real apps, sidecars and clocks."""

import time

from lab import wait_until
from mesh import CALLEE, Member, Mesh

# Answers its name; /healthz with what it was told last by /be/STATUS (0: nothing, ever).
APP = """
let status = 200;
require('http').createServer((request, response) => {
  const [, what, value] = request.url.split('/');
  if (what === 'be') status = Number(value);
  if (what !== 'healthz') return response.end(process.argv[1]);
  console.log(JSON.stringify({ health: request.headers['user-agent'], at: Date.now(),
    host: request.headers.host, peer: request.headers['x-forwarded-client-cert'] || null }));
  if (status === 0) return;
  response.statusCode = status;
  response.end('checked');
}).listen(8080, '::', () => console.log('listening'));
"""

CALLER = """
workers: 2
identity: {{ dir: /var/run/epaulet/identity }}
services:
  shop.default:
    ports: {{ 80: {port} }}
    endpoints: {{ addresses: [{endpoints}] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2]{tls} }}
    balance: {{ policy: round_robin }}  # who fails has its turn all the same
    retries: {{ max: 0 }}
    outliers: {{ enabled: false }}
    health_check: {{ {check} }}
{keys}
"""
PATIENCE = 30.0  # seconds for a few checks in a row, on a busy machine too
BOTH = '"10.88.0.12:8080", "10.88.0.13:8080"'
OFTEN = "http: { path: /healthz }, interval: 500ms, timeout: 500ms"


def config(check: str = OFTEN, endpoints: str = BOTH, port="http", tls="", keys: str = "") -> str:
    return CALLER.format(check=check, endpoints=endpoints, port=port, tls=tls, keys=keys)


def world(lab, binaries, caller: str, callee: str = CALLEE) -> list:
    """`api`, which calls, and two endpoints with their apps."""
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", caller)
    members = [mesh.member(name, callee, mesh.issue("api2")) for name in ("api2", "api3")]
    apps = []
    for one in members:
        app = one.pod.start(["node", "-e", APP, one.pod.name], uid=1000, name="app")
        app.wait_for_line("listening")
        apps.append(app)
    return [api, *members, *apps]


def be(member: Member, address: str, status: int) -> None:
    with member.dial(address, 8080) as client:  # its own pod: past its sidecar
        client.send(f"GET /be/{status} HTTP/1.1\r\nHost: h\r\n\r\n")
        client.response()


def ask(api: Member, requests: int = 6) -> list[str]:
    names = []
    for _ in range(requests):
        with api.call("shop.default") as client:
            client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            status, head, body = client.response()
            names.append(body.decode() if status == 200 else str(status))
    return names


def checks(api: Member) -> dict:
    (shop,) = api.sidecar.admin("/endpoints")["backends"]
    return shop["health_checks"]


def state(api: Member, number: int) -> str:
    return checks(api)["endpoints"][number]["state"]


def asked(app) -> list[dict]:
    return [line for line in app.json_lines() if "health" in line]


def test_who_fails_is_left_out_without_a_request_and_comes_back(lab, binaries):
    api, api2, api3, app2, app3 = world(lab, binaries, config())
    be(api3, "10.88.0.13", 503)
    wait_until(lambda: state(api, 1) == "unhealthy", "api3 to be unhealthy", PATIENCE)
    before = api.counter("epaulet_requests_total")
    dials = api.counter("epaulet_upstream_dials_total")
    assert ask(api) == ["api2"] * 6
    ledger = checks(api)["endpoints"][1]
    assert ledger["left_out"] and ledger["last"] == {"what": "answered 503", "status": 503}, ledger
    assert ledger["failed_in_a_row"] >= 3 and ledger["next_at"] >= ledger["checked_at"], ledger
    (shop,) = api.sidecar.admin("/endpoints")["backends"]
    (out,) = shop["outliers"]["endpoints"] or [None]
    assert out["state"] == "unhealthy", shop["outliers"]
    told = api.wait_logged(event="endpoint_unhealthy")
    assert told["endpoint"] == "10.88.0.13:8080" and told["status"] == 503, told
    assert told["message"].endswith("answered 503") and told["consecutive"] == 3, told

    # Checks count for nothing but themselves.
    time.sleep(1.2)
    assert api.counter("epaulet_requests_total") - before == 6
    assert api.counter("epaulet_upstream_dials_total") - dials <= 6
    assert not [line for line in api.logged(kind="exchange") if "healthz" in str(line)]
    assert api.counter("epaulet_health_checks_total", result="failed") >= 3
    assert api.counter("epaulet_backend_endpoints_checked", state="unhealthy") == 1
    assert api.counter("epaulet_health_check_changes_total", to="unhealthy") == 1

    be(api3, "10.88.0.13", 204)
    wait_until(lambda: state(api, 1) == "healthy", "api3 to be healthy", PATIENCE)
    assert set(ask(api, 16)) == {"api2", "api3"}
    assert api.wait_logged(event="endpoint_healthy")

    # Recognisable, through both sidecars, from one worker alone, and not in step.
    seen = asked(app2)
    assert {line["health"] for line in seen} == {"epaulet/health"}, seen[:3]
    assert {line["host"] for line in seen} == {"shop.default"}, seen[:3]
    pauses = [b["at"] - a["at"] for a, b in zip(seen, seen[1:])]
    assert sorted(pauses)[len(pauses) // 2] >= 400, pauses
    record = api2.wait_logged(kind="exchange", status=200)
    assert record["peer"] == "spiffe://cluster.local/ns/default/sa/api", record


def test_who_says_nothing_and_who_is_gone_are_left_out(lab, binaries):
    api, api2, api3, app2, app3 = world(lab, binaries, config())
    be(api3, "10.88.0.13", 0)
    wait_until(lambda: state(api, 1) == "unhealthy", "api3 to be unhealthy", PATIENCE)
    found = checks(api)["endpoints"][1]["last"]
    assert found["what"].endswith("within health_check.timeout (500 ms)"), found
    be(api3, "10.88.0.13", 200)
    wait_until(lambda: state(api, 1) == "healthy", "api3 to be healthy", PATIENCE)
    app3.kill()
    wait_until(lambda: state(api, 1) == "unhealthy", "api3 to be unhealthy", PATIENCE)
    found = checks(api)["endpoints"][1]["last"]
    assert found["status"] == 502 and found["outcome"] == "connect_refused", found
    assert "its sidecar: the endpoint refused the connection" in found["what"], found
    assert ask(api) == ["api2"] * 6
    api3.process.kill()
    wait_until(
        lambda: "status" not in checks(api)["endpoints"][1]["last"], "its sidecar gone", PATIENCE
    )
    assert ask(api) == ["api2"] * 6


def test_a_rule_that_refuses_the_check_says_so_and_nobody_healthy_means_all(lab, binaries):
    callee = CALLEE.replace(
        "access: [", "access: [ { name: no-checks, deny: [mesh], paths: [/healthz] }, "
    )
    api, api2, api3, app2, app3 = world(lab, binaries, config(), callee)
    wait_until(lambda: checks(api)["panic"], "the panic", PATIENCE)
    found = checks(api)["endpoints"][0]["last"]
    assert (found["status"], found["outcome"]) == (403, "forbidden"), found
    assert "no-checks" in found["what"], found
    assert set(ask(api, 16)) == {"api2", "api3"}, "nobody is healthy: all are asked"
    assert api.wait_logged(event="health_checks_not_heeded")
    assert api.counter("epaulet_backend_health_panic") == 1


def test_a_reload_keeps_what_is_known_and_a_change_of_endpoints_too(lab, binaries):
    api, api2, api3, app2, app3 = world(lab, binaries, config())
    be(api3, "10.88.0.13", 500)
    wait_until(lambda: state(api, 1) == "unhealthy", "api3 to be unhealthy", PATIENCE)
    loaded = api.counter("epaulet_config_reloads_total", result="loaded")
    slow = OFTEN.replace("interval: 500ms", "interval: 30s")
    more = BOTH + ', "10.88.0.14:8080"'
    api.replace("config/api.yaml", config(slow, more, keys="    limits: { connections: 7 }"))
    wait_until(
        lambda: api.counter("epaulet_config_reloads_total", result="loaded") > loaded, "reload", 5
    )
    assert state(api, 1) == "unhealthy"
    assert "api3" not in ask(api, 9)
    assert len(checks(api)["endpoints"]) == 3
    # Without the key nobody is asked, and nobody is left out for it.
    text = config(slow, BOTH).replace("    health_check: {", "    # {")
    api.replace("config/api.yaml", text)
    wait_until(lambda: set(ask(api)) == {"api2", "api3"}, "both", PATIENCE)
    count = len(asked(app2))
    time.sleep(1.2)
    assert len(asked(app2)) <= count + 1, "a check that was under way at most"
    (shop,) = api.sidecar.admin("/endpoints")["backends"]
    assert "health_checks" not in shop, shop


def test_tcp_finds_an_app_that_is_gone_behind_its_sidecar(lab, binaries):
    check = "tcp: {}, interval: 500ms, timeout: 500ms"
    api, api2, api3, app2, app3 = world(lab, binaries, config(check))
    wait_until(lambda: checks(api)["healthy"] == 2, "both to be healthy", PATIENCE)
    app3.kill()
    wait_until(lambda: state(api, 1) == "unhealthy", "api3 to be unhealthy", PATIENCE)
    found = checks(api)["endpoints"][1]["last"]
    assert "its sidecar ended the connection" in found["what"], found
    assert ask(api) == ["api2"] * 6
    api3.process.kill()
    wait_until(
        lambda: "refused" in checks(api)["endpoints"][1]["last"].get("outcome", ""),
        "its sidecar gone",
        PATIENCE,
    )


def test_endpoints_whose_connections_are_shared_are_checked_too(lab, binaries):
    api, api2, api3, app2, app3 = world(lab, binaries, config(tls=", multiplex: true"))
    wait_until(lambda: checks(api)["healthy"] == 2, "both to be healthy", PATIENCE)
    assert set(ask(api, 16)) == {"api2", "api3"}
    be(api3, "10.88.0.13", 503)
    wait_until(lambda: state(api, 1) == "unhealthy", "api3 to be unhealthy", PATIENCE)
    assert ask(api) == ["api2"] * 6


def test_a_drain_ends_the_checks(lab, binaries):
    text = config() + "drain: { grace: 2s, timeout: 3s }\n"
    api, api2, api3, app2, app3 = world(lab, binaries, text)
    wait_until(lambda: checks(api)["healthy"] == 2, "both to be healthy", PATIENCE)
    with api.call("shop.default") as client:  # holds the drain
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        client.response()
        api.process.signal(15)
        api.wait_logged(event="draining")
        time.sleep(0.3)
        count = len(asked(app2))
        time.sleep(1.2)
        assert len(asked(app2)) == count
