"""A forwarder that reads HTTP as many did: what this table is there to find.

It cuts heads where a line seems empty, lets the last field of a name win, prefers Content-Length,
takes any text with `chunked` in it, makes numbers of what int() takes, passes every byte on as it
came, and keeps its connections. It has access rules and writes records as the sidecar does, so it
can stand in the sidecar's place. Then SMUGGLERS must show two readings, and HARMLESS rows none.
"""

import threading

from mesh import Broken, Wire

PATIENCE = 1.5  # what a confused connection waits for does not come
SMUGGLERS = (
    "coding-cl-te",  # a length to us, chunks to Python
    "coding-before-length",
    "length-twice-zero-first",  # the last one to us, the first to Python
    "length-space-before-colon",  # no such field to Python, whose head ends there
    "length-in-a-fold",  # a field to us, a value to the apps
    "line-bare-lf-and-crlf",  # the end of the head to Python
    "line-bare-lf-in-a-value",  # another field to Python
    "line-bare-cr-in-a-value",
    "answer-length-plain",  # what follows stays on the connection, for the next caller
    "answer-coding-and-length",
    "answer-chunk-and-unasked",
    "answer-bodiless-204-with-length",
)
HARMLESS = (
    "length-plain",
    "length-zero-and-more",
    "coding-plain",
    "chunk-extension-value",
    "connection-pipeline",
    "answer-until-close",
    "status-299",
)
DENIED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


class Naive:
    """`admitted`: path -> the rule that admits it. `dial(app)` opens a connection to the app."""

    def __init__(self, admitted: dict[str, str], dial):
        self.records: list[dict] = []
        self._admitted = admitted
        self._dial = dial
        self._idle: dict[str, list[Wire]] = {}
        self._lock = threading.Lock()

    def serve(self, app: str, listener) -> None:
        """Serves the listener until it is closed, each connection in a thread."""

        def loop() -> None:
            while True:
                try:
                    channel, peer = listener.accept()
                except OSError:
                    return
                wire = Wire(channel)
                channel.settimeout(PATIENCE)
                source = f"{peer[0]}:{peer[1]}"
                threading.Thread(target=self._talk, args=(app, wire, source), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()

    def _talk(self, app: str, wire: Wire, source: str) -> None:
        with wire:
            try:
                while self._exchange(app, wire, source):
                    pass
            except (OSError, Broken, ValueError, IndexError):
                pass

    def _exchange(self, app: str, wire: Wire, source: str) -> bool:
        head, lines, fields = read_head(wire)
        method, target = lines[0].split()[:2]
        body, data_bytes = read_body(wire, fields)
        path = target.partition(b"?")[0].decode("latin-1")
        rule = "canary" if path.startswith("/canary/") else self._admitted.get(path)
        record = {
            "kind": "exchange",
            "id": f"{source}-{len(self.records)}",
            "downstream": source,
            "method": method.decode("latin-1"),
            "rule": {"name": rule},
            "request_bytes": data_bytes,
            "outcome": "ok" if rule else "unauthenticated",
        }
        is_last = b"close" in fields.get(b"connection", b"")
        if rule:
            upstream = self._take(app)
            answer, keeps = self._ask(upstream, method, head + body)
            is_last = is_last or not keeps
            if not is_last:
                with self._lock:
                    self._idle.setdefault(app, []).append(upstream)
        else:
            answer = DENIED
        record["status"] = int(answer.split()[1])
        self.records.append(record)
        wire.send(answer)
        return not is_last

    def forget(self) -> None:
        """Closes the connections that it keeps, so that nothing is left of the rows before."""
        with self._lock:
            for wire in (one for idle in self._idle.values() for one in idle):
                wire.close()
            self._idle.clear()

    def _take(self, app: str) -> Wire:
        with self._lock:
            idle = self._idle.get(app)
            if idle:
                return idle.pop()
        wire = self._dial(app)
        wire.socket.settimeout(PATIENCE)
        return wire

    @staticmethod
    def _ask(upstream: Wire, method: bytes, message: bytes) -> tuple[bytes, bool]:
        upstream.send(message)
        while True:
            head, lines, fields = read_head(upstream)
            if lines[0].split()[1] != b"100":
                break
        if method == b"HEAD" or lines[0].split()[1] in (b"204", b"304"):
            return head, True
        if fields.keys() & {b"content-length", b"transfer-encoding"}:
            keeps = b"close" not in fields.get(b"connection", b"")
            return head + read_body(upstream, fields)[0], keeps
        return head + upstream.rest(), False


def read_head(wire: Wire) -> tuple[bytes, list[bytes], dict[bytes, bytes]]:
    """The bytes of a head, its lines, and its fields by name."""
    head = wire.until(b"\n")
    while not head.endswith((b"\r\n\r\n", b"\n\n")):
        head += wire.until(b"\n")
    lines = [line.strip() for line in head.strip().splitlines()]
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip().lower()
    return head, lines, fields


def read_body(wire: Wire, fields: dict[bytes, bytes]) -> tuple[bytes, int]:
    """Its bytes as they came, and how many of them are data."""
    if b"content-length" in fields:
        body = wire.take(int(fields[b"content-length"].split(b",")[0]))
        return body, len(body)
    if b"chunked" not in fields.get(b"transfer-encoding", b""):
        return b"", 0
    raw, data_bytes = b"", 0
    while True:
        line = wire.until(b"\n")
        raw += line
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        raw += wire.take(size) + wire.until(b"\n")
        data_bytes += size
    while line.strip():
        line = wire.until(b"\n")
        raw += line
    return raw, data_bytes


def admitted_paths(requests, responses) -> dict[str, str]:
    """As the access rules of the sidecar have it."""
    admitted = {row.own_path: row.rule or row.name for row in requests}
    return admitted | {f"/{row.name}": "scripted" for row in responses}
