#!/usr/bin/env python3
"""The test programs of others, at real ones of ours: h2spec, gRPC's interoperability client, testssl, a collector.

Every row of rows_h2spec.py, rows_interop.py, rows_tls.py and rows_collector.py, in one small mesh. The output is TAP. Exit status 0
if every row holds, 1 if one fails or all are skipped for want of Go, 2 if there is none to run.

    tests/extra/run.py [--bin DIR] [--logs DIR] [PATTERN...]    # PATTERN: part of a row's name
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

import rows_collector  # noqa: E402  (the path above first)
import rows_h2spec  # noqa: E402
import rows_interop  # noqa: E402
import rows_tls  # noqa: E402
from lab import Lab, find_binaries, go_tools, tap  # noqa: E402
from world import World  # noqa: E402

CACHE = REPOSITORY / "build" / "go" / "extra"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
    parser.add_argument("--logs", metavar="DIR", type=Path, help="keep the logs of all processes")
    parser.add_argument("patterns", metavar="PATTERN", nargs="*")
    arguments = parser.parse_args()
    rows = tap.chosen(rows_h2spec.ROWS + rows_interop.ROWS + rows_tls.ROWS + rows_collector.ROWS, arguments.patterns)
    if not rows:
        print("no row has such a name", file=sys.stderr)
        return 2
    try:
        tools = go_tools.build(HERE, CACHE)
    except go_tools.TooOld as error:
        print(f"1..0 # skipped, all {len(rows)} rows: {error}")
        return 1
    started = time.monotonic()
    print(f"1..{len(rows)}")
    with Lab(logs=arguments.logs) as lab:
        world = World(lab, find_binaries(arguments.bin, REPOSITORY), tools)
        print(f"# the mesh stands after {time.monotonic() - started:.1f} s", flush=True)
        return 1 if tap.run(rows, world) else 0


if __name__ == "__main__":
    sys.exit(main())
