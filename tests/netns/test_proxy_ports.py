"""Whom the sidecar's own ports serve, what a strict port refuses, and that nothing ever loops."""

from mesh import (
    ADMIN,
    APP_PORT,
    APP_UID,
    CALLER,
    DIRECT,
    DNS,
    HEALTH,
    INBOUND,
    METRICS,
    OUTBOUND,
    Mesh,
    Wire,
    dial,
    field,
)

from lab import request

HTTP_REQUEST = b"GET /secret HTTP/1.1\r\nHost: api2.default\r\nConnection: keep-alive\r\n\r\n"

# It serves and calls itself, by name and through the tunnel port; others may call it too.
SELF_CALLER = """
workload: { service: own.default, ports: { 8080: { tls: strict } } }
identity: { dir: /var/run/epaulet/identity }
roles: { mesh: [ { identity: "spiffe://cluster.local/ns/default/sa/*" } ] }
access: [ { name: all, allow: [mesh] } ]
services:
  own.default:
    ports: { 80: http, 82: tcp }
    endpoints: { addresses: ["10.88.0.11:8080"], tunnel: 15008 }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/own] }
"""

# Configurations that would make a sidecar talk to itself, if it let them.
LOOPS = """
identity: { dir: /var/run/epaulet/identity }
services:
  inbound.default:
    ports: { 80: http, 82: tcp }
    endpoints: { addresses: ["10.88.0.12:15006"] }
    tls: { mode: none }
  outbound.default:
    ports: { 80: http, 82: tcp }
    endpoints: { addresses: ["127.0.0.1:15001"] }
    tls: { mode: none }
  direct.default:
    ports: { 80: http, 82: tcp }
    endpoints: { addresses: ["10.88.0.12:15006"], tunnel: 15008 }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/loops] }
"""


def refused_by_destination(member) -> float:
    return member.counter("epaulet_connections_refused_total", reason="destination")


def ends(pod, address: str, port: int, say: bytes = HTTP_REQUEST) -> str:
    """How a connection that says something ends: fin or reset, or refused when it is not made."""
    try:
        with Wire(dial(pod, address, port)) as wire:
            return wire.send(say).ends()
    except ConnectionRefusedError:
        return "refused"
    except ConnectionResetError:
        return "reset"
    except BrokenPipeError:
        return "reset"


def test_neighbours_cannot_use_the_sidecars_own_ports(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app, outside = api2.app(), lab.pod("outside")
    before = refused_by_destination(api2)
    tries = 0
    for address in api2.pod.addresses:
        for port in (OUTBOUND, INBOUND, DNS, ADMIN):
            assert ends(outside, address, port) == "reset", (address, port)
            tries += 1
        for port, path in ((METRICS, "/metrics"), (HEALTH, "/live")):
            assert request(outside, address, port, path).status == 200
    api2.process.wait_for(lambda: refused_by_destination(api2) == before + tries, "the count")
    record = api2.wait_logged(outcome="destination_is_ourselves")
    assert record["direction"] == "inbound" and record["destination"] in record["summary"], record
    app.nobody(0)

    for address in api2.pod.addresses:  # the same from a pod in the mesh: its identity is no key
        for port in (OUTBOUND, INBOUND, DNS, ADMIN):
            assert ends(api.pod, address, port) == "reset", (address, port)
    app.nobody(0)


def test_the_pods_own_app_cannot_use_them_either(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()
    before, tries = refused_by_destination(api2), 0
    for address in ("127.0.0.1", "::1"):  # loopback is not redirected: dialled as they are
        for port in (OUTBOUND, INBOUND):
            assert ends(api2.pod, address, port) == "reset", (address, port)
            tries += 1
    for address in api2.pod.addresses:
        for port in (OUTBOUND, INBOUND, ADMIN, DNS):
            assert ends(api2.pod, address, port) == "reset", (address, port)
            tries += 1
    api2.process.wait_for(lambda: refused_by_destination(api2) == before + tries, "the count")
    assert api2.wait_logged(outcome="original_destination_missing")
    app.nobody(0)


def test_only_declared_ports_are_delivered(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    other, outside = api2.app(9999), lab.pod("outside")
    for address in api2.pod.addresses:
        assert ends(outside, address, 9999) == "reset"
        assert ends(api.pod, address, 9999) == "reset"
        assert ends(outside, address, 9998) == "reset", "nobody learns whether somebody listens"
    record = api2.wait_logged(outcome="port_not_declared", destination="[fd88::c]:9998")
    assert "`workload.ports`: 9998" in record["summary"], record
    refused = api2.counter("epaulet_connections_failed_total", outcome="port_not_declared")
    assert refused == 6, refused
    other.nobody(0)


def test_the_direct_port_delivers_to_declared_ports_only(lab, binaries):
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair()
    app, other, outside = api2.app(), api2.app(9999), lab.pod("outside")
    files = mesh.issue("api")

    def say(server_name: str) -> str:
        """Dials 15008 as a sidecar would, with an identity of the mesh and this SNI."""
        script = f"printf 'hello\\n' | openssl s_client -connect {api2.pod.ipv4}:{DIRECT}"
        script += f" -quiet -alpn epaulet/1-tcp -servername {server_name} -CAfile {files}/ca.pem"
        script += f" -cert {files}/cert.pem -key {files}/key.pem"
        done = outside.run(["timeout", "5", "sh", "-c", script], check=False)
        return done.stdout + done.stderr

    app.serve(lambda wire: wire.send(b"answer to " + wire.until(b"\n")))
    assert "answer to hello" in say(f"p{APP_PORT}.api2.default")
    for port in (9999, INBOUND, OUTBOUND, DIRECT, ADMIN):
        assert "answer" not in say(f"p{port}.api2.default")
        api2.process.wait_for(
            lambda: any(
                f"`workload.ports`: {port}" in record["summary"]
                for record in api2.logged(outcome="port_not_declared")
            ),
            f"its refusal of {port}",
        )
    for name in ("api2.default", f"p{APP_PORT}", "p.api2.default", "p99999.api2.default"):
        assert "answer" not in say(name), name
    other.nobody(0)


def test_a_pod_calls_itself(lab, binaries):
    own = Mesh(lab, binaries).member("own", SELF_CALLER)
    app = own.app()
    with own.call("own.default") as client:  # by name: through its own sidecar, as a peer
        client.send("GET /by-name HTTP/1.1\r\nHost: h\r\n\r\n")
        server, head = app.take_head()
        assert head.startswith(b"GET /by-name ")
        assert field(head, "x-epaulet-peer") == "spiffe://cluster.local/ns/default/sa/own"
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert client.response()[2] == b"ok"
    with own.call("own.default", 82) as client:
        server = app.take() if client.send(b"\0tcp") else None
        assert server.take(4) == b"\0tcp"
        client.fin()
        assert server.ends() == "fin"
        server.close()
    with own.dial("10.88.0.11", APP_PORT) as client:  # its address is an endpoint: the same way
        client.send("GET /by-address HTTP/1.1\r\nHost: h\r\n\r\n")
        server, head = app.take_head()
        assert field(head, "x-epaulet-peer") == "spiffe://cluster.local/ns/default/sa/own", head
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert client.response()[2] == b"ok"
    for address in ("127.0.0.1", "::1"):  # loopback is none of our business
        with own.dial(address, APP_PORT) as client:
            client.send("GET /loopback HTTP/1.1\r\nHost: h\r\n\r\n")
            server, head = app.take_head()
            assert head == b"GET /loopback HTTP/1.1\r\nHost: h\r\n\r\n"
            server.close()
    with own.dial("fd88::b", APP_PORT) as client:  # no service's address: to the app, as it is
        client.send("GET /six HTTP/1.1\r\nHost: h\r\n\r\n")
        server, head = app.take_head()
        assert head == b"GET /six HTTP/1.1\r\nHost: h\r\n\r\n"
        server.close()


def test_no_configuration_makes_a_loop(lab, binaries):
    mesh = Mesh(lab, binaries)
    lab.pod("spare")  # so that this one is 10.88.0.12
    loops = mesh.member("loops", LOOPS)
    for name in ("inbound.default", "outbound.default", "direct.default"):
        for port in (80, 82):
            if port == 82:
                assert ends(loops.pod, loops.address_of(name), port) == "reset", name
                continue
            with loops.call(name, port) as client:
                status, head, _ = client.send(HTTP_REQUEST).response()
                assert status == 502 and field(head, "x-request-id"), (name, head)
    accepted = loops.counter("epaulet_connections_total")
    assert accepted < 40, f"each of six connections came back, with its retries at most: {accepted}"


def test_plaintext_on_a_strict_port(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app, outside = api2.app(), lab.pod("outside")
    for address in api2.pod.addresses:
        for asked in (
            HTTP_REQUEST,
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000,
            b"GET / HTTP/1.0\r\n\r\n",
        ):
            with Wire(dial(outside, address, APP_PORT)) as client:
                status, head, body = client.send(asked).response()
                assert (status, body) == (403, b""), head
                assert field(head, "connection") == "close", head
                identifier = field(head, "x-request-id")
                assert identifier and len(head.split(b"\r\n")) == 6, "and it says nothing more"
                assert client.ends() == "fin"
        for asked in (b"\0\1\2\3binary", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SSH-2.0-x\r\n"):
            assert ends(outside, address, APP_PORT, asked) == "reset", asked
    app.nobody(0)
    record = api2.wait_logged(outcome="plaintext_on_strict_port", id=identifier)
    assert record["downstream"].startswith(f"[{outside.ipv6}]:"), record
    (explained,) = api2.sidecar.explain(identifier)
    assert explained["outcome"] == "plaintext_on_strict_port" and explained["remedy"], explained
    assert api2.counter("epaulet_plaintext_on_strict_total") == 12


def test_foreign_tls_on_a_strict_port(lab, binaries):
    api2 = Mesh(lab, binaries).member(
        "api2",
        """
workload: { service: api2.default, ports: { 8080: { tls: strict } } }
identity: { dir: /var/run/epaulet/identity }
timeouts: { detect: 200ms, connect: 200ms }
roles: { mesh: [ { identity: "spiffe://cluster.local/ns/default/sa/*" } ] }
access: [ { name: all, allow: [mesh] } ]
""",
    )
    app, outside = api2.app(), lab.pod("outside")

    def handshake(*options: str) -> str:
        there = f"{api2.pod.ipv4}:{APP_PORT}"
        command = ["timeout", "5", "openssl", "s_client", "-connect", there, *options]
        done = outside.run(command, uid=APP_UID, check=False)
        return done.stdout + done.stderr

    assert "no peer certificate available" in handshake("-alpn", "h2,http/1.1")
    assert api2.wait_logged(outcome="foreign_tls_on_strict_port")["downstream"]
    assert "no peer certificate available" in handshake()
    assert "no peer certificate available" in handshake("-alpn", "epaulet/9-h1")
    assert "upgrade" in api2.sidecar.explain(api2.wait_logged(outcome="tls_alpn_unknown")["id"])[0][
        "remedy"
    ]
    # It looks like the mesh's but proves nobody; speaks TLS 1.2; or stops half-way.
    handshake("-alpn", "epaulet/1-h1")
    assert api2.wait_logged(outcome="tls_identity_missing")["side"] == "downstream"
    handshake("-alpn", "epaulet/1-h1", "-tls1_2")
    api2.wait_logged(kind="handshake", outcome="tls_protocol_error")
    assert ends(outside, api2.pod.ipv4, APP_PORT, b"\x16\x03\x01\x02\x00\x01\x00") == "reset"
    assert ends(outside, api2.pod.ipv4, APP_PORT, b"") == "reset", "silence, after its time"
    with Wire(dial(outside, api2.pod.ipv4, DIRECT)) as client:
        assert client.send("GET / HTTP/1.1\r\n\r\n").response()[0] == 403
    assert ends(outside, api2.pod.ipv4, DIRECT, b"\0binary") == "reset"
    app.nobody(0)


def test_a_port_that_is_permissive_serves_both(lab, binaries):
    config = """
workload: { service: api2.default, ports: { 8080: { tls: permissive } } }
identity: { dir: /var/run/epaulet/identity }
roles: { mesh: [ { identity: "spiffe://cluster.local/ns/default/sa/*" } ] }
access:
  - { name: public, paths: [/public], allow: [anyone] }
  - { name: all, allow: [mesh] }
"""
    api, api2 = Mesh(lab, binaries).pair(CALLER, config)
    app, outside = api2.app(), lab.pod("outside")
    for address in api2.pod.addresses:
        with Wire(dial(outside, address, APP_PORT)) as client:
            client.send("GET /public HTTP/1.1\r\nHost: h\r\nX-Epaulet-Peer: me\r\n\r\n")
            server, head = app.take_head()
            assert field(head, "x-epaulet-peer") is None, head
            server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            assert client.response()[2] == b"ok"
            status, head, _ = client.send(HTTP_REQUEST).response()
            assert status == 401 and field(head, "proxy-status") is None, head
    with api.call("api2.default") as client:
        client.send(HTTP_REQUEST)
        server, head = app.take_head()
        assert field(head, "x-epaulet-peer") == "spiffe://cluster.local/ns/default/sa/api"
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert client.response()[2] == b"ok"
