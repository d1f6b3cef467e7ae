"""What happens to the service, one thing after the other; a unit is how long each lasts."""

from dataclasses import dataclass

ENDPOINTS = 3
ALL = tuple(range(ENDPOINTS))
ONE = (ENDPOINTS - 1,)
ALL_FAIL = "all answer 503"
FAILS, STANDS, GONE = "one answers 503", "one stands still", "one's host is gone"
HURTS = (FAILS, STANDS, GONE, ALL_FAIL)  # a caller without a mesh


@dataclass(frozen=True)
class Phase:
    name: str
    units: float
    does: str = "well"  # well | slow | fails | stands | vanishes
    who: tuple[int, ...] = ()


PHASES = (
    Phase("well", 1),
    Phase("one is slow", 1, "slow", ONE),
    Phase(FAILS, 1, "fails", ONE),
    Phase(STANDS, 1, "stands", ONE),
    Phase(GONE, 1, "vanishes", ONE),
    Phase("well again", 1),
    Phase(ALL_FAIL, 1, "fails", ALL),
    Phase("well again", 1.5),
)


@dataclass(frozen=True)
class Span:
    phase: Phase
    begin: float  # in seconds
    end: float


def spans(unit_seconds: float) -> list[Span]:
    found, at = [], 0.0
    for phase in PHASES:
        found.append(Span(phase, at, at + phase.units * unit_seconds))
        at = found[-1].end
    return found
