"""naive.py between the versions: a forwarder that turns HTTP/2 into HTTP/1, or back, without a look.

Towards an app of HTTP/1 it writes what fields hold as lines, lengths as they are said, and each
DATA frame behind them; towards an app of HTTP/2 it sends what naive.py reads, as it reads it. Then
rows of either table must fail that the sidecars hold, and harmless ones must not.
"""

from http2_peer import (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS,
    frame, hello, literal, next_frame)
from mesh import Broken, Wire
from naive import Naive, read_body, read_head

# Of HTTP/2, to node, Python and nginx.
SMUGGLERS_DOWN = (
    "path-with-a-request",  # a second request, in the first one's path
    "value-with-crlf",  # a field in a field's value
    "length-zero-with-data",  # the body, for a request behind it
    "length-twice",
    "authority-and-host-missing",
    "connect-with-protocol",
)
HARMLESS_DOWN = ("length-fits", "host-alone", "scheme-of-tls", "continuation-in-a-name")
# Of HTTP/1, to node's http2.
SMUGGLERS_UP = (
    "coding-cl-te",  # a length to us, chunks to its sender
    "coding-before-length",
    "length-in-a-fold",
    "line-bare-lf-in-a-value",
    "target-absolute-other-host",
)
HARMLESS_UP = ("length-plain", "coding-plain", "chunk-extension-value")


class Asked:
    """One stream. Trailers are not looked at."""

    def __init__(self):
        self.head = self.body = b""
        self.has_head = self.ended = False

    def take(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == DATA:
            self.body += payload
        elif not self.has_head:
            self.head += payload
            self.has_head = bool(flags & END_HEADERS)
        self.ended = self.ended or (kind != CONTINUATION and bool(flags & END_STREAM))


class NaiveDown(Naive):
    """Serves HTTP/2, asks in HTTP/1."""

    def _talk(self, app: str, wire: Wire, source: str) -> None:
        with wire:
            try:
                self._serve(app, wire)
            except (OSError, Broken, ValueError, IndexError):
                pass

    def _serve(self, app: str, wire: Wire) -> None:
        wire.take(len(PREFACE))
        wire.send(frame(SETTINGS, 0, 0))
        streams: dict[int, Asked] = {}
        while True:
            kind, flags, stream, payload = next_frame(wire)
            if kind == SETTINGS and not flags & ACK:
                wire.send(frame(SETTINGS, ACK, 0))
            if kind not in (HEADERS, CONTINUATION, DATA):
                continue
            asked = streams.setdefault(stream, Asked())
            asked.take(kind, flags, payload)
            if asked.ended and asked.has_head:
                self._answer(app, wire, stream, asked.head, asked.body)

    def _answer(self, app: str, wire: Wire, stream: int, section: bytes, body: bytes) -> None:
        fields = read_fields(section)
        said = dict(fields)
        head = f"{said.get(':method')} {said.get(':path')} HTTP/1.1\r\n"
        head += f"Host: {said.get(':authority', said.get('host', 'h'))}\r\n"
        plain = [(name, value) for name, value in fields if name[:1] != ":" and name != "host"]
        if body and "content-length" not in said:
            plain.append(("content-length", str(len(body))))
        head += "".join(f"{name}: {value}\r\n" for name, value in plain)
        upstream = self._take(app)
        answer, _ = self._ask(upstream, b"GET", f"{head}\r\n".encode("latin-1") + body)
        self._idle.setdefault(app, []).append(upstream)
        status = literal(":status", answer.split()[1].decode())
        ok = b"\x88" if b" 200 " in answer[:16] else status
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, ok))


class NaiveUp(Naive):
    """Serves HTTP/1, asks in HTTP/2, each request on a connection of its own."""

    def _ask(self, upstream: Wire, method: bytes, message: bytes) -> tuple[bytes, bool]:
        rest = _Text(message)
        _, lines, fields = read_head(rest)
        raw, _ = read_body(rest, fields)
        asked, target = (one.decode("latin-1") for one in lines[0].split()[:2])
        pairs = [(":method", asked), (":scheme", "http"), (":path", target)]
        pairs.append((":authority", fields.get(b"host", b"h").decode("latin-1")))
        apart = (b"host", b"connection", b"transfer-encoding", b"te", b"upgrade")
        pairs += [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in fields.items()
            if name not in apart
        ]
        body = raw if b"content-length" in fields else data_of(raw)
        section = b"".join(literal(name, value) for name, value in pairs)
        upstream.send(hello() + frame(HEADERS, END_HEADERS, 1, section))
        upstream.send(frame(DATA, END_STREAM, 1, body))
        return self._hear(upstream), True

    def _take(self, app: str) -> Wire:
        with self._lock:
            self._idle.clear()
        return super()._take(app)

    @staticmethod
    def _hear(upstream: Wire) -> bytes:
        status, answer = b"502", b""
        while True:
            kind, flags, stream, payload = next_frame(upstream)
            if kind in (3, 7):  # RST_STREAM, GOAWAY
                break
            if kind == HEADERS and payload[:1] == b"\x88":
                status = b"200"
            if kind == DATA:
                answer += payload
            if stream == 1 and flags & END_STREAM and kind in (HEADERS, DATA):
                break
        return b"HTTP/1.1 %b X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(answer), answer)


class _Text:
    """Bytes that are read as from a Wire."""

    def __init__(self, text: bytes):
        self._text = text

    def take(self, count: int) -> bytes:
        taken, self._text = self._text[:count], self._text[count:]
        return taken

    def until(self, end: bytes) -> bytes:
        return self.take(self._text.index(end) + len(end))


def data_of(chunked: bytes) -> bytes:
    text, data = _Text(chunked), b""
    while chunked and (size := int(text.until(b"\n").split(b";")[0], 16)):
        data += text.take(size)
        text.until(b"\n")
    return data


def read_fields(section: bytes) -> list[tuple[str, str]]:
    """Of literals without indexing, names and all, which is what the rows are written in."""
    text, fields = _Text(section), []

    def string() -> str:
        size = text.take(1)[0]
        if size == 127:
            shift, more = 0, 128
            while more & 128:
                more = text.take(1)[0]
                size += (more & 127) << shift
                shift += 7
        return text.take(size).decode("latin-1")

    while text.take(1):
        name = string()
        fields.append((name, string()))
    return fields
