"""Bytes that are not HTTP/1.1: what either app says, and how it ends, passes unchanged."""

import subprocess
import threading
import time

from lab import Capture
from mesh import APP_PORT, APP_UID, CALLEE, CALLER, Mesh, Wire, dial

MEGABYTE = bytes(range(256)) * 4096
GREETING = b"220 mail.example ESMTP\r\n"
GREETING_SECONDS = 0.050  # that the mesh may add, by issue

HASTY = """
identity: { dir: /var/run/epaulet/identity }
timeouts: { detect: 300ms }
services:
  api2.default:
    ports: { 80: http, 81: auto }
    endpoints: { addresses: ["10.88.0.11:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
"""
PROTECTED_BY_PATH = """
workload: { service: api2.default, ports: { 8080: { tls: strict } } }
identity: { dir: /var/run/epaulet/identity }
timeouts: { detect: 300ms }
roles: { mesh: [ { identity: "spiffe://cluster.local/ns/default/sa/*" } ] }
access: [ { name: all, paths: [/**], allow: [mesh] } ]
"""


def test_bytes_and_ends_pass_both_ways_over_both_families(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    capture = Capture(api2.pod)
    for port in (82, 81):  # declared as TCP, and found out
        for name, kind in (("api2.default", "A"), ("six.default", "AAAA"), ("six.default", "A")):
            with api.call(name, port, kind) as client:
                client.send(b"\0\1\2hello")
                server = app.take()
                assert server.take(8) == b"\0\1\2hello"
                sending = threading.Thread(target=client.send, args=(MEGABYTE,))
                sending.start()
                assert server.take(len(MEGABYTE)) == MEGABYTE
                sending.join()
                sending = threading.Thread(target=server.send, args=(MEGABYTE,))
                sending.start()
                assert client.take(len(MEGABYTE)) == MEGABYTE
                sending.join()
                client.fin()
                assert server.ends() == "fin", "a FIN is a FIN"
                client.quiet(0.02)
                server.send(b"the answer to all of it").fin()
                assert client.rest() == b"the answer to all of it"
                server.close()
    with api.call("api2.default", 82) as client:  # and the other way round
        client.send("x")
        server = app.take()
        assert server.take(1) == b"x"
        server.send("y").fin()
        assert client.rest() == b"y"
        client.send("z").fin()
        assert server.rest() == b"z"
    crossed = capture.between(api.pod, api2.pod)
    assert crossed.tls_records > 100 and crossed.plaintext_segments == 0, crossed
    record = api2.wait_logged(kind="connection", outcome="ok")
    assert record["peer"] == "spiffe://cluster.local/ns/default/sa/api", record
    assert record["tls"] and record["bytes_received"] > 0, record


def test_a_few_bytes_in_plaintext_reach_the_app_of_a_tcp_port_at_once(lab, binaries):
    permissive = CALLEE.replace("tls: strict", "tls: permissive, protocol: tcp")
    api2 = Mesh(lab, binaries).member("api2", permissive.replace("[mesh]", "[anyone]"))
    app = api2.app()
    with Wire(dial(lab.pod("outside"), api2.pod.ipv4, APP_PORT)) as client:
        client.send("hello")  # it could be the beginning of a method
        assert app.take(timeout=2.0).take(5) == b"hello"


def test_a_reset_is_a_reset(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    for port in (82, 81):
        client = api.call("api2.default", port)
        client.send(b"\0hello")
        server = app.take()
        server.take(6)
        client.reset()
        assert server.ends() == "reset"

        client = api.call("api2.default", port)
        client.send(b"\0hello")
        server = app.take()
        server.take(6)
        server.send("bye")
        client.take(3)
        server.reset()
        assert client.ends() == "reset"

        client = api.call("api2.default", port)  # also after a FIN of the other side
        client.send(b"\0hello").fin()
        server = app.take()
        assert server.rest() == b"\0hello"
        server.reset()
        assert client.ends() == "reset"
    app.close()
    try:
        ended = api.call("api2.default", 82).send("x").ends()
    except ConnectionResetError:  # faster than the caller
        ended = "reset"
    assert ended == "reset", "nobody listens"
    assert api2.wait_logged(outcome="connect_refused")["direction"] == "inbound"


def test_a_server_that_speaks_first_hardly_waits(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()

    def greet(wire):
        wire.send(GREETING)
        while line := wire.until(b"\r\n"):
            wire.send(b"250 " + line)

    app.serve(greet)

    def greeted_after(connect) -> float:
        begin = time.monotonic()
        with connect() as channel:
            assert channel.makefile("rb").readline() == GREETING
            return time.monotonic() - begin

    address, port = api.address_of("api2.default"), 81
    direct = min(greeted_after(lambda: dial(api2.pod, "127.0.0.1", APP_PORT)) for _ in range(3))
    # The best of some, because this machine has more to do; a wait by design is in each.
    meshed = min(greeted_after(lambda: dial(api.pod, address, port)) for _ in range(8))
    assert meshed < direct + GREETING_SECONDS, (direct, meshed)
    with api.call("api2.default", 81) as client:
        assert client.until(b"\r\n") == GREETING
        assert client.send("HELO a\r\n").until(b"\r\n") == b"250 HELO a\r\n"
        assert client.send("GET / HTTP/1.1\r\n").until(b"\r\n") == b"250 GET / HTTP/1.1\r\n"


SILENCE_IS_408 = """
const server = require('http').createServer((request, response) => response.end(request.url));
server.headersTimeout = 150;
server.requestTimeout = 150;
server.connectionsCheckingInterval = 30;
server.listen(8080, '::', () => console.log('listening'));
"""


def test_a_slow_http_client_on_an_automatic_port_is_served_as_http(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    node = api2.pod.start(["node", "-e", SILENCE_IS_408], uid=APP_UID, name="app")
    node.wait_for_line("listening")
    for silence in (0.03, 0.4):  # beyond the early dial; beyond node's own patience (it says 408)
        with api.call("api2.default", 81) as client:
            client.quiet(silence)
            for path in ("/a", "/b"):
                client.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
                status, head, body = client.response()
                assert (status, body) == (200, path.encode()), head
    assert api.counter("epaulet_speculative_dials_total") >= 2
    api.process.wait_for(lambda: len(api.logged(kind="exchange", status=200)) == 4, "its log")
    assert len(api.logged(kind="exchange")) == 4, "what node said to silence is nobody's answer"


def test_a_silent_caller_learns_soon_that_nobody_will_greet(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    begin = time.monotonic()
    assert api.call("api2.default", 81).ends() == "reset", "nobody listens"
    assert time.monotonic() - begin < 6, "not only after timeouts.detect"
    with api.call("api2.default", 81) as client:  # who is merely slow is told why
        client.quiet(0.1)
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.response()[0] == 502
    app = api2.app()
    with api.call("api2.default", 81) as client:
        begin = time.monotonic()
        app.accept().close()  # as a server that is full does
        assert client.ends() == "reset" and time.monotonic() - begin < 6


def test_what_request_rules_cannot_look_into_is_refused(lab, binaries):
    mesh = Mesh(lab, binaries)
    guarded = mesh.member("api2", PROTECTED_BY_PATH)
    caller = mesh.member("api", HASTY)
    behind = guarded.app()
    assert caller.call("api2.default", 81).send(b"\0\0\0binary").ends() == "reset"
    assert guarded.wait_logged(outcome="protocol_unexpected")["direction"] == "inbound"
    assert caller.call("api2.default", 81).ends() == "reset", "and silence ends with the patience"
    behind.nobody()


def test_the_apps_own_tls_travels_inside_the_meshs(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    key, cert = lab.directory / "key.pem", lab.directory / "cert.pem"
    subject = ["-subj", "/CN=app.example", "-keyout", str(key), "-out", str(cert)]
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run([*make, "-nodes", *subject], check=True, capture_output=True)
    files = ["-key", str(key), "-cert", str(cert)]
    server = ["openssl", "s_server", "-accept", str(APP_PORT), *files, "-rev"]
    api2.pod.start(server, name="s_server").wait_for_line("ACCEPT")
    capture = Capture(api2.pod)
    address = api.address_of("api2.default")
    script = f"printf 'hello\\nCLOSE\\n' | openssl s_client -connect {address}:81 -ign_eof"
    script += f" -servername app.example -CAfile {cert} -verify_return_error"
    said = api.pod.run(["timeout", "10", "sh", "-c", script], uid=0, check=False).stdout
    assert "Verification: OK" in said and "CN = app.example" in said, said
    assert "olleh" in said, said
    record = api2.wait_logged(kind="connection")
    assert record["tls"] and record["peer"].endswith("/sa/api"), record
    crossed = capture.between(api.pod, api2.pod)
    assert crossed.tls_records > 5 and crossed.plaintext_segments == 0, crossed


def test_a_tunnel_takes_another_endpoint_if_one_cannot_be_reached(lab, binaries):
    spread = CALLER.replace('["10.88.0.12:8080"]', '["10.88.0.12:9", "10.88.0.12:8080"]')
    api, api2 = Mesh(lab, binaries).pair(spread + "retries: { budget: 100% }\n", CALLEE)
    app = api2.app()
    for port in (81, 82):
        for _ in range(6):
            with api.call("api2.default", port) as client:
                client.send(b"\0\1\2hello")
                with app.take() as server:
                    assert server.take(8) == b"\0\1\2hello"
    assert api.counter("epaulet_retries_total") >= 3, "every second one met the dead endpoint first"
    ejected = api.counter("epaulet_backend_endpoints_ejected", backend="api2.default")
    assert ejected == 1, "until it was left out"
