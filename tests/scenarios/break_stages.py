"""Switches off each stage of a scenario in turn: exactly the rows named for it must fail.

A check that cannot fail proves nothing; this is what proves that the rows can.
"""

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from scenario import NOTHING_BROKEN, Scenario

AT_ONCE = 2  # most of a broken run is waiting, but rows have deadlines
LIMIT_SECONDS = 300


def run(scenario: Scenario, name: str | None, binaries: str | None) -> tuple[set[int], int, str]:
    """(rows that failed, exit status, stderr); rows that were never reached count as failed."""
    command = [sys.executable, str(scenario.directory / "run.py"), "--json"]
    command += ["--break", name] if name else []
    command += ["--bin", binaries] if binaries else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    held = {row["row"] for row in rows if row["ok"]}
    asked = scenario.rows_at(scenario.stages[name] if name else NOTHING_BROKEN)
    why = [f"{row['row']}: {what}" for row in rows for what in row["failed_checks"]]
    return set(asked) - held, done.returncode, "\n".join([done.stderr, *why])


def main(scenario: Scenario, at_once: int = AT_ONCE) -> int:
    """Exit status 0 if every stage breaks exactly its rows and the unbroken scenario none."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
    binaries = parser.parse_args().bin
    cases = {None: NOTHING_BROKEN, **scenario.stages}
    started = time.monotonic()
    wrong = 0
    with ThreadPoolExecutor(at_once) as pool:
        outcomes = pool.map(lambda name: run(scenario, name, binaries), cases)
        for (name, stage), (failed, status, said) in zip(cases.items(), outcomes):
            # Status 2, a scenario that could not be set up, fails all rows for no good reason.
            ok = failed == stage.fails and status == (1 if stage.fails else 0)
            wrong += not ok
            label = f"break {name}" if name else "nothing broken"
            print(
                f"{'ok  ' if ok else 'FAIL'} {label}: rows that fail: {sorted(failed) or 'none'}",
                flush=True,
            )
            if not ok:
                wanted = sorted(stage.fails) or "none"
                print(f"     expected {wanted}, exit status {status}\n{said}")
    print(f"{len(cases) - wrong} passed, {wrong} failed ({time.monotonic() - started:.1f} s)")
    return 1 if wrong else 0
