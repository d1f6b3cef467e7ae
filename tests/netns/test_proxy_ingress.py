"""An ingress of the mesh tells of its clients, and a port goes from permissive to strict."""

from answering import KeepingApp
from lab import wait_until
from mesh import APP_PORT, Mesh, Wire, dial

TRUST = "spiffe://cluster.local/ns/default/sa/"
CALLEE = f"""
workload: {{ service: api2.default, ports: {{ 8080: {{ tls: strict }} }} }}
identity: {{ dir: /var/run/epaulet/identity }}
ingress:
  trusted: [{TRUST}gateway]
  client_address: x-forwarded-for
  identity_headers: [x-hasura-role]
roles:
  office: [ {{ network: 192.0.2.0/24 }}, {{ network: "2001:db8::/32" }} ]
  mesh: [ {{ identity: "{TRUST}*" }} ]
access:
  - {{ name: office, paths: [/office/**], allow: [office] }}
  - {{ name: all, allow: [mesh] }}
"""
CALLER = f"""
identity: {{ dir: /var/run/epaulet/identity }}
services:
  api2.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080"] }}
    tls: {{ identities: [{TRUST}api2] }}
"""
GATEWAY = CALLER + "ingress: { identity_headers: [x-hasura-role] }\n"


def ask(member, path: str, *fields: str) -> int:
    with member.call("api2.default") as wire:
        wire.send("\r\n".join([f"GET {path} HTTP/1.1", "Host: h", *fields]) + "\r\n\r\n")
        return wire.response()[0]


def test_the_ingress_s_client_is_who_counts(lab, binaries):
    mesh = Mesh(lab, binaries)
    gateway = mesh.member("gateway", GATEWAY)
    api2 = mesh.member("api2", CALLEE)  # 10.88.0.12, as the second
    api = mesh.member("api", CALLER)
    heads = KeepingApp(api2.pod).heads
    told = ("X-Forwarded-For: 10.9.9.9, 192.0.2.7", "X-Forwarded-Proto: https", "X-Hasura-Role: u")
    assert ask(gateway, "/office/x", *told) == 200
    for line in told:
        assert line.encode() in heads[-1], heads[-1]
    assert ask(gateway, "/office/x", "X-Forwarded-For: 2001:db8::7") == 200
    assert ask(gateway, "/office/x", "X-Forwarded-For: 192.0.2.7, 10.9.9.9") == 403
    assert ask(gateway, "/x", "X-Forwarded-For: 10.9.9.9") == 200
    assert ask(gateway, "/x") == 403
    assert "names no client" in str(api2.sidecar.explain())
    assert api2.counter("epaulet_forwarded_fields_removed_total") == 0
    # The same by another pod: its word is taken away, and where it comes from is its own address.
    assert ask(api, "/office/x", *told) == 403
    assert ask(api, "/x", *told) == 200
    assert b"X-Forwarded" not in heads[-1] and b"Hasura" not in heads[-1], heads[-1]
    assert f"x-epaulet-peer: {TRUST}api\r\n".encode() in heads[-1]
    assert api2.counter("epaulet_forwarded_fields_removed_total") == 2


def test_metrics_say_when_a_port_can_be_strict(lab, binaries):
    mesh = Mesh(lab, binaries)
    open_port = CALLEE.replace("tls: strict", "tls: permissive").split("ingress:")[0]
    rules = "access: [ { name: all, allow: [anyone] } ]\n"
    api = mesh.member("api", CALLER)
    api2 = mesh.member("api2", open_port + rules)
    KeepingApp(api2.pod)
    outside = lab.pod("outside")

    def total(tls: str) -> float:
        return api2.counter("epaulet_inbound_connections_total", port="8080", tls=tls)

    def active(tls: str) -> float:
        return api2.counter("epaulet_inbound_connections_active", port="8080", tls=tls)

    assert ask(api, "/x") == 200
    left = Wire(dial(outside, api2.pod.ipv4, APP_PORT))
    get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    assert left.send(get).response()[0] == 200
    assert (total("mesh"), total("none"), active("none")) == (1, 1, 1)
    said = api2.wait_logged(tls=False, direction="inbound")
    assert outside.ipv4 in said["downstream"], said
    left.close()
    wait_until(lambda: active("none") == 0, "the plaintext connection to go", 5)
    assert total("none") == 1
    still = Wire(dial(outside, api2.pod.ipv4, APP_PORT))
    assert still.send(get).response()[0] == 200
    api2.replace("config/api2.yaml", open_port.replace("permissive", "strict") + rules)
    api2.wait_logged(event="config_applied")
    # Who is connected is refused at its next request; who comes, at once.
    assert still.send(get).response()[0] == 403
    assert still.ends() == "fin"
    with Wire(dial(outside, api2.pod.ipv4, APP_PORT)) as late:
        assert late.send(get).response()[0] == 403
    assert api2.counter("epaulet_plaintext_on_strict_total") >= 1
    assert ask(api, "/x") == 200
    wait_until(lambda: active("none") == 0, "nobody in plaintext", 5)
    assert total("none") == 2, "who is refused is not served"
