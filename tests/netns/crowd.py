"""Many callers that misbehave, in a process of their own: this file is its script too.

    crowd.py '{"do": WHAT, "address": A, "port": P, ...}'   until it is stopped; "at it" once it is

WHAT: `knock` dials `rate` times a second, asks, and leaves with whatever comes. `bare` is no caller
but a listener on `port` that resets every connection at once: what a control aims at.
"""

import contextlib
import json
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

REQUEST = b"GET / HTTP/1.1\r\nHost: crowd\r\nConnection: close\r\n\r\n"
PROXY_UID = 1337  # what it dials is not redirected


@contextlib.contextmanager
def crowd(pod, do: str, address: str = "", port: int = 0, uid: int = 0, **more) -> Iterator:
    """Such a process, at it within the block."""
    here = Path(__file__)
    script = f"{pod.bind(here.parent, 'crowd')}/{here.name}"
    want = {"do": do, "address": address, "port": port, **more}
    process = pod.start(["python3", script, json.dumps(want)], uid=uid, name=f"crowd-{do}")
    process.wait_for_line("at it")
    try:
        yield process
    finally:
        process.stop()


def begin_dial(want: dict) -> socket.socket:
    family = socket.AF_INET6 if ":" in want["address"] else socket.AF_INET
    channel = socket.socket(family, socket.SOCK_STREAM)
    channel.setblocking(False)
    channel.connect_ex((want["address"], want["port"]))
    return channel


class Knockers:
    """Connections that ask once."""

    def __init__(self, want: dict):
        self.want = want
        self.waiting = selectors.DefaultSelector()

    def add(self) -> None:
        self.waiting.register(begin_dial(self.want), selectors.EVENT_WRITE)

    def look(self, seconds: float) -> None:
        for key, events in self.waiting.select(max(0.0, seconds)):
            channel = key.fileobj
            try:
                if events & selectors.EVENT_WRITE:
                    channel.send(REQUEST)
                    self.waiting.modify(channel, selectors.EVENT_READ)
                    continue
                channel.recv(1 << 14)
            except BlockingIOError:
                continue
            except OSError:
                pass
            self.waiting.unregister(channel)
            channel.close()


def knock(want: dict) -> None:
    callers = Knockers(want)
    due = time.monotonic()
    print("at it", flush=True)
    while True:
        while time.monotonic() >= due:
            due += 1 / want["rate"]
            callers.add()
        callers.look(due - time.monotonic())


def bare(want: dict) -> None:
    listener = socket.create_server(("", want["port"]), backlog=4096)
    print("at it", flush=True)
    while True:
        channel, _ = listener.accept()
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        channel.close()


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    {"knock": knock, "bare": bare}[wanted["do"]](wanted)
