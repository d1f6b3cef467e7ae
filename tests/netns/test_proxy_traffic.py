"""Retries, keep-alive races, timeouts and budgets, as an app and its callers experience them."""

import contextlib
import json
import random
import threading
import time

from mesh import APP_UID, CALLEE, Broken, CountingApp, Mesh, field

RACE_SECONDS = 5.0
RACERS = 12
KEEP_ALIVE_SECONDS = 0.100

IMPATIENT_APP = """
const calls = {};
const server = require('http').createServer((request, response) => {
  if (request.url === '/calls') return response.end(JSON.stringify(calls));
  const call = request.headers['x-call'];
  calls[call] = (calls[call] || 0) + 1;
  request.resume().on('end', () => response.end(call));
});
server.keepAliveTimeout = 100;
server.listen(8080, '::', () => console.log('listening'));
"""


def test_keep_alive_races_reach_nobody(lab, binaries):
    """The app closes idle connections after 100 ms, and callers come after about as long."""
    api, api2 = Mesh(lab, binaries).pair()
    node = api2.pod.start(["node", "-e", IMPATIENT_APP], uid=APP_UID, name="app")
    node.wait_for_line("listening")
    address = api.address_of("api2.default")
    begin = time.monotonic()
    lock = threading.Lock()
    counts = {"GET": 0, "POST": 0, "refused": 0}
    wrong: list[str] = []

    def race(number: int) -> None:
        chance = random.Random(number)
        client = api.dial(address, 80)
        done = 0
        while time.monotonic() < begin + RACE_SECONDS:
            done += 1
            method, call = ("POST" if done % 3 == 0 else "GET"), f"{number}-{done}"
            length = "Content-Length: 1\r\n" if method == "POST" else ""
            try:
                client.send(f"{method} / HTTP/1.1\r\nHost: h\r\nX-Call: {call}\r\n{length}\r\n")
                if length:
                    client.send("x")
                status, head, body = client.response()
            except (Broken, OSError) as error:
                wrong.append(f"{method} {call}: {error!r}")
                return
            with lock:
                counts[method] += 1
                if status == 502 and method == "POST" and field(head, "x-request-id"):
                    counts["refused"] += 1  # explained, and the app's to repeat
                elif (status, body) != (200, call.encode()):
                    wrong.append(f"{method} {call}: {head!r}")
            time.sleep(KEEP_ALIVE_SECONDS * chance.uniform(0.8, 1.2))
        client.close()

    threads = [threading.Thread(target=race, args=(number,)) for number in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, (counts, wrong[:3])
    assert counts["GET"] > 200 and counts["POST"] > 100, counts
    with api.dial(address, 80) as client:
        client.send("GET /calls HTTP/1.1\r\nHost: h\r\n\r\n")
        calls = json.loads(client.response()[2])
    posts = {call: times for call, times in calls.items() if int(call.split("-")[1]) % 3 == 0}
    assert set(posts.values()) == {1}, "no POST was delivered twice"
    assert counts["POST"] - counts["refused"] <= len(posts) <= counts["POST"]
    # What cannot be sent again avoids connections that are about to be closed.
    assert counts["refused"] <= counts["POST"] * 0.02, counts


def test_a_post_whose_connection_breaks_is_not_sent_again(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()

    def ask(client, method: str, more: str = "") -> None:
        client.send(f"{method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n{more}\r\nx")

    with api.call("api2.default") as client:
        for _ in range(2):  # on a new connection to the app, and on one that was used before
            ask(client, "POST")
            server, _ = app.take_head()
            server.reset()
            status, head, body = client.response()
            assert status == 502 and b"epaulet explain" in body, head
            app.nobody(0.15)
            ask(client, "POST")
            server, _ = app.take_head()
            server.take(1)
            server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert client.response()[0] == 200
        record = api.wait_logged(kind="exchange", status=502)
        (explained,) = api.sidecar.explain(record["id"])
        assert "Idempotency-Key" in explained["remedy"], explained

        for method, more in (("GET", ""), ("PUT", ""), ("POST", "Idempotency-Key: 1\r\n")):
            ask(client, method, more)
            server, head = app.take_head()
            server.take(1)
            server.reset()
            server, again = app.take_head()
            # Unless it was a connection that may have been closed before it was used.
            again = again.replace(b"x-envoy-attempt-count: 2\r\n", b"")
            assert again == head, "the same request, once more"
            server.take(1)
            server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert client.response()[0] == 200, method


TIMEOUTS = """
identity: { dir: /var/run/epaulet/identity }
timeouts: { head: 250ms, keep_alive: 300ms }
retries: { max: 1, backoff: { initial: 5ms } }
services:
  api2.default:
    ports: { 80: http }
    endpoints: { addresses: ["10.88.0.12:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
    routes:
      - { name: attempt, paths: [/attempt], timeouts: { attempt: 200ms, request: 5s } }
      - { name: request, paths: [/request], timeouts: { request: 200ms } }
      - { name: first, paths: [/first], timeouts: { first_byte: 200ms, request: 5s } }
      - { name: idle, paths: [/idle], timeouts: { idle: 200ms, request: 5s } }
      - { name: stream, paths: [/stream], timeouts: { stream_idle: 200ms, request: 5s } }
      - { name: lasting, paths: [/lasting], timeouts: { request: 300ms, max_duration: 600ms } }
  nowhere.default:
    ports: { 80: http, 82: tcp }
    endpoints: { addresses: ["10.88.0.99:8080"] }
    tls: { mode: none }
    timeouts: { connect: 200ms }
"""


def test_every_timeout_is_named_by_its_key(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(TIMEOUTS)
    app = api2.app()

    def assert_named(answer: tuple[bytes, bytes], outcome: str, key: str, attempts: int) -> None:
        head, body = answer
        assert f"`{key}`" in body.decode(), body
        record = api.wait_logged(kind="exchange", id=field(head, "x-request-id"))
        assert record["outcome"] == outcome and f"`{key}`" in record["summary"], record
        assert record["attempts"] == attempts, record
        (explained,) = api.sidecar.explain(record["id"])
        assert explained["outcome"] == outcome and key in explained["remedy"], explained

    def timed_out(client, method: str, path: str) -> tuple[tuple[bytes, bytes], float]:
        begin = time.monotonic()
        client.send(f"{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        status, head, body = client.response()
        assert status == 504, head
        return (head, body), time.monotonic() - begin

    with api.call("nowhere.default") as client:
        answer, seconds = timed_out(client, "POST", "/")
        assert_named(answer, "connect_timeout", "timeouts.connect", 2)
        assert 0.4 <= seconds < 3, seconds
    assert api.call("nowhere.default", 82).ends() == "reset"
    api.wait_logged(kind="connection", outcome="connect_timeout")

    # A connection each: no slow machine shall find the one of the call before kept too long.
    with api.call("api2.default") as client:
        answer, seconds = timed_out(client, "GET", "/attempt")
        assert_named(answer, "attempt_timeout", "timeouts.attempt", 2)
        assert 0.4 <= seconds < 3, seconds
        for _ in range(2):
            wire, _ = app.take_head()
            assert wire.ends() == "reset", "the app learns that nobody waits any more"
    with api.call("api2.default") as client:
        answer, seconds = timed_out(client, "POST", "/attempt")
        assert_named(answer, "attempt_timeout", "timeouts.attempt", 1)
        app.take_head()
    with api.call("api2.default") as client:
        answer, seconds = timed_out(client, "GET", "/request")
        assert_named(answer, "request_timeout", "timeouts.request", 1)
        assert 0.2 <= seconds < 3, seconds
        app.take_head()

    with api.call("api2.default") as client:
        # Its upload takes longer than that, in all and in each attempt.
        client.send("PUT /first HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n")
        for octet in b"upload":
            time.sleep(0.06)
            client.send(bytes([octet]))
        begin = time.monotonic()
        for _ in range(2):
            wire, _ = app.take_head()
            assert wire.take(6) == b"upload"
            assert wire.ends() == "reset", "the app learns that nobody waits any more"
        status, head, body = client.response()
        assert status == 504, head
        assert_named((head, body), "first_byte_timeout", "timeouts.first_byte", 2)
        assert 0.4 <= time.monotonic() - begin < 3

    with api.call("api2.default") as client:
        client.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
        server, _ = app.take_head()
        time.sleep(0.4)  # which is none of its time
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for octet in b"slowly":
            server.send(bytes([octet]))
            time.sleep(0.06)
        client.head()
        client.until(b"slowly")
        assert client.ends() == "reset" and server.ends() == "reset"
        record = api.wait_logged(kind="exchange", outcome="stream_idle_timeout")
        assert "`timeouts.stream_idle`" in record["summary"], record

    with api.call("api2.default") as client:
        client.send("GET /idle HTTP/1.1\r\nHost: h\r\n\r\n")
        server, _ = app.take_head()
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for octet in b"slowly":  # longer than the limit in all, never idle for so long
            server.send(bytes([octet]))
            time.sleep(0.06)
        client.head()
        client.until(b"slowly")
        assert client.ends() == "reset" and server.ends() == "reset"
        record = api.wait_logged(kind="exchange", outcome="idle_timeout")
        assert "`timeouts.idle`" in record["summary"], record

    with api.call("api2.default") as client:
        client.send("GET /lasting HTTP/1.1\r\nHost: h\r\n\r\n")
        server, _ = app.take_head()
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        begin = time.monotonic()
        with contextlib.suppress(OSError):  # it moves all the time, and is ended all the same
            while time.monotonic() - begin < 5:
                server.send(b"x")
                time.sleep(0.05)
        client.head()
        assert client.ends() == "reset"
        record = api.wait_logged(kind="exchange", outcome="duration_exceeded")
        assert "`timeouts.max_duration`" in record["summary"], record

    with api.call("api2.default") as client:
        client.send("GET / HTTP/1.1\r\nHost:")
        status, head, body = client.response()
        assert status == 408 and field(head, "connection") == "close", head
        assert b"`timeouts.head`" in body, body
        assert client.ends() == "fin"
        assert "`timeouts.head`" in api.wait_logged(outcome="head_timeout")["summary"]
    with api.call("api2.default") as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        app.take_head()[0].send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert client.response()[0] == 200
        assert client.ends() == "fin", "after timeouts.keep_alive"


FAILING = """
identity: { dir: /var/run/epaulet/identity }
retries: { max: 3, backoff: { initial: 1ms }, statuses: [503] }
services:
  api2.default:
    ports: { 80: http }
    endpoints: { addresses: ["10.88.0.12:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
"""


def test_retries_stay_within_the_budget(lab, binaries):
    first_attempts = 50
    allowed = max(first_attempts * 20 // 100, 3)
    api, api2 = Mesh(lab, binaries).pair(FAILING)
    app = api2.app()
    attempts = 0

    def fail(wire) -> None:
        nonlocal attempts
        while True:
            head = wire.head()
            attempts += 1
            if b" /status " in head:
                wire.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")
            else:
                return wire.reset()

    app.serve(fail)
    with api.call("api2.default") as client:
        for number in range(first_attempts):
            path = "/status" if number % 2 else "/reset"
            client.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
            status, _, body = client.response()
            if number % 2:
                assert (status, body) == (503, b"busy"), "the app's own answer, not ours"
            else:
                assert status == 502
    # The inbound hop sends again what met a connection that went stale, out of an allowance of its own.
    saved = api2.counter("epaulet_upstream_reuse_races_saved_total")
    assert saved <= 3, saved
    assert attempts - saved <= first_attempts + allowed, (attempts, saved)
    assert api.counter("epaulet_retries_total") <= allowed
    assert api.counter("epaulet_retries_over_budget_total") > 0
    refused = api.logged(kind="exchange")[-1]
    (explained,) = api.sidecar.explain(api.logged(kind="exchange", status=502)[-1]["id"])
    assert "retry budget is spent" in json.dumps(explained), (refused, explained)


def test_a_mesh_connection_that_idled_is_used_again(lab, binaries):
    """Its session tickets are no sign of staleness."""
    api, api2 = Mesh(lab, binaries).pair()
    CountingApp(api2.pod)
    with api.call("api2.default") as client:
        for number in range(5):
            client.send(f"GET / HTTP/1.1\r\nHost: h\r\nX-Call: {number}\r\n\r\n")
            assert client.response()[0] == 200
            time.sleep(0.03)  # longer than a pooled connection is taken without a look
    assert api.counter("epaulet_upstream_dials_total") == 1
    assert api.counter("epaulet_upstream_reused_total") == 4
    assert api.counter("epaulet_upstream_stale_dropped_total") == 0


def test_endpoints_take_turns_and_a_dead_one_costs_no_request(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member(
        "api",
        """
identity: { dir: /var/run/epaulet/identity }
retries: { max: 2, backoff: { initial: 1ms }, budget: 100% }
services:
  api2.default:
    ports: { 80: http, 82: tcp }
    endpoints: { addresses: ["10.88.0.12:8080", "10.88.0.13:8080", "10.88.0.14:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
    balance: { policy: round_robin }
""",
    )
    replicas = [
        mesh.member(name, CALLEE, identity=mesh.issue("api2")) for name in ("api2", "api3")
    ]
    apps = [CountingApp(one.pod) for one in replicas]
    lab.pod("empty")  # 10.88.0.14: nobody listens there
    with api.call("api2.default") as client:
        for number in range(30):
            method = "POST" if number % 2 else "GET"
            client.send(f"{method} / HTTP/1.1\r\nHost: h\r\nX-Call: {number}\r\n")
            client.send("Content-Length: 0\r\n\r\n")
            assert client.response()[0] == 200
    assert sum(len(one.calls) for one in apps) == 30
    assert all(10 <= len(one.calls) <= 20 and not one.repeated() for one in apps)
