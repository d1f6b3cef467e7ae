"""Connections of HTTP/1.1 that share one between the sidecars: `tls: { multiplex: true }`.

What an app sees must not differ from what it sees where nothing is shared, byte for byte.
"""

import json
import re
import socket
import ssl
import threading
import time
from pathlib import Path

from http2_peer import DATA, END_HEADERS, HEADERS, RST_STREAM, frame, hello, literal
from lab import wait_until
from mesh import APP_PORT, CALLEE, CALLER, Mesh, Wire, field
from test_proxy_http1 import pass_byte_for_byte
from test_proxy_websocket import SWITCHED, UPGRADE

APPS = Path(__file__).resolve().parent / "apps"
IDENTITY = "identities: [spiffe://cluster.local/ns/default/sa/api2]"
# The same app twice: `own` is asked over connections that nobody shares.
BOTH = (
    CALLER.replace(IDENTITY, f"{IDENTITY}, multiplex: true")
    + f"""  own.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080"] }}
    tls: {{ {IDENTITY} }}
"""
)
ONE_WORKER = "workers: 1\n"


def node(member, script: str, *arguments: str):
    argv = ["node", f"{member.pod.bind(APPS, 'apps')}/{script}", *arguments]
    return member.pod.start(argv, name=script)


def odd_app(member):
    process = node(member, "odd_server.js", str(APP_PORT))
    process.wait_for_line("listening")
    return process


def asked(method: str, path: str, *lines: str, body: str = "", version: str = "1.1") -> bytes:
    head = [f"{method} {path} HTTP/{version}", "hOsT: one.and.the.same", *lines, "", ""]
    return ("\r\n".join(head) + body).encode("latin-1")


# What is asked, each on a connection of its own; the answer is read to its end.
REQUESTS = {
    "spelling": asked("GET", "/told?a=%7e", "x-a:1", "X-A:   2 ", "X-a:", "cOOkie: a", "Cookie:b"),
    "latin": asked("GET", "/told", "x-latin: \xe9\xff"),
    "other method": asked("PuRGE", "/told"),
    "HTTP/1.0": asked("GET", "/told", version="1.0"),
    "length": asked("POST", "/told", "content-LENGTH:5", body="12345"),
    "chunks": asked(
        "PUT",
        "/told",
        "transfer-ENCODING: chunked",
        "TE: trailers",
        body="3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nX-Sum:1\r\nx-sUM: 2\r\n\r\n",
    ),
    "answer": asked("GET", "/odd"),
    "HEAD": asked("HEAD", "/odd"),
    "hints": asked("GET", "/hints"),
    "hints to HTTP/1.0": asked("GET", "/hints", version="1.0"),
    "old": asked("GET", "/old"),
    "early": asked("POST", "/early", "Content-Length: 900000", body="x" * 900_000),
    "not found path": asked("OPTIONS", "*"),
}
DIFFERS = re.compile(
    rb'(?im)^(date|x-request-id):.*\r\n|"(?:x-request-id|traceparent)","[^"]*",?'
)


def whole_answer(wire: Wire, request: bytes) -> bytes:
    """All bytes of the answer, without what is drawn anew for each request."""
    method = request.split()[0].decode()
    answer = b""
    while True:
        head = wire.head()
        status = int(head.split()[1])
        answer += head
        if status >= 200:
            break
    if method != "HEAD":
        if field(head, "transfer-encoding"):
            data, trailers = wire.chunked()
            answer += data + trailers
        elif (length := field(head, "content-length")) is not None:
            answer += wire.take(int(length))
        else:
            answer += wire.rest()
    return DIFFERS.sub(b"", answer)


def test_heads_and_bodies_pass_byte_for_byte(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(BOTH)
    pass_byte_for_byte(api, api2)
    assert api.counter("epaulet_multiplexed_connections_total", direction="outbound") == 1
    assert api.wait_logged(kind="exchange")["multiplexed"] is True
    assert api2.wait_logged(kind="exchange")["multiplexed"] is True


def test_an_app_and_its_caller_see_the_same_as_where_nothing_is_shared(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(BOTH)
    odd_app(api2)
    for name, request in REQUESTS.items():
        seen = []
        for service in ("own.default", "api2.default"):
            with api.call(service) as client:
                sender = threading.Thread(target=lambda: send_all(client, request))
                sender.start()
                seen.append(whole_answer(client, request))
                sender.join()
        if name == "early":  # Whether all was sent by then is a matter of luck.
            seen = [one.replace(b"Connection: close\r\n", b"") for one in seen]
        assert seen[0] == seen[1], f"{name}: {seen[0]!r} but shared {seen[1]!r}"
        assert len(seen[0]) > 40, seen
    for service, is_shared in (("own.default", None), ("api2.default", True)):
        records = api.process.wait_for(
            lambda: len(found := api.logged(service=service)) == len(REQUESTS) and found, service
        )
        assert all(record.get("multiplexed") == is_shared for record in records), records
    # 100 (Continue), which is waited for.
    with api.call("api2.default") as client:
        client.send(asked("POST", "/told", "Content-Length: 2", "Expect: 100-continue"))
        assert client.head().startswith(b"HTTP/1.1 100 ")
        client.send("ok")
        assert json.loads(client.response()[2])["body"] == "ok"


def send_all(client: Wire, request: bytes) -> None:
    try:
        client.send(request)
    except OSError:
        pass  # Who is answered early need not send the rest.


def test_many_callers_share_few_connections(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(ONE_WORKER + BOTH, ONE_WORKER + CALLEE)
    odd_app(api2)
    crowd = node(api, "crowd_client.js", "http://api2.default/slow/1500", "200")
    wait_until(
        lambda: api2.counter("epaulet_multiplexed_connections_active", direction="inbound") == 200,
        "200 callers at once",
        10,
    )
    assert api2.counter("epaulet_connections_active", direction="inbound") == 2
    assert api.counter("epaulet_upstream_connections", state="active") == 2
    crowd.wait_for_line('"200":200')
    assert api.counter("epaulet_tls_handshakes_total", direction="outbound") == 2
    own = node(api, "crowd_client.js", "http://own.default/slow/1500", "20")
    own.wait_for_line('"200":20')
    assert api.counter("epaulet_tls_handshakes_total", direction="outbound") == 22


def test_who_breaks_off_ends_one_stream_alone(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(BOTH)
    app = odd_app(api2)
    with api.call("api2.default") as bystander:
        bystander.send(asked("GET", "/slow/3000"))
        for count in range(1, 4):
            with api.call("api2.default") as client:
                client.send(asked("GET", "/stall"))
                wait_until(lambda: app.text().count("stalled") == count, "it to arrive", 5)
                client.reset()
            wait_until(lambda: app.text().count("left") == count, "it to leave", 5)
        with api.call("api2.default") as client:
            client.send(asked("GET", "/half"))
            client.head()
            assert client.take(4) == b"half"
            assert client.ends() == "reset", "half an answer must not look whole"
        with api.call("api2.default") as client:
            client.send(asked("POST", "/told", "Content-Length: 3", body="abc"))
            assert client.response()[0] == 200
        assert bystander.response()[2] == b"slow"
    assert api.counter("epaulet_tls_handshakes_total", direction="outbound") == 1


def test_a_websocket_goes_on_a_stream(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(BOTH)
    app = api2.app()
    caller = api.call("api2.default").send(UPGRADE + "early")
    server, head = app.take_head()
    assert b"upgrade: websocket" in head.lower(), head
    server.send(SWITCHED + "greeting")
    assert caller.head().startswith(b"HTTP/1.1 101 ")
    assert caller.take(8) == b"greeting" and server.take(5) == b"early"
    assert api.counter("epaulet_multiplexed_connections_active", direction="outbound") == 1
    caller.send("last").fin()
    assert server.rest() == b"last"
    server.send("x" * 1_000_000).fin()
    assert caller.rest() == b"x" * 1_000_000


class OldSidecar:
    """One that does not know the token: TLS of Python's, in a pod that has no sidecar."""

    def __init__(self, mesh: Mesh, pod, identity: Path, tokens: list[str]):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
        context.load_verify_locations(identity / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols(tokens)
        self.context = context
        self.agreed: list[str | None] = []
        self.listener = pod.in_netns(lambda: socket.create_server(("0.0.0.0", APP_PORT)))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            channel, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(channel,), daemon=True).start()

    def _serve(self, channel: socket.socket) -> None:
        try:
            with self.context.wrap_socket(channel, server_side=True) as secured:
                self.agreed.append(secured.selected_alpn_protocol())
                heard = b""
                while data := secured.recv(4096):
                    heard += data
                    if heard.endswith(b"\r\n\r\n"):
                        secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
                        heard = b""
        except OSError:
            pass


def test_a_sidecar_that_does_not_know_it_is_asked_over_mtls_as_before(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", BOTH)
    pod = lab.pod("old")
    assert pod.ipv4 == "10.88.0.12", pod.ipv4
    old = OldSidecar(mesh, pod, mesh.issue("api2"), ["epaulet/1-h1"])
    for _ in range(3):
        with api.call("api2.default") as client:
            client.send(asked("GET", "/"))
            assert client.response()[2] == b"old"
    assert old.agreed == ["epaulet/1-h1"], "one handshake, and the connection is kept"
    record = api.wait_logged(kind="exchange", status=200)
    assert "multiplexed" not in record and record["tls"] is True, record


def test_a_server_that_agrees_to_nothing_gets_nothing(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", BOTH)
    pod = lab.pod("old")
    old = OldSidecar(mesh, pod, mesh.issue("api2"), ["epaulet/9-new"])
    with api.call("api2.default") as client:
        client.send(asked("GET", "/"))
        assert client.response()[0] == 502
    assert set(old.agreed) <= {None}, old.agreed
    assert api.wait_logged(kind="exchange")["outcome"] == "tls_alpn_unknown"


CARRY = b"".join(
    literal(name, value)
    for name, value in (
        (":method", "CONNECT"),
        (":protocol", "epaulet-http1"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "epaulet"),
    )
)


def test_a_sidecar_that_begins_and_does_not_go_on_is_cut_off(lab, binaries):
    mesh = Mesh(lab, binaries)
    _, api2 = mesh.pair(BOTH, CALLEE + "timeouts: { head: 500ms }\n")
    api2.app()
    identity, peer = mesh.issue("api"), lab.pod("peer")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["epaulet/1-h1-in-h2"])
    begun = {
        "half a head": frame(HEADERS, 0, 1, CARRY),
        "another protocol": frame(HEADERS, END_HEADERS, 1, CARRY.replace(b"http1", b"http9")),
    }
    for what, said in begun.items():
        plain = peer.in_netns(lambda: socket.create_connection(("10.88.0.12", APP_PORT), 5))
        with context.wrap_socket(plain, server_hostname="api2.default") as channel:
            assert channel.selected_alpn_protocol() == "epaulet/1-h1-in-h2"
            channel.settimeout(5)
            begin = time.monotonic()
            channel.sendall(hello() + said)
            if what == "half a head":
                while channel.recv(1 << 14):
                    pass
                assert time.monotonic() - begin < 3, what
            else:
                wait_until(lambda: is_reset(channel), f"{what}: its stream to be reset", 5)
    assert api2.counter("epaulet_http2_offences_total", reason="slow_head") == 1


def is_reset(channel: ssl.SSLSocket) -> bool:
    """The frames that have come hold a RST_STREAM of stream 1."""
    return frame(RST_STREAM, 0, 1, b"\0\0\0\1") in channel.recv(1 << 14)


def test_nobody_but_a_sidecar_has_connections_carried(lab, binaries):
    open_to_all = CALLEE.replace("strict", "permissive").replace("allow: [mesh]", "allow: [anyone]")
    _, api2 = Mesh(lab, binaries).pair(BOTH, open_to_all)
    app = api2.app()
    outside = lab.pod("outside")
    wire = Wire(outside.in_netns(lambda: socket.create_connection(("10.88.0.12", APP_PORT), 5)))
    with wire:
        wire.send(hello() + frame(HEADERS, END_HEADERS, 1, CARRY))
        wire.send(frame(DATA, 0, 1, asked("GET", "/told")))
        app.nobody(0.5)
        assert api2.wait_logged(kind="exchange")["outcome"] == "upgrade_unsupported"
    assert api2.counter("epaulet_multiplexed_connections_total", direction="inbound") == 0
