"""What everybody else feels while one misbehaves: requests at a steady pace, each one timed.

`Bystander` runs caller and app as processes of their own, this file as their script, so that what
the test does meanwhile is not what is measured:

    bystander.py serve PORT                   an app that answers every request with 200
    bystander.py call ADDRESS PORT RATE       asks RATE times a second on one kept connection and
                                              prints "BEGIN MICROSECONDS" or "BEGIN failed: WHY",
                                              BEGIN in seconds of the monotonic clock
"""

import contextlib
import math
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

REQUESTS_PER_SECOND = 400
WINDOW_SECONDS = 1.5
ROUNDS = 3
SERIES = 6  # a series may be spoilt by what else this machine does; harm of ours spoils all of them
WORST_RATIO = 1.5


class Bystander:
    """Calls `name` from `member` all the time, until the block ends.

    The app listens on `callee`'s `app_port`; one request after the other, never two at once.
    """

    def __init__(self, member, callee, name: str = "api2.default", port: int = 80, app_port=8080):
        self.ratio = 0.0
        self._app = self._start(callee.pod, "serve", str(app_port))
        self._app.wait_for_line("serving")
        address = member.address_of(name)
        self._caller = self._start(
            member.pod, "call", address, str(port), str(REQUESTS_PER_SECOND)
        )

    @staticmethod
    def _start(pod, *arguments: str):
        here = Path(__file__)
        script = f"{pod.bind(here.parent, 'bystander')}/{here.name}"
        return pod.start(["python3", script, *arguments], name=f"bystander-{arguments[0]}")

    def __enter__(self) -> "Bystander":
        self._caller.wait_for(lambda: len(self._caller.lines()) > 50, "first answers")
        return self

    def __exit__(self, *_) -> None:
        self._caller.stop()
        self._app.stop()

    def answers(self) -> list[tuple[float, str]]:
        """(when it began, microseconds or why it failed) of each request so far."""
        complete = self._caller.text().rpartition("\n")[0].splitlines()
        return [(float(begin), told) for begin, _, told in (one.partition(" ") for one in complete)]

    def assert_flawless(self) -> None:
        failed = [told for _, told in self.answers() if not told.isdigit()]
        assert not failed, f"{len(failed)} requests of others failed: {failed[:3]}"

    def p99(self, seconds: float = WINDOW_SECONDS) -> float:
        """Of the requests of the coming seconds, in microseconds; infinite if most were not made."""
        begin = time.monotonic()
        time.sleep(seconds)
        end = time.monotonic()
        times = sorted(
            int(told) for when, told in self.answers() if begin <= when < end and told.isdigit()
        )
        expected = REQUESTS_PER_SECOND * seconds
        if len(times) < expected * 0.5:
            return math.inf
        return times[len(times) * 99 // 100]

    def assert_unharmed(
        self,
        attack: Callable[[], AbstractContextManager],
        control: Callable[[], AbstractContextManager] = contextlib.nullcontext,
        seconds: float = WINDOW_SECONDS,
    ) -> None:
        """p99 while `attack` is on is at most WORST_RATIO of p99 while `control` is on.

        Windows alternate, and the medians of their p99 are compared. `control` is for an attack
        that costs its own machine time: the same, but aimed at somebody else.
        """
        for _ in range(SERIES):
            self.compare(attack, control, seconds)
            if self.ratio <= WORST_RATIO:
                break
        self.assert_flawless()
        assert self.ratio <= WORST_RATIO, f"p99 of others grew to {self.ratio:.2f} of what it was"

    def compare(
        self,
        attack: Callable[[], AbstractContextManager],
        control: Callable[[], AbstractContextManager],
        seconds: float = WINDOW_SECONDS,
    ) -> None:
        """One series: `ratio` is what came of it."""
        calm, pressed = [], []
        for _ in range(ROUNDS):
            for windows, state in ((calm, control), (pressed, attack)):
                with state():
                    windows.append(self.p99(seconds))
        one, other = statistics.median(calm), statistics.median(pressed)
        self.ratio = other / one if math.isfinite(one) else math.inf
        print(f"# p99 of others: {one:.0f} us, {other:.0f} us under it: {self.ratio:.2f}")


def serve(port: int) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def talk(channel: socket.socket) -> None:
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        seen = b""
        with channel, contextlib.suppress(OSError):
            while data := channel.recv(1 << 14):
                seen += data
                while b"\r\n\r\n" in seen:
                    seen = seen.partition(b"\r\n\r\n")[2]
                    channel.sendall(answer)

    listener = socket.create_server(
        ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024
    )
    print("serving", flush=True)
    while True:
        channel, _ = listener.accept()
        threading.Thread(target=talk, args=(channel,), daemon=True).start()


def ask(channel: socket.socket) -> None:
    channel.sendall(b"GET / HTTP/1.1\r\nHost: bystander\r\n\r\n")
    seen = b""
    while not seen.endswith(b"\r\n\r\nok"):
        data = channel.recv(1 << 14)
        if not data:
            raise ConnectionError(f"closed after {seen!r}")
        seen += data
    if not seen.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(f"answered {seen!r}")


def call(address: str, port: int, rate: int) -> None:
    channel = None
    next_turn = time.monotonic()
    while True:
        next_turn = max(next_turn + 1 / rate, time.monotonic())
        time.sleep(max(0.0, next_turn - time.monotonic()))
        begin = time.monotonic()
        try:
            if channel is None:
                channel = socket.create_connection((address, port), 10)
                channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ask(channel)
            print(f"{begin:.6f} {(time.monotonic() - begin) * 1e6:.0f}", flush=True)
        except OSError as error:
            print(f"{begin:.6f} failed: {error!r}", flush=True)
            channel = channel and channel.close()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        call(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
