#!/usr/bin/env python3
"""Runs scenario 1 (tests/scenarios/README.md) and shows its six rows as they happen.

Exit status: 0 if every row holds (with --expect-fail: if exactly those rows fail), 1 if not, 2 if
the scenario could not be set up.
"""

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
sys.path[:0] = [str(HERE), str(HERE.parent), str(REPOSITORY / "tests" / "support")]

from evidence import Row  # noqa: E402  (the paths above first)
from lab import Lab, LabError, find_binaries, npm  # noqa: E402
from report import Report  # noqa: E402
import rows_mesh  # noqa: E402
import rows_outside  # noqa: E402
from stages import NOTHING_BROKEN, STAGES  # noqa: E402
from world import APP_PORT, World  # noqa: E402

NODE_CACHE = REPOSITORY / "build" / "npm" / "scenario-1"
ROWS = (
    ("before api2 exists: an error that says why", rows_mesh.before_api2_exists),
    ("with api2 up, and no configuration changed", rows_mesh.with_api2_up),
    ("api2 from outside, no credentials: refused", rows_outside.without_credentials),
    ("from outside with a token: role user refused, role admin allowed", rows_outside.with_a_token),
    (
        "forged role and identity headers from outside change nothing",
        rows_outside.with_forged_headers,
    ),
    ("port 80 by name reaches the app on 8080; an unknown name does not exist", rows_mesh.names),
)


def parse_rows(text: str) -> set[int]:
    return {int(part) for part in text.split(",") if part}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Scenario 1: api and api2, unmodified, in the mesh."
    )
    parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
    parser.add_argument("--json", action="store_true", help="one JSON record per row on stdout")
    parser.add_argument("--keep", action="store_true", help="stay up afterwards, until Ctrl-C")
    parser.add_argument("--break", dest="stage", choices=STAGES, help="switch one stage off")
    parser.add_argument(
        "--expect-fail",
        metavar="ROWS",
        type=parse_rows,
        help="succeed if exactly these fail: 1,2,6",
    )
    parser.add_argument("--logs", metavar="DIR", type=Path, help="keep the logs of all processes")
    return parser.parse_args()


def run_row(number: int, world: World) -> Row:
    """A row that breaks off has failed, with what it had found; the next ones still run."""
    title, fill = ROWS[number - 1]
    row = Row(number, title)
    started = time.monotonic()
    try:
        fill(row, world)
    except Exception as error:  # whatever it is, it is this row's failure and no reason to stop
        row.check(f"broke off: {error!r}", False)
    row.seconds = time.monotonic() - started
    return row


def keep_up(report: Report, world: World) -> None:
    """Says where to look, until Ctrl-C."""
    host = world.lab.join_host()
    outside = "" if host else f"nsenter --net=/run/netns/{world.outside.netns} "
    inside = f"nsenter --net=/run/netns/{world.api.netns} "
    api, api2 = world.api.ipv4, world.api2.ipv4
    report.heading("\nStill up, until Ctrl-C. Try:")
    for command, what in (
        (f"{outside}curl http://{api}:{APP_PORT}/hello", "api, and api2 through both sidecars"),
        (f"{outside}curl -i http://{api2}:{APP_PORT}/respond", "api2 without credentials"),
        (f"{outside}curl http://{api}:15020/metrics", "what api's sidecar counts"),
        (
            f"{inside}curl http://127.0.0.1:15000/services",
            "what it routes: /endpoints /config /certs",
        ),
        (f"{inside}{world.binaries.epaulet} explain", "what it refused, and why"),
    ):
        report.say(f"  {command}")
        report.note(f"      {what}")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        report.say()


def run_scenario(arguments: argparse.Namespace, report: Report) -> set[int]:
    """Shows all rows; returns the numbers of those that failed."""
    stage = STAGES[arguments.stage] if arguments.stage else NOTHING_BROKEN
    binaries = find_binaries(arguments.bin, REPOSITORY)
    started = time.monotonic()
    report.heading("epaulet, scenario 1: two unmodified express apps, a sidecar beside each")
    modules = npm.install(HERE, NODE_CACHE)
    failed = set()
    with Lab(logs=arguments.logs) as lab:
        world = World(lab, binaries, modules, stage)
        report.note(
            f"pods api {world.api.ipv4}, api2 {world.api2.ipv4}, outside {world.outside.ipv4} (no"
            f" sidecar), dns {world.dns_pod.ipv4}; up in {time.monotonic() - started:.1f} s"
        )
        if arguments.stage:
            report.note(f"broken on purpose: {arguments.stage} ({stage.what})")
        for number in range(1, len(ROWS) + 1):
            row = run_row(number, world)
            report.row(row)
            if not row.ok:
                failed.add(number)
        seconds = time.monotonic() - started
        numbers = ", ".join(map(str, sorted(failed)))
        verdict = f"failed: row {numbers}" if failed else f"all {len(ROWS)} rows hold"
        report.heading(f"{verdict} ({seconds:.1f} s)")
        if arguments.keep:
            keep_up(report, world)
    return failed


def main() -> int:
    arguments = parse_arguments()
    report = Report(as_json=arguments.json)
    try:
        failed = run_scenario(arguments, report)
    except LabError as error:
        print(f"scenario 1: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    expected = arguments.expect_fail or set()
    if failed == expected:
        return 0
    if arguments.expect_fail is not None:
        print(f"expected to fail: {sorted(expected)}, failed: {sorted(failed)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
