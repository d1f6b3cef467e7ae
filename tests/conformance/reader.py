"""Reads responses as RFC 9112 writes them and not one octet more leniently: `Unclean` otherwise."""

import re
from dataclasses import dataclass, field

from mesh import Broken, Wire

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-9][0-9]{2}) ([\t -~\x80-\xff]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")


class Unclean(AssertionError):
    """Something came that is no response, or can be read in two ways."""


@dataclass
class Response:
    status: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    closes: bool = False

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]


def read_response(wire: Wire, method: str) -> Response | None:
    """The next final response; None if the connection ends where one could begin.

    OSError: it was reset, or nothing came in time. Broken: it ended within a response.
    """
    while True:
        if not wire.buffer and not _more(wire):
            return None
        response = _head(wire)
        if response.status >= 200:
            break
        if response.values("content-length") or response.values("transfer-encoding"):
            raise Unclean(f"an interim response with a body: {response}")
    if method == "HEAD" or response.status in (204, 304):
        return response
    codings, lengths = response.values("transfer-encoding"), response.values("content-length")
    if codings:
        if lengths or [coding.lower() for coding in codings] != ["chunked"]:
            raise Unclean(f"ambiguous framing: {response}")
        response.body = _chunks(wire)
    elif lengths:
        if len(lengths) > 1 or not re.fullmatch("[0-9]{1,18}", lengths[0]):
            raise Unclean(f"ambiguous framing: {response}")
        response.body = wire.take(int(lengths[0]))
    else:
        response.body, response.closes = wire.rest(), True
    return response


def _more(wire: Wire) -> bool:
    data = wire.socket.recv(1 << 16)
    wire.buffer += data
    return bool(data)


def _line(wire: Wire) -> bytes:
    line = wire.until(b"\n")
    if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
        raise Unclean(f"the end of the line {line!r}")
    return line[:-2]


def _head(wire: Wire) -> Response:
    start = _line(wire)
    status = STATUS_LINE.fullmatch(start)
    if not status:
        raise Unclean(f"the status line {start!r}")
    response = Response(int(status[1]))
    while line := _line(wire):
        found = FIELD_LINE.fullmatch(line)
        if not found:
            raise Unclean(f"the field line {line!r}")
        name, value = found[1].decode().lower(), found[2].decode("latin-1")
        response.fields.append((name, value))
    options = ",".join(response.values("connection")).lower().split(",")
    response.closes = "close" in (option.strip() for option in options)
    return response


def _chunks(wire: Wire) -> bytes:
    data = b""
    while True:
        line = _line(wire)
        if not CHUNK_SIZE.fullmatch(line):
            raise Unclean(f"the chunk size {line!r}")
        if int(line, 16) == 0:
            break
        data += wire.take(int(line, 16))
        if wire.take(2) != b"\r\n":
            raise Unclean("the end of a chunk")
    while line := _line(wire):
        if not FIELD_LINE.fullmatch(line):
            raise Unclean(f"the trailer line {line!r}")
    return data


__all__ = ["Broken", "Response", "Unclean", "read_response"]
