#!/usr/bin/env python3
"""What can be seen of epaulet in Kubernetes without a cluster: the injector as a process.

    tests/k8s/static.py [--bin DIR] [PATTERN...]

A test is a function `test_...` here or in a module `static_*.py` beside this file; a parameter
`place` is a fresh folder, `binaries` where the programs are. Raising `Skipped` fails the run.
"""
import argparse
import importlib
import inspect
import pathlib
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests/support")]


class Skipped(Exception):
    pass


def tests():
    for path in sorted(HERE.glob("static_*.py")):
        module = importlib.import_module(path.stem)
        for name, function in list(vars(module).items()):
            if name.startswith("test_"):
                yield f"{path.stem}.{name}", function


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("patterns", nargs="*")
    arguments = parser.parse_args()
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, function in tests():
        if arguments.patterns and not any(pattern in name for pattern in arguments.patterns):
            continue
        with tempfile.TemporaryDirectory(prefix="epaulet-k8s-") as place:
            given = {"place": pathlib.Path(place), "binaries": arguments.bin.resolve()}
            wanted = inspect.signature(function).parameters
            try:
                function(**{key: value for key, value in given.items() if key in wanted})
                result = "passed"
            except Exception as error:  # noqa: BLE001: each is shown
                result = "skipped" if type(error).__name__ == "Skipped" else "failed"
                print(error) if result == "skipped" else traceback.print_exc()
        counts[result] += 1
        print(f"{result:8} {name}", flush=True)
    print("k8s-static: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if counts["failed"] or counts["skipped"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
