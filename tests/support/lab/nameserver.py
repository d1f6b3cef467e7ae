"""The upstream DNS server (dnsmasq) as a pod, and single queries with their response code."""

import os
import socket
import struct
from dataclasses import dataclass, field

from .process import wait_until

RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
TYPES = {"A": 1, "AAAA": 28}
OTHER_TYPES = {"TXT": 16, "SRV": 33, "HTTPS": 65}
QUERY_SECONDS = 2.0
TRIES = 3


@dataclass
class Answer:
    rcode: str
    addresses: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)  # SRV: "PRIORITY WEIGHT PORT TARGET"
    truncated: bool = False
    records: int = 0  # in the answer section
    ttl: int | None = None  # the smallest of the answer and authority sections; None without any

    def __str__(self) -> str:
        return self.rcode if not self.addresses else f"{self.rcode} {' '.join(self.addresses)}"


def _skip_name(packet: bytes, at: int) -> int:
    while packet[at]:
        if packet[at] & 0xC0:
            return at + 2
        at += packet[at] + 1
    return at + 1


def _name(packet: bytes, at: int) -> str:
    labels = []
    while packet[at]:
        if packet[at] & 0xC0:
            at = struct.unpack_from("!H", packet, at)[0] & 0x3FFF
        else:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
            at += packet[at] + 1
    return ".".join(labels)


def parse_answer(packet: bytes) -> Answer:
    _, flags, questions, answers, authorities, _ = struct.unpack_from("!6H", packet)
    at = 12
    for _ in range(questions):
        at = _skip_name(packet, at) + 4
    result = Answer(RCODES.get(flags & 0xF, str(flags & 0xF)))
    result.truncated = bool(flags & 0x0200)
    result.records = answers
    ttls = []
    for index in range(answers + authorities):
        at = _skip_name(packet, at)
        kind, _, ttl, length = struct.unpack_from("!HHIH", packet, at)
        data = packet[at + 10 : at + 10 + length]
        at += 10 + length
        ttls.append(ttl)
        if index < answers and kind == TYPES["A"]:
            result.addresses.append(socket.inet_ntop(socket.AF_INET, data))
        elif index < answers and kind == TYPES["AAAA"]:
            result.addresses.append(socket.inet_ntop(socket.AF_INET6, data))
        elif index < answers and kind == OTHER_TYPES["SRV"]:
            priority, weight, port = struct.unpack_from("!3H", data)
            result.services.append(f"{priority} {weight} {port} {_name(packet, at - length + 6)}")
    result.ttl = min(ttls, default=None)
    return result


def query(
    pod,
    name: str,
    kind: str = "A",
    server: str | None = None,
    tcp: bool = False,
    payload_bytes: int | None = None,
) -> Answer:
    """Asks the pod's nameserver (or `server`) from inside the pod; the name is taken as it stands.

    With `payload_bytes` it is a query with EDNS that takes so much over UDP.

    Search domains are the resolver's business: `getent` in the pod shows what an app would see.
    """
    identifier = int.from_bytes(os.urandom(2), "big")
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split("."))
    packet = struct.pack("!6H", identifier, 0x0100, 1, 0, 0, payload_bytes is not None)
    packet += labels + b"\0" + struct.pack("!HH", {**TYPES, **OTHER_TYPES}[kind], 1)
    if payload_bytes is not None:
        packet += struct.pack("!BHHIH", 0, 41, payload_bytes, 0, 0)
    target = (server or pod.lab.nameserver, 53)
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET

    def exchange() -> bytes:
        with socket.socket(family, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as channel:
            channel.settimeout(QUERY_SECONDS)
            channel.connect(target)
            if not tcp:
                channel.send(packet)
                while (reply := channel.recv(65535))[:2] != packet[:2]:
                    pass
                return reply
            channel.sendall(struct.pack("!H", len(packet)) + packet)
            with channel.makefile("rb") as stream:
                return stream.read(struct.unpack("!H", stream.read(2))[0])

    for attempt in range(TRIES):
        try:
            return parse_answer(pod.in_netns(exchange))
        except TimeoutError:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


class Nameserver:
    """dnsmasq in a pod, answering for what `add` was given and NXDOMAIN for everything else."""

    def __init__(self, pod, ttl: int = 5, records: tuple[str, ...] = ()):
        """`records`: dnsmasq's options for what is no address, "--cname=alias,target"."""
        self.pod = pod
        self.hosts = pod.directory / "hosts"
        self.hosts.mkdir()
        self.process = pod.start(
            [
                "dnsmasq",
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--pid-file=",
                "--user=root",
                "--no-resolv",
                "--no-hosts",
                f"--hostsdir={self.hosts}",
                f"--local-ttl={ttl}",
                "--address=/#/",  # without an address: NXDOMAIN for every name it does not know
                "--log-queries",
                "--log-facility=-",
                *records,
            ],
            name="dnsmasq",
        )

    def wait_ready(self) -> None:
        self.process.wait_for(
            lambda: self._ask("ready.invalid", "A").rcode == "NXDOMAIN", "to answer"
        )

    def _ask(self, name: str, kind: str) -> Answer:
        return query(self.pod, name, kind, server=self.pod.ipv4)

    def add(self, name: str, *addresses: str) -> None:
        """Returns once dnsmasq, which watches the directory, serves the name with all of these."""
        hidden = self.hosts / f".{name}"
        hidden.write_text("".join(f"{address} {name}\n" for address in addresses))
        hidden.rename(self.hosts / name)

        def is_served() -> bool:
            seen = [found for kind in TYPES for found in self._ask(name, kind).addresses]
            return set(addresses) <= set(seen)

        wait_until(is_served, f"dnsmasq to serve {name}", 5.0)
