"""The measure of what others feel: it finds what harms them, and nothing else."""

import contextlib
import os
import random
import signal
import threading

from bystander import COARSE, SLOWER, STRICT, Bystander, Rule
from mesh import Mesh

STALLS_PER_SECOND = 3
STALL_SECONDS = {STRICT: 0.05, COARSE: 0.2}
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


def test_the_rules_let_pass_what_their_table_says(lab):
    random.seed(1)

    def passed(rule: Rule, ratio: float, deviation: float) -> float:
        def harmed() -> bool:
            drawn = Drawn(ratio, deviation)
            drawn.rule = rule
            return drawn.harmed(contextlib.nullcontext)

        with contextlib.redirect_stdout(None):
            return 1 - sum(harmed() for _ in range(TRIALS)) / TRIALS

    for rule, ratio, deviation, least, most in (
        (STRICT, 1.0, 0.5, 0.97, 1.0),
        (STRICT, 1.2, 0.25, 0.97, 1.0),
        (STRICT, 1.8, 0.25, 0.0, 0.04),
        (STRICT, 2.0, 0.35, 0.0, 0.03),
        (STRICT, 2.0, 0.5, 0.0, 0.07),
        (STRICT, 3.0, 0.5, 0.0, 0.01),
        (COARSE, 1.0, 0.9, 0.97, 1.0),
        (COARSE, 1.5, 0.5, 0.97, 1.0),
        (COARSE, 8.0, 0.5, 0.0, 0.05),
        (COARSE, 20.0, 0.9, 0.0, 0.05),
    ):
        share = passed(rule, ratio, deviation)
        assert least <= share <= most, (rule, ratio, deviation, share)


@contextlib.contextmanager
def stalling(process):
    """It stands still again and again, and answers at once in between."""
    over = threading.Event()
    seconds = STALL_SECONDS[Bystander.rule]

    def stall() -> None:
        while not over.wait(1 / STALLS_PER_SECOND - seconds):
            process.signal(signal.SIGSTOP)
            over.wait(seconds)
            process.signal(signal.SIGCONT)

    thread = threading.Thread(target=stall)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_stalls_are_harm_and_so_is_a_latency_that_doubles_if_one_looks_closely(lab, binaries):
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
        assert others.ratio > others.rule.worst_ratio, others.ratio
        others.assert_flawless()
    if Bystander.rule is not STRICT:
        return
    with Bystander(api, api2, rate=SLOW_RATE) as others:
        as_much_again = sorted(others.p99() for _ in range(5))[2]
        assert others.harmed(lambda: slow(min(as_much_again, MORE_MAX)))
        assert others.ratio > STRICT.worst_ratio, others.ratio
        others.assert_flawless()
