#!/usr/bin/env python3
"""Real gRPC through the mesh: client -> sidecar -> mutual TLS -> sidecar -> server.

Both are grpc-js in the rows of rows.py; in those of rows_python.py one or both are grpcio. One
small mesh for all. The output is TAP. Exit status 0 if every row holds, 1 if
one fails, 2 if there is none to run.

    tests/grpc/run.py [--bin DIR] [--logs DIR] [PATTERN...]    # PATTERN: part of a row's name
"""

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [
    str(HERE),
    str(REPOSITORY / "tests" / "support"),
    str(REPOSITORY / "tests" / "netns"),
]

import rows  # noqa: E402  (the path above first)
import rows_after  # noqa: E402
import rows_python  # noqa: E402
from lab import Lab, find_binaries, npm, pip, tap  # noqa: E402
from world import World  # noqa: E402

NODE_CACHE = REPOSITORY / "build" / "npm" / "grpc"
PYTHON_CACHE = REPOSITORY / "build" / "pip" / "grpc"
ROWS = rows.ROWS + rows_python.ROWS + rows_after.ROWS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
    parser.add_argument("--logs", metavar="DIR", type=Path, help="keep the logs of all processes")
    parser.add_argument("patterns", metavar="PATTERN", nargs="*")
    arguments = parser.parse_args()
    wanted = tap.chosen(ROWS, arguments.patterns)
    if not wanted:
        print("no row has such a name", file=sys.stderr)
        return 2
    modules = npm.install(HERE, NODE_CACHE)
    venv = pip.install(HERE / "requirements.txt", PYTHON_CACHE)
    started = time.monotonic()
    print(f"1..{len(wanted)}")
    with Lab(logs=arguments.logs) as lab:
        world = World(lab, find_binaries(arguments.bin, REPOSITORY), modules, venv)
        print(f"# the mesh stands after {time.monotonic() - started:.1f} s", flush=True)
        return 1 if tap.run(wanted, world) else 0


if __name__ == "__main__":
    sys.exit(main())
