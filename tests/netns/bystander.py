"""What everybody else feels while one misbehaves: requests at a steady pace, each one timed.

A request is timed from the moment at which its turn was planned, whether or not the one before it
had been answered by then: a stall counts for every turn that it swallows.

Harm is judged from pairs of windows, one calm and one under attack, that alternate: what else this
machine does comes and goes in both. Each pair says whether its ratio of p99 is over a rule's
`worst_ratio`. It is over once `lead` more pairs say the one than the other, so after `lead` at the
soonest; else the median of `pairs_max` decides. With pairs whose ratio is lognormal by a standard
deviation of its logarithm (0.25 on a quiet machine, 0.5 with builds beside it), so many pass STRICT,
after so many pairs:

    true ratio   1.0          1.2          1.8          2.0          2.5          3.0
    sd 0.25      1.000   5.6  0.997   7.8  0.012   8.8  0.000   6.6  0.000   5.2  0.000   5.0
    sd 0.35      1.000   6.6  0.976   9.5  0.052  10.3  0.005   8.2  0.000   5.8  0.000   5.3
    sd 0.50      0.994   8.3  0.918  10.9  0.128  11.5  0.037   9.9  0.001   7.2  0.000   6.0

STRICT is what we promise, and needs a machine that is left alone: `./dev test pressure`. COARSE finds
what stalls others, in a third of the time and on a machine whose calm p99 doubles by itself from one
second to the next: the netns suite, which stands before every landing.

`Bystander` runs caller and app as processes of their own, this file as their script, so that what
the test does meanwhile is not what is measured:

    bystander.py serve PORT                   an app that answers every request with 200, after as
                                              many microseconds as the file SLOWER has bytes
    bystander.py call ADDRESS PORT RATE       asks RATE times a second on one kept connection and
                                              prints "TURN MICROSECONDS" or "TURN failed: WHY",
                                              TURN in seconds of the monotonic clock
"""

import contextlib
import math
import os
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from priority import go_first

REQUESTS_PER_SECOND = 400
WINDOW_SECONDS = 1.0
PATIENCE = 12.0  # longer than the caller's
SLOWER = "/run/slower"


class Rule(NamedTuple):
    worst_ratio: float
    lead: int
    pairs_max: int


STRICT = Rule(worst_ratio=1.5, lead=5, pairs_max=15)
COARSE = Rule(worst_ratio=4.0, lead=2, pairs_max=5)


class Bystander:
    """Calls `name` from `member` all the time, until the block ends.

    The app listens on `callee`'s `app_port`; one request after the other, never two at once. It, its
    caller and the two sidecars go before everything else on this machine, which stands for machines
    of their own.
    """

    rule = STRICT  # run.py may choose the other, before any test begins

    def __init__(
        self,
        member,
        callee,
        name: str = "api2.default",
        port: int = 80,
        app_port: int = 8080,
        rate: int = REQUESTS_PER_SECOND,
    ):
        self.ratio = 0.0
        self._answers: list[tuple[float, str]] = []
        self._read = 0
        for one in (member, callee):
            go_first(one.process.pid)
        self._app = self._start(callee.pod, "serve", str(app_port))
        self._app.wait_for_line("serving")
        address = member.address_of(name)
        self._caller = self._start(member.pod, "call", address, str(port), str(rate))

    @staticmethod
    def _start(pod, *arguments: str):
        here = Path(__file__)
        script = f"{pod.bind(here.parent, 'bystander')}/{here.name}"
        return pod.start(["python3", script, *arguments], name=f"bystander-{arguments[0]}")

    def __enter__(self) -> "Bystander":
        self._caller.wait_for(lambda: len(self.answers()) > 50, "first answers")
        return self

    def __exit__(self, *_) -> None:
        self._caller.stop()
        self._app.stop()

    def answers(self) -> list[tuple[float, str]]:
        """(when its turn was, microseconds or why it failed) of each request so far."""
        with open(self._caller.log, "rb") as log:
            log.seek(self._read)
            complete = log.read().rpartition(b"\n")[0]
        if complete:
            self._read += len(complete) + 1
            for turn, _, told in (one.partition(" ") for one in complete.decode().splitlines()):
                self._answers.append((float(turn), told))
        return self._answers

    def assert_flawless(self) -> None:
        failed = [told for _, told in self.answers() if not told.isdigit()]
        assert not failed, f"{len(failed)} requests of others failed: {failed[:3]}"

    def p99(self, seconds: float = WINDOW_SECONDS) -> float:
        """Of the requests whose turns are in the coming seconds, in microseconds.

        What has failed, or is not answered within PATIENCE, took for ever.
        """
        begin = time.monotonic()
        time.sleep(seconds)
        end = time.monotonic()
        while self.answers()[-1][0] < end:
            if time.monotonic() > end + PATIENCE:
                return math.inf
            time.sleep(0.02)
        return self.p99_between(begin, end)

    def p99_between(self, begin: float, end: float) -> float:
        times = sorted(
            float(told) if told.isdigit() else math.inf
            for turn, told in self.answers()
            if begin <= turn < end
        )
        return times[len(times) * 99 // 100]

    def _catch_up(self) -> None:
        """What the attack has held up is no part of the next window."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.answers()[-1][0] < time.monotonic() - 0.05:
            time.sleep(0.02)

    def assert_unharmed(
        self,
        attack: Callable[[], AbstractContextManager],
        control: Callable[[], AbstractContextManager] = contextlib.nullcontext,
        seconds: float = WINDOW_SECONDS,
    ) -> None:
        """p99 while `attack` is on is at most the rule's ratio of p99 while `control` is on.

        `control` is for an attack that costs its own machine time: the same, but aimed at somebody
        else. `seconds` is the length of a window.
        """
        harmed = self.harmed(attack, control, seconds)
        self.assert_flawless()
        assert not harmed, f"p99 of others grew to {self.ratio:.2f} of what it was"

    def harmed(
        self,
        attack: Callable[[], AbstractContextManager],
        control: Callable[[], AbstractContextManager] = contextlib.nullcontext,
        seconds: float = WINDOW_SECONDS,
    ) -> bool:
        """Whether the ratio is over the rule's; its median is `ratio`."""
        pairs: list[tuple[float, float]] = []
        lead = 0
        while abs(lead) < self.rule.lead and len(pairs) < self.rule.pairs_max:
            with control():
                calm = self.p99(seconds)
            with attack():
                pressed = self.p99(seconds)
            self._catch_up()
            pairs.append((calm, pressed))
            lead += 1 if not pressed <= self.rule.worst_ratio * calm < math.inf else -1
        one, other = (statistics.median(side) for side in zip(*pairs))
        self.ratio = statistics.median(b / a if a < math.inf else math.inf for a, b in pairs)
        print(
            f"# p99 of others: {one:.0f} us, {other:.0f} us under it: {self.ratio:.2f},"
            f" the median of {len(pairs)}"
        )
        return lead > 0


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
                    with contextlib.suppress(FileNotFoundError):
                        time.sleep(os.stat(SLOWER).st_size / 1e6)
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
    turn = time.monotonic()
    while True:
        turn += 1 / rate
        time.sleep(max(0.0, turn - time.monotonic()))
        try:
            if channel is None:
                channel = socket.create_connection((address, port), 10)
                channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ask(channel)
            print(f"{turn:.6f} {(time.monotonic() - turn) * 1e6:.0f}", flush=True)
        except OSError as error:
            print(f"{turn:.6f} failed: {error!r}", flush=True)
            channel = channel and channel.close()


if __name__ == "__main__":
    go_first()
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        call(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
