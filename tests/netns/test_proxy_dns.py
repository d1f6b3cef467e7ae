"""Names as apps see them: glibc's search list, aliases and SRV, against an upstream dnsmasq."""

from pathlib import Path

from mesh import APP_PORT, CALLEE, PATIENCE, Mesh, Wire

from lab import Nameserver, query

SERVICE = "api2.default.svc.cluster.local"
SPELLINGS = (
    "api2",
    "api2.default",
    "api2.default.svc",
    SERVICE,
    f"{SERVICE}.",
    "API2.Default",
)
CALLER = f"""
identity: {{ dir: /var/run/epaulet/identity }}
services:
  api2.default:
    ports: {{ 80: http, 5432: tcp }}
    port_names: {{ postgres: 5432 }}
    endpoints: {{ dns: _web._tcp.{SERVICE} }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
"""
TEXTS = 5  # Each of 200 octets: too much for 512, not for 1232.
RECORDS = (
    f"--srv-host=_web._tcp.{SERVICE},{SERVICE},{APP_PORT},0,10",
    f"--cname=old.default.svc.cluster.local,{SERVICE}",
    *(f"--txt-record=big.example,{str(number) * 200}" for number in range(TEXTS)),
)


def lookup(pod, name: str, family: str = "ahostsv4") -> list[str]:
    """What getaddrinfo of glibc finds, as an app with the pod's resolv.conf."""
    done = pod.run(["getent", family, name], check=False)
    return sorted({line.split()[0] for line in done.stdout.splitlines()})


def world(lab, binaries):
    nameserver = Nameserver(lab.pod("dns", 1), records=RECORDS)
    nameserver.wait_ready()
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.member("api", CALLER), mesh.member("api2", CALLEE)
    return nameserver, api, api2


def get(wire: Wire) -> int:
    return wire.send("GET / HTTP/1.1\r\nHost: api2.default\r\n\r\n").response()[0]


def test_endpoints_come_from_srv_records_with_their_port(lab, binaries):
    nameserver, api, api2 = world(lab, binaries)
    app = api2.app()
    assert query(api.pod, SERVICE).rcode == "NXDOMAIN"  # The target has no address yet.
    nameserver.add(SERVICE, api2.pod.ipv4)
    api.process.wait_for(lambda: query(api.pod, SERVICE).addresses, "to find the endpoint", 10.0)
    app.serve(lambda wire: (wire.head(), wire.send("HTTP/1.1 204 No Content\r\n\r\n")))
    with api.call("api2") as wire:
        assert get(wire) == 204


def test_every_spelling_of_a_name_is_the_service_for_glibc(lab, binaries):
    nameserver, api, api2 = world(lab, binaries)
    nameserver.add(SERVICE, api2.pod.ipv4)
    api.process.wait_for(lambda: query(api.pod, SERVICE).addresses, "to find the endpoint", 10.0)
    virtual = {kind: api.address_of("api2.default", kind) for kind in ("A", "AAAA")}
    for name in SPELLINGS:
        assert lookup(api.pod, name) == [virtual["A"]], name
        assert lookup(api.pod, name, "ahostsv6") == [virtual["AAAA"]], name
    # An ExternalName service leads there too, and unknown names stay unknown.
    for name in ("old", "old.default", "old.default.svc.cluster.local"):
        assert lookup(api.pod, name) == [virtual["A"]], name
        assert lookup(api.pod, name, "ahostsv6") == [virtual["AAAA"]], name
    for name in ("api3", "api2.other", "example"):
        assert lookup(api.pod, name) == [], name


def test_names_of_the_mesh_do_not_need_the_upstream(lab, binaries):
    nameserver, api, api2 = world(lab, binaries)
    nameserver.add(SERVICE, api2.pod.ipv4)
    api.process.wait_for(lambda: query(api.pod, SERVICE).addresses, "to find the endpoint", 10.0)
    virtual = api.address_of("api2.default")
    nameserver.process.stop()
    for name in SPELLINGS:
        assert lookup(api.pod, name) == [virtual], name


def test_named_ports_are_answered_and_what_is_too_long_is_cut(lab, binaries):
    nameserver, api, api2 = world(lab, binaries)
    nameserver.add(SERVICE, api2.pod.ipv4)
    api.process.wait_for(lambda: query(api.pod, SERVICE).addresses, "to find the endpoint", 10.0)
    assert query(api.pod, f"_http._tcp.{SERVICE}", "SRV").services == [f"0 100 80 {SERVICE}"]
    assert query(api.pod, "_postgres._tcp.api2", "SRV").services == ["0 100 5432 api2"]
    # A name of the upstream's, forwarded as it is; other types of ours are no error.
    forwarded = query(api.pod, f"_web._tcp.{SERVICE}", "SRV").services
    assert forwarded == [f"0 10 {APP_PORT} {SERVICE}"], forwarded
    for name, kind in ((SERVICE, "HTTPS"), (SERVICE, "SRV"), (f"_http._tcp.{SERVICE}", "A")):
        answer = query(api.pod, name, kind)
        assert (answer.rcode, answer.records) == ("NOERROR", 0), (name, kind, answer)

    cut = query(api.pod, "big.example", "TXT")
    assert cut.truncated and cut.records == 0, cut
    for whole in (
        query(api.pod, "big.example", "TXT", tcp=True),
        query(api.pod, "big.example", "TXT", payload_bytes=1232),
    ):
        assert not whole.truncated and whole.records == TEXTS, whole


ASK = """
import socket, sys
port, server, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
channel.bind(("0.0.0.0", port))
channel.settimeout(3)
labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
channel.sendto(b"\\x12\\x34\\x01\\x00\\x00\\x01" + bytes(6) + labels + b"\\0\\0\\x01\\0\\x01", (server, 53))
print(channel.recv(4096)[3] & 15)
"""
RECORD = """
import socket
channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
channel.bind(("0.0.0.0", 53))
print("asked", flush=True)
while True:
    query, peer = channel.recvfrom(4096)
    channel.sendto(query[:2] + b"\\x81\\x83" + query[4:], peer)
    print(peer[1], flush=True)
"""


def test_what_the_sidecar_asks_upstream_is_never_taken_for_an_apps_question(lab, binaries):
    """A port that it has asked from is known to connection tracking for a while, as no flow of ours.

    An app's resolver that then draws the same port would ask the upstream itself.
    """
    upstream = lab.pod("dns", 1)
    recorder = upstream.start(["python3", "-c", RECORD], name="recorder")
    recorder.wait_for_line("asked")
    api = Mesh(lab, binaries).member("api", CALLER)
    for number in range(30):
        assert query(api.pod, f"n{number}.example").rcode == "NXDOMAIN"
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = [int(line) for line in recorder.lines() if line.isdigit()]
    assert len(ports) >= 30 and len(set(ports)) > 20, ports
    drawn = [port for port in ports if low <= port <= high]
    assert not drawn, f"the sidecar asks from ports that apps' resolvers draw: {drawn[:5]}"
