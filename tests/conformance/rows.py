"""What a row of the table is, and the words to write one.

A request row is bytes that one caller sends on one connection, and what must come of them: a list
of outcomes, one for each request that may be found in the bytes. `<path>` in a message stands for
the path that belongs to the row alone, `/NAME`: an access rule of that name admits it, so the
sidecar's own record says which path it understood. Nothing admits SMUGGLED: whoever reads it out
of a message that carries it in its body reads another message than the sidecar did.

A response row is bytes that an app answers with, and what every caller must make of them.
"""

from dataclasses import dataclass, field

APPS = ("node", "python", "nginx")
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\nX-Injected: 1\r\n\r\n"
SMUGGLED_CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
HELLO_CHUNK = b"5\r\nhello\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Outcome:
    """Of one request. `code` is the outcome in the sidecar's record."""

    code: str
    status: int  # that the caller gets; 0: none, the connection is reset
    # What the app must have understood; None: it must see nothing of the request.
    method: str | None = None
    target: bytes | None = None  # None: the row's own path
    host: bytes | None = b"h"  # None: any
    body: bytes = b""
    probe: bytes | None = None  # the value of X-Probe
    trailers: tuple[bytes, ...] = ()  # their names; of our apps node alone tells them
    refused_by: frozenset[str] = frozenset()  # apps that refuse it themselves, and safely
    may_begin: bool = False  # the app may see the beginning of a request that then breaks off
    by_app_side: bool = False  # only the sidecar of the app refuses it, not the caller's
    mesh_code: str = ""  # what the caller's sidecar calls it then; default: `code`

    @property
    def forwarded(self) -> bool:
        return self.method is not None


@dataclass(frozen=True)
class Row:
    name: str
    source: str  # the rule it tests, for example "RFC 9112 section 6.3"
    message: bytes
    outcomes: tuple[Outcome, ...]
    fin: bool = False  # the caller ends its direction behind the message
    path: str = ""  # that the row's access rule admits; default: /NAME
    rule: str = ""  # that decides; default: the row's own
    unsaid: str = ""  # why HTTP/2 cannot say it: an app of that gets no request, or the same

    @property
    def own_path(self) -> str:
        return self.path or f"/{self.name}"

    def bytes(self) -> bytes:
        return self.message.replace(b"<path>", b"/" + self.name.encode())

    def describe(self) -> str:
        return f"{self.name} ({self.source}): " + ", then ".join(
            f"forwarded as {one.method}, {len(one.body)} bytes"
            if one.forwarded
            else f"refused as {one.code}"
            for one in self.outcomes
        )


def refused(code: str, status: int = 400, **more) -> Outcome:
    """By the sidecar, which answers and closes; the app sees nothing."""
    return Outcome(code, status, **more)


def cut(code: str, status: int = 400) -> Outcome:
    """As `refused`, but bytes before the fault may be on their way already.

    Then the app's connection is cut, so that it never holds a whole request.
    """
    return Outcome(code, status, may_begin=True)


def reset(code: str = "protocol_unexpected", **more) -> Outcome:
    """Not even HTTP to the detector: the connection is reset without an answer."""
    return Outcome(code, 0, **more)


def denied() -> Outcome:
    """A request in its own right, for a path that no rule admits: SMUGGLED behind another one."""
    return Outcome("denied", 0)


def forwarded(method: str = "POST", body: bytes = b"", **more) -> Outcome:
    """Exactly as the app must understand it. `refused_by`: apps that may refuse it all the same."""
    more["refused_by"] = frozenset(more.get("refused_by", ()))
    return Outcome("ok", 200, method=method, body=body, **more)


def row(name: str, source: str, message: bytes, *outcomes: Outcome, **more) -> Row:
    return Row(name, _section(source), message, outcomes, **more)


def _section(source: str) -> str:
    """"9112 6.3" is short for "RFC 9112 section 6.3"."""
    document, _, section = source.partition(" ")
    return f"RFC {document} section {section}"


def get(fields: bytes = b"", method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    """A head without a body. `fields`: lines with their ends, behind Host."""
    return method + b" <path> HTTP/" + version + b"\r\nHost: h\r\n" + fields + b"\r\n"


def post(fields: bytes, body: bytes = b"", **more) -> bytes:
    return get(fields, **{"method": b"POST", **more}) + body


def chunked(body: bytes, fields: bytes = b"") -> bytes:
    return post(b"Transfer-Encoding: chunked\r\n" + fields, body)


@dataclass(frozen=True)
class Answer:
    """What a caller must make of a response."""

    code: str  # in the sidecar's log
    status: int  # 0: a failure; neither a whole response nor one that seems whole
    body: bytes = b""


@dataclass(frozen=True)
class ResponseRow:
    name: str
    source: str
    message: bytes  # that the app sends
    answer: Answer
    method: str = "GET"
    then: str = "keep"  # keep | close | reset: what the app does next
    late: bytes = b""  # that it sends when the answer has been read and the connection is idle
    not_for: frozenset[str] = field(default_factory=frozenset)  # callers with a bug of their own

    def describe(self) -> str:
        what = (
            f"passed as {self.answer.status}, {len(self.answer.body)} bytes"
            if self.answer.code == "ok"
            else f"refused as {self.answer.code}"
        )
        return f"{self.name} ({self.source}): {what}"


def passed(body: bytes = b"hello", status: int = 200) -> Answer:
    return Answer("ok", status, body)


def failed(code: str = "response_malformed") -> Answer:
    """The caller gets a 502 of the sidecar's own."""
    return Answer(code, 502)


def broken(code: str) -> Answer:
    """The head may have passed already: the caller's connection is reset."""
    return Answer(code, 0)


def answer(
    name: str, source: str, message: bytes, expected: Answer, not_for: tuple[str, ...] = (), **more
) -> ResponseRow:
    return ResponseRow(
        name, _section(source), message, expected, not_for=frozenset(not_for), **more
    )
