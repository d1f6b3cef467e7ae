"""An app that answers `GET /N` with N bytes: `bodies.py PORT`.

One thread that takes each connection in turn: of several hundred threads some would wait for seconds
for theirs, and that is not what is measured.
"""

import contextlib
import resource
import selectors
import socket
import sys


class Connection:
    def __init__(self, channel: socket.socket):
        self.socket = channel
        self.asked = b""
        self.answer = memoryview(b"")

    def step(self) -> int:
        """What it waits for next; raises OSError at its end."""
        if not self.answer:
            data = self.socket.recv(1 << 14)
            if not data:
                raise ConnectionError
            self.asked += data
            head, end, rest = self.asked.partition(b"\r\n\r\n")
            if not end:
                return selectors.EVENT_READ
            self.asked = rest
            size = int(head.split()[1].strip(b"/"))
            begin = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
            self.answer = memoryview(begin + b"x" * size)
        self.answer = self.answer[self.socket.send(self.answer) :]
        return selectors.EVENT_WRITE if self.answer else selectors.EVENT_READ


def accept_all(listener: socket.socket, waiting: selectors.BaseSelector) -> None:
    """One for each turn of all the others would be slow."""
    with contextlib.suppress(BlockingIOError):
        while True:
            channel, _ = listener.accept()
            channel.setblocking(False)
            waiting.register(channel, selectors.EVENT_READ, Connection(channel))


def serve(port: int) -> None:
    listener = socket.create_server(
        ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024
    )
    listener.setblocking(False)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    print("serving", flush=True)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is listener:
                accept_all(listener, waiting)
                continue
            try:
                waiting.modify(key.fileobj, key.data.step(), key.data)
            except BlockingIOError:
                continue
            except OSError:
                waiting.unregister(key.fileobj)
                with contextlib.suppress(OSError):
                    key.fileobj.close()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (16384, 16384))
    serve(int(sys.argv[1]))
