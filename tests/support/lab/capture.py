"""What really crosses the wire between pods: TLS records or plaintext, counted.

A raw socket on the bridge's port of a pod sees every frame to and from it. Each direction of each
TCP connection is read as a byte stream: as long as it parses as TLS records (RFC 8446 section 5.1)
these are counted; from the first bytes that do not, its segments count as plaintext.
"""

import ipaddress
import select
import socket
import struct
import threading
from dataclasses import asdict, dataclass

from . import kernel

ETH_P_ALL = 0x0003
ETH_P_IP = 0x0800
ETH_P_IPV6 = 0x86DD
SOL_PACKET = 263
PACKET_STATISTICS = 6
SO_RCVBUFFORCE = 33
RECEIVE_BUFFER_BYTES = 64 << 20
TCP_SYN = 0x02
TLS_CONTENT_TYPES = range(20, 24)  # change_cipher_spec, alert, handshake, application_data
TLS_RECORD_MAX = (1 << 14) + 2048
MAX_FLOWS = 100_000


@dataclass
class Count:
    tls_records: int = 0
    plaintext_segments: int = 0
    dropped_frames: int = 0  # that the kernel could not keep for us: a count with any is no proof
    first_plaintext: str = ""  # whose, and how it began

    def __sub__(self, other: "Count") -> "Count":
        numbers = (mine - theirs for mine, theirs in zip(self._values(), other._values()))
        return Count(*numbers, "" if other.first_plaintext else self.first_plaintext)

    def __add__(self, other: "Count") -> "Count":
        numbers = (mine + theirs for mine, theirs in zip(self._values(), other._values()))
        return Count(*numbers, self.first_plaintext or other.first_plaintext)

    def _values(self) -> tuple[int, ...]:
        return self.tls_records, self.plaintext_segments, self.dropped_frames

    def as_evidence(self) -> dict[str, int]:
        return asdict(self)


class Flow:
    """One direction of one TCP connection."""

    def __init__(self, name: str, next_sequence: int):
        self._name = name
        self._next = next_sequence
        self._early: dict[int, bytes] = {}  # segments that overtook others
        self._header = b""
        self._record_left = 0
        self._is_tls = True

    def add(self, sequence: int, payload: bytes, count: Count) -> None:
        self._early[sequence] = payload
        progress = True
        while progress:
            progress = False
            for start in sorted(self._early, key=self._distance):
                offset = -self._distance(start)
                if offset < 0:
                    break  # a gap: wait for what is missing
                data = self._early.pop(start)
                if offset < len(data):
                    self._consume(data[offset:], count)
                    self._next = (self._next + len(data) - offset) & 0xFFFFFFFF
                progress = True
                break

    def _distance(self, sequence: int) -> int:
        """How far ahead of what we expect, modulo 2^32 (RFC 9293 section 3.4)."""
        return ((sequence - self._next + 0x80000000) & 0xFFFFFFFF) - 0x80000000

    def _consume(self, data: bytes, count: Count) -> None:
        at = 0
        while self._is_tls and at < len(data):
            if self._record_left:
                step = min(self._record_left, len(data) - at)
                self._record_left -= step
                at += step
                continue
            step = min(5 - len(self._header), len(data) - at)
            self._header += data[at : at + step]
            at += step
            if not self._may_be_header():
                self._is_tls = False
            elif len(self._header) == 5:
                self._record_left = int.from_bytes(self._header[3:5], "big")
                self._header = b""
                count.tls_records += 1
        if not self._is_tls:
            count.plaintext_segments += 1
            count.first_plaintext = count.first_plaintext or f"{self._name}: {data[:64]!r}"

    def _may_be_header(self) -> bool:
        header = self._header
        if header[0] not in TLS_CONTENT_TYPES or header[1:2] not in (b"", b"\x03"):
            return False
        if len(header) > 2 and header[2] > 4:
            return False
        return len(header) < 5 or 0 < int.from_bytes(header[3:5], "big") <= TLS_RECORD_MAX


class Classifier:
    """Frames in, counts out, for each pair of hosts that talked. Has no socket: tests feed it."""

    def __init__(self, ports: set[int] | None = None):
        self._ports = ports
        self._flows: dict[tuple, Flow] = {}
        self._counts: dict[frozenset[str], Count] = {}

    def frame(self, frame: bytes) -> None:
        (kind,) = struct.unpack_from("!H", frame, 12)
        if kind == ETH_P_IP and frame[23] == socket.IPPROTO_TCP:
            start = 14 + (frame[14] & 0xF) * 4
            end = 14 + struct.unpack_from("!H", frame, 16)[0]
            source, target = frame[26:30], frame[30:34]
        elif kind == ETH_P_IPV6 and frame[20] == socket.IPPROTO_TCP:
            start = 54
            end = 54 + struct.unpack_from("!H", frame, 18)[0]
            source, target = frame[22:38], frame[38:54]
        else:
            return
        if end <= start:
            end = len(frame)  # a length of 0: a segment larger than 64 KiB, not yet cut
        source_port, target_port, sequence = struct.unpack_from("!HHI", frame, start)
        if self._ports is not None and not {source_port, target_port} & self._ports:
            return
        payload = frame[start + (frame[start + 12] >> 4) * 4 : end]
        key = (source, source_port, target, target_port)
        if frame[start + 13] & TCP_SYN:
            self._flows[key] = Flow(self._name_of(key), (sequence + 1) & 0xFFFFFFFF)
            return
        if not payload:
            return
        if key not in self._flows and len(self._flows) < MAX_FLOWS:
            # It began before we looked.
            self._flows[key] = Flow(self._name_of(key) + ", begin unseen", sequence)
        if key in self._flows:
            pair = frozenset(str(ipaddress.ip_address(address)) for address in (source, target))
            self._flows[key].add(sequence, payload, self._counts.setdefault(pair, Count()))

    @staticmethod
    def _name_of(key: tuple) -> str:
        source, source_port, target, target_port = key
        return (
            f"{ipaddress.ip_address(source)} {source_port} to "
            f"{ipaddress.ip_address(target)} {target_port}"
        )

    def between(self, some: tuple[str, ...], others: tuple[str, ...]) -> Count:
        total = Count()
        for pair, count in self._counts.items():
            if any(pair == frozenset((one, other)) for one in some for other in others):
                total += count
        return total


class Capture:
    """Watches all that a pod sends and receives, until the lab ends or `close`.

    `ports`: only TCP connections with one of these ports at either end; None is all.
    """

    def __init__(self, pod, ports: set[int] | None = None):
        self.pod = pod
        netns, interface = pod.lab.port_of(pod)
        self._classifier = Classifier(ports)
        self._dropped = 0
        self._lock = threading.Lock()
        self._socket = kernel.in_netns(netns, lambda: self._open(interface))
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read_on, daemon=True)
        self._thread.start()
        pod.lab.captures.append(self)

    @staticmethod
    def _open(interface: str) -> socket.socket:
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # deaf until bound
        raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        raw.bind((interface, ETH_P_ALL))
        raw.setblocking(False)
        return raw

    def close(self) -> None:
        """May be called twice."""
        self._closed.set()
        self._thread.join()
        self._socket.close()

    def between(self, one, other) -> Count:
        """All that has crossed between two pods so far, including what they have just received."""
        with self._lock:
            self._drain()
            _, dropped = struct.unpack(
                "II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
            )
            self._dropped += dropped  # reading the statistics resets them
            count = self._classifier.between(one.addresses, other.addresses)
            count.dropped_frames = self._dropped
            return count

    def _drain(self) -> None:
        try:
            while True:
                self._classifier.frame(self._socket.recv(1 << 18))
        except BlockingIOError:
            pass

    def _read_on(self) -> None:
        while not self._closed.is_set():
            if select.select([self._socket], [], [], 0.2)[0]:
                with self._lock:
                    self._drain()
