"""`Upgrade: h2c` (RFC 7540 section 3.2): agreed to where the app is asked in HTTP/2, else ignored."""

import base64
import json
import struct

from http2_peer import DATA, END_STREAM, HEADERS, PREFACE, frame, next_frame, request, until
from mesh import CALLEE, CALLER, Mesh, field
from test_proxy_http2 import server
from test_proxy_versions import caller, get, serve_http1

SETTINGS = base64.urlsafe_b64encode(struct.pack(">HI", 4, 65535)).rstrip(b"=").decode()
OFFER = f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: {SETTINGS}\r\n"


def curl(member, *more: str) -> dict:
    answer = "%{stderr}%{http_version} %{http_code} %{num_connects}\n"
    done = member.pod.run(["curl", "-sS", "--http2", "-w", answer, *more], timeout=20)
    return {"body": done.stdout, "said": done.stderr.split()}


def test_curl_goes_on_in_http2_where_the_app_speaks_it(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(caller("http2"), CALLEE)
    server(api2)
    seen = curl(api, "http://api2.default/headers", "-H", "X-Mine: 1")
    head = json.loads(seen["body"])
    assert seen["said"] == ["2", "200", "1"], seen
    assert (head[":path"], head["x-mine"]) == ("/headers", "1"), head
    assert not {"http2-settings", "upgrade", "connection"} & set(head), head
    both = curl(api, "http://api2.default/echo", "http://api2.default/count")
    assert both["said"] == ["2", "200", "1", "2", "200", "0"], both
    assert curl(api, "-I", "http://api2.default/echo")["said"] == ["2", "200", "1"]
    posted = curl(api, "http://api2.default/echo", "-d", "body")
    assert posted["said"][1] == "200" and posted["body"] == "body", "with a body it stays HTTP/1.1"


def test_every_request_behind_it_is_judged(lab, binaries):
    rules = CALLEE.replace("{ name: all, allow", "{ name: some, paths: [/echo], allow")
    api, api2 = Mesh(lab, binaries).pair(caller("http2"), rules)
    server(api2)
    with api.call("api2.default") as wire:
        wire.send(get("/count", OFFER))
        assert wire.head().startswith(b"HTTP/1.1 101")
        wire.send(PREFACE + frame(4, 0, 0) + request(3, "/echo") + request(5, "/count"))
        codes = {}
        while len(codes) < 3:
            _, _, stream, payload = until(wire, HEADERS)
            codes[stream] = payload[0]
        assert codes[3] == 0x88 and 0x88 not in (codes[1], codes[5]), codes
    api2.process.wait_for(lambda: len(api2.logged(outcome="forbidden")) == 2, "two refusals")


def test_an_app_that_is_asked_in_the_callers_version_never_hears_of_it(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, CALLEE)
    seen: list = []
    serve_http1(api2.app(), {}, seen)
    answered = curl(api, "http://api2.default/plain")
    assert (answered["said"], answered["body"]) == (["1.1", "200", "1"], "ok"), answered
    head = seen[0][1]
    for name in ("upgrade", "http2-settings", "connection"):
        assert field(head, name) is None, head


def test_offers_that_are_not_whole_are_ignored(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(caller("http2"), CALLEE)
    server(api2)
    for offer in (
        "Connection: Upgrade\r\nUpgrade: h2c\r\n" + f"HTTP2-Settings: {SETTINGS}\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
        OFFER + f"HTTP2-Settings: {SETTINGS}\r\n",
        OFFER.replace(SETTINGS, "not base64!"),
        OFFER.replace("h2c", "h2"),
    ):
        with api.call("api2.default") as wire:
            status, head, body = wire.send(get("/echo", offer)).response()
            assert status == 200 and b"101" not in head[:15], (offer, head)
    with api.call("api2.default") as wire:
        wire.send(get("/echo", OFFER.replace(SETTINGS, "AAQ")))  # not a whole setting
        assert wire.ends() == "reset"
    with api.call("api2.default") as wire:
        wire.send(get("/echo", OFFER)).head()
        wire.send("GET / HTTP/1.1\r\n\r\n" + "x" * 30)
        try:
            assert b"HTTP/1.1" not in wire.rest(), "what follows is HTTP/2 or nothing"
        except ConnectionResetError:
            pass
    with api.call("api2.default") as wire:
        wire.send(get("/echo", OFFER)).head()
        wire.send(PREFACE + frame(4, 0, 0))
        while True:
            kind, flags, stream, _ = next_frame(wire)
            if stream == 1 and kind in (HEADERS, DATA) and flags & END_STREAM:
                break
