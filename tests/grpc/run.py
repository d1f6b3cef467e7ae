#!/usr/bin/env python3
"""Real gRPC through the mesh: grpc-js client -> sidecar -> mutual TLS -> sidecar -> grpc-js server.

Every row of rows.py, in one small mesh. The output is TAP. Exit status 0 if every row holds, 1 if
one fails, 2 if there is none to run.

    tests/grpc/run.py [--bin DIR] [--logs DIR] [PATTERN...]    # PATTERN: part of a row's name
"""

import argparse
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

from lab import Lab, find_binaries, npm  # noqa: E402  (the path above first)
from rows import ROWS  # noqa: E402
from world import World  # noqa: E402

NODE_CACHE = REPOSITORY / "build" / "npm" / "grpc"


def run_row(claim, number: int, world: World) -> bool:
    started = time.monotonic()
    try:
        claim(world)
        verdict = "ok"
    except Exception:
        verdict = "not ok"
        print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()))
    seconds = time.monotonic() - started
    print(f"{verdict} {number} - {claim.__name__}: {claim.__doc__} ({seconds:.2f} s)", flush=True)
    return verdict == "ok"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
    parser.add_argument("--logs", metavar="DIR", type=Path, help="keep the logs of all processes")
    parser.add_argument("patterns", metavar="PATTERN", nargs="*")
    arguments = parser.parse_args()
    wanted = [
        claim
        for claim in ROWS
        if not arguments.patterns or any(one in claim.__name__ for one in arguments.patterns)
    ]
    if not wanted:
        print("no row has such a name", file=sys.stderr)
        return 2
    modules = npm.install(HERE, NODE_CACHE)
    started = time.monotonic()
    print(f"1..{len(wanted)}")
    with Lab(logs=arguments.logs) as lab:
        world = World(lab, find_binaries(arguments.bin, REPOSITORY), modules)
        print(f"# the mesh stands after {time.monotonic() - started:.1f} s", flush=True)
        passed = sum(run_row(claim, number, world) for number, claim in enumerate(wanted, start=1))
    failed = len(wanted) - passed
    print(f"{passed} passed, {failed} failed in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
