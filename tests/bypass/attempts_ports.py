"""Every port of the sidecar, dialled by a neighbour, a mesh peer's app and the pod's own app; ports
that are not declared; plaintext where only mesh TLS may come."""

from mesh import ADMIN, DIRECT, DNS, HEALTH, INBOUND, METRICS, OUTBOUND, Member, Wire
from mesh import dial as dial_from
from speak import get, head, leaf, plain
from table import Answered, Check, Control, Possible, Refused, Row, Told, Try, dial_and_tell, tell
from world import CLOSED, PROBE_SECRET, STRICT, UNDECLARED, World, client_context

SECRET = head("/admin/users")
OURS, NOT_REDIRECTED = "destination_is_ourselves", "original_destination_missing"
NO_IDENTITY = "tls_identity_missing"
PLAINTEXT, FOREIGN = "plaintext_on_strict_port", "foreign_tls_on_strict_port"
PAGES = {ADMIN: "admin", METRICS: "metrics", HEALTH: "health"}
LOOPBACK = ("127.0.0.1", "::1")
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"


def of(pod: str, address: str | int, port: int, raw: bytes = SECRET) -> Try:
    """From a pod by name; `address`: literal, or 0 or 1 for the IPv4 or IPv6 one of `api2`."""

    def attempt(world: World) -> Told:
        who = getattr(world, pod)
        where = world.api2.pod.addresses[address] if isinstance(address, int) else address
        within = who.pod if isinstance(who, Member) else who
        return dial_and_tell(lambda: world.dial(within, port, address=where), raw)

    return attempt


def family(which: int) -> str:
    return ("IPv4", "IPv6")[which]


def redirected_to(port: int) -> str:
    """From outside all comes to INBOUND; what was meant for it has no other destination."""
    return NOT_REDIRECTED if port == INBOUND else OURS


def link_local(world: World) -> Told:
    """The address that every interface has, and that no rule of ours names."""
    shown = world.api2.pod.run(["ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link"])
    address = shown.stdout.split()[3].split("/")[0]
    return tell(world.dial(world.outside, STRICT, address=f"{address}%eth0"), SECRET)


def surface(
    name: str,
    port: int,
    raw: bytes,
    status: int,
    says: str,
    pod: str = "outside",
    address: str | int = 0,
) -> Row:
    return Answered(name, of(pod, address, port, raw), status, says, PAGES[port])


def foreign_tls(name: str, *alpn: str, port: int = STRICT, code: str = FOREIGN) -> Row:
    def attempt(world: World) -> Told:
        return dial_and_tell(lambda: world.mesh_dial(port, list(alpn), None), b"")

    return Refused(name, attempt, code)


def own_tunnel(world: World) -> Told:
    """The app of `api2` says that it is a sidecar, at its own sidecar's direct port."""

    def dial() -> Wire:
        channel = dial_from(world.api2.pod, "127.0.0.1", DIRECT)
        try:
            return Wire(client_context(["epaulet/1-h1"], None).wrap_socket(
                channel, server_hostname=f"p{STRICT}.api2.default"
            ))
        except OSError:
            channel.close()
            raise

    return dial_and_tell(dial, SECRET)


def hello_in_pieces(world: World) -> Told:
    """The beginning of a ClientHello, then plaintext: taken for TLS once, it is never plaintext."""
    wire = world.dial(world.outside, STRICT).send(b"\x16\x03\x01\x00\x40\x01\x00\x00\x3c")
    return tell(wire, SECRET * 8)


def nobody_binds_them(world: World) -> None:
    """Another user of the pod cannot listen beside us, and so take some of our connections."""
    script = """
import errno, socket, sys
for port in map(int, sys.argv[1:]):
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with socket.socket(family) as listener:
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            try:
                listener.bind((host, port))
                listener.listen()
                print("bound", port, host)
            except OSError as error:
                print(errno.errorcode[error.errno], port, host)
"""
    ports = [str(one) for one in (INBOUND, OUTBOUND, DIRECT, DNS, ADMIN, METRICS, HEALTH)]
    done = world.api2.pod.run(["python3", "-I", "-c", script, *ports], uid=1000)
    told = done.stdout.split("\n")[:-1]
    assert len(told) == 2 * len(ports), told
    assert all(one.startswith("EADDRINUSE ") for one in told), told


ROWS: list[Row] = [
    Control("the public path", get("/public/x", port=CLOSED)),
    Control("the public path, IPv6", get("/public/x", port=CLOSED, v6=True)),
    Control("a peer on the strict port", leaf(head("/x"), "api")),
    *(
        Refused(
            f"a neighbour dials {port}, {family(v6)}", of("outside", v6, port), redirected_to(port)
        )
        for port in (OUTBOUND, INBOUND, DNS, ADMIN)
        for v6 in (0, 1)
    ),
    *(
        Refused(
            f"a neighbour dials {DIRECT} in plaintext, {family(v6)}",
            of("outside", v6, DIRECT),
            PLAINTEXT,
            403,
        )
        for v6 in (0, 1)
    ),
    foreign_tls(f"a neighbour dials {DIRECT} with TLS of its own", "http/1.1", port=DIRECT),
    *(
        Refused(
            f"a mesh peer's app dials {port}" + (", IPv6" if v6 else ""),
            of("api", v6, port),
            redirected_to(port),
        )
        for port in (OUTBOUND, INBOUND, DNS, ADMIN)
        for v6 in (0, 1)
    ),
    # Behind its own sidecar it is nobody's peer there: that carries what it does not know as it is.
    *(
        Refused(
            f"a mesh peer's app dials {DIRECT} in plaintext, {family(v6)}",
            of("api", v6, DIRECT),
            PLAINTEXT,
            403,
        )
        for v6 in (0, 1)
    ),
    *(
        Refused(
            f"the pod's own app dials {port} on {address}",
            of("api2", address, port),
            NOT_REDIRECTED,
        )
        for port in (OUTBOUND, INBOUND)
        for address in LOOPBACK
    ),
    *(
        Refused(
            f"the pod's own app dials {port} on its address, {family(v6)}",
            of("api2", v6, port),
            OURS,
        )
        for port in (OUTBOUND, INBOUND, ADMIN, DNS, METRICS, HEALTH)
        for v6 in (0, 1)
    ),
    # The direct port is where tunnels of the mesh come in: the app is nobody there, like others.
    *(
        Refused(
            f"the pod's own app dials {DIRECT} on {address}",
            of("api2", address, DIRECT),
            PLAINTEXT,
            403,
        )
        for address in LOOPBACK
    ),
    *(
        Refused(
            f"the pod's own app dials {DIRECT} on its address, {family(v6)}",
            of("api2", v6, DIRECT),
            OURS,
        )
        for v6 in (0, 1)
    ),
    Refused("the pod's own app opens a tunnel without a certificate", own_tunnel, NO_IDENTITY),
    # Pages, not ways in: they answer themselves or say why not.
    surface("scrapes are no way in", METRICS, SECRET, 404, "there is no such page"),
    surface("nor over IPv6", METRICS, SECRET, 404, "there is no such page", address=1),
    surface(
        "nor for the pod's own app",
        METRICS,
        SECRET,
        404,
        "there is no such page",
        "api2",
        "::1",
    ),
    surface(
        "nor in absolute form",
        METRICS,
        head(f"http://10.88.0.12:{CLOSED}/public/x", host=f"10.88.0.12:{CLOSED}"),
        404,
        "there is no such page",
    ),
    surface(
        "nor by POST", METRICS, head("/metrics", ("Content-Length: 0",), "POST"), 405, "read-only"
    ),
    surface("probes are no way in", HEALTH, SECRET, 404, "there is no such page"),
    surface(
        "probes are none over IPv6", HEALTH, SECRET, 404, "there is no such page", address=1
    ),
    surface(
        "nor for the pod's own app, there",
        HEALTH,
        SECRET,
        404,
        "there is no such page",
        "api2",
        "127.0.0.1",
    ),
    surface(
        "nor is the way to the app's",
        HEALTH,
        head(f"/app-health/{PROBE_SECRET}/0/../../admin/users"),
        404,
        "no such probe",
    ),
    surface(
        "nor a number that is none",
        HEALTH,
        head(f"/app-health/{PROBE_SECRET}/00x"),
        404,
        "no such probe",
    ),
    surface(
        "the app's probes and hooks without their secret",
        HEALTH,
        head("/app-health/0"),
        404,
        "no such probe",
    ),
    surface(
        "or with part of it",
        HEALTH,
        head(f"/app-health/{PROBE_SECRET[:-1]}/0"),
        404,
        "no such probe",
    ),
    surface(
        "admin: by another name",
        ADMIN,
        head("/config", host="evil.example"),
        403,
        "the Host must be",
        "api2",
        "127.0.0.1",
    ),
    surface(
        "admin: from a web page",
        ADMIN,
        head("/config", ("Origin: http://evil.example",), host="localhost"),
        403,
        "Origin",
        "api2",
        "127.0.0.1",
    ),
    surface(
        "admin: a change",
        ADMIN,
        head("/config", ("Content-Length: 0",), "POST", host="localhost"),
        405,
        "read-only",
        "api2",
        "::1",
    ),
    Check("no other user listens on them", nobody_binds_them, "Forbidden"),
    # Ports.
    *(
        Refused(
            f"a port that is not declared, {family(v6)}",
            plain(SECRET, UNDECLARED, bool(v6)),
            "port_not_declared",
        )
        for v6 in (0, 1)
    ),
    Refused("a port where nobody listens", plain(SECRET, 9), "port_not_declared"),
    *(
        Refused(
            f"by the direct port to {port}",
            leaf(head("/x"), "api", "epaulet/1-h1", DIRECT, server_name=f"p{port}.api2.default"),
            "port_not_declared",
        )
        for port in (UNDECLARED, INBOUND, ADMIN)
    ),
    Refused(
        "by the direct port without a port",
        leaf(head("/x"), "api", "epaulet/1-h1", DIRECT, server_name="api2.default"),
        "port_not_declared",
    ),
    Control(
        "by the direct port to a declared one",
        leaf(head("/x"), "api", "epaulet/1-h1", DIRECT, server_name=f"p{STRICT}.api2.default"),
    ),
    # Plaintext and foreign TLS on strict ports.
    *(
        Refused(
            f"plaintext on the strict port, {family(v6)}",
            plain(SECRET, STRICT, bool(v6)),
            PLAINTEXT,
            403,
        )
        for v6 in (0, 1)
    ),
    Refused("plaintext over a link-local address", link_local, PLAINTEXT, 403),
    Refused("HTTP/1.0", plain(b"GET /x HTTP/1.0\r\n\r\n", STRICT), PLAINTEXT, 403),
    Refused("bytes", plain(b"\0\1\2\3", STRICT), PLAINTEXT),
    Refused("HTTP/2 in plaintext", plain(H2_PREFACE, STRICT), PLAINTEXT),
    Refused("an SSH client", plain(b"SSH-2.0-x\r\n", STRICT), PLAINTEXT),
    Refused(
        "a PROXY header",
        plain(b"PROXY TCP4 10.88.0.11 10.88.0.12 1 8083\r\n" + SECRET, STRICT),
        PLAINTEXT,
    ),
    Refused(
        "a binary PROXY header",
        plain(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\x0a" * 12, STRICT),
        PLAINTEXT,
    ),
    Refused("half a ClientHello, then HTTP", hello_in_pieces, "tls_protocol_error"),
    foreign_tls("TLS without ALPN"),
    foreign_tls("TLS for h2", "h2", "http/1.1"),
    foreign_tls("a mesh token misspelt", "EPAULET/1-h1"),
    foreign_tls("a mesh protocol of the future", "epaulet/9-h1", code="tls_alpn_unknown"),
    # What everybody may know.
    Possible(
        "anybody reads the metrics", of("outside", 0, METRICS, head("/metrics")), reaches_app=0
    ),
    Possible(
        "who knows the secret asks for the app's health",
        of("outside", 0, HEALTH, head(f"/app-health/{PROBE_SECRET}/0")),
    ),
    Possible(
        "the pod's own processes read the configuration",
        of("api2", "127.0.0.1", ADMIN, head("/config", host="localhost")),
        reaches_app=0,
    ),
    Possible(
        "and reach its app over loopback",
        of("api2", "127.0.0.1", CLOSED),
        b"GET /admin/users HTTP/1.1",
    ),
    Possible(
        "or by its own address, whatever the port says",
        of("api2", 0, STRICT, head("/x")),
        b"GET /x HTTP/1.1",
    ),
]
