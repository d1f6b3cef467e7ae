"""HTTP/1.1 turned into HTTP/2 and back, at the caller's sidecar or at the callee's."""

import json
import threading

from http2_peer import END_HEADERS, ENHANCE_YOUR_CALM, RST_STREAM, frame, hello, request
from mesh import CALLEE, CALLER, Mesh, field
from test_proxy_http2 import ask, server


def callee(version: str) -> str:
    return CALLEE.replace("tls: strict", f"tls: strict, http: {version}")


def caller(version: str) -> str:
    return CALLER.replace("    tls: {", f"    http: {version}\n    tls: {{")



def get(path: str, more: str = "", method: str = "GET") -> str:
    return f"{method} {path} HTTP/1.1\r\nHost: api2.default\r\n{more}\r\n"


def test_http1_reaches_an_http2_app_whole(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, callee("http2"))
    server(api2)
    with api.call("api2.default") as client:
        client.send(get("/headers", "X-Spelt: As-It-Was\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n"))
        status, head, body = client.response()
        seen = json.loads(body)
        assert status == 200 and (seen[":method"], seen[":path"]) == ("GET", "/headers"), seen
        assert seen[":authority"] == "api2.default" and seen["x-spelt"] == "As-It-Was", seen
        assert not {"host", "connection", "x-hop", "transfer-encoding"} & set(seen), seen
        assert client.ends() == "fin"
    with api.call("api2.default") as client:
        client.send(get("/echo", "Transfer-Encoding: chunked\r\n", "POST"))
        client.send("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")
        head = client.head()
        data, trailers = client.chunked()
        assert (data, trailers.lower()) == (b"hello!", b"x-bytes: 6\r\n"), (data, trailers)
        client.send(get("/trailers", "Transfer-Encoding: chunked\r\nTE: trailers\r\n", "POST"))
        client.send("2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n")
        assert json.loads(client.response()[2]) == {"x-sum": "7"}
        client.send(get("/echo", "", "HEAD"))
        assert client.response("HEAD")[0] == 200
        client.send(get("/hints"))
        status, head, _ = client.response()
        assert status == 103 and field(head, "link") == "</style.css>", head
        assert client.response()[0] == 200
        client.send(get("/echo", "Content-Length: 300000\r\n", "POST") + "z" * 300_000)
        status, _, body = client.response()
        assert (status, len(body)) == (200, 300_000)
    assert int(ask(api, {"path": "/count"})[0]["body"]) == 1, "one connection to the app for all"


def test_http10_reaches_an_http2_app_too(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, callee("http2"))
    server(api2)
    with api.call("api2.default") as client:
        client.send("POST /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc")
        status, head, body = client.response()
        assert status == 200 and body == b"abc" and field(head, "transfer-encoding") is None, head


def test_an_empty_host_reaches_an_http2_app_under_an_authority_of_ours(lab, binaries):
    """HTTP/2 has no empty one (RFC 9113 8.3.1): it is told where it was reached."""
    api, api2 = Mesh(lab, binaries).pair(CALLER, callee("http2"))
    server(api2)
    with api.call("api2.default") as client:
        client.send("GET /headers HTTP/1.1\r\nHost:\r\n\r\n")
        status, head, body = client.response()
        assert status == 200, (head, body)
        seen = json.loads(body)
        assert seen[":authority"] == "10.88.0.12:8080" and "host" not in seen, seen


def test_what_an_http2_app_breaks_off_is_broken_for_an_http1_caller(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, callee("http2"))
    app = server(api2)
    with api.call("api2.default") as client:
        client.send(get("/half"))
        client.head()
        client.until(b"half\r\n")
        assert client.ends() == "reset", "half an answer must not look whole"
    with api.call("api2.default") as client:
        client.send(get("/reset", "Content-Length: 0\r\n", "POST"))
        status, head, body = client.response()
        assert status == 502 and b"x-request-id" in head.lower(), (head, body)
        client.send(get("/early", "Content-Length: 5000000\r\n", "POST"))
        assert client.response()[0] == 413
    with api.call("api2.default") as client:
        client.send(get("/stall", "Content-Length: 10\r\n", "POST"))
        app.wait_for_line("stalled /stall")
        client.reset()
    app.wait_for_line("aborted /stall")
    with api.call("api2.default") as client:
        client.send(get("/echo"))
        assert client.response()[0] == 200


def serve_http1(app, answers: dict[str, bytes], seen: list) -> None:
    """Answers each path with these bytes, and closes where they do not say how long they are."""

    def answer(wire) -> None:
        while True:
            head = wire.head()
            path = head.split()[1].decode()
            body = b""
            trailers = b""
            if field(head, "transfer-encoding"):
                body, trailers = wire.chunked()
            elif field(head, "content-length"):
                body = wire.take(int(field(head, "content-length")))
            seen.append((path, head, body, trailers))
            said = answers.get(path, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            wire.send(said)
            if b"Content-Length" not in said and b"chunked" not in said:
                return

    app.serve(answer)


def test_http2_reaches_an_http1_app_whole(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(caller("http1"), CALLEE)
    seen: list = []
    chunked = b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n\r\n"
    serve_http1(
        api2.app(),
        {
            "/chunked": chunked + b"3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n",
            "/old": b"HTTP/1.0 200 OK\r\nX-Old: yes\r\n\r\nuntil the end",
            "/hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "/none": b"HTTP/1.1 204 No Content\r\nX-Content-Length: 0\r\n\r\n",
        },
        seen,
    )
    answers = ask(
        api,
        {"path": "/chunked", "headers": {"cookie": "a=1; b=2", "x-lower": "1"}},
        {"path": "/old"},
        {"path": "/hints"},
        {"path": "/none"},
        {"path": "/post", "bytes": 200_000, "trailers": {"x-end": "5"}},
        {"path": "/length", "method": "PUT", "bytes": 5, "headers": {"content-length": 5}},
        {"path": "/head", "method": "HEAD"},
    )
    assert [one["status"] for one in answers] == [200, 200, 200, 204, 200, 200, 200], answers
    assert (answers[0]["body"], answers[0]["trailers"]["x-sum"]) == ("abc", "9"), answers[0]
    assert not {"transfer-encoding", "keep-alive", "connection"} & set(answers[0]["headers"])
    assert (answers[1]["body"], answers[1]["headers"]["x-old"]) == ("until the end", "yes")
    assert answers[2]["hints"]["link"] == "</a>" and answers[2]["body"] == "ok", answers[2]
    got = {path: (head, body, trailers) for path, head, body, trailers in seen}
    head, _, _ = got["/chunked"]
    assert head.startswith(b"GET /chunked HTTP/1.1\r\nhost: api2.default:80\r\n"), head
    assert field(head, "cookie") == "a=1; b=2" and field(head, "x-lower") == "1", head
    assert field(head, "content-length") is None and field(head, "transfer-encoding") is None, head
    head, body, trailers = got["/post"]
    assert len(body) == 200_000 and b"x-end: 5\r\n" in trailers, (head, trailers)
    head, body, _ = got["/length"]
    assert field(head, "content-length") == "5" and body == b"yyyyy", head
    assert api2.counter("epaulet_requests_total", direction="inbound", tls="true") == 7


def test_what_an_http1_app_breaks_off_is_broken_for_an_http2_caller(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, callee("http1"))
    app = api2.app()

    def answer(wire) -> None:
        path = wire.head().split()[1]
        if path == b"/half":
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").reset()
        elif path == b"/early":
            wire.send("HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        elif path == b"/garbage":
            wire.send("220 hello\r\n")
        else:
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    app.serve(answer)
    half, early, garbage, good = ask(
        api,
        {"path": "/half"},
        {"path": "/early", "bytes": 3_000_000},
        {"path": "/garbage"},
        {"path": "/good"},
    )
    assert "INTERNAL_ERROR" in half["error"] and half["body"] in ("", "half"), half
    assert early["status"] == 413, early
    assert garbage["status"] == 502, garbage
    assert (good["status"], good["body"]) == (200, "ok"), good


def test_an_http2_caller_that_cancels_ends_the_http1_request(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, callee("http1"))
    app = api2.app()
    ended: list = []
    told = threading.Event()

    def answer(wire) -> None:
        wire.head()
        try:
            wire.rest()
            ended.append("fin")
        except ConnectionResetError:
            ended.append("reset")
        told.set()

    app.serve(answer)
    (answered,) = ask(api, {"path": "/wait", "cancel": 300})
    assert "status" not in answered, answered
    assert told.wait(5) and ended == ["reset"], ended


def test_what_a_stream_was_reset_with_is_passed_on(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = server(api2)
    (answer,) = ask(api, {"path": "/half"})
    assert "INTERNAL_ERROR" in answer["error"], answer
    wire = api.call("api2.default").send(hello() + request(1, flags=END_HEADERS, path="/stall"))
    app.wait_for_line("stalled /stall")
    wire.send(frame(RST_STREAM, 0, 1, ENHANCE_YOUR_CALM.to_bytes(4, "big")))
    app.wait_for_line("aborted /stall with 11")
    told = api2.wait_logged(outcome="downstream_reset")
    assert "ENHANCE_YOUR_CALM" in told["summary"], told


def test_a_stalled_http1_app_stalls_one_stream(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, callee("http1"))
    app = api2.app()

    def answer(wire) -> None:
        if wire.head().split()[1] == b"/stall":
            threading.Event().wait(6)
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    app.serve(answer)
    before = api2.memory_peak_bytes()
    stalled, *others = ask(
        api,
        {"path": "/stall", "bytes": 5_000_000, "cancel": 1500},
        *({"path": "/quick"} for _ in range(20)),
    )
    assert [one.get("status") for one in others] == [200] * 20, others
    assert "status" not in stalled, stalled
    assert api2.memory_peak_bytes() - before < 8 << 20, "what is not read stays with its sender"
