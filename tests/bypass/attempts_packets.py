"""What is no TCP connection: datagrams, other transports, and packets that belong to none.

The kernel's rules drop these before any process of the pod could know; their counters are the
evidence (`nft list table inet epaulet`), and the rule's name says which.
"""

import socket
import struct
import time

from lab import query
from mesh import DNS, PATIENCE
from speak import get
from table import Check, Control, Dropped, Row, dropped
from world import CLOSED, OPEN, World

UDPLITE, SCTP, DCCP, GRE = 136, 132, 33, 47
NOBODYS = 20_000  # a port that no caller is given, so that tracking knows no connection of it
SYN, RESET, ACK, FIN_ACK, DATA = 0x02, 0x04, 0x10, 0x11, 0x18


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(port: int, v6: bool = False):
    def send(world: World) -> None:
        def within() -> None:
            with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.sendto(
                    b"GET /admin/users HTTP/1.1\r\n\r\n", (world.api2.pod.addresses[v6], port)
                )

        world.outside.in_netns(within)

    return send


def raw(protocol: int, payload: bytes, v6: bool = False):
    """An IP packet with this content."""

    def send(world: World) -> None:
        def within() -> None:
            family = socket.AF_INET6 if v6 else socket.AF_INET
            with socket.socket(family, socket.SOCK_RAW, protocol) as one:
                one.sendto(payload, (world.api2.pod.addresses[v6], 0))

        world.outside.in_netns(within)

    return send


def segment(port: int, flags: int, data: bytes = b""):
    """A TCP segment out of the blue."""

    def send(world: World) -> None:
        source, target = world.outside.ipv4, world.api2.pod.ipv4
        plain = struct.pack("!HHIIBBHHH", NOBODYS, port, 1000, 2000, 5 << 4, flags, 8192, 0, 0) + data
        pseudo = socket.inet_aton(source) + socket.inet_aton(target)
        pseudo += struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(plain))
        total = checksum(pseudo + plain)
        raw(socket.IPPROTO_TCP, plain[:16] + struct.pack("!H", total) + plain[18:])(world)

    return send


def listeners(world: World) -> None:
    """The app does listen there for datagrams: dropped is not the same as unheard."""
    held = []
    counted = dropped(world.api2, "inbound-udp")
    for port in (CLOSED, 4242):
        one = world.api2.pod.in_netns(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        one.bind(("::", port))
        one.setblocking(False)
        held.append(one)
    for v6 in (False, True):
        for port in (CLOSED, 4242):
            datagram(port, v6)(world)

    def own() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"own", ("127.0.0.1", 4242))

    world.api2.pod.in_netns(own)
    end = time.monotonic() + PATIENCE
    heard = []
    while not heard and time.monotonic() < end:
        for one in held:
            try:
                heard.append(one.recv(100))
            except BlockingIOError:
                time.sleep(0.005)
    for one in held:
        one.close()
    assert dropped(world.api2, "inbound-udp") == counted + 4
    assert heard == [b"own"], heard  # the pod's own arrived, and those sent before it did not


def out_of_the_pod(world: World) -> None:
    """Datagrams of the app itself are not intercepted, DNS aside."""
    server = world.outside.in_netns(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with server:
        server.bind((world.outside.ipv4, 4242))
        server.settimeout(PATIENCE)

        def send() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.sendto(b"out", (world.outside.ipv4, 4242))

        world.api.pod.in_netns(send)
        assert server.recv(100) == b"out"


def ping(world: World) -> None:
    """The kernel of the pod answers an echo request: no rule is about ICMP."""
    number = 4242
    echo = struct.pack("!BBHHH", 8, 0, 0, number, 1) + b"ping"
    echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]

    def within() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as one:
            one.settimeout(PATIENCE)
            one.sendto(echo, (world.api2.pod.ipv4, 0))
            while True:
                packet, (source, _) = one.recvfrom(1000)
                if source == world.api2.pod.ipv4 and packet[20] == 0:
                    return packet[24:]

    told = world.outside.in_netns(within)
    assert told == struct.pack("!HH", number, 1) + b"ping", told


def without_ports(world: World) -> None:
    """A packet of a protocol that has none reaches whoever listens for it, as root alone may."""
    pod = world.api2.pod
    listener = pod.in_netns(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, GRE))
    with listener:
        listener.settimeout(PATIENCE)
        raw(GRE, b"\0\0\x65\x58within")(world)
        assert listener.recv(1000)[20:] == b"\0\0\x65\x58within"


def own_name_server(world: World) -> None:
    """Whatever server an app asks, ours answers."""
    assert query(world.api.pod, "closed.default", server=world.outside.ipv4).addresses


def udp_row(name: str, port: int, v6: bool = False) -> Row:
    return Dropped(name, datagram(port, v6), "inbound-udp")


ROWS: list[Row] = [
    Control("TCP to the same port", get("/open", port=OPEN)),
    Check("a question to another name server", own_name_server, "Control"),
    Check("no datagram reaches the app", listeners, "Dropped"),
    udp_row("a datagram to the app's port", CLOSED),
    udp_row("a datagram to the app's port, IPv6", CLOSED, True),
    udp_row("a datagram to a port of no rule", 4242),
    udp_row("a question to the pod's name server", DNS),
    udp_row("a question to the pod's name server, IPv6", DNS, True),
    udp_row("QUIC", 443),
    Dropped("UDP-Lite", raw(UDPLITE, struct.pack("!HHHH", 40000, CLOSED, 8, 0)), "inbound-udp"),
    Dropped("SCTP", raw(SCTP, struct.pack("!HHII", 40000, CLOSED, 0, 0)), "inbound-udp"),
    Dropped(
        "SCTP, IPv6", raw(SCTP, struct.pack("!HHII", 40000, CLOSED, 0, 0), True), "inbound-udp"
    ),
    Dropped("DCCP", raw(DCCP, struct.pack("!HH12s", 40000, CLOSED, b"\3\0\0\0")), "inbound-udp"),
    # Tracking takes this for a connection that it has missed: to our port, like any other.
    Dropped(
        "data of no connection", segment(OPEN, DATA, b"GET /admin HTTP/1.1\r\n\r\n"), "inbound-tcp"
    ),
    Dropped("an end of no connection", segment(OPEN, FIN_ACK), "inbound-guard"),
    Dropped("a reset of no connection", segment(OPEN, RESET), "inbound-guard"),
    Dropped("an answer to no SYN", segment(OPEN, SYN | ACK), "inbound-guard"),
    Dropped("SYN and FIN", segment(OPEN, SYN | 0x01), "inbound-guard"),
    Check("datagrams leave the pod as they are", out_of_the_pod, "Possible"),
    Check("an echo request is answered", ping, "Possible"),
    Check("a protocol without ports", without_ports, "Possible"),
]
