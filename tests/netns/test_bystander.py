"""The measure of what others feel: it finds what harms them, and nothing else."""

import contextlib
import os
import random
import signal
import threading

from bystander import SLOWER, WORST_RATIO, Bystander
from mesh import Mesh

STALL_SECONDS, STALLS_PER_SECOND = 0.05, 3
TRIALS = 400
SLOW_RATE, MORE_MAX = 100, 8000  # microseconds: answered before the next one's turn still


class Drawn(Bystander):
    """Its p99 are drawn, around what they are."""

    def __init__(self, ratio: float, deviation: float):
        self._next, self._ratio, self._deviation = 1.0, ratio, deviation

    def p99(self, _: float) -> float:
        truth, self._next = self._next, 1.0 + self._ratio - self._next
        return truth * random.lognormvariate(0, self._deviation / 2**0.5)

    def _catch_up(self) -> None:
        pass


def test_the_rule_lets_pass_what_its_table_says(lab):
    random.seed(1)

    def passed(ratio: float, deviation: float) -> float:
        with contextlib.redirect_stdout(None):
            harmed = [Drawn(ratio, deviation).harmed(contextlib.nullcontext) for _ in range(TRIALS)]
        return 1 - sum(harmed) / TRIALS

    for ratio, deviation, least, most in (
        (1.0, 0.5, 0.97, 1.0),
        (1.2, 0.25, 0.97, 1.0),
        (1.8, 0.25, 0.0, 0.04),
        (2.0, 0.35, 0.0, 0.03),
        (2.0, 0.5, 0.0, 0.07),
        (3.0, 0.5, 0.0, 0.01),
    ):
        share = passed(ratio, deviation)
        assert least <= share <= most, (ratio, deviation, share)


@contextlib.contextmanager
def stalling(process):
    """It stands still again and again, and answers at once in between."""
    over = threading.Event()

    def stall() -> None:
        while not over.wait(1 / STALLS_PER_SECOND - STALL_SECONDS):
            process.signal(signal.SIGSTOP)
            over.wait(STALL_SECONDS)
            process.signal(signal.SIGCONT)

    thread = threading.Thread(target=stall)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_stalls_are_harm_and_so_is_a_latency_that_doubles(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    slower = api2.pod.run_dir / os.path.basename(SLOWER)
    slower.touch()

    @contextlib.contextmanager
    def slow(microseconds: float):
        os.truncate(slower, round(microseconds))
        yield
        os.truncate(slower, 0)

    with Bystander(api, api2) as others:
        assert others.harmed(lambda: stalling(api2.process))
        assert others.ratio > 2 * WORST_RATIO, others.ratio
        others.assert_flawless()
    with Bystander(api, api2, rate=SLOW_RATE) as others:
        as_much_again = sorted(others.p99() for _ in range(5))[2]
        assert others.harmed(lambda: slow(min(as_much_again, MORE_MAX)))
        assert others.ratio > WORST_RATIO, others.ratio
        others.assert_flawless()
