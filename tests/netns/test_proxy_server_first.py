"""Protocols in which the server speaks first, and those that begin with an unknown word.

Real servers behind both sidecars, with everything at its default: ports `auto`, mutual TLS. What
is asserted is the time to the first byte above that of a direct connection; the median and the
worst of each series are printed. The second half is the price that must not be paid for it: no
timing of client or server makes anything else than HTTP of a port with rules for requests.
"""

import json
import smtplib
import statistics
import struct
import time

import http2_peer
from lab import Capture
from mesh import APP_PORT, APP_UID, CALLEE, Mesh, Wire, dial

NATS_PORT, SMTP_PORT, MYSQL_PORT = 4222, 2525, 3306
MESHED_SECONDS_MAX = 0.050  # above the direct connection
SERIES = 30
TRIES = 4

SERVERS = """
workload:
  service: servers.default
  ports: { 4222: {}, 2525: {}, 3306: {} }
identity: { dir: /var/run/epaulet/identity }
roles: { mesh: [ { identity: "spiffe://cluster.local/ns/default/sa/*" } ] }
access: [ { name: all, allow: [mesh] } ]
"""
CLIENT = "identity: { dir: /var/run/epaulet/identity }\nservices:\n" + "".join(
    f"""
  {name}.default:
    ports: {{ {port}: auto }}
    endpoints: {{ addresses: ["10.88.0.12:{port}"] }}
    tls: {{ identities: [spiffe://cluster.local/ns/default/sa/api2] }}
"""
    for name, port in (("nats", NATS_PORT), ("mail", SMTP_PORT), ("mysql", MYSQL_PORT))
)


class FirstBytes:
    """How long a caller waits for the first byte, directly and through both sidecars."""

    def __init__(self, caller, callee, name: str, port: int):
        self._ways = {
            "direct": (callee.pod, "127.0.0.1", port),
            "meshed": (caller.pod, caller.address_of(name), port),
        }
        self._name = name

    def once(self, way: str) -> float:
        begin = time.monotonic()
        with dial(*self._ways[way]) as channel:
            assert channel.recv(1), "it begins with the server"
            return time.monotonic() - begin

    def series(self) -> bool:
        """In turn, so that whatever else the machine does meets both; the first ones warm up."""
        taken = {way: [] for way in self._ways}
        for number in range(SERIES + 2):
            for way, seconds in taken.items():
                spent = self.once(way)
                if number >= 2:
                    seconds.append(spent)
        said = [
            f"{way} median {statistics.median(all_) * 1e3:.1f}, worst {max(all_) * 1e3:.1f} ms"
            for way, all_ in taken.items()
        ]
        print(f"# {self._name}: first byte of {SERIES} connections: {'; '.join(said)}", flush=True)
        limit = statistics.median(taken["direct"]) + MESHED_SECONDS_MAX
        return sum(seconds > limit for seconds in taken["meshed"]) <= SERIES // 10

    def measure(self) -> None:
        """A machine with more to do may spoil a series; a wait by design is in all of them."""
        assert any(self.series() for _ in range(TRIES)), "later than it may be, see above"


def servers(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CLIENT, SERVERS)
    return api, api2, Capture(api2.pod)


def assert_encrypted(capture, api, api2) -> None:
    crossed = capture.between(api.pod, api2.pod)
    assert crossed.tls_records > 10 and crossed.plaintext_segments == 0, crossed


def test_nats_greets_without_delay(lab, binaries):
    api, api2, capture = servers(lab, binaries)
    argv = ["nats-server", "--addr", "0.0.0.0", "--port", str(NATS_PORT)]
    api2.pod.start(argv, uid=APP_UID, name="nats").wait_for_line("Server is ready")
    client, other = (api.call("nats.default", NATS_PORT) for _ in range(2))
    with client, other:
        for one in (client, other):
            greeting = one.until(b"\r\n")
            assert greeting.startswith(b"INFO ") and json.loads(greeting[5:])["version"], greeting
            one.send('CONNECT {"verbose":false}\r\nPING\r\n')
            assert one.until(b"\r\n") == b"PONG\r\n"
        client.send("SUB greetings 1\r\nPING\r\n")
        assert client.until(b"\r\n") == b"PONG\r\n"
        other.send("PUB greetings 3\r\nBob\r\n")
        assert client.until(b"Bob\r\n") == b"MSG greetings 1 3\r\nBob\r\n"
    FirstBytes(api, api2, "nats.default", NATS_PORT).measure()
    assert_encrypted(capture, api, api2)


def test_a_mail_server_greets_without_delay(lab, binaries):
    api, api2, capture = servers(lab, binaries)
    argv = ["python3", "-u", "-m", "smtpd", "-n", "-c", "DebuggingServer", f"0.0.0.0:{SMTP_PORT}"]
    server = api2.pod.start(argv, uid=APP_UID, name="smtpd")
    server.wait_for(lambda: not dial(api2.pod, "127.0.0.1", SMTP_PORT).close(), "a listener")
    address = api.address_of("mail.default")
    with api.pod.in_netns(lambda: smtplib.SMTP(address, SMTP_PORT, timeout=5)) as client:
        client.sendmail("a@example", ["b@example"], "Subject: hello\r\n\r\nthrough both\r\n")
    server.wait_for_line("through both")
    FirstBytes(api, api2, "mail.default", SMTP_PORT).measure()
    assert_encrypted(capture, api, api2)


def mysql_packet(wire: Wire) -> bytes:
    head = wire.take(4)
    return wire.take(head[0] | head[1] << 8 | head[2] << 16)


def mysql_send(wire: Wire, number: int, payload: bytes) -> None:
    wire.send(struct.pack("<I", len(payload))[:3] + bytes([number]) + payload)


def test_a_database_greets_without_delay(lab, binaries):
    """MariaDB without tables of its own: its greeting, a login and a query are the real ones."""
    api, api2, capture = servers(lab, binaries)
    home = api2.pod.run_dir / "mysql"
    home.mkdir()
    home.chmod(0o777)
    options = ["--no-defaults", "--datadir=/run/mysql", "--socket=/run/mysql/socket"]
    options += ["--innodb=OFF", "--default-storage-engine=Aria"]
    options += ["--skip-grant-tables", "--skip-name-resolve"]
    argv = ["mariadbd", *options, f"--port={MYSQL_PORT}"]
    api2.pod.start(argv, uid=APP_UID, name="mariadb").wait_for_line("ready for connections")
    with api.call("mysql.default", MYSQL_PORT) as client:
        greeting = mysql_packet(client)
        assert greeting[0] == 10 and b"MariaDB" in greeting, greeting
        # Protocol 4.1, plugin authentication (0x00080200), 16 MiB, utf8, user root, no password.
        login = struct.pack("<IIB23x", 0x00080200, 1 << 24, 33) + b"root\0\0mysql_native_password\0"
        mysql_send(client, 1, login)
        assert mysql_packet(client)[0] == 0, "an OK packet"
        mysql_send(client, 0, b"\x03SELECT 6 * 7")
        assert mysql_packet(client) == b"\1", "one column"
        rows = [mysql_packet(client) for _ in range(4)]
        assert rows[2] == b"\x0242", rows
    FirstBytes(api, api2, "mysql.default", MYSQL_PORT).measure()
    assert_encrypted(capture, api, api2)


# --- the caller of an unknown protocol speaks first -----------------------------------------------

UNKNOWN = (  # the last byte rules out HTTP/1, the HTTP/2 preface and TLS
    b"\0",
    b"\x16\x03\x05",
    b"SSH-2.0-x\r",
    b"*1\r",
    b"EHLO a",
    b"PRI * HTTP/3",
    b"GET k",
)


def test_opaque_within_one_read_of_the_byte_that_tells(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    for said in UNKNOWN:
        with api.call("api2.default", 81) as client:
            for octet in said[:-1]:
                client.send(bytes([octet]))
                time.sleep(0.002)
            app.nobody(0.05)
            begin = time.monotonic()
            client.send(said[-1:])
            server = app.take()
            assert server.take(len(said)) == said
            assert time.monotonic() - begin < 1.0, "no timer is in it"
            server.send("understood")
            assert client.take(10) == b"understood"
            server.close()


# --- no timing makes something else of HTTP -------------------------------------------------------

GUARDED = """
workload: { service: api2.default, ports: { 8080: { tls: strict } } }
identity: { dir: /var/run/epaulet/identity }
timeouts: { detect: 1s }
roles: { mesh: [ { identity: "spiffe://cluster.local/ns/default/sa/*" } ] }
access: [ { name: open, paths: [/open/**], allow: [mesh] } ]
"""
CALLER = """
identity: { dir: /var/run/epaulet/identity }
timeouts: { detect: 1s }
services:
  api2.default:
    ports: { 80: http, 81: auto }
    endpoints: { addresses: ["10.88.0.12:8080"] }
    tls: { identities: [spiffe://cluster.local/ns/default/sa/api2] }
"""
PATIENT = 1.5  # seconds: longer than any timer above
# Says 408 to silence after a tenth of a second.
HASTY_APP = """
const server = require('http').createServer((request, response) => {
  console.log('asked for ' + request.url);
  response.end(request.url);
});
server.headersTimeout = server.requestTimeout = 100;
server.connectionsCheckingInterval = 20;
server.listen(8080, '::', () => console.log('listening'));
"""


def judged(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, GUARDED)
    app = api2.pod.start(["node", "-e", HASTY_APP], uid=APP_UID, name="app")
    app.wait_for_line("listening")
    return api, api2, app


def request_to(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()


def by_octets(client: Wire, said: bytes, slow: int = 40) -> None:
    """One octet a write; the first ones with longer pauses than an early dial waits for."""
    for number, octet in enumerate(said):
        client.send(bytes([octet]))
        time.sleep(0.015 if number < slow else 0.0005)


def test_slow_requests_are_judged_by_the_rules(lab, binaries):
    api, api2, app = judged(lab, binaries)
    for port in (80, 81):
        for silence in (0.0, 0.03, 0.3, 0.8):  # the early dial; the app's own patience
            for path, status in (("/open/1", 200), ("/closed", 403)):
                with api.call("api2.default", port) as client:
                    client.quiet(silence)
                    client.send(request_to(path))
                    assert client.response()[0] == status, (port, silence, path)
        for path, status in (("/open/2", 200), ("/closed", 403)):
            with api.call("api2.default", port) as client:
                by_octets(client, request_to(path))
                assert client.response()[0] == status, (port, path)
    assert not [line for line in app.lines() if "closed" in line], "it never saw the refused ones"
    refused = api2.logged(kind="exchange", status=403)
    assert len(refused) == 10 and not api2.logged(kind="connection", outcome="ok"), refused


def test_a_slow_preface_of_http2_is_judged_by_the_rules(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, GUARDED)
    app = api2.app()
    for port in (80, 81):
        for path, allowed in (("/open/1", True), ("/closed", False)):
            with api.call("api2.default", port) as client:
                by_octets(client, http2_peer.hello() + http2_peer.request(1, path))
                if allowed:
                    server = app.take()  # the second time on the same connection
                    if port == 80:
                        server.until(http2_peer.PREFACE)
                    assert http2_peer.until(server, http2_peer.HEADERS)
                else:
                    api2.wait_logged(kind="exchange", status=403)
    assert not api2.logged(kind="connection"), "none of it went as a tunnel"


def test_who_waits_past_every_timer_is_still_judged(lab, binaries):
    """At the end of all patience the connection ends; what is said then reaches no app."""
    api, api2, app = judged(lab, binaries)
    for port in (80, 81):
        for first in (b"", b"G", http2_peer.PREFACE[:20]):
            with api.call("api2.default", port) as client:
                client.send(first)
                time.sleep(PATIENT)
                try:
                    client.send(request_to("/closed")[len(first) :])
                    said = client.rest()
                except (ConnectionResetError, BrokenPipeError):
                    said = b"reset"
                assert said == b"reset" or said.startswith(b"HTTP/1.1 403"), (port, first, said)
    assert app.lines()[-1].endswith("listening"), "the app saw none of it"


def test_a_port_with_identity_rules_alone_serves_the_patient_too(lab, binaries):
    """The app is dialled early, says 408 to silence and leaves; the request gets its own answer."""
    plain = CALLEE + "timeouts: { detect: 1s }\n"
    api, api2 = Mesh(lab, binaries).pair(CALLER, plain)
    app = api2.pod.start(["node", "-e", HASTY_APP], uid=APP_UID, name="app")
    app.wait_for_line("listening")
    for silence in (0.05, 0.15, 0.5, 0.9):
        with api.call("api2.default", 81) as client:
            client.quiet(silence)
            client.send(request_to("/a"))
            status, head, body = client.response()
            assert (status, body) == (200, b"/a"), (silence, head)
    assert not api2.logged(kind="connection", outcome="ok"), "none of it went as a tunnel"


def test_a_server_of_http2_that_speaks_first_makes_no_tunnel(lab, binaries):
    """Its SETTINGS need no preface; a caller who is slow is still one of requests."""
    api, api2 = Mesh(lab, binaries).pair(callee=CALLEE)

    def answer(wire: Wire) -> None:
        wire.send(http2_peer.frame(http2_peer.SETTINGS, 0, 0))
        assert wire.take(len(http2_peer.PREFACE)) == http2_peer.PREFACE
        while True:
            kind, flags, stream, _ = http2_peer.next_frame(wire)
            if kind == http2_peer.SETTINGS and not flags & http2_peer.ACK:
                wire.send(http2_peer.frame(http2_peer.SETTINGS, http2_peer.ACK, 0))
            elif kind == http2_peer.HEADERS:
                ends = http2_peer.END_STREAM | http2_peer.END_HEADERS
                wire.send(http2_peer.frame(http2_peer.HEADERS, ends, stream, b"\x88"))

    api2.app().serve(answer)
    with api.call("api2.default", 81) as wire:
        time.sleep(0.2)
        wire.send(http2_peer.hello() + http2_peer.request(1))
        http2_peer.until(wire, http2_peer.HEADERS)
    for member in (api, api2):
        assert member.wait_logged(kind="exchange")["status"] == 200
        assert not member.logged(kind="tunnel")
