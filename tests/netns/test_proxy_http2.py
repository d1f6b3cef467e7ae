"""HTTP/2 through both sidecars, with node's http2 at both ends and frames of our own."""

import json
import signal
import threading
from pathlib import Path

from http2_peer import (
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    error_of,
    fields,
    frame,
    hello,
    literal,
    request,
    until,
)
from bystander import Bystander
from mesh import CALLEE, CALLER, Mesh

APPS = Path(__file__).resolve().parent / "apps"
BY_PATH = CALLEE.replace(
    "access: [ { name: all, allow: [mesh] } ]",
    "access: [ { name: some, paths: [/echo, /headers, /grpc.Test/**], allow: [mesh] } ]",
)
ROUTED = """
identity: { dir: /var/run/epaulet/identity }
services:
  api2.default:
    ports: { 80: http }
    endpoints: { addresses: ["10.88.0.12:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
    routes: [ { name: other, paths: [/headers/other], to: [ { backend: other } ] } ]
backends:
  other:
    endpoints: { addresses: ["10.88.0.13:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
"""
GRPC = {"content-type": "application/grpc", "te": "trailers"}


def server(member, port: int = 8080):
    script = f"{member.pod.bind(APPS, 'apps')}/http2_server.js"
    argv = ["node", script, str(port), member.pod.name]
    process = member.pod.start(argv, name="http2-server")
    process.wait_for_line("listening")
    return process


def ask(member, *asks: dict, name: str = "api2.default", port: int = 80) -> list[dict]:
    script = f"{member.pod.bind(APPS, 'apps')}/http2_client.js"
    done = member.pod.run(["node", script, f"http://{name}:{port}", json.dumps(asks)], timeout=60)
    return json.loads(done.stdout)


def test_requests_share_connections_and_keep_their_bytes_and_trailers(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    server(api2)
    sizes = (1, 70_000, 2_000_000)
    answers = ask(api, *({"path": "/echo", "bytes": size} for size in sizes), {"path": "/headers"})
    for size, answer in zip(sizes, answers):
        assert (answer["status"], answer["bytes"]) == (200, size), answer
        assert answer["trailers"]["x-bytes"] == str(size), answer
    head = json.loads(answers[-1]["body"])
    assert head[":authority"].startswith("api2.default"), head
    assert head["x-epaulet-peer"].endswith("/sa/api") and len(head["x-request-id"]) == 32
    many = ask(api, *({"path": "/echo"} for _ in range(60)), port=81)
    assert [one["status"] for one in many] == [200] * 60
    assert int(ask(api, {"path": "/count"})[0]["body"]) == 1, "one connection to the app for all"
    assert api.counter("epaulet_requests_total", outcome="ok", status="2xx") == 65
    assert api2.counter("epaulet_requests_total", direction="inbound", tls="true") == 65


def test_rules_hold_for_each_request_of_a_connection(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, BY_PATH)
    server(api2)
    forged = {"x-epaulet-roles": "admin", "x-forwarded-client-cert": "URI=spiffe://x"}
    answers = ask(
        api,
        {"path": "/echo"},
        {"path": "/count"},
        {"path": "/headers", "headers": forged},
        {"path": "/echo/../count"},
        {"path": "/other.Test/Call", "headers": GRPC, "method": "POST"},
        {"path": "/grpc.Test/Call", "headers": GRPC, "method": "POST"},
    )
    assert [one["status"] for one in answers] == [200, 403, 200, 400, 200, 200], answers
    head = json.loads(answers[2]["body"])
    assert head["x-epaulet-roles"] == "mesh" and "x-forwarded-client-cert" in head
    assert head["x-forwarded-client-cert"].endswith("/sa/api"), head
    refusal = answers[4]["headers"]
    assert refusal["grpc-status"] == "7" and "epaulet explain" in refusal["grpc-message"], refusal
    assert answers[5]["headers"].get("grpc-status") is None
    refused = api2.wait_logged(outcome="forbidden", direction="inbound")
    assert "no rule of `access`" in refused["summary"], refused


def test_routes_choose_the_backend_of_each_request(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", ROUTED)
    apps = [mesh.member(name, CALLEE, identity=mesh.issue("api2")) for name in ("api2", "api3")]
    for one in apps:
        server(one)
    answers = ask(api, {"path": "/headers"}, {"path": "/headers/other"}, {"path": "/headers"})
    assert [one["status"] for one in answers] == [200] * 3, answers
    assert apps[0].counter("epaulet_requests_total") == 2
    assert apps[1].counter("epaulet_requests_total") == 1


def test_a_stream_that_ends_badly_is_alone_in_it(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = server(api2)
    answers = ask(
        api,
        {"path": "/reset", "method": "POST"},
        {"path": "/stall", "bytes": 3_000_000, "cancel": 700},
        {"path": "/early", "bytes": 3_000_000},
        {"path": "/echo", "bytes": 1_000_000},
        {"path": "/bytes/1000000"},
    )
    assert answers[0]["status"] == 502, answers[0]
    assert "error" not in answers[3] and answers[3]["bytes"] == 1_000_000, answers[3]
    assert answers[4]["bytes"] == 1_000_000
    assert answers[2]["status"] == 413, answers[2]
    app.wait_for_line("aborted /stall")
    assert api.wait_logged(outcome="downstream_reset")
    assert ask(api, {"path": "/echo"})[0]["status"] == 200


def test_what_the_app_did_not_begin_goes_to_its_next_connection(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    server(api2)
    for _ in range(5):
        answers = ask(api, {"path": "/goodbye"}, *({"path": "/echo", "bytes": 10} for _ in range(5)))
        assert [one["status"] for one in answers] == [200] * 6, answers


def test_an_app_that_refuses_streams_is_asked_again_within_reason(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = server(api2)
    for method in ("GET", "POST"):
        (answer,) = ask(api, {"path": "/refuse", "method": method, "bytes": 5})
        assert answer["status"] == 502, answer
    asked = app.text().count("refused")
    assert 2 <= asked <= 6, f"asked {asked} times for two requests of three attempts at most"
    assert ask(api, {"path": "/echo"})[0]["status"] == 200


def test_a_drain_and_a_new_trust_lose_no_request(lab, binaries):
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair(CALLER, CALLEE + "drain: { grace: 200ms, timeout: 10s }\n")
    server(api2)
    failed: list = []
    stopping = threading.Event()

    def load() -> None:
        while not stopping.is_set():
            for answer in ask(api, *({"path": "/slow/20"} for _ in range(10))):
                if answer.get("status") != 200:
                    failed.append(answer)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for _ in range(3):
            for one in (api, api2):
                before = one.counter("epaulet_identity_reloads_total", result="loaded")
                account = "api" if one is api else "api2"
                one.give_identity(mesh.issue(account))
                one.process.wait_for(
                    lambda: one.counter("epaulet_identity_reloads_total", result="loaded") > before,
                    "the new identity",
                )
    finally:
        stopping.set()
        thread.join()
    assert not failed, failed[:3]
    slow = threading.Thread(target=lambda: failed.extend(ask(api, {"path": "/slow/1500"})))
    slow.start()
    api2.process.wait_for(lambda: api2.counter("epaulet_requests_active") == 1, "the request")
    shared = "epaulet_upstream_connections"
    assert api.counter(shared, state="active") == api2.counter(shared, state="active") == 1
    api2.process.signal(signal.SIGTERM)
    slow.join()
    api.process.wait_for(lambda: not api.counter(shared, state="active"), "no exchange")
    assert [one["status"] for one in failed] == [200], "what had begun ended"
    api2.process.wait_for(lambda: api2.logged(event="stopped"), "its end", 5)


def test_a_deadline_of_grpc_is_kept_and_answered_in_its_words(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    server(api2)
    limited = {**GRPC, "grpc-timeout": "300m"}
    (answer,) = ask(api, {"path": "/slow/5000", "method": "POST", "headers": limited})
    assert answer["status"] == 200 and answer["headers"]["grpc-status"] == "4", answer
    assert api.wait_logged(outcome="deadline_exceeded")


class Abuse:
    """A caller beside well-behaved ones, on the same listener."""

    def __init__(self, member):
        self.wire = member.call("api2.default")
        self.wire.send(hello())

    def goaway(self) -> int:
        return error_of(until(self.wire, GOAWAY)[3])


def test_floods_end_their_own_connection_and_nobody_elses(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    floods = {
        "rapid reset": b"".join(
            request(stream) + frame(RST_STREAM, 0, stream, CANCEL.to_bytes(4, "big"))
            for stream in range(1, 3001, 2)
        ),
        "settings": frame(SETTINGS, 0, 0, b"\0\4\0\1\0\0") * 3000,
        "ping": frame(PING, 0, 0, b"12345678") * 3000,
        "continuation": frame(HEADERS, 0, 1, fields()) + frame(CONTINUATION, 0, 1, b"") * 100,
        "large head": frame(HEADERS, 0, 1, fields())
        + frame(CONTINUATION, 0, 1, literal("x", "v" * 16000)) * 7
        + frame(CONTINUATION, END_HEADERS, 1, b""),
        "empty data": request(1, flags=END_HEADERS, method="POST") + frame(DATA, 0, 1) * 20000,
    }
    ended = {}
    with Bystander(api, api2) as others:
        for name, flood in floods.items():
            abuse = Abuse(api)
            try:
                abuse.wire.send(flood)
                kind, _, _, payload = until(abuse.wire, GOAWAY, RST_STREAM, HEADERS)
                ended[name] = (kind, payload)
            except (OSError, AssertionError) as error:
                ended[name] = (GOAWAY, repr(error).encode())
            abuse.wire.close()
        others.assert_flawless()
    for name in ("rapid reset", "settings", "ping", "continuation"):
        assert ended[name][0] in (GOAWAY, HEADERS), (name, ended)
    assert api.process.is_running() and api2.process.is_running()
    assert api.wait_logged(outcome="http2_protocol_error")


def test_a_hpack_bomb_is_refused_before_it_is_large(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    server(api2)
    wire = api.call("api2.default").send(hello())
    value = "v" * 4000
    entry = b"\x40" + literal("x-bomb", value)[1:]  # with indexing: then one octet is the field
    before = api.memory_peak_bytes()
    wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, fields() + entry + b"\xbe" * 12_000))
    kind, _, _, payload = until(wire, HEADERS, RST_STREAM, GOAWAY)
    assert kind != HEADERS or b"431" in payload or payload[:1] != b"\x88", payload[:40]
    assert api.memory_peak_bytes() - before < 8 << 20
    assert ask(api, {"path": "/echo"})[0]["status"] == 200


def test_a_slow_head_ends_its_connection(lab, binaries):
    quick = CALLER + "timeouts: { head: 300ms }\n"
    api, api2 = Mesh(lab, binaries).pair(quick, CALLEE)
    wire = api.call("api2.default").send(hello() + frame(HEADERS, 0, 1, fields()))
    until(wire, SETTINGS)
    assert wire.socket.recv(1) is not None
    while True:
        try:
            if not wire.socket.recv(4096):
                break
        except ConnectionResetError:
            break
    del api2
