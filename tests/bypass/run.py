#!/usr/bin/env python3
"""Runs the bypass table: every row of every attempts_*.py beside this file, in one small mesh.

A row is one way round access control, or the honest request beside it (table.py). The output is
TAP, a line for each row, and says how many attempts were refused. Exit status 0 if every row
passed, 1 if one failed, 2 if there was none to run.

    tests/bypass/run.py [--bin DIR] [--logs DIR] [PATTERN...]    # PATTERN: part of "family: row"
"""

import argparse
import collections
import importlib
import re
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [
    str(HERE),
    str(REPOSITORY / "tests" / "support"),
    str(REPOSITORY / "tests" / "netns"),
]

from lab import Lab, find_binaries  # noqa: E402  (the path above first)
from table import Row  # noqa: E402
from world import World  # noqa: E402

LAST = "attempts_tickets"  # it changes whom `api2` trusts


def kind_of(row: Row) -> str:
    return getattr(row, "kind", type(row).__name__)


def table() -> list[tuple[str, Row]]:
    """(family, row) in order."""
    names = sorted(path.stem for path in HERE.glob("attempts_*.py"))
    names.sort(key=lambda name: name == LAST)
    rows = []
    for name in names:
        module = importlib.import_module(name)
        kinds = {kind_of(row) for row in module.ROWS}
        assert "Control" in kinds, f"{name} has no honest row, so a dead mesh would pass it"
        rows += [(name.removeprefix("attempts_"), row) for row in module.ROWS]
    texts = collections.Counter(f"{family}: {row.name}" for family, row in rows)
    assert max(texts.values()) == 1, texts.most_common(1)
    return rows


def names_that_no_row_has(rows: list[tuple[str, Row]]) -> list[str]:
    """What the threat model names as `[family: row](.../attempts_family.py)` and is not there."""
    text = (REPOSITORY / "proxy" / "policy" / "README.md").read_text()
    named = re.findall(r"\[([^\]]+)\]\([^)]*/attempts_(\w+)\.py\)", text)
    there = {(f"{family}: {row.name}", family) for family, row in rows}
    return [f"{name} (attempts_{file}.py)" for name, file in named if (name, file) not in there]


def run_rows(world: World, wanted: list[tuple[str, Row]]) -> collections.Counter:
    """How many of each kind passed, and how many failed."""
    tally: collections.Counter = collections.Counter()
    for number, (family, row) in enumerate(wanted, start=1):
        started = time.monotonic()
        kind = kind_of(row)
        try:
            row.run(world)
            verdict = "ok"
            tally[kind] += 1
        except Exception:
            verdict = "not ok"
            tally["failed"] += 1
            world.admitted = len(world.seen)  # told once
            print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()))
        mark = "" if kind == "Refused" else f" [{kind.lower()}]"
        seconds = time.monotonic() - started
        print(f"{verdict} {number} - {family}: {row.name}{mark} ({seconds:.2f} s)", flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
    parser.add_argument("--logs", metavar="DIR", type=Path, help="keep the logs of all processes")
    parser.add_argument("patterns", metavar="PATTERN", nargs="*")
    arguments = parser.parse_args()
    rows = table()
    if missing := names_that_no_row_has(rows):
        print("the threat model names rows that are not there: " + ", ".join(missing))
        return 1
    wanted = [
        (family, row)
        for family, row in rows
        if not arguments.patterns
        or any(one in f"{family}: {row.name}" for one in arguments.patterns)
    ]
    if not wanted:
        print("no row has such a name", file=sys.stderr)
        return 2
    started = time.monotonic()
    print(f"1..{len(wanted)}")
    with Lab(logs=arguments.logs) as lab:
        world = World(lab, find_binaries(arguments.bin, REPOSITORY))
        print(f"# the mesh stands after {time.monotonic() - started:.1f} s", flush=True)
        tally = run_rows(world, wanted)
    failed = tally.pop("failed", 0)
    print("# " + ", ".join(f"{count} {kind.lower()}" for kind, count in sorted(tally.items())))
    print(f"{sum(tally.values())} passed, {failed} failed in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
