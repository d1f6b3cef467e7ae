"""Background delivery: accepted at once, delivered later, bounded, drained, and counted when dropped."""

import threading
import time

from answering import KeepingApp
from lab import wait_until
from mesh import CALLEE, Member, Mesh, field

CALLER = """
identity: {{ dir: /var/run/epaulet/identity }}
services:
  api2.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080"] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
    timeouts: {{ attempt: 300ms, request: 1s }}
    retries: {{ max: 0 }}
    outliers: {{ enabled: false }}
    routes:
      - {{ name: later, paths: [/later/**], background: {{ {keys} }} }}
drain: {{ grace: 100ms, timeout: {timeout} }}
"""
QUICK = "tries: 1000, backoff: { initial: 50ms, max: 200ms }"
DROPPED = "epaulet_background_dropped_total"
DELIVERED = "epaulet_background_delivered_total"


def listener(member: Member, status: int = 200) -> KeepingApp:
    return KeepingApp(member.pod, status=status, body="")


def pair(lab, binaries, keys: str = QUICK, timeout: str = "5s") -> tuple[Member, Member]:
    return Mesh(lab, binaries).pair(CALLER.format(keys=keys, timeout=timeout), CALLEE)


def post(api: Member, body: str = "note", path: str = "/later/1", header: str = "") -> tuple:
    with api.call("api2.default") as client:
        client.send(f"POST {path} HTTP/1.1\r\nHost: h\r\n{header}Content-Length: {len(body)}\r\n\r\n{body}")
        return client.response("POST")


def waiting(api: Member) -> float:
    return api.counter("epaulet_background_waiting")


def test_what_nobody_hears_is_accepted_and_delivered_once_somebody_does(lab, binaries):
    api, api2 = pair(lab, binaries)
    begin = time.monotonic()
    accepted = [post(api, f"note {n}", header="X-Mine: yes\r\n") for n in range(5)]
    assert time.monotonic() - begin < 1.0, "the app waits for nobody"
    assert [one[0] for one in accepted] == [202] * 5, accepted
    ids = {field(one[1], "x-request-id") for one in accepted}
    assert waiting(api) == 5
    time.sleep(0.5)
    app = listener(api2)
    wait_until(lambda: waiting(api) == 0, "the deliveries", 5)
    assert sorted(app.bodies) == [b"note %d" % n for n in range(5)]
    for head in app.heads:
        assert field(head, "x-mine") == "yes" and field(head, "host") == "h", head
        assert field(head, "x-request-id") in ids, head
        assert field(head, "idempotency-key") == f'"{field(head, "x-request-id")}"', head
    assert api.counter(DELIVERED) == api.counter("epaulet_background_accepted_total") == 5
    assert api.counter("epaulet_background_tries_total") > 5
    assert api.counter(DROPPED) == 0
    logged = api.wait_logged(kind="exchange", status=202)
    assert logged["route"] == "later" and logged["id"] in ids, logged


def test_a_slow_or_failing_receiver_holds_up_nobody_and_hears_it_again(lab, binaries):
    api, api2 = pair(lab, binaries)
    app = listener(api2, status=503)
    assert post(api, "again")[0] == 202
    wait_until(lambda: len(app.heads) >= 3, "tries", 5)
    app.status = 200
    wait_until(lambda: waiting(api) == 0, "the delivery", 5)
    keys = {field(head, "idempotency-key") for head in app.heads}
    assert len(keys) == 1, "by which a receiver knows it again"
    # Other routes wait for their answer, as ever.
    assert post(api, path="/now")[0] == 200


def test_what_is_refused_or_tried_too_often_or_too_late_is_dropped_and_counted(lab, binaries):
    keys = "tries: 3, backoff: { initial: 1ms, max: 1ms }"
    api, api2 = pair(lab, binaries, keys)
    app = listener(api2, status=422)
    assert post(api)[0] == 202
    wait_until(lambda: api.counter(DROPPED, reason="refused") == 1, "the refusal", 5)
    assert len(app.heads) == 1
    app.status = 500
    assert post(api)[0] == 202
    wait_until(lambda: api.counter(DROPPED, reason="tries") == 1, "the last try", 5)
    assert len(app.heads) == 4
    record = api.wait_logged(event="background_dropped", reason="tries")
    assert (record["service"], record["route"]) == ("api2.default", "later"), record
    late = "give_up_after: 1s, tries: 1000, backoff: { initial: 50ms, max: 50ms }"
    api.replace("config/api.yaml", CALLER.format(keys=late, timeout="5s"))
    loaded = 'epaulet_config_reloads_total'
    wait_until(lambda: api.counter(loaded, result="loaded") >= 2, "the reload", 5)
    assert post(api)[0] == 202
    wait_until(lambda: api.counter(DROPPED, reason="late") == 1, "the end of its time", 5)
    assert api.counter(DELIVERED) == 0 and waiting(api) == 0


def test_the_queue_is_bounded_in_number_and_bytes(lab, binaries):
    api, _ = pair(lab, binaries, f"queue: 3, bytes: 64KiB, {QUICK}")
    assert [post(api)[0] for _ in range(5)] == [202, 202, 202, 503, 503]
    assert api.counter(DROPPED, reason="full") == 2
    record = api.wait_logged(kind="exchange", outcome="background_full")
    assert record["status"] == 503, record


def test_bodies_are_bounded_too_whatever_their_framing(lab, binaries):
    api, api2 = pair(lab, binaries, f"bytes: 64KiB, {QUICK}")
    # Refused by its length alone: who went on to send it might not read the answer.
    for length, status in ((70_000, 503), (2_000_000, 413)):
        with api.call("api2.default") as client:
            client.send(f"POST /later/1 HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n")
            assert client.response("POST")[0] == status
    app = listener(api2)
    assert post(api, "x" * 30_000)[0] == 202
    wait_until(lambda: len(app.heads) == 1, "the delivery", 5)
    assert app.bodies[0] == b"x" * 30_000


def test_chunked_bodies_and_expectations_are_kept_whole(lab, binaries):
    api, api2 = pair(lab, binaries)
    app = listener(api2)
    with api.call("api2.default") as client:
        client.send("POST /later/1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n")
        client.send("Expect: 100-continue\r\n\r\n")
        assert client.head().startswith(b"HTTP/1.1 100 ")
        client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert client.response("POST")[0] == 202
        client.send("POST /later/2 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        assert client.response("POST")[0] == 202, "the connection is kept"
    wait_until(lambda: len(app.heads) == 2, "the deliveries", 5)
    assert sorted(app.bodies) == [b"", b"abcde"]


def test_a_drain_waits_for_what_can_be_delivered_and_drops_the_rest(lab, binaries):
    api, api2 = pair(lab, binaries)
    assert post(api)[0] == 202
    ends = threading.Thread(target=api.process.stop)
    ends.start()
    time.sleep(0.5)
    app = listener(api2)
    ends.join(10)
    assert app.bodies == [b"note"], "it was still delivered"

    app.die()
    api.replace("config/api.yaml", CALLER.format(keys=QUICK, timeout="500ms"))
    api.start()
    assert post(api, "lost")[0] == 202
    api.process.stop()
    (record,) = api.logged(event="background_dropped")
    assert record["reason"] == "shutdown", record
