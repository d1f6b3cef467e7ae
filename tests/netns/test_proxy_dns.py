"""Names as apps see them: glibc's search list, aliases and SRV, against an upstream dnsmasq."""

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
