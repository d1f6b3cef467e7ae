#!/usr/bin/env python3
"""Measures what CPU per request at saturation does not show. See ../README.md.

    aspects_run.py --bin BUILD_DIR [--only ASPECTS] [--peers PEERS] [--rounds N] [--seconds N]
                   [--crowd N] [--json] [--save]

Aspects: latency, services, connections, reload, scrape, start; growth is the four in the middle.
Exit status: 0 measured; 1 something failed; 2 the machine cannot run this.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import sys
import tempfile

import crowd
import environment
import growth
import latency
import start_time
from bench import say
from extras import REPOSITORY
from proxies import PEERS
from run import MissingError, only_one_at_a_time
from stage import Table, cores
from topology import RUN_DIR_PREFIX, BenchError, remove_leftovers, require_tools

RESULTS = REPOSITORY / "benchmarks" / "results"
ASPECTS = {
    "latency": latency.measure,
    "services": growth.measure_cost,
    "connections": crowd.measure,
    "reload": growth.measure_reload,
    "scrape": growth.measure_scrape,
    "start": start_time.measure,
}
GROWTH = ("services", "connections", "reload", "scrape")


def measure(arguments: argparse.Namespace) -> dict:
    about = environment.describe("aspects", arguments.bin.resolve(), *cores())
    tables: list[Table] = []
    failed: dict[str, str] = {}
    for name in arguments.only:
        with tempfile.TemporaryDirectory(prefix=f"{RUN_DIR_PREFIX}{os.getpid()}-") as run_dir:
            try:
                tables += ASPECTS[name](arguments, pathlib.Path(run_dir))
            except BenchError as error:
                failed[name] = str(error).replace(run_dir, "$RUN")
                say(f"{name} FAILED: {error}")
    about |= {
        "load_average_at_end": environment.load_average(),
        "rounds": arguments.rounds,
        "load_seconds": arguments.seconds,
    }
    return {"tables": tables, "failed": failed, "environment": about}


def text_of(told: dict, markdown: bool = False) -> str:
    lines = []
    for table in told["tables"]:
        lines += ["", f"## {table.title}" if markdown else table.title, ""]
        lines += _markdown(table) if markdown else _plain(table)
        lines += ["", *(f"{'- ' if markdown else '  '}{note}" for note in table.notes)]
    lines += [f"\n{name} failed: {why}" for name, why in told["failed"].items()]
    return "\n".join(lines)


def _markdown(table: Table) -> list[str]:
    rows = [table.columns, ["---"] * len(table.columns), *table.rows]
    return ["| " + " | ".join(row) + " |" for row in rows]


def _plain(table: Table) -> list[str]:
    rows = [table.columns, *table.rows]
    # What has failed says so at length, and widens no column.
    widths = [
        max(len(row[at]) for row in rows if not row[at].startswith("failed"))
        for at in range(len(table.columns))
    ]
    return [
        "  " + "  ".join(cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in cells)
        for row in rows
        for cells in [enumerate(zip(row, widths, strict=True))]
    ]


def save(told: dict) -> list[pathlib.Path]:
    about = told["environment"]
    day = datetime.date.fromisoformat(about["date"][:10])
    data = RESULTS / f"{day}-{about['commit'][:10]}-aspects.json"
    data.write_text(json.dumps(to_object(told), indent=1) + "\n")
    lines = [f"# Latency, growth, start, {about['date']}", text_of(told, True)]
    lines += ["", "## Environment", "", "| | |", "|---|---|"]
    lines += [f"| {key.replace('_', ' ')} | {value} |" for key, value in about.items()]
    page = data.with_suffix(".md")
    page.write_text("\n".join(lines) + "\n")
    return [data, page]


def to_object(told: dict) -> dict:
    return told | {"tables": [dataclasses.asdict(table) for table in told["tables"]]}


def parse(argv: list[str]) -> argparse.Namespace:
    def aspects(text: str) -> list[str]:
        words = text.replace("growth", ",".join(GROWTH)).split(",")
        return _chosen(words, tuple(ASPECTS))

    def peers(text: str) -> list[str]:
        return _chosen(text.split(","), PEERS)

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--only", type=aspects, default=list(ASPECTS), metavar="ASPECTS")
    parser.add_argument("--peers", type=peers, default=list(PEERS[:-1]), metavar="PEERS")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each load")
    parser.add_argument("--crowd", type=int, default=10_000, help="idle connections, at the most")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--save", action="store_true", help="also results/DATE-COMMIT-aspects.{json,md}")
    return parser.parse_args(argv)


def _chosen(words: list[str], of: tuple[str, ...]) -> list[str]:
    for word in words:
        if word not in of:
            raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(of)}")
    return [word for word in of if word in words]


def main(argv: list[str]) -> int:
    arguments = parse(argv)
    try:
        if os.geteuid() != 0:
            raise MissingError("network namespaces need root")
        if len(os.sched_getaffinity(0)) < 2:
            raise MissingError("two cores are needed")
        tools = ["ip", "nft", "nsenter", "setpriv", "taskset", "openssl", "wrk"]
        if missing := require_tools(*tools):
            raise MissingError("not on this machine: " + ", ".join(missing))
        remove_leftovers()
        with only_one_at_a_time():
            told = measure(arguments)
    except MissingError as error:
        say(f"aspects: {error}")
        return 2
    print(json.dumps(to_object(told)) if arguments.json else text_of(told))
    for path in save(told) if arguments.save else ():
        say(f"saved {path.relative_to(REPOSITORY)}")
    return 1 if told["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
