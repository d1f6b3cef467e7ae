"""HTTP/1.1 through two sidecars and the mTLS between them, byte by byte at both ends."""

import hashlib
import json
import re

from lab import Capture, wait_until
from mesh import APP_PORT, APP_UID, CALLEE, Member, Mesh, Wire, dial, field

OPEN = CALLEE.replace("strict", "permissive").replace("allow: [mesh]", "allow: [anyone]")

EVERY_BYTE = bytes(range(256)) * 300  # more than one read, less than what sockets buffer


def test_heads_and_bodies_pass_byte_for_byte(lab, binaries):
    pass_byte_for_byte(*Mesh(lab, binaries).pair())


def pass_byte_for_byte(api: Member, api2: Member) -> None:
    app = api2.app()
    capture = Capture(api2.pod)
    request = [
        b"PoST /a%20b/../C;x=1//?q=%7e&&x[]=<> HTTP/1.1",
        b"hOsT: api2.default:80",
        b"X-Odd:no space",
        b"x-odd:   three before, two behind  ",
        b"X-ODD:",
        b"Accept:\t*/*\t",
        b"cOOkie: a=b; c=d",
        b"Cookie: e=f",
        b"x-latin: \xe9\xff",
        b"CONTENT-length: %d" % len(EVERY_BYTE),
    ]
    answer = [
        b"HTTP/1.1 299 Odd,  but \xe9 fine",
        b"sEt-CooKie: a",
        b"Set-Cookie:b",
        b"server: x  ",
        b"x-latin: \xff",
        b"content-LENGTH:%d" % len(EVERY_BYTE),
    ]
    with api.call("api2.default") as client:
        client.send(b"\r\n".join(request) + b"\r\n\r\n" + EVERY_BYTE)
        server, head = app.take_head()
        seen = head.split(b"\r\n")[:-2]
        assert seen[: len(request)] == request, seen
        added = [line.split(b":")[0] for line in seen[len(request) :]]
        assert added == [
            b"x-request-id",
            b"traceparent",
            b"x-epaulet-peer",
            b"x-forwarded-client-cert",
            b"x-epaulet-roles",
        ], seen
        assert server.take(len(EVERY_BYTE)) == EVERY_BYTE
        server.send(b"\r\n".join(answer) + b"\r\n\r\n" + EVERY_BYTE)
        assert client.head() == b"\r\n".join(answer) + b"\r\n\r\n"
        assert client.take(len(EVERY_BYTE)) == EVERY_BYTE
    crossed = capture.between(api.pod, api2.pod)
    assert crossed.tls_records > 5 and crossed.plaintext_segments == 0, crossed


def test_an_exchange_has_one_request_id(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()

    def seen(*ids: str) -> list[str]:
        lines = "".join(f"X-Request-Id: {one}\r\n" for one in ids)
        with api.call("api2.default") as client:
            client.send(f"GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
            server, head = app.take_head()
            server.send("HTTP/1.1 204 No Content\r\n\r\n")
            client.head()
        return re.findall(r"(?im)^x-request-id: *(.*?)\r$", head.decode())

    assert seen("mine-1") == ["mine-1"]
    assert seen("mine-1", "mine-2") == ["mine-1"], "two systems that log one each would disagree"
    assert seen("mine-1", "not mine") == ["mine-1"]
    for ids in ((), ("not mine",), ("not mine", "mine-2")):
        (drawn,) = seen(*ids)
        assert re.fullmatch("[0-9a-f]{32}", drawn), drawn


def test_an_outsider_names_his_request(lab, binaries):
    anybody = CALLEE.replace("strict", "permissive").replace("[mesh]", "[anyone]")
    api2 = Mesh(lab, binaries).member("api2", anybody)
    app, outside = api2.app(), lab.pod("outside")
    for _ in range(2):
        with Wire(dial(outside, api2.pod.ipv4, APP_PORT)) as client:
            client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine-1\r\n\r\n")
            server, head = app.take_head()
            assert field(head, "x-request-id") == "mine-1"
            server.send("HTTP/1.1 204 No Content\r\n\r\n")
            assert client.response()[0] == 204
    api2.process.wait_for(lambda: len(api2.logged(id="mine-1")) == 2, "both in the log")


def test_upstream_connections_are_active_or_idle(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()

    def counts(member) -> tuple[float, ...]:
        name = "epaulet_upstream_connections"
        return tuple(member.counter(name, state=state) for state in ("active", "idle"))

    with api.call("api2.default") as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        server, _ = app.take_head()
        assert counts(api) == counts(api2) == (1, 0)
        server.send("HTTP/1.1 204 No Content\r\n\r\n")
        client.head()
    wait_until(lambda: counts(api) == counts(api2) == (0, 1), "both to be idle", 5)
    server.close()
    wait_until(lambda: counts(api2) == (0, 0), "the app's end to be noticed", 5)


def test_pipelined_requests_are_answered_in_order(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    with api.call("api2.default") as client:
        for _ in range(2):  # and the connection is kept
            client.send(
                b"GET /0 HTTP/1.1\r\nHost: h\r\n\r\n"
                b"POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /"
                b"POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nabc\r\n0\r\n\r\n"
                b"HEAD /3 HTTP/1.1\r\nHost: h\r\n\r\n"
                b"GET /4 HTTP/1.1\r\nHost: h\r\n\r\n"
            )
            for number, body in enumerate([b"", b"GET /", b"abc", b"", b""]):
                server, head = app.take_head()
                assert head.split()[1] == b"/%d" % number, head
                if b"chunked" in head:
                    assert server.chunked() == (body, b"")
                else:
                    assert server.take(len(body)) == body
                server.quiet(0.005)  # one at a time
                content = b"" if number == 3 else b"%d" % number
                server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + content)
            for number, method in enumerate(["GET", "POST", "POST", "HEAD", "GET"]):
                status, _, body = client.response(method)
                assert (status, body) == (200, b"" if number == 3 else b"%d" % number)
    assert app.accepted == 1, "the sidecars keep their connections too"


def test_a_request_may_arrive_octet_by_octet(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    with api.call("api2.default") as client:
        for octet in b"POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc":
            client.send(bytes([octet]))
        server, head = app.take_head()
        assert head.startswith(b"POST /slow HTTP/1.1\r\nHost: h\r\n") and server.take(3) == b"abc"
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nA\r\n0\r\n\r\n"
        for octet in answer:
            server.send(bytes([octet]))
        assert client.response()[2] == b"A"


def test_chunked_bodies_and_trailers_both_ways(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    with api.call("api2.default") as client:
        head = b"POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n"
        head += b"Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.send(head + b"5;ext=1\r\nhello\r\n")
        server, seen = app.take_head()
        assert field(seen, "te") == "trailers" and field(seen, "trailer") == "X-Sum", seen
        assert server.until(b"hello") == b"5\r\nhello", "a chunk is passed on when it comes"
        client.send(b"%x\r\n%b\r\n0\r\nX-Sum: 7\r\nx-sum:8\r\n\r\n" % (len(EVERY_BYTE), EVERY_BYTE))
        server.buffer = b"5\r\nhello" + server.buffer
        assert server.chunked() == (b"hello" + EVERY_BYTE, b"X-Sum: 7\r\nx-sum:8\r\n")

        server.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        assert field(client.head(), "transfer-encoding") == "chunked"
        assert client.until(b"hi") == b"2\r\nhi", "and so is a chunk of the answer"
        client.buffer = b"2\r\nhi" + client.buffer
        server.send(b"1\r\n!\r\n0\r\nServer-Timing: a\r\n\r\n")
        assert client.chunked() == (b"hi!", b"Server-Timing: a\r\n")

        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        server, _ = app.take_head()
        assert server.chunked() == (b"", b"")
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert client.response()[0] == 200


def test_answers_without_a_body_leave_the_connection_usable(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    answers = [
        ("HEAD", b"200 OK\r\nContent-Length: 1000"),
        ("HEAD", b"200 OK\r\nTransfer-Encoding: chunked"),
        ("GET", b"204 No Content"),
        ("GET", b"304 Not Modified\r\nContent-Length: 1000\r\nETag: x"),
        ("GET", b"304 Not Modified\r\nTransfer-Encoding: chunked"),
        ("GET", b"200 OK\r\nContent-Length: 0"),
    ]
    with api.call("api2.default") as client:
        for method, answer in answers:
            client.send(f"{method} / HTTP/1.1\r\nHost: h\r\n\r\n")
            app.take_head()[0].send(b"HTTP/1.1 " + answer + b"\r\n\r\n")
            _, head, _ = client.response(method)
            assert head == b"HTTP/1.1 " + answer + b"\r\n\r\n", head
            client.quiet(0.01)
    assert app.accepted == 1


def test_informational_answers_and_a_client_that_waits_for_100(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    ask = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    with api.call("api2.default") as client:
        client.send(ask)
        server, head = app.take_head()
        assert field(head, "expect") == "100-continue"
        client.quiet()  # it is the app that says 100, nobody before it
        server.quiet(0)
        server.send(b"HTTP/1.1 100 Go  on\r\n\r\n")
        assert client.head() == b"HTTP/1.1 100 Go  on\r\n\r\n"
        client.send(b"body")
        assert server.take(4) == b"body"
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        server.send(hints)
        assert client.head() == hints, "while the answer itself is not there"
        server.send(hints + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert client.head() == hints and client.response()[0] == 200

        client.send(ask)
        server, _ = app.take_head()
        server.send(b"HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno")
        status, _, body = client.response()
        assert (status, body) == (417, b"no"), "refused before a byte of the body was sent"

    with api.call("api2.default") as client:  # RFC 9110 section 15.2: never to HTTP/1.0
        client.send("GET / HTTP/1.0\r\n\r\n")
        server, _ = app.take_head()
        server.send(hints + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        status, _, body = client.response()
        assert (status, body) == (200, b"ok")


def test_informational_heads_say_no_more_than_final_ones_to_callers_outside_the_mesh(lab, binaries):
    mesh = Mesh(lab, binaries)
    api2 = mesh.member("api2", OPEN)
    app = api2.app()
    reasons = 'Proxy-Status: app; details="db-7 is down"\r\nX-Epaulet-Rule: internal\r\n'
    client = Wire(dial(lab.pod("outside"), api2.pod.ipv4, 8080))
    with client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        server, _ = app.take_head()
        link = "Link: </a.css>\r\n"
        for start in ("HTTP/1.1 103 Early Hints", "HTTP/1.1 204 No Content"):
            server.send(f"{start}\r\n{reasons}{link}\r\n")
            assert client.head() == f"{start}\r\n{link}\r\n".encode()


def test_http_1_0_clients_and_servers(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    with api.call("api2.default") as client:
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        server, head = app.take_head()
        assert field(head, "host"), "HTTP/1.0 need not name it, the next hop must"
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
        status, head, body = client.response()
        assert (status, body) == (200, b"a") and field(head, "connection") == "keep-alive", head
        client.send("GET / HTTP/1.0\r\n\r\n")
        app.take_head()[0].send(chunked)
        status, head, body = client.response()
        assert (status, body) == (200, b"hi"), "nothing chunked for HTTP/1.0"
        assert field(head, "transfer-encoding") is None and client.ends() == "fin"

    with api.call("api2.default") as client:
        for content in (b"until the end", EVERY_BYTE):
            client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            server, _ = app.take_head()
            server.send(b"HTTP/1.0 200 OK\r\nX-A: b\r\n\r\n" + content).close()
            status, head, body = client.response()
            assert (status, body) == (200, content), "delimited for who can tell, and kept"
            assert field(head, "transfer-encoding") == "chunked" and field(head, "x-a") == "b"
    with api.call("api2.default") as client:
        client.send("GET / HTTP/1.0\r\n\r\n")
        server, _ = app.take_head()
        server.send(b"HTTP/1.0 200 OK\r\n\r\n" + EVERY_BYTE).close()
        assert client.response()[2] == EVERY_BYTE
        assert client.ends() == "fin"


WEBSOCKET = (
    b"GET /chat HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def test_an_upgrade_becomes_a_tunnel(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    with api.call("api2.default") as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")  # a used connection may be upgraded too
        app.take_head()[0].send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert client.response()[0] == 200
        client.send(WEBSOCKET + b"early from the client")
        server, head = app.take_head()
        assert field(head, "upgrade") == "websocket" and field(head, "connection") == "Upgrade"
        server.send(SWITCHING + b"early from the server")
        head = client.head()
        assert head.startswith(b"HTTP/1.1 101 ") and field(head, "upgrade") == "websocket", head
        assert field(head, "connection") == "Upgrade", head
        assert client.take(21) == b"early from the server"
        assert server.take(21) == b"early from the client"
        client.send(EVERY_BYTE)
        assert server.take(len(EVERY_BYTE)) == EVERY_BYTE
        server.send(EVERY_BYTE)
        assert client.take(len(EVERY_BYTE)) == EVERY_BYTE
        client.fin()
        assert server.ends() == "fin"
        server.send(b"the last word").fin()
        assert client.rest() == b"the last word"
        server.close()

    with api.call("api2.default") as client:
        client.send(WEBSOCKET)  # declined: HTTP goes on
        app.take_head()[0].send("HTTP/1.1 426 No\r\nContent-Length: 1\r\n\r\nx")
        assert client.response()[0] == 426
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        app.take_head()[0].send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny")
        assert client.response()[2] == b"y"

        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")  # nobody asked for this
        app.take_head()[0].send(SWITCHING)
        assert client.response()[0] == 502


def test_an_answer_may_come_before_the_request_is_complete(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    with api.call("api2.default") as client:
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n" + EVERY_BYTE)
        server, _ = app.take_head()
        server.take(1000)  # and no more: the app has seen enough
        server.send(b"HTTP/1.1 413 No\r\nContent-Length: 8\r\nConnection: close\r\n\r\ntoo much")
        status, _, body = client.response()
        assert (status, body) == (413, b"too much")
        server.close()

    with api.call("api2.default") as client:  # both ways at once, the answer first to begin
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        server, _ = app.take_head()
        server.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n")
        client.head()
        assert client.until(b"A\r\n") == b"1\r\nA\r\n"
        assert server.until(b"a\r\n") == b"1\r\na\r\n"
        for number in range(10):
            client.send(b"1\r\n%d\r\n" % number)
            assert server.until(b"\r\n%d\r\n" % number)
            server.send(b"1\r\n%d\r\n" % number)
            assert client.until(b"\r\n%d\r\n" % number)
        client.send(b"0\r\n\r\n")
        assert server.chunked() == (b"", b"")
        server.send(b"0\r\n\r\n")
        assert client.chunked() == (b"", b"")


def test_a_client_that_goes_away_is_noticed_by_the_app(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()

    def begin():
        client = api.call("api2.default")
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        server, _ = app.take_head()
        return client, server

    client, server = begin()  # before the answer
    client.reset()
    assert server.ends() == "reset"

    client, server = begin()  # in the middle of it, while the app has nothing to say
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
    client.head()
    client.reset()
    assert server.ends() == "reset"

    client, server = begin()  # while the app waits to be rid of more
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    client.head()
    client.reset()
    try:
        while True:
            server.send(EVERY_BYTE)
    except ConnectionError:
        pass

    client, server = begin()  # in the middle of its own request
    client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n")
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    server, _ = app.take_head()
    client.send("half").reset()
    assert server.take(4) == b"half" and server.ends() == "reset"

    client, server = begin()  # a FIN is no abort: it is passed on, and the answer comes
    client.fin()
    assert server.ends() == "fin"
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
    assert client.response()[2] == b"late"
    client.close()


def test_an_answer_that_breaks_off_never_looks_complete(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    beginnings = {
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf": "fin reset",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n": "fin reset",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf": "fin reset",
        b"HTTP/1.0 200 OK\r\n\r\nhalf": "reset",  # with a FIN it would be complete
    }
    for beginning, ways in beginnings.items():
        for way in ways.split():
            with api.call("api2.default") as client:
                client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                server, _ = app.take_head()
                server.send(beginning)
                client.head()
                client.until(b"half")
                if way == "reset":
                    server.reset()
                else:
                    server.close()
                assert client.ends() == "reset", (beginning, way)

    for beginning in (b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Len"):
        with api.call("api2.default") as client:
            client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            server, _ = app.take_head()
            server.send(beginning).reset()
            status, head, _ = client.response()
            assert status == 502 and field(head, "x-request-id"), head


def test_ambiguous_messages_are_refused_and_the_connection_closed(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    smuggle = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    both = b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(smuggle)
    for fields in (
        both,
        b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(smuggle),
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: +%d\r\n" % len(smuggle),
    ):
        with api.call("api2.default") as client:
            client.send(b"POST / HTTP/1.1\r\nHost: h\r\n" + fields + b"\r\n" + smuggle)
            status, head, _ = client.response()
            assert status == 400 and field(head, "connection") == "close", head
            assert client.ends() == "fin"
    app.nobody()

    two = b"Content-Length: 1\r\nContent-Length: 2\r\n"
    for fields in (both, two, b"Transfer-Encoding: x\r\n"):
        with api.call("api2.default") as client:
            client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            server, _ = app.take_head()
            server.send(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nxHTTP/1.1 200 OK\r\n\r\n")
            assert client.response()[0] == 502
            assert server.ends() == "reset"


NODE_APP = """
const http = require('http');
http.createServer((request, response) => {
  const hash = require('crypto').createHash('sha256');
  let bytes = 0;
  request.on('data', (data) => { hash.update(data); bytes += data.length; });
  request.on('end', () => {
    response.setHeader('Content-Type', 'application/json');
    if (request.url === '/gone') { response.statusCode = 204; return response.end(); }
    response.end(JSON.stringify({
      method: request.method, url: request.url, version: request.httpVersion, bytes,
      sha256: hash.digest('hex'), expect: request.headers.expect,
      peer: request.headers['x-epaulet-peer'] }));
  });
}).listen(8080, '::', () => console.log('listening'));
"""


def test_curl_and_node_over_both_families(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    capture = Capture(api2.pod)
    api2.pod.start(["node", "-e", NODE_APP], uid=APP_UID, name="app").wait_for_line("listening")
    big = api.pod.run_dir / "big"
    big.write_bytes(EVERY_BYTE * 40)
    sha256 = hashlib.sha256(EVERY_BYTE * 40).hexdigest()
    statuses = "%{http_code} %{http_version} %{num_connects}\\n"

    def curl(*arguments: str) -> list[str]:
        argv = ["curl", "--silent", "--show-error", "--max-time", "10", *arguments]
        return api.pod.run(argv, uid=APP_UID).stdout.splitlines()

    for name in ("api2.default", "six.default.svc.cluster.local"):
        for family in ("-4", "-6"):
            there = f"http://{name}"
            answer = json.loads(curl(family, f"{there}/x?y=1")[0])
            assert answer["url"] == "/x?y=1" and answer["version"] == "1.1", answer
            assert answer["peer"] == "spiffe://cluster.local/ns/default/sa/api"
    # Direct to an endpoint: that one, and in the mesh all the same.
    for there in ("http://10.88.0.12:8080", "http://[fd88::c]:8080"):
        answer = json.loads(curl("--globoff", there + "/direct")[0])
        assert answer["peer"] == "spiffe://cluster.local/ns/default/sa/api", answer

    there = "http://api2.default"
    answer = json.loads(curl("-T", "/run/big", f"{there}/put")[0])
    assert (answer["method"], answer["sha256"]) == ("PUT", sha256), answer
    assert answer["expect"] == "100-continue"  # curl asks for bodies above 1 MiB
    answer = json.loads(curl("-T", "-", "-H", "Expect:", f"{there}/put")[0])
    assert answer["bytes"] == 0  # chunked, from an empty standard input
    head = curl("-I", f"{there}/head")
    assert head[0].startswith("HTTP/1.1 200") and curl(f"{there}/gone") == []
    assert json.loads(curl("--http1.0", f"{there}/old")[0])["url"] == "/old"
    said = curl(
        *["-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null"],
        *["-w", statuses, f"{there}/1", f"{there}/gone", f"{there}/3"],
    )
    assert said == ["200 1.1 1", "204 1.1 0", "200 1.1 0"], said
    crossed = capture.between(api.pod, api2.pod)
    assert crossed.tls_records > 20 and crossed.plaintext_segments == 0, crossed
