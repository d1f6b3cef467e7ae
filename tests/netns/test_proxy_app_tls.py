"""TLS that the apps begin themselves: carried as it is, routed by the name that it says (SNI)."""

import json
import ssl
import subprocess
import time

from lab import Capture
from mesh import APP_UID, CALLEE, Member, Mesh, dial

# Three servers, each telling which it is, what it was asked for and by which name.
SERVERS = """
const { readFileSync } = require('fs');
const [key, cert] = ['key', 'cert'].map((name) => readFileSync(`/run/tls/${name}.pem`));
let left = 3;
for (const [name, port] of [['plain', 8080], ['red', 8081], ['blue', 8082]]) {
  require('https').createServer({ key, cert }, (request, response) => {
    response.end(JSON.stringify({ name, path: request.url, asked: request.socket.servername }));
  }).listen(port, '::', () => { if (--left === 0) console.log('listening'); });
}
"""
PORTS = "{ 8080: { tls: TLS }, 8081: { tls: TLS }, 8082: { tls: TLS } }"
SERVING = CALLEE.replace("{ 8080: { tls: strict } }", PORTS)
IDENTITY = "identities: [spiffe://cluster.local/ns/default/sa/api2]"
CALLING = f"""
identity: {{ dir: /var/run/epaulet/identity }}
services:
  api2.default:
    ports: {{ 80: http, 443: auto, 444: tcp }}
    endpoints: {{ addresses: ["10.88.0.12:8080"] }}
    tls: {{ {IDENTITY}, wrap_tls: WRAP }}
    routes:
      - {{ name: never, hosts: [red.example], methods: [GET], to: [ {{ backend: blue }} ] }}
      - {{ name: red, hosts: [red.example], to: [ {{ backend: red }} ] }}
      - {{ name: others, hosts: ["*.example"], to: [ {{ backend: blue }} ] }}
backends:
  red: {{ endpoints: {{ addresses: ["10.88.0.12:8081"] }}, tls: {{ {IDENTITY}, wrap_tls: WRAP }} }}
  blue: {{ endpoints: {{ addresses: ["10.88.0.12:8082"] }}, tls: {{ {IDENTITY}, wrap_tls: WRAP }} }}
"""
NAMES = ("api2.default", "red.example", "blue.example")
REACHED = {"api2.default": "plain", "red.example": "red", "blue.example": "blue"}
CALLER_ID = "spiffe://cluster.local/ns/default/sa/api"


class World:
    def __init__(self, lab, binaries, wrap: bool = True, port_tls: str = "strict", allow="mesh"):
        caller = CALLING.replace("WRAP", str(wrap).lower())
        callee = SERVING.replace("TLS", port_tls).replace("[mesh]", f"[{allow}]")
        self.api, self.api2 = Mesh(lab, binaries).pair(caller, callee)
        self.address = self.api.address_of("api2.default")
        self.tls = lab.directory / "tls"
        self.tls.mkdir()
        key, cert = self.tls / "key.pem", self.tls / "cert.pem"
        names = "subjectAltName=" + ",".join(f"DNS:{name}" for name in NAMES)
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        make += ["-nodes", "-subj", "/CN=apps", "-addext", names, "-keyout", key, "-out", cert]
        subprocess.run(make, check=True, capture_output=True)
        key.chmod(0o644)
        for pod in (self.api.pod, self.api2.pod):
            pod.bind(self.tls, "tls")
        self.app = self.api2.pod.start(["node", "-e", SERVERS], uid=APP_UID, name="app")
        self.app.wait_for_line("listening")
        self.context = ssl.create_default_context(cafile=str(cert))

    def ask(self, name: str, port: int, silence: float = 0.0) -> dict:
        """GETs `/` after having said nothing for so long; the certificate must be the app's."""
        with dial(self.api.pod, self.address, port) as channel:
            time.sleep(silence)
            with self.context.wrap_socket(channel, server_hostname=name) as secured:
                secured.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answer = b"".join(iter(lambda: secured.recv(4096), b""))
        head, body = answer.split(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), answer
        return json.loads(body)

    def refused(self, port: int = 443) -> str:
        """How our sidecar's end of a connection that the other one refuses looks like."""
        try:
            self.ask("api2.default", port)
        except OSError as error:
            return type(error).__name__
        raise AssertionError("it was served")


def inbound(member: Member) -> dict:
    return member.wait_logged(kind="connection", direction="inbound")


def test_clients_and_servers_of_tls_work_unmodified(lab, binaries):
    world = World(lab, binaries)
    capture = Capture(world.api2.pod)
    for port in (80, 443, 444):  # declared HTTP, found out, and not looked into
        argv = ["curl", "-sS", "--cacert", "/run/tls/cert.pem", f"https://api2.default:{port}/x"]
        said = json.loads(world.api.pod.run(argv, uid=APP_UID).stdout)
        assert said == {"name": "plain", "path": "/x", "asked": "api2.default"}, said
        argv = ["openssl", "s_client", "-connect", f"{world.address}:{port}", "-brief"]
        argv += ["-servername", "api2.default", "-CAfile", "/run/tls/cert.pem"]
        said = world.api.pod.run([*argv, "-verify_return_error"], uid=APP_UID).stderr
        assert "Verification: OK" in said and "TLSv1.3" in said, said
    record = inbound(world.api2)
    assert record["peer"] == CALLER_ID and record["tls"], record
    assert not [one for one in world.api2.logged(kind="connection") if one.get("peer") != CALLER_ID]
    crossed = capture.between(world.api.pod, world.api2.pod)
    assert crossed.tls_records > 20 and crossed.plaintext_segments == 0, crossed
    counted = world.api.counter("epaulet_app_tls_connections_total", direction="outbound")
    assert counted == 4, "on the two ports that are looked into"


def test_the_name_that_tls_says_chooses_the_route_within_the_service(lab, binaries):
    world = World(lab, binaries)
    for silence in (0.0, 0.05):  # the latter after an early dial of the default route
        for name in NAMES:
            said = world.ask(name, 443, silence)
            assert (said["name"], said["asked"]) == (REACHED[name], name), said
    said = world.ask("red.example", 444)
    assert said["name"] == "plain", "a tcp port is not looked into"
    with world.api.dial("10.88.0.12", 8082) as client:  # that endpoint, whatever the name
        with world.context.wrap_socket(client.socket, server_hostname="red.example") as secured:
            secured.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: secured.recv(4096), b""))
    assert b'"name":"blue"' in answer, answer


def test_a_hello_in_pieces_is_routed_by_its_name(lab, binaries):
    world = World(lab, binaries)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    engine = world.context.wrap_bio(incoming, outgoing, server_hostname="red.example")
    with world.api.dial(world.address, 443) as client:
        pieces = 0
        while True:
            try:
                engine.do_handshake()
                break
            except ssl.SSLWantReadError:
                for octet in outgoing.read():
                    client.send(bytes([octet]))
                    pieces += 1
                incoming.write(client.socket.recv(1 << 16))
        assert pieces > 200 and engine.getpeercert()
        client.send(outgoing.read())
        engine.write(b"GET / HTTP/1.0\r\n\r\n")
        client.send(outgoing.read())
        incoming.write(client.rest())
        answer = b""
        while b"}" not in answer:
            answer += engine.read()
    assert b'"name":"red"' in answer, answer


def six_of(member: Member) -> list[dict]:
    found = member.logged(kind="connection")
    return found if len(found) == 6 else []


def test_unwrapped_tls_goes_as_it_is_to_a_permissive_port(lab, binaries):
    world = World(lab, binaries, wrap=False, port_tls="permissive", allow="anyone")
    for silence in (0.0, 0.05):
        for name in NAMES:
            assert world.ask(name, 443, silence)["name"] == REACHED[name]
    # What an early dial had begun for a silent caller was wrapped, and is not used: no failure.
    served = world.api2.process.wait_for(lambda: six_of(world.api2), "six records")
    assert not [one for one in served if one["tls"] or one.get("peer")], served
    assert not world.api2.logged(level="warning")
    assert world.api2.counter("epaulet_app_tls_connections_total", direction="inbound") == 6
    assert world.ask("api2.default", 444)["name"] == "plain"
    record = world.api2.wait_logged(kind="connection", tls=True)
    assert record["peer"] == CALLER_ID, "a tcp port's is wrapped all the same"


def test_unwrapped_tls_is_anonymous_and_not_for_strict_ports(lab, binaries):
    world = World(lab, binaries, wrap=False, port_tls="permissive", allow="mesh")
    world.refused()
    assert inbound(world.api2)["outcome"] == "unauthenticated"
    with world.api.dial(world.address, 443) as client:  # what is not TLS keeps its identity
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        client.head()
    assert world.api2.wait_logged(kind="exchange", direction="inbound")["peer"] == CALLER_ID
    world.api2.replace(
        "config/api2.yaml", SERVING.replace("TLS", "strict").replace("[mesh]", "[anyone]")
    )
    world.api2.wait_logged(event="config_applied")
    world.refused()
    assert world.api2.wait_logged(kind="handshake")["outcome"] == "foreign_tls_on_strict_port"
