#!/usr/bin/env python3
"""Runs the network-namespace tests: every `test_*` function of every test_*.py beside this file.

Each test gets a fresh `Lab` and, if it has a parameter `binaries`, where epaulet is; a parameter
`long` is true if it may take minutes; with a parameter `backend` it runs once with each of
backends.py. A test fails by raising. The output is TAP with a count at
its end. Exit status 0 if every test passed, 1 if one failed, 2 if there was none to run.

    tests/netns/run.py [--bin DIR] [--logs DIR] [--long] [PATTERN...]    # PATTERN: part of a name
"""

import argparse
import functools
import importlib.util
import inspect
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "support"))

from backends import BACKENDS  # noqa: E402  (the path above first)
from lab import Lab, find_binaries  # noqa: E402


def tests() -> Iterator[tuple[str, Callable]]:
    """(file.function, function), in the order in which they are written."""
    for path in sorted(HERE.glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, value in vars(module).items():
            if not name.startswith("test_") or not inspect.isfunction(value):
                continue
            if "backend" not in inspect.signature(value).parameters:
                yield f"{path.stem}.{name}", value
                continue
            for backend in BACKENDS:
                test = functools.partial(value, backend=backend)
                yield f"{path.stem}.{name}[{backend.name}]", test


def run(test: Callable, directory: str | None, logs: Path | None, long: bool) -> None:
    """Raises what the test raises, or what cleaning up after it does."""
    arguments = {}
    if "binaries" in inspect.signature(test).parameters:
        arguments["binaries"] = find_binaries(directory, REPOSITORY)
    if "long" in inspect.signature(test).parameters:
        arguments["long"] = long
    with Lab(logs=logs) as lab:
        try:
            test(lab, **arguments)
        except BaseException:
            for process in lab.processes:
                print("\n".join(f"# {line}" for line in process.tail().splitlines()))
            raise


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
    parser.add_argument("--logs", metavar="DIR", type=Path, help="keep the logs of all processes")
    parser.add_argument("--long", action="store_true", help="bodies of 4 GiB instead of 256 MiB")
    parser.add_argument("patterns", metavar="PATTERN", nargs="*")
    arguments = parser.parse_args()
    wanted = [
        (name, test)
        for name, test in tests()
        if not arguments.patterns or any(pattern in name for pattern in arguments.patterns)
    ]
    if not wanted:
        print("no test has such a name", file=sys.stderr)
        return 2
    failed = 0
    print(f"1..{len(wanted)}")
    for number, (name, test) in enumerate(wanted, start=1):
        started = time.monotonic()
        logs = arguments.logs and arguments.logs / name
        try:
            run(test, arguments.bin, logs, arguments.long)
            verdict = "ok"
        except Exception:
            verdict = "not ok"
            failed += 1
            print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()))
        print(f"{verdict} {number} - {name} ({time.monotonic() - started:.2f} s)", flush=True)
    print(f"{len(wanted) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
