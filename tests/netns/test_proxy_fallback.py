"""When it fails anyway: the last good response, another backend, a fixed answer."""

import time

from answering import KeepingApp
from mesh import CALLEE, Member, Mesh, field

CALLER = """
workers: 2
identity: {{ dir: /var/run/epaulet/identity }}
services:
  api2.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080"] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
    timeouts: {{ request: 500ms }}
    retries: {{ max: 0 }}
    outliers: {{ enabled: false }}
    routes:
      - {{ name: kept, paths: [/kept/**], fallback: {{ {keys} }} }}
backends:
  spare:
    endpoints: {{ addresses: ["10.88.0.13:8080"] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
"""
COUNT = "epaulet_fallbacks_total"


def moody(member: Member, body: str = "fresh") -> KeepingApp:
    return KeepingApp(member.pod, body=body)


def pair(lab, binaries, keys: str) -> tuple[Member, Member]:
    return Mesh(lab, binaries).pair(CALLER.format(keys=keys), CALLEE)


def ask(api: Member, path: str = "/kept/a", method: str = "GET", header: str = "") -> tuple:
    with api.call("api2.default") as client:
        length = "Content-Length: 4\r\n\r\nbody" if method == "POST" else "\r\n"
        client.send(f"{method} {path} HTTP/1.1\r\nHost: h\r\n{header}{length}")
        return client.response(method)


def test_the_last_good_response_stands_in_whatever_fails(lab, binaries):
    api, api2 = pair(lab, binaries, "last_good: { keep: 1m }")
    app = moody(api2)
    app.lines = "ETag: x\r\nContent-Type: text/plain\r\n"
    status, head, body = ask(api)
    assert (status, body, field(head, "cache-status")) == (200, b"fresh", None), head
    app.status, app.body = 500, "broken"
    status, head, body = ask(api)
    assert (status, body) == (200, b"fresh"), head
    assert field(head, "cache-status") == "epaulet; hit; detail=stale-if-error", head
    assert field(head, "etag") == "x" and field(head, "content-type") == "text/plain", head
    assert 0 <= int(field(head, "age")) <= 5 and field(head, "x-request-id"), head
    assert ask(api, method="HEAD")[0] == 200
    app.delay = 1.0
    assert ask(api)[2] == b"fresh", "late"
    app.close()
    with api.call("api2.default") as client:  # the connection is kept all the same
        for _ in range(2):
            client.send("GET /kept/a HTTP/1.1\r\nHost: h\r\n\r\n")
            assert client.response()[2] == b"fresh"
    # Another path, another method, another language, another route: nothing was kept.
    assert ask(api, "/kept/b")[0] in (502, 504)
    assert ask(api, method="POST")[0] in (502, 504)
    assert ask(api, header="Accept-Language: de\r\n")[0] in (502, 504)
    assert ask(api, "/other")[0] in (502, 504)
    assert api.counter(COUNT, to="last_good") == 5
    record = api.wait_logged(kind="exchange", outcome="answer_replaced")
    assert record["status"] == 200, record
    (explained,) = api.sidecar.explain(record["id"])
    (fell,) = [one for one in explained["events"] if one["code"] == "fell_back"]
    assert fell["to"] == "last_good" and fell["status"] == 200, explained


def test_what_is_kept_is_what_http_lets_be_kept(lab, binaries):
    api, api2 = pair(lab, binaries, "last_good: {}")
    app = moody(api2)

    def kept(lines: str, header: str = "") -> bool:
        app.status, app.lines = 200, lines
        assert ask(api, header=header)[0] == 200
        app.status = 503
        return ask(api, header=header)[0] == 200

    assert kept("Cache-Control: max-age=1, stale-if-error=60\r\n")
    assert not kept(""), "nothing allows it, and what was kept is true no more"
    assert not kept("Cache-Control: no-store, stale-if-error=60\r\n")
    assert not kept("Cache-Control: stale-if-error=60\r\nSet-Cookie: a=b\r\n")
    assert not kept("Cache-Control: stale-if-error=60\r\n", "Authorization: Bearer x\r\n")
    assert kept("Cache-Control: public, stale-if-error=60\r\n", "Authorization: Bearer x\r\n")
    assert kept("Cache-Control: stale-if-error=1\r\n")
    time.sleep(1.1)
    assert ask(api)[0] == 503, "its time is over"


def test_another_backend_then_a_fixed_answer(lab, binaries):
    keys = (
        'statuses: [503], backend: spare, answer: { status: 203, content_type: application/json, body: "[]" }'
    )
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair(CALLER.format(keys=keys), CALLEE)
    first = moody(api2)
    spare = moody(mesh.member("api3", CALLEE, mesh.issue("api2")), "spare")
    assert ask(api)[2] == b"fresh"
    first.status = 500
    assert ask(api)[0] == 500, "not one of the statuses"
    first.status = 503
    assert ask(api)[2] == b"spare"
    assert ask(api, method="POST")[::2] == (203, b"[]"), "the first may have done it"
    assert ask(api, method="POST", header="Idempotency-Key: k\r\n")[2] == b"spare"
    first.close()
    assert ask(api)[2] == b"spare"
    spare.status = 418
    assert ask(api)[0] == 418, "what it answers is its own"
    spare.die()
    status, head, body = ask(api)
    assert (status, body, field(head, "content-type")) == (203, b"[]", "application/json"), head
    assert ask(api, method="HEAD")[0] == 203
    assert api.counter(COUNT, to="backend") >= 4 and api.counter(COUNT, to="static") == 3
    record = api.wait_logged(kind="exchange", status=203, method="HEAD")
    assert record["outcome"].startswith(("connect", "closed", "reset")), record


def test_the_callers_own_fault_is_its_own(lab, binaries):
    api, api2 = pair(lab, binaries, 'statuses: [4xx], answer: { body: "sorry" }')
    app = moody(api2)
    app.status = 404
    assert ask(api)[2] == b"sorry", "the file says so"
    with api.call("api2.default") as client:
        client.send("POST /kept/a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n")
        assert client.response("POST")[0] == 408, "its body did not come"
