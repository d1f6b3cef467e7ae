"""Mixed load, from inside a pod, until SIGTERM: `load.py '{json}'`.

`http`, `many` (the same over connections that are shared between the sidecars) and `echo` are
[host, port], host a name or an address; `callers` says how many threads of
each kind below. Prints each failure at once as "failed KIND: WHY", and every 5 seconds and at the
end one JSON line, {kind: done so far}. What the rude callers get is nobody's failure.
"""

import json
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from app import PATTERN, Reader  # noqa: E402  (the path above first)

TUNNEL_SECONDS = 20.0
BODY_BYTES = 200_000
DOWNLOAD_BYTES = 1 << 20
STREAMS = 8


class Load:
    def __init__(self, want: dict):
        self.http, self.many, self.echo = want["http"], want["many"], want["echo"]
        self.done = dict.fromkeys(want["callers"], 0)
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self._repeat, args=(kind, number))
            for kind, count in want["callers"].items()
            for number in range(count)
        ]

    def _repeat(self, kind: str, number: int) -> None:
        dice = random.Random(f"{kind}-{number}")
        work = getattr(self, kind)
        while not self.stopping.is_set():
            try:
                work(dice)
            except (OSError, AssertionError, ValueError, subprocess.TimeoutExpired) as error:
                if kind != "rude":
                    print(f"failed {kind}: {error!r} at {time.time():.3f}", flush=True)
                    self.stopping.wait(0.1)

    def _count(self, kind: str) -> None:
        with self.lock:
            self.done[kind] += 1

    def _dial(self, target, timeout: float = 20.0) -> socket.socket:
        channel = socket.create_connection(target, timeout)
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return channel

    def _ask(self, channel, reader, dice, body: bytes = b"", chunked: bool = False) -> bool:
        """One request; whether the connection stays."""
        call = f"{dice.getrandbits(64):x}"
        head = f"{'POST' if body else 'GET'} /ask HTTP/1.1\r\nHost: api2\r\nX-Call: {call}\r\n"
        if chunked:
            channel.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(body), 16384):
                piece = body[at : at + 16384]
                channel.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            channel.sendall(b"0\r\n\r\n")
        else:
            length = b"Content-Length: %d\r\n" % len(body) if body else b""
            channel.sendall(head.encode() + length + b"\r\n" + body)
        head = reader.until(b"\r\n\r\n")
        answer = reader.body(head)
        assert head.startswith(b"HTTP/1.1 200 "), head + answer
        assert answer == f"{call} {zlib.crc32(body)}".encode(), (call, answer)
        return b"connection: close" not in head.lower()

    def kept(self, dice) -> None:
        """Small requests, GET and POST, on one connection."""
        self._ask_on_one(self.http, "kept", dice)

    def shared(self, dice) -> None:
        self._ask_on_one(self.many, "shared", dice)

    def _ask_on_one(self, target, kind: str, dice) -> None:
        with self._dial(target) as channel:
            reader = Reader(channel)
            for _ in range(dice.randrange(1, 200)):
                stays = self._ask(channel, reader, dice, b"x" * dice.choice((0, 0, 100, 3000)))
                self._count(kind)
                if not stays or self.stopping.wait(0.02):
                    return

    def http2(self, dice) -> None:
        """Streams at once on one connection of HTTP/2: GET, or POST of a body."""
        call = f"{dice.getrandbits(64):x}"
        body = b"x" * dice.choice((0, 0, 100, 3000, 100_000))
        ask = ["node", str(HERE / "streams.js"), *map(str, self.http), str(STREAMS), call]
        done = subprocess.run(ask, input=body, capture_output=True, timeout=60, start_new_session=True)
        told = done.stdout.decode(errors="replace").splitlines()
        assert told == [f"200 {call} {zlib.crc32(body)}"] * STREAMS, (told, done.stderr)
        with self.lock:
            self.done["http2"] += STREAMS
        self.stopping.wait(0.5)

    def fresh(self, dice) -> None:
        """A connection for each request, by name."""
        with self._dial(self.http) as channel:
            self._ask(channel, Reader(channel), dice)
        self._count("fresh")
        self.stopping.wait(0.05)

    def upload(self, dice) -> None:
        with self._dial(self.http) as channel:
            self._ask(channel, Reader(channel), dice, dice.randbytes(BODY_BYTES), dice.random() < 0.5)
        self._count("upload")
        self.stopping.wait(0.2)

    def download(self, dice) -> None:
        with self._dial(self.http) as channel:
            channel.sendall(f"GET /bytes/{DOWNLOAD_BYTES} HTTP/1.1\r\nHost: api2\r\n\r\n".encode())
            reader = Reader(channel)
            head = reader.until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            body = reader.body(head)
            assert body == PATTERN * (DOWNLOAD_BYTES // len(PATTERN)), len(body)
        self._count("download")
        self.stopping.wait(0.2)

    def _echo_for(self, kind: str, channel, reader, dice) -> None:
        end = time.monotonic() + dice.uniform(0.1, 1.0) * TUNNEL_SECONDS
        while time.monotonic() < end and not self.stopping.wait(0.1):
            data = dice.randbytes(dice.choice((1, 100, 40_000)))
            channel.sendall(data)
            assert reader.take(len(data)) == data, "not what was sent"
            self._count(kind)

    def tunnel(self, dice) -> None:
        with self._dial(self.echo) as channel:
            self._echo_for("tunnel", channel, Reader(channel), dice)

    def upgrade(self, dice) -> None:
        with self._dial(self.http) as channel:
            channel.sendall(
                b"GET /socket HTTP/1.1\r\nHost: api2\r\nConnection: upgrade\r\n"
                b"Upgrade: websocket\r\n\r\n"
            )
            reader = Reader(channel)
            head = reader.until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 "), head
            self._echo_for("upgrade", channel, reader, dice)

    def rude(self, dice) -> None:
        """Leaves in the middle of something, by FIN or reset."""
        self._count("rude")
        self.stopping.wait(0.05)
        begun = dice.choice(
            (
                b"",
                b"GET / HT",
                b"POST /ask HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nhalf",
                b"GET /bytes/1048576 HTTP/1.1\r\nHost: h\r\n\r\n",
                b"GET /socket HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
                b"\x16\x03\x01\x00\x05nonsense",
                b"GET /\0 HTTP/1.1\r\n\r\n",
            )
        )
        with self._dial(self.http) as channel:
            if dice.random() < 0.5:
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            channel.sendall(begun)
            self.stopping.wait(dice.choice((0, 0.002, 0.05)))
            channel.settimeout(0.05)
            channel.recv(dice.choice((1, 20_000)))

    def run(self) -> None:
        for thread in self.threads:
            thread.start()
        while not self.stopping.wait(5):
            print(json.dumps(self.done), flush=True)
        for thread in self.threads:
            thread.join()
        print(json.dumps(self.done | {"ended": True}), flush=True)


if __name__ == "__main__":
    threading.stack_size(256 << 10)
    load = Load(json.loads(sys.argv[1]))
    signal.signal(signal.SIGTERM, lambda *_: load.stopping.set())
    load.run()
