"""Rows: each is a claim about one world that all of them share, told as TAP."""

import time
import traceback
from collections.abc import Callable, Sequence

# Its docstring is the claim. It fails by raising; what it returns is told as evidence.
Row = Callable[[object], str | None]


def chosen(rows: Sequence[Row], patterns: Sequence[str]) -> list[Row]:
    """Those whose name contains one of the patterns; without patterns all."""
    return [row for row in rows if not patterns or any(one in row.__name__ for one in patterns)]


def run(rows: Sequence[Row], world) -> int:
    """How many rows failed; a count stands at the end of what it prints."""
    started = time.monotonic()
    passed = sum(_run_row(row, number, world) for number, row in enumerate(rows, start=1))
    failed = len(rows) - passed
    print(f"{passed} passed, {failed} failed in {time.monotonic() - started:.0f} s")
    return failed


def _run_row(row: Row, number: int, world) -> bool:
    started = time.monotonic()
    evidence = None
    try:
        evidence = row(world)
        verdict = "ok"
    except Exception:
        verdict = "not ok"
        print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()))
    told = f"; {evidence}" if evidence else ""
    seconds = time.monotonic() - started
    print(f"{verdict} {number} - {row.__name__}: {row.__doc__}{told} ({seconds:.2f} s)", flush=True)
    return verdict == "ok"
