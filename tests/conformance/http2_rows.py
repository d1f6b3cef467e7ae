"""Ambiguous HTTP/2 messages: what one stream carries, and what must come of it.

A row is sent as the frames of one stream. Either the sidecar refuses it (an answer of its own, or a
reset of the stream or of the connection) and the app sees no whole request, or the app understands
exactly what stands here.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "netns"))

from http2_peer import (  # noqa: E402  (the path above first)
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    frame,
    literal,
)

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Understood:
    method: str = "GET"
    target: str = ""  # "": the row's own path
    host: str = "h"
    body: str = ""
    trailers: tuple[str, ...] = ()
    cookie: str = ""


@dataclass(frozen=True)
class Http2Row:
    name: str
    source: str
    head: Pairs
    understood: Understood | None  # None: refused
    body: tuple[bytes, ...] = ()  # DATA frames; none: END_STREAM on HEADERS
    trailers: Pairs | None = None
    split: int = 0  # HEADERS has so many octets, CONTINUATION the rest
    begins: bool = False  # the app may see the beginning of what then breaks off
    # An app of HTTP/1 is asked by the GET with Upgrade which it stands for: 2xx is no consent there.
    offers: bool = False

    @property
    def path(self) -> str:
        return f"/{self.name}"

    def frames(self, stream: int) -> bytes:
        block = encode([*self.head, ("x-row", self.name)])
        ends = END_STREAM if not self.body and self.trailers is None else 0
        if self.split:
            sent = frame(HEADERS, ends, stream, block[: self.split])
            sent += frame(CONTINUATION, END_HEADERS, stream, block[self.split :])
        else:
            sent = frame(HEADERS, ends | END_HEADERS, stream, block)
        for number, piece in enumerate(self.body):
            last = number + 1 == len(self.body) and self.trailers is None
            sent += frame(DATA, END_STREAM if last else 0, stream, piece)
        if self.trailers is not None:
            sent += frame(HEADERS, END_STREAM | END_HEADERS, stream, encode(self.trailers))
        return sent

    def describe(self) -> str:
        what = "refused" if self.understood is None else f"understood as {self.understood.method}"
        return f"http2-{self.name} ({self.source}): {what}"


def encode(pairs: Pairs) -> bytes:
    return b"".join(literal(name, value) for name, value in pairs)


def head(name: str, method: str = "GET", more: Pairs = (), **pseudo: str | None) -> Pairs:
    """`pseudo`: other values, or None: without that field."""
    said = {"method": method, "scheme": "http", "path": f"/{name}", "authority": "h", **pseudo}
    return [(f":{key}", value) for key, value in said.items() if value is not None] + list(more)


def refused(name: str, source: str, pairs: Pairs, **more) -> Http2Row:
    return Http2Row(name, f"RFC {source}", pairs, None, **more)


def taken(name: str, source: str, pairs: Pairs, understood=Understood(), **more) -> Http2Row:
    return Http2Row(name, f"RFC {source}", pairs, understood, **more)


POST = Understood("POST", body="hello")
HELLO = (b"hello",)


def pseudo_rows() -> list[Http2Row]:
    rows = []
    bad = {"cr": "\r", "lf": "\n", "crlf": "\r\nx-injected: 1", "nul": "\0", "space": " b",
           "tab": "\tb", "del": "\x7f"}
    for label, octets in bad.items():
        name = f"path-with-{label}"
        rows.append(refused(name, "9113 8.2.1, 8.3.1", head(name, path=f"/{name}{octets}")))
        name = f"authority-with-{label}"
        rows.append(refused(name, "9113 8.2.1, 8.3.1", head(name, authority=f"h{octets}")))
        name = f"method-with-{label}"
        rows.append(refused(name, "9113 8.2.1, 8.3.1", head(name, method=f"GET{octets}")))
    smuggled = "/ HTTP/1.1\r\nHost: h\r\n\r\nGET /smuggled"
    rows += [
        refused("path-with-a-request", "9113 10.3", head("", path=smuggled)),
        refused("path-with-version", "9113 8.3.1", head("", path="/path-with-version HTTP/1.1")),
        refused("method-with-a-target", "9110 9.1", head("method-with-a-target",
                method="GET /smuggled")),
        refused("method-empty", "9110 9.1", head("method-empty", method="")),
        refused("method-with-parenthesis", "9110 9.1", head("method-with-parenthesis",
                method="G(T")),
        refused("path-empty", "9113 8.3.1", head("", path="")),
        refused("path-missing", "9113 8.3.1", head("", path=None)),
        refused("path-relative", "9113 8.3.1", head("", path="path-relative")),
        refused("path-with-fragment", "9110 7.1", head("", path="/path-with-fragment#x")),
        refused("path-asterisk-of-get", "9113 8.3.1", head("", path="*")),
        refused("path-absolute", "9113 8.3.1", head("", path="http://h/path-absolute")),
        refused("path-absolute-of-another", "9113 8.3.1", head("",
                path="http://evil/path-absolute")),
        refused("path-dot-segments", "9110 4.2.3", head("", path="/x/../path-dot-segments")),
        refused("method-missing", "9113 8.3.1", head("method-missing")[1:]),
        refused("scheme-missing", "9113 8.3.1", head("scheme-missing", scheme=None)),
        refused("authority-with-userinfo", "9113 8.3.1", head("authority-with-userinfo",
                authority="u@h")),
        refused("authority-with-path", "9113 8.3.1", head("authority-with-path", authority="h/x")),
        refused("authority-empty", "9110 4.2.1", head("authority-empty", authority="")),
        refused("authority-and-host-missing", "9110 7.2", head("authority-and-host-missing",
                authority=None)),
        refused("pseudo-behind-regular", "9113 8.3",
                [("x-first", "1"), *head("pseudo-behind-regular")]),
        refused("path-twice", "9113 8.3", [*head("path-twice"), (":path", "/smuggled")]),
        refused("method-twice", "9113 8.3", [(":method", "POST"), *head("method-twice")]),
        refused("authority-twice", "9113 8.3", [(":authority", "h"), *head("authority-twice")]),
        refused("pseudo-unknown", "9113 8.3", [(":smuggled", "1"), *head("pseudo-unknown")]),
        refused("pseudo-of-responses", "9113 8.3", [(":status", "200"),
                *head("pseudo-of-responses")]),
        refused("protocol-without-connect", "8441 4", [(":protocol", "websocket"),
                *head("protocol-without-connect")]),
        refused("connect", "9113 8.5", head("connect", "CONNECT", scheme=None, path=None)),
        refused("connect-with-path", "9113 8.5", head("connect-with-path", "CONNECT")),
        refused("connect-with-protocol", "8441 4",
                [(":protocol", "websocket"), *head("connect-with-protocol", "CONNECT")],
                offers=True),
        taken("host-and-authority-agree", "9113 8.3.1", head("host-and-authority-agree",
              more=[("host", "h")])),
        refused("host-and-authority-differ", "9113 8.3.1",
                head("host-and-authority-differ", more=[("host", "evil")])),
        refused("host-twice-beside-authority", "9110 7.2",
                head("host-twice-beside-authority", more=[("host", "h"), ("host", "h")])),
        taken("host-alone", "9113 8.3.1", head("host-alone", authority=None, more=[("host", "h")])),
        refused("host-twice", "9110 7.2", head("host-twice", authority=None, more=[("host", "h"),
                ("host", "evil")])),
        taken("scheme-of-tls", "9113 8.3.1", head("scheme-of-tls", scheme="https")),
    ]
    return rows


def field_rows() -> list[Http2Row]:
    rows = []
    specific = {"connection": "x-a", "keep-alive": "timeout=5", "proxy-connection": "keep-alive",
                "transfer-encoding": "chunked", "upgrade": "h2c", "te": "gzip"}
    for field_name, value in specific.items():
        name = f"field-{field_name}"
        rows.append(refused(name, "9113 8.2.2", head(name, more=[(field_name, value)])))
    bad = {"in-upper-case": ("X-Up", "1"), "with-colon": ("x:y", "1"), "with-space": ("x y", "1"),
           "empty": ("", "1"), "with-lf": ("x\ny", "1"), "with-nul": ("x\0y", "1"),
           "with-parenthesis": ("x(y", "1")}
    for label, pair in bad.items():
        name = f"field-name-{label}"
        rows.append(refused(name, "9113 8.2.1", head(name, more=[pair])))
    values = {"cr": "a\rb", "lf": "a\nx-injected: 1", "crlf": "a\r\nx-injected: 1", "nul": "a\0b",
              "space-before": " a", "space-behind": "a ", "tab-before": "\ta"}
    for label, value in values.items():
        name = f"value-with-{label}"
        rows.append(refused(name, "9113 8.2.1", head(name, more=[("x-probe", value)])))
    rows += [
        taken("te-trailers", "9113 8.2.2", head("te-trailers", more=[("te", "trailers")])),
        taken("cookie-crumbs", "9113 8.2.3",
              head("cookie-crumbs", more=[("cookie", "a=1"), ("x-b", "2"), ("cookie", "c=3")]),
              Understood(cookie="a=1; c=3")),
        taken("http2-settings-field", "9113 3.1",
              head("http2-settings-field", more=[("http2-settings", "AAMAAABkAAQAAP__")])),
        taken("continuation-in-a-name", "9113 6.10", head("continuation-in-a-name"), split=13),
    ]
    return rows


def length_rows() -> list[Http2Row]:
    def post(name: str, length: str, *more: tuple[str, str]) -> Pairs:
        return head(name, "POST", more=[("content-length", length), *more])

    return [
        taken("length-fits", "9113 8.1.1", post("length-fits", "5"), POST, body=HELLO),
        taken("length-fits-in-pieces", "9113 8.1.1", post("length-fits-in-pieces", "5"), POST,
              body=(b"he", b"", b"llo")),
        taken("length-none", "9113 8.1.1", head("length-none", "POST"), POST, body=HELLO),
        taken("length-none-and-empty", "9113 8.1.1", head("length-none-and-empty", "POST"),
              Understood("POST"), body=(b"",)),
        refused("length-too-small", "9113 8.1.1", post("length-too-small", "2"), body=HELLO,
                begins=True),
        refused("length-too-large", "9113 8.1.1", post("length-too-large", "9"), body=HELLO,
                begins=True),
        refused("length-zero-with-data", "9113 8.1.1", post("length-zero-with-data", "0"),
                body=HELLO,
                begins=True),
        refused("length-without-data", "9113 8.1.1", post("length-without-data", "5"), begins=True),
        refused("length-and-trailers-alone", "9113 8.1.1", post("length-and-trailers-alone", "5"),
                trailers=[("x-sum", "1")], begins=True),
        refused("length-twice", "9110 8.6", post("length-twice", "5", ("content-length", "5")),
                body=HELLO),
        refused("length-twice-otherwise", "9110 8.6",
                post("length-twice-otherwise", "5", ("content-length", "50")), body=HELLO),
        refused("length-list", "9110 8.6", post("length-list", "5, 5"), body=HELLO),
        refused("length-signed", "9110 8.6", post("length-signed", "+5"), body=HELLO),
        refused("length-hex", "9110 8.6", post("length-hex", "0x5"), body=HELLO),
        refused("length-empty", "9110 8.6", post("length-empty", ""), body=HELLO),
        refused("length-huge", "9110 8.6", post("length-huge", "9" * 25), body=HELLO),
        taken("trailers", "9113 8.1", head("trailers", "POST"),
              Understood("POST", body="hello", trailers=("x-sum",)), body=HELLO,
                  trailers=[("x-sum", "1")]),
        refused("trailers-with-path", "9113 8.1", head("trailers-with-path", "POST"), body=HELLO,
                trailers=[(":path", "/smuggled")], begins=True),
        refused("trailers-with-status", "9113 8.1", head("trailers-with-status", "POST"),
                body=HELLO,
                trailers=[(":status", "200")], begins=True),
        refused("trailers-with-length", "9110 6.5.1", head("trailers-with-length", "POST"),
                body=HELLO,
                trailers=[("content-length", "50"), ("x-sum", "1")], begins=True),
        taken("trailers-with-host", "9110 6.5.1", head("trailers-with-host", "POST"),
              Understood("POST", body="hello", trailers=("x-sum",)), body=HELLO,
              trailers=[("host", "evil"), ("authorization", "x"), ("x-sum", "1")]),
        refused("trailers-with-coding", "9113 8.2.2", head("trailers-with-coding", "POST"),
                body=HELLO,
                trailers=[("transfer-encoding", "chunked")], begins=True),
    ]


ROWS = [*pseudo_rows(), *field_rows(), *length_rows()]
