#!/usr/bin/env python3
"""Runs the network-namespace tests: every `test_*` function of every test_*.py beside this file.

Each test gets a fresh `Lab` and, if it has a parameter `binaries`, where epaulet is; a parameter
`long` is true if it may take minutes; with a parameter `backend` it runs once with each of
backends.py. A test fails by raising, or by a process of its lab that crashed or
that a sanitizer spoke of. The output is TAP with a count at its end.

These tests wait on real clocks, and a busy machine can break one that is right. So at the end each
that raised runs twice more: passing both it is called unstable, is named in the last line, and does
not fail the run; more than UNSTABLE_MAX of them do. Crashes and sanitizers get no second chance.

What others feel of an attack is judged coarsely, which takes a third of the time; with --strict it is
judged by what we promise (bystander.py), on a machine that is left alone.
Exit status 0 if every test passed so, 1 if one failed, 2 if there was none to run.

    tests/netns/run.py [--bin DIR] [--logs DIR] [--long] [--once] [--strict] [PATTERN...]    # PATTERN: part of a name
"""

import argparse
import functools
import importlib.util
import inspect
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

UNSTABLE_MAX = 8  # of over 440; more is no accident
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
SANITIZERS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "ThreadSanitizer:", "runtime error:")

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "support"))

from backends import BACKENDS  # noqa: E402  (the path above first)
from bystander import COARSE, STRICT, Bystander  # noqa: E402
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


class Crash(Exception):
    """A process of the lab did what no timing excuses."""


def crash_of(lab: Lab) -> str | None:
    for process in lab.processes:
        status = process.exit_status
        if status is not None and -status in CRASHES:
            return f"{process.name} ended by {signal.Signals(-status).name}\n{process.tail(40)}"
        said = next((line for line in process.lines() if any(s in line for s in SANITIZERS)), None)
        if said:
            return f"{process.name} said: {said}\n{process.tail(60)}"
    return None


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
        finally:
            if crash := crash_of(lab):
                raise Crash(crash)


def verdict(name: str, test: Callable, arguments: argparse.Namespace) -> str:
    """ok, not ok or crashed; says why."""
    logs = arguments.logs and arguments.logs / name
    try:
        run(test, arguments.bin, logs, arguments.long)
        return "ok"
    except Exception as error:
        print("\n".join(f"# {line}" for line in traceback.format_exc().splitlines()))
        return "crashed" if isinstance(error, Crash) else "not ok"


def run_again(doubtful: list[tuple[str, Callable]], arguments: argparse.Namespace) -> list[str]:
    """The names of those that pass twice now."""
    stable_now = []
    for name, test in doubtful:
        again = [verdict(name, test, arguments) for _ in range(2)]
        print(f"# again: {name}: {', '.join(again)}", flush=True)
        if again == ["ok", "ok"]:
            stable_now.append(name)
    return stable_now


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
    parser.add_argument("--logs", metavar="DIR", type=Path, help="keep the logs of all processes")
    parser.add_argument("--long", action="store_true", help="bodies of 4 GiB instead of 256 MiB")
    parser.add_argument("--once", action="store_true", help="no second chance for any test")
    parser.add_argument("--strict", action="store_true", help="p99 of others within 1.5x, not 4x")
    parser.add_argument("patterns", metavar="PATTERN", nargs="*")
    arguments = parser.parse_args()
    Bystander.rule = STRICT if arguments.strict else COARSE
    wanted = [
        (name, test)
        for name, test in tests()
        if not arguments.patterns or any(pattern in name for pattern in arguments.patterns)
    ]
    if not wanted:
        print("no test has such a name", file=sys.stderr)
        return 2
    passed, crashed, doubtful = 0, 0, []
    print(f"1..{len(wanted)}")
    for number, (name, test) in enumerate(wanted, start=1):
        started = time.monotonic()
        outcome = verdict(name, test, arguments)
        passed += outcome == "ok"
        crashed += outcome == "crashed"
        if outcome == "not ok":
            doubtful.append((name, test))
        word = "ok" if outcome == "ok" else "not ok"
        print(f"{word} {number} - {name} ({time.monotonic() - started:.2f} s)", flush=True)
    few = not arguments.once and len(doubtful) <= UNSTABLE_MAX
    unstable = run_again(doubtful, arguments) if few else []
    failed = crashed + len(doubtful) - len(unstable)
    said = f", unstable: {' '.join(unstable)}" if unstable else ""
    print(f"{passed} passed, {failed} failed{said}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
