"""Pods in the mesh for tests of the real binary: each an app and its own sidecar.

`Mesh` makes a certificate authority and members; a `Member` is a pod with its sidecar; `App` is a
server in a pod whose every byte the test decides; `Wire` is one connection, seen byte by byte, of a
caller or of an App. Sockets of callers and Apps belong to the test's own process (uid 0, which the
rules redirect like any app's), so both ends of an exchange are steps of one test.
"""

import collections
import re
import select
import shutil
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from lab import Binaries, Lab, LabError, Pod, Process, Sidecar, query, request, wait_until

APP_UID = 1000
APP_PORT = 8080
OUTBOUND, INBOUND, DIRECT, DNS, ADMIN, METRICS, HEALTH = (
    15001,
    15006,
    15008,
    15053,
    15000,
    15020,
    15021,
)
PATIENCE = 8.0  # seconds that a test waits for what must come
HERE = Path(__file__).resolve().parent

# An app that everybody in the mesh may call, on a strict port.
CALLEE = """
workload: { service: api2.default, ports: { 8080: { tls: strict } } }
identity: { dir: /var/run/epaulet/identity }
roles: { mesh: [ { identity: "spiffe://cluster.local/ns/default/sa/*" } ] }
access: [ { name: all, allow: [mesh] } ]
"""

# Its caller: HTTP on port 80 over IPv4, on 81 whatever it is; `six` has an IPv6 endpoint.
CALLER = """
identity: { dir: /var/run/epaulet/identity }
services:
  api2.default:
    ports: { 80: http, 81: auto, 82: tcp }
    endpoints: { addresses: ["10.88.0.12:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
  six.default:
    ports: { 80: http, 81: auto, 82: tcp }
    endpoints: { addresses: ["[fd88::c]:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
"""


class Broken(AssertionError):
    """A connection ended in another way than the test expects."""


class Wire:
    """One TCP connection. Reading waits for PATIENCE and then fails the test."""

    def __init__(self, channel: socket.socket):
        self.socket = channel
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data: bytes | str) -> "Wire":
        self.socket.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def _more(self) -> bool:
        data = self.socket.recv(1 << 16)
        self.buffer += data
        return bool(data)

    def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            if not self._more():
                raise Broken(f"ended after {len(self.buffer)} of {count} bytes: {self.buffer!r}")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def until(self, end: bytes) -> bytes:
        """Up to and including `end`."""
        while end not in self.buffer:
            if not self._more():
                raise Broken(f"ended before {end!r}: {self.buffer!r}")
        return self.take(self.buffer.index(end) + len(end))

    def head(self) -> bytes:
        return self.until(b"\r\n\r\n")

    def chunked(self) -> tuple[bytes, bytes]:
        """A chunked body's data, and its trailer lines."""
        data = b""
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            data += self.take(size)
            assert self.take(2) == b"\r\n"
        trailers = b""
        while (line := self.until(b"\r\n")) != b"\r\n":
            trailers += line
        return data, trailers

    def response(self, to: str = "GET") -> tuple[int, bytes, bytes]:
        """Status, head and body of a whole response, which must be delimited."""
        head = self.head()
        status = int(head.split()[1])
        if to == "HEAD" or status in (204, 304) or status < 200:
            return status, head, b""
        if re.search(rb"(?im)^transfer-encoding:[ \t]*chunked\r$", head):
            return status, head, self.chunked()[0]
        length = field(head, "content-length")
        if length is None:
            return status, head, self.rest()
        return status, head, self.take(int(length))

    def rest(self) -> bytes:
        """Everything up to the FIN, which must come."""
        while self._more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def ends(self) -> str:
        """How it ends, with nothing more to read: "fin" or "reset"."""
        try:
            data = self.rest()
        except ConnectionResetError:
            return "reset"
        assert not data, f"unexpected: {data!r}"
        return "fin"

    def quiet(self, seconds: float = 0.05) -> None:
        """Nothing comes for so long."""
        if self.buffer or select.select([self.socket], [], [], seconds)[0]:
            self._more()
            raise Broken(f"something came too early: {self.buffer!r}")

    def fin(self) -> "Wire":
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()


class App:
    """A server in a pod. `take()` gives the connection on which somebody says something next.

    It does not matter whether that is a new one or one that a sidecar has kept.
    """

    def __init__(self, pod: Pod, port: int = APP_PORT, backlog: int = 128):
        def listen():
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=backlog
            )

        self.listener = pod.in_netns(listen)
        self.wires: list[Wire] = []
        self.accepted = 0

    def _add(self) -> Wire:
        channel, _ = self.listener.accept()
        self.accepted += 1
        self.wires.append(Wire(channel))
        return self.wires[-1]

    def accept(self) -> Wire:
        """The next new connection, whether or not its caller has said anything."""
        self.listener.settimeout(PATIENCE)
        return self._add()

    def take(self, timeout: float = PATIENCE) -> Wire:
        deadline = time.monotonic() + timeout
        while True:
            open_wires = {wire.socket.fileno(): wire for wire in self.wires}
            open_wires.pop(-1, None)
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self.listener, *open_wires], [], [], left)
            if not ready:
                raise Broken(f"nobody called the app within {timeout:g} s")
            for one in ready:
                if one is self.listener:
                    self._add()
                    continue
                wire = open_wires[one]
                if self._speaks(wire):
                    return wire
                wire.close()

    @staticmethod
    def _speaks(wire: Wire) -> bool:
        try:
            return bool(wire.socket.recv(1, socket.MSG_PEEK))
        except ConnectionError:
            return False

    def take_head(self) -> tuple[Wire, bytes]:
        wire = self.take()
        return wire, wire.head()

    def nobody(self, seconds: float = 0.1) -> None:
        """Nobody calls for so long."""
        try:
            wire = self.take(seconds)
        except Broken:
            return
        raise Broken(f"the app was called: {wire.socket.recv(4096)!r}")

    def serve(self, answer) -> None:
        """Calls `answer(wire)` in a thread for each connection; an error in it ends that one."""

        def body(wire: Wire) -> None:
            with wire:
                try:
                    answer(wire)
                except (Broken, OSError, ValueError):
                    pass

        def loop() -> None:
            while True:
                try:
                    channel, _ = self.listener.accept()
                except OSError:
                    return
                threading.Thread(target=body, args=(Wire(channel),), daemon=True).start()

        self.listener.settimeout(None)
        threading.Thread(target=loop, daemon=True).start()

    def close(self) -> None:
        # close() alone would leave a thread in accept(), and with it the socket.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for wire in self.wires:
            wire.close()

    def die(self) -> None:
        """The same with threads that read what `serve` gave them."""
        for wire in self.wires:
            wire.socket.shutdown(socket.SHUT_RDWR)  # close() alone leaves a thread in recv()
        self.close()


class Member:
    """A pod with its sidecar."""

    def __init__(self, mesh: "Mesh", pod: Pod, sidecar: Sidecar):
        self.mesh = mesh
        self.pod = pod
        self.sidecar = sidecar

    def app(self, port: int = APP_PORT, **more) -> App:
        return App(self.pod, port, **more)

    def dial(self, address: str, port: int, timeout: float = PATIENCE) -> Wire:
        """As the pod's app would, by address."""
        return Wire(dial(self.pod, address, port, timeout))

    def address_of(self, name: str, kind: str = "A") -> str:
        answer = query(self.pod, name, kind)
        assert answer.addresses, f"{name} {kind}: {answer}"
        return answer.addresses[0]

    def call(self, name: str, port: int = 80, kind: str = "A") -> Wire:
        """As the pod's app would, by name."""
        return self.dial(self.address_of(name, kind), port)

    @property
    def process(self) -> Process:
        return self.sidecar.process

    def start(self) -> None:
        self.sidecar.start()
        self.sidecar.wait_ready()

    def logged(self, **wanted) -> list[dict]:
        """Its log records that have all of these values."""
        return [
            record
            for record in self.sidecar.log_records()
            if all(record.get(key) == value for key, value in wanted.items())
        ]

    def wait_logged(self, **wanted) -> dict:
        """The last such record, once there is one."""
        return self.process.wait_for(lambda: self.logged(**wanted), f"a record with {wanted}")[-1]

    def counter(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry these labels."""
        page = request(self.pod, "127.0.0.1", METRICS, "/metrics")
        assert page.status == 200, page
        total = 0.0
        for line in page.body.splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if not found or found[1] != name:
                continue
            has = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
            if labels.items() <= has.items():
                total += float(found[3])
        return total

    def give_identity(self, identity: Path) -> None:
        """Replaces the certificate files one after the other, each in one step."""
        for name in ("cert.pem", "key.pem", "ca.pem"):
            self.replace(f"identity/{name}", (identity / name).read_bytes())

    def replace(self, path: str, content: bytes | str) -> None:
        """A file below the sidecar's home, written aside and renamed."""
        target = self.sidecar.home / path
        aside = target.with_name(f".{target.name}.new")
        aside.write_bytes(content.encode() if isinstance(content, str) else content)
        shutil.chown(aside, 1337, 1337)
        aside.rename(target)

    def memory_peak_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


class Mesh:
    """Members whose identities one authority has issued."""

    def __init__(self, lab: Lab, binaries: Binaries):
        self.lab = lab
        self.binaries = binaries
        self.authority("ca")

    def certs(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self.binaries.certs), *arguments], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise LabError(f"epaulet-certs {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def authority(self, name: str) -> Path:
        directory = self.lab.directory / name
        if not directory.exists():
            self.certs("init", "--dir", str(directory), "--trust-domain", "cluster.local")
        return directory

    def issue(self, name: str, authority: str = "ca", *more: str) -> Path:
        """A directory with a new certificate for this service account."""
        identity = f"spiffe://cluster.local/ns/default/sa/{name}"
        out = self.lab.directory / f"identity-{name}-{time.monotonic_ns()}"
        ca = str(self.authority(authority))
        self.certs("issue", "--ca", ca, "--identity", identity, "--out", str(out), *more)
        return out

    def member(
        self,
        name: str,
        config: str,
        identity: Path | None = None,
        start: bool = True,
        pod: Pod | None = None,
    ) -> Member:
        pod = pod or self.lab.pod(name)
        sidecar = Sidecar(pod, self.binaries, config, identity or self.issue(name))
        sidecar.install_redirect()
        member = Member(self, pod, sidecar)
        if start:
            member.start()
        return member

    def pair(self, caller: str = CALLER, callee: str = CALLEE) -> tuple[Member, Member]:
        """`api`, which calls, and `api2`, which is called: 10.88.0.11 and .12, fd88::b and ::c."""
        members = [
            self.member("api", caller, start=False),
            self.member("api2", callee, start=False),
        ]
        for one in members:
            one.sidecar.start()
        for one in members:
            one.sidecar.wait_ready()
        return members[0], members[1]


def dial(pod: Pod, address: str, port: int, timeout: float = PATIENCE) -> socket.socket:
    return pod.in_netns(lambda: socket.create_connection((address, port), timeout))


def field(head: bytes, name: str) -> str | None:
    """The first value of a field, or None."""
    found = re.search(rb"(?im)^" + re.escape(name.encode()) + rb":[ \t]*(.*?)[ \t]*\r$", head)
    return found[1].decode() if found else None


class CountingApp(App):
    """Answers every request with 200 and counts how often each `X-Call` reached it."""

    def __init__(self, pod: Pod, port: int = APP_PORT):
        super().__init__(pod, port)
        self.calls: collections.Counter[str] = collections.Counter()
        self.serve(self._answer)

    def _answer(self, wire: Wire) -> None:
        wire.socket.settimeout(None)
        while True:
            head = wire.head()
            call = field(head, "x-call")
            self.calls[call] += 1
            wire.take(int(field(head, "content-length") or 0))
            wire.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(call)}\r\n\r\n{call}")

    def repeated(self) -> list[str]:
        return [call for call, times in self.calls.items() if times > 1]


class Traffic:
    """Callers that ask a CountingApp all the time, until the block ends.

    Each connection serves some requests, GET and POST in turn, then is closed by its caller. The
    answer must be the request's own.
    """

    PAUSE_SECONDS = 0.002  # the machine has more to do

    def __init__(self, member: Member, name: str, port: int = 80, callers: int = 2, each: int = 10):
        self.answered = 0
        self.failures: list[str] = []
        self._member = member
        self._target = (member.address_of(name), port)
        self._each = each
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._call_on, args=(number,), daemon=True)
            for number in range(callers)
        ]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _call_on(self, number: int) -> None:
        done = 0
        while not self._stopping.is_set():
            try:
                with self._member.dial(*self._target) as client:
                    for _ in range(self._each):
                        done += 1
                        self._call(client, f"{number}-{done}", "POST" if done % 2 else "GET")
                        if self._stopping.wait(self.PAUSE_SECONDS):
                            return
            except (OSError, AssertionError) as error:
                with self._lock:
                    self.failures.append(f"call {number}-{done}: {error!r}")

    def _call(self, client: Wire, call: str, method: str) -> None:
        body = "x" * 100 if method == "POST" else ""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        client.send(f"{method} / HTTP/1.1\r\nHost: h\r\nX-Call: {call}\r\n{length}\r\n{body}")
        status, head, answer = client.response()
        if (status, answer) != (200, call.encode()):
            raise Broken(f"{head!r} {answer!r}")
        with self._lock:
            self.answered += 1

    def wait_answered(self, more: int) -> None:
        """Until so many more requests have been answered."""
        wanted = self.answered + more
        wait_until(lambda: self.answered >= wanted or self.failures, f"{more} answers", 20.0)

    def assert_flawless(self) -> None:
        assert not self.failures, f"{len(self.failures)} of {self.answered}: {self.failures[:3]}"
