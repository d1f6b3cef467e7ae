"""The app of the soak, in a pod: `app.py HTTP_PORT... --echo PORT`.

An HTTP port answers each request with a body that only this request can get: `X-Call`, a space and
the CRC-32 of the request's body; `GET /bytes/N` gets N bytes that a caller can check, chunked;
`GET /socket` is upgraded and echoes. Every 40th answer of a connection closes it, and says so. The
echo port returns what it gets.
"""

import contextlib
import re
import socket
import sys
import threading
import zlib

ANSWERS_OF_A_CONNECTION = 40
PATTERN = bytes(range(256)) * 64


class Reader:
    def __init__(self, channel: socket.socket):
        self.channel = channel
        self.buffer = b""

    def more(self) -> None:
        data = self.channel.recv(1 << 16)
        if not data:
            raise ConnectionError("closed")
        self.buffer += data

    def until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            self.more()
        found, _, self.buffer = self.buffer.partition(end)
        return found

    def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def body(self, head: bytes) -> bytes:
        if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            data = b""
            while size := int(self.until(b"\r\n"), 16):
                data += self.take(size)
                self.take(2)
            self.take(2)
            return data
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        return self.take(int(length[1])) if length else b""


def send_bytes(channel: socket.socket, count: int, close: bytes) -> None:
    channel.sendall(b"HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n" % close)
    while count:
        piece = PATTERN[: min(count, len(PATTERN))]
        channel.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        count -= len(piece)
    channel.sendall(b"0\r\n\r\n")


def echo(channel: socket.socket, already: bytes = b"") -> None:
    channel.sendall(already)
    while data := channel.recv(1 << 16):
        channel.sendall(data)


def converse(channel: socket.socket) -> None:
    reader = Reader(channel)
    for answered in range(1, ANSWERS_OF_A_CONNECTION + 1):
        head = reader.until(b"\r\n\r\n")
        path = head.split()[1]
        if path == b"/socket":
            channel.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                b"Upgrade: websocket\r\n\r\n"
            )
            echo(channel, reader.buffer)
            return
        body = reader.body(head)
        # An end that was not announced would lose a POST that is on its way, whatever is between.
        close = b"Connection: close\r\n" if answered == ANSWERS_OF_A_CONNECTION else b""
        if path.startswith(b"/bytes/"):
            send_bytes(channel, int(path[7:]), close)
            continue
        call = re.search(rb"(?i)\r\nx-call: *([^\r]*)", head)
        told = b"%s %d" % (call[1] if call else b"-", zlib.crc32(body))
        channel.sendall(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (close, len(told)) + told)


def serve(port: int, answer) -> None:
    listener = socket.create_server(
        ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024
    )

    def talk(channel: socket.socket) -> None:
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with channel, contextlib.suppress(OSError):
            answer(channel)

    def accept() -> None:
        while True:
            channel, _ = listener.accept()
            threading.Thread(target=talk, args=(channel,), daemon=True).start()

    threading.Thread(target=accept).start()


if __name__ == "__main__":
    threading.stack_size(256 << 10)
    *http_ports, _, echo_port = sys.argv[1:]
    for one in http_ports:
        serve(int(one), converse)
    serve(int(echo_port), echo)
    print("serving", flush=True)
