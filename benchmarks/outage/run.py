#!/usr/bin/env python3
"""Records an outage with and without epaulet, and draws it. See ../README.md.

    run.py --bin BUILD_DIR [--unit SECONDS] [--rate N] [--json] [--save] [--out DIR]

Exit status: 0 recorded; 1 what is promised does not hold; 2 it could not be set up.
"""

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "load")]

import environment  # noqa: E402  (the paths above first)
import summary  # noqa: E402
from timeline import ALL_FAIL, HURTS, spans  # noqa: E402
from world import CALLER, DIRECT, MAX_OPEN_SECONDS, MESH, REPOSITORY, live_through  # noqa: E402

from lab import Lab, LabError, find_binaries, pip  # noqa: E402

RESULTS = HERE.parent / "results"
UNIT_SECONDS, RATE = 8.0, 200
RECOVERY_SECONDS_MAX = MAX_OPEN_SECONDS + 0.5  # the breaker's wait, and a probe on a busy machine
FAILED_MAX = 0.05  # of the requests of a phase in which one of three fails
HURTS_MIN, HURTS_MS = 0.2, 1000  # what must fail without epaulet, or be slow
# When all instances fail: how long until the breaker spares them, and what then still reaches them.
SPARED_AFTER_SECONDS, LOAD_SHARE_MAX = 1.0, 0.1
ASKED_MAX = 1.2  # requests at the service for each of the caller, over the whole of it


def record(binaries, unit: float, rate: int, logs: Path | None = None) -> dict:
    """The whole of it, as it is saved."""
    timeline = spans(unit)
    with Lab(logs=logs) as lab:
        sides = live_through(lab, binaries, timeline, rate)
    about = environment.describe("outage", binaries.epaulet.parent, 0, {0})
    for name in ("proxy_core", "load_cores"):
        about.pop(name)
    return {
        "environment": about,
        "rate": rate,
        "unit_seconds": unit,
        "configuration": CALLER.format(endpoints="three"),
        "sides": summary.summarise(sides, timeline),
    }


def broken_promises(told: dict) -> list[str]:
    """What does not hold, in words. Without epaulet the same phases must hurt, or nothing was shown."""
    wrong = []
    direct, meshed = (told["sides"][name] for name in (DIRECT, MESH))
    for bare, ours in zip(direct["phases"], meshed["phases"]):
        name = ours["phase"]
        bare_share, share = (one["failed"] / one["requests"] for one in (bare, ours))
        if name == ALL_FAIL:
            wrong += _not_spared(meshed["bins"], ours["begin"] + SPARED_AFTER_SECONDS, ours["end"])
        elif share > FAILED_MAX and ours["begin"] < _begin_of_end(meshed):
            wrong.append(f"{name}: {share:.1%} fail with epaulet")
        if ours["phase"] in HURTS and bare_share < HURTS_MIN and bare["p99_ms"] < HURTS_MS:
            wrong.append(f"{name}: without epaulet only {bare_share:.0%} fail")
    recovery = meshed["recovery_after_all_failed_seconds"]
    if recovery is None or recovery > RECOVERY_SECONDS_MAX:
        wrong.append(f"recovery takes {recovery} s, more than {RECOVERY_SECONDS_MAX}")
    asked = sum(one["arrived"] for one in meshed["phases"]) / sum(one["requests"] for one in meshed["phases"])
    if asked > ASKED_MAX:
        wrong.append(f"{asked:.2f} requests at the service for each of the caller")
    return wrong


def _begin_of_end(side: dict) -> float:
    """The last phase begins with what is left of the outage, of which recovery tells."""
    return side["phases"][-1]["begin"]


def _not_spared(bins: list[dict], begin: float, end: float) -> list[str]:
    late = [one for one in bins if begin <= one["at"] < end]
    arrived, requests = (sum(one[key] for one in late) for key in ("arrived", "requests"))
    if arrived <= LOAD_SHARE_MAX * requests:
        return []
    return [f"{ALL_FAIL}: after {SPARED_AFTER_SECONDS} s still {arrived} of {requests} reach the service"]


def table(told: dict) -> str:
    lines = [f"{'phase':22}{'failed: without':>17}{'with':>8}{'p99 ms: without':>17}{'with':>8}{'asked: without':>16}{'with':>8}"]
    for bare, ours in zip(*(told["sides"][name]["phases"] for name in (DIRECT, MESH))):
        shares = [f"{100 * one['failed'] / one['requests']:.1f} %" for one in (bare, ours)]
        lines.append(
            f"{ours['phase']:22}{shares[0]:>17}{shares[1]:>8}{bare['p99_ms']:>17.0f}{ours['p99_ms']:>8.0f}"
            f"{bare['arrived'] / bare['requests']:>16.2f}{ours['arrived'] / ours['requests']:>8.2f}"
        )
    recovery = told["sides"][MESH]["recovery_after_all_failed_seconds"]
    lines.append(f"recovered {recovery} s after all had failed, with epaulet (bound: {RECOVERY_SECONDS_MAX} s)")
    return "\n".join(lines)


def save(told: dict, directory: Path) -> list[Path]:
    """The numbers and the picture."""
    directory.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.date.today().isoformat()}-{told['environment']['commit'][:10]}-outage"
    numbers, picture = directory / f"{name}.json", directory / f"{name}.svg"
    numbers.write_text(json.dumps(told, indent=1) + "\n")
    draw(numbers, picture)
    return [numbers, picture]


def draw(numbers: Path, picture: Path) -> None:
    home = pip.install(HERE / "requirements.txt", REPOSITORY / "build" / "pip" / "outage")
    with tempfile.TemporaryDirectory() as cache:  # matplotlib's, of fonts
        environ = {"MPLCONFIGDIR": cache, "PATH": "/usr/bin:/bin"}
        argv = [str(home / "bin" / "python3"), str(HERE / "draw.py"), str(numbers), str(picture)]
        done = subprocess.run(argv, env=environ, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"no picture: {done.stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, metavar="DIR")
    parser.add_argument("--unit", type=float, default=UNIT_SECONDS, help="how long each phase lasts, in s")
    parser.add_argument("--rate", type=int, default=RATE, help="requests a second")
    parser.add_argument("--json", action="store_true", help="everything, on standard output")
    parser.add_argument("--save", action="store_true", help="also into benchmarks/results")
    parser.add_argument("--out", type=Path, help="also into this directory")
    parser.add_argument("--logs", type=Path, help="keep all processes' logs in this empty directory")
    arguments = parser.parse_args()
    try:
        told = record(find_binaries(arguments.bin, REPOSITORY), arguments.unit, arguments.rate, arguments.logs)
        print(json.dumps(told) if arguments.json else table(told))
        for directory in ([RESULTS] if arguments.save else []) + ([arguments.out] if arguments.out else []):
            for path in save(told, directory):
                print(f"saved {path}", file=sys.stderr)
    except LabError as error:
        print(f"outage: {error}", file=sys.stderr)
        return 2
    wrong = broken_promises(told)
    for line in wrong:
        print(f"does not hold: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
