"""Upgrades in every version: WebSocket's handshake over HTTP/1.1 (RFC 6455) and HTTP/2 (RFC 8441)."""

import base64
import hashlib
import json
import time

from http2_peer import END_HEADERS, HEADERS, fields, frame, hello, until
from mesh import CALLEE, CALLER, Broken, Mesh, field
from test_proxy_http2 import APPS
from test_proxy_versions import callee

S501, S403 = b"H\x82l\x01", b"H\x03403"  # `:status` as nghttp2 packs it (RFC 7541 section 6.2.1)
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def accept(key: str) -> str:
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()


def serve(member, *more: str):
    script = f"{member.pod.bind(APPS, 'apps')}/websocket_peer.js"
    process = member.pod.start(["node", script, "serve", "8080", *more], name="websocket")
    process.wait_for_line("listening")
    return process


def ask(member, text: str = "hello", times: int = 1) -> dict:
    script = f"{member.pod.bind(APPS, 'apps')}/websocket_peer.js"
    command = ["node", script, "ask", "http://api2.default:80", text, str(times)]
    return json.loads(member.pod.run(command, timeout=30).stdout)


def handshake(path: str = "/chat") -> str:
    return (
        f"GET {path} HTTP/1.1\r\nHost: api2.default\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )


def echo(wire) -> None:
    """An HTTP/1.1 app that agrees, gives back what it hears, and says bye."""
    head = wire.head()
    key = field(head, "sec-websocket-key")
    if field(head, "upgrade") != "websocket" or len(base64.b64decode(key)) != 16:
        wire.send("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")
        return
    wire.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Accept: {accept(key)}\r\n\r\n"
    )
    wire.socket.settimeout(None)
    while data := wire.socket.recv(1 << 16):
        wire.send(data)
    wire.send("bye")


def test_an_http2_caller_reaches_an_http2_app(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = serve(api2)
    for times in (1, 80_000):
        seen = ask(api, "hello", times)
        assert seen["offered"] and seen["status"] == 200 and seen.get("ended"), str(seen)[:300]
        assert seen["said"] == "hello" * times + "bye"
    asked = json.loads(app.wait_for_line("asked").split("asked ", 1)[1])
    assert asked[":protocol"] == "websocket" and asked[":path"] == "/chat", asked
    assert asked["x-epaulet-peer"].endswith("/sa/api"), asked
    assert "sec-websocket-key" not in asked and "upgrade" not in asked, asked
    done = api2.wait_logged(direction="inbound", outcome="ok", status=101)
    assert done["method"] == "GET", "rules and logs see what HTTP/1.1 would say"


def test_an_http2_caller_reaches_an_http1_app(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, callee("http1"))
    api2.app().serve(echo)
    seen = ask(api)
    assert (seen["status"], seen["said"], seen.get("ended")) == (200, "hellobye", True), seen
    assert not {"upgrade", "connection", "sec-websocket-accept"} & set(seen["head"]), seen


def test_an_app_that_does_not_serve_it_over_http2_is_asked_over_http1(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    serve(api2, "plain")
    seen = ask(api)
    assert seen["status"] == 502, "this one speaks no HTTP/1.1 at all"


def test_an_http1_caller_reaches_an_http2_app(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, callee("http2"))
    serve(api2)
    with api.call("api2.default") as client:
        client.send(handshake() + "early")
        head = client.head()
        assert head.startswith(b"HTTP/1.1 101"), head
        assert field(head, "upgrade") == "websocket" and field(head, "connection") == "Upgrade", head
        assert field(head, "sec-websocket-accept") == accept(KEY), head
        assert client.take(5) == b"early"
        client.send("hello").fin()
        assert client.rest() == b"hellobye"
    with api.call("api2.default") as client:
        client.send(handshake("/no"))
        assert client.response()[0] == 403
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.response()[2] == b"GET", "the connection goes on"
    with api.call("api2.default") as client:
        client.send(handshake()).head()
        client.send("x").take(1)
        client.reset()
    assert api2.wait_logged(outcome="downstream_reset")


def test_an_http2_app_without_it_says_so_to_an_http1_caller(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, callee("http2"))
    serve(api2, "plain")
    with api.call("api2.default") as client:
        client.send(handshake())
        assert client.response()[0] == 501
    assert api2.wait_logged(outcome="upgrade_unsupported")


def test_rules_judge_an_extended_connect_as_the_request_that_it_stands_for(lab, binaries):
    rules = CALLEE.replace("{ name: all, allow", "{ name: some, paths: [/chat], methods: [GET], allow")
    api, api2 = Mesh(lab, binaries).pair(CALLER, rules)
    serve(api2)
    assert ask(api)["status"] == 200
    # Behind some protocols requests would follow that no rule sees.
    for path, protocol, status in (
        ("/chat", "h2c", S501),
        ("/chat", "HTTP/1.1", S501),
        ("/chat", "TLS/1.0", S501),
        ("/other", "websocket", S403),
    ):
        with api.call("api2.default") as wire:
            asked = fields(path, "CONNECT", **{":protocol": protocol})
            wire.send(hello() + frame(HEADERS, END_HEADERS, 1, asked))
            _, _, _, payload = until(wire, HEADERS)
            assert payload.startswith(status), (protocol, payload)


def test_a_wrong_answer_to_our_key_is_no_agreement(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, callee("http1"))

    def lie(wire) -> None:
        wire.head()
        wire.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Accept: bm8gYWdyZWVtZW50IGF0IGFsbA==\r\n\r\n"
        )
        try:
            wire.rest()
        except (Broken, OSError):
            pass

    api2.app().serve(lie)
    assert ask(api)["status"] == 502


def test_an_upgrade_may_rest_unless_stream_idle_is_written(lab, binaries):
    routes = "    routes: [ { name: chat, paths: [/chat], timeouts: { stream_idle: 300ms } }, { name: rest } ]\n"
    api, api2 = Mesh(lab, binaries).pair(CALLER.replace("  six.default:", routes + "  six.default:"), callee("http1"))
    api2.app().serve(echo)
    with api.call("api2.default") as resting, api.call("api2.default") as chatting:
        for wire, path in ((resting, "/other"), (chatting, "/chat")):
            wire.send(handshake(path))
            assert wire.head().startswith(b"HTTP/1.1 101")
        for octet in b"slowly":  # longer than the limit in all, never idle for so long
            chatting.send(bytes([octet]))
            assert chatting.take(1) == bytes([octet])
            time.sleep(0.1)
        assert chatting.ends() == "reset"
        record = api.wait_logged(kind="exchange", outcome="stream_idle_timeout")
        assert "`timeouts.stream_idle`" in record["summary"], record
        resting.send("still here")
        assert resting.take(10) == b"still here"
