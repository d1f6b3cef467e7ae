#!/usr/bin/env python3
"""Measures what each feature of epaulet adds to a request when it is on. See ../README.md.

    feature_run.py --bin BUILD_DIR [--rounds N] [--seconds N] [--only WORDS] [--json] [--save]
    feature_run.py --bin BUILD_DIR --check    # only has epaulet read every configuration

Every round measures each feature once, in an order of its own, with a fresh process, and its base.
Exit status: 0 measured; 1 a feature failed; 2 the machine cannot run this.
"""

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import environment
import report
from bench import Bench, Plan, run_rounds, say
from extras import REPOSITORY
from features import AGAIN, COLLECTOR_PORT, FEATURES, OFF, Feature, configuration
from proxies import PAIR, PLAIN, SIDES, TEMPLATES, Peers, Side
from run import MissingError, make_files, only_one_at_a_time, rows_that_work
from topology import (
    CLI_ADDRESS,
    APP_PORT,
    CLIENT_UID,
    PAIR_ADDRESS,
    PROXY_UID,
    RUN_DIR_PREFIX,
    BenchError,
    Topology,
    remove_leftovers,
    require_tools,
)

from lab.tokens import Issuer  # noqa: E402  (extras has set the path)

RESULTS = pathlib.Path(__file__).resolve().parents[1] / "results"
HOURS = 24 * 3600
# Takes whatever comes, as a collector of spans does that has nothing to complain of.
COLLECTOR = """
import http.server, sys
class Take(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"{}")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Take).serve_forever()
"""


class FeaturePeers(Peers):
    """Every peer is an epaulet; what it is called says which feature it has on."""

    def __init__(
        self, bin_dir: pathlib.Path, run_dir: pathlib.Path, features: Sequence[Feature] = FEATURES
    ):
        super().__init__(bin_dir, run_dir, [])
        self._features = {(one.mode, one.name): one for one in features}
        self._secrets = self._write_secrets(run_dir / "config")

    @staticmethod
    def _write_secrets(directory: pathlib.Path) -> dict[str, str]:
        directory.mkdir()
        issuer = Issuer(directory, "https://bench.example", "bench")
        (directory / "bench.jwks.json").write_text(issuer.jwks())
        key = secrets.token_urlsafe(32)
        (directory / "bench.keys").write_text(key + "\n")
        command = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        subprocess.run([*command, "-out", str(directory / "bench.pem")], check=True, capture_output=True)
        for path in directory.iterdir():
            path.chmod(0o600)
            shutil.chown(path, PROXY_UID, PROXY_UID)
        return {"token": issuer.token("server", "somebody", HOURS, role="user"), "key": key}

    @staticmethod
    def is_ours(_peer: str) -> bool:
        return True

    def headers(self, peer: str) -> tuple[str, ...]:
        found = [one for (_, name), one in self._features.items() if name == peer]
        return tuple(line.format(**self._secrets) for one in found[:1] for line in one.headers)

    def argv(self, peer: str, mode: str, side: Side) -> list[str]:
        text = self.text(self._features[mode, peer], side.name)
        file = self.run_dir / "config" / f"{side.name}.yaml"
        file.write_text(json.dumps(text, indent=1))
        return [str(self.programs["epaulet"]), "run", "--config", str(file)]

    def text(self, feature: Feature, side: str) -> dict:
        state = self.run_dir / "state" / side
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(parents=True)
        shutil.chown(state, PROXY_UID, PROXY_UID)
        who = "client" if side == "pair-client" else "server"
        return configuration(feature, side, f"{PAIR_ADDRESS}:{APP_PORT}") | {
            "identity": {"trust_domain": "cluster.local", "dir": str(self.run_dir / "identity" / who)},
            "dns": {"upstream": [f"{CLI_ADDRESS}:53"]},
            "state": {"dir": str(state)},
        }


def measure(arguments: argparse.Namespace, run_dir: pathlib.Path) -> dict:
    plan = Plan(arguments.rounds, 1, arguments.seconds, arguments.budget)
    peers = FeaturePeers(arguments.bin.resolve(), run_dir)
    for program in ("epaulet", "origin", "handshakes"):
        if program in peers.missing:
            raise MissingError(peers.missing[program])
    cores = os.sched_getaffinity(0)
    proxy_core = max(cores)
    load_cores = cores - {proxy_core}
    os.sched_setaffinity(0, load_cores)
    about = environment.describe("features", arguments.bin.resolve(), proxy_core, load_cores)
    make_files(run_dir)
    chosen = [one for one in FEATURES if is_chosen(one, arguments.only)]
    failed: dict[tuple[str, str], str] = {}
    with contextlib.closing(Topology(run_dir / "log")) as topology:
        topology.open()
        topology.redirect(peers.programs["epaulet"], TEMPLATES / "redirect.nft")
        argv = [sys.executable, "-c", COLLECTOR, str(COLLECTOR_PORT)]
        topology.start("collector", "srv", PROXY_UID, load_cores, argv)
        bench = Bench(topology, peers, run_dir / "counter" / "requests", proxy_core, load_cores)
        rows = []
        for mode in (PLAIN, PAIR):
            names = [one.name for one in chosen if one.mode == mode]
            rows += rows_that_work(bench, names, [mode], failed)
        samples, rounds_done = run_rounds(bench, plan, rows, [PLAIN, PAIR], failed)
    about |= {
        "load_average_at_end": environment.load_average(),
        "rounds_planned": plan.rounds,
        "rounds_done": rounds_done,
        "load_seconds": plan.load_seconds,
        "version": peers.version("epaulet"),
    }
    return summarise(chosen, samples, failed, about)


def check(arguments: argparse.Namespace, run_dir: pathlib.Path) -> list[str]:
    """What `epaulet check` has against the configurations."""
    peers = FeaturePeers(arguments.bin.resolve(), run_dir)
    make_files(run_dir)
    wrong = []
    for one in FEATURES:
        for side in SIDES[one.mode]:
            program, _, _, file = peers.argv(one.name, one.mode, side)
            done = subprocess.run([program, "check", file], capture_output=True, text=True)
            if done.returncode != 0:
                wrong.append(f"{one.name}, {side.name}: {done.stdout}{done.stderr}")
    return wrong


def is_chosen(feature: Feature, words: list[str]) -> bool:
    return not words or feature.name == OFF or any(word in feature.name for word in words)


def summarise(chosen: list[Feature], samples: dict, failed: dict, about: dict) -> dict:
    rows = []
    for one in chosen:
        mine, base = samples[one.mode].get(one.name, []), samples[one.mode].get(OFF, [])
        rows.append(
            {
                "mode": one.mode,
                "feature": one.name,
                "over_nothing": report.paired_ratio(mine, base) if mine and base else None,
                "cpu_us_per_request": report.of_field(mine, "cpu_us_per_request"),
                "noisy_rounds": report.noisy_rounds(mine),
                "failed": failed.get((one.mode, one.name)),
                "change": {"top": one.top, "service": one.service},
            }
        )
    return {"rows": rows, "environment": about}


TITLES = {
    PLAIN: "Inbound, on the plain hop",
    PAIR: "Outbound, in the client's sidecar of the pair with mTLS (both sidecars summed)",
}


def table(told: dict, markdown: bool = False) -> str:
    lines = []
    for mode, title in TITLES.items():
        head = ("", "CPU of a request, over nothing", "quartiles", "CPU us/request", "noisy rounds")
        if markdown:
            lines += ["", f"## {title}", "", _line(head, True), "|---" * len(head) + "|"]
        else:
            lines += ["", title, _line(head, False)]
        for row in (one for one in told["rows"] if one["mode"] == mode):
            lines.append(_line((row["feature"], *_cells(row)), markdown))
    noise = [one for one in told["rows"] if one["feature"] == AGAIN and one["over_nothing"]]
    spread = "; ".join(f"{one['mode']} {report._range(one['over_nothing'], 2)}" for one in noise)
    lines += ["", f"What nothing costs over itself, which is the noise: {spread or 'not measured'}."]
    return "\n".join(lines)


def _line(cells: tuple[str, ...], markdown: bool) -> str:
    if markdown:
        return "| " + " | ".join(cells) + " |"
    return f"  {cells[0]:34}" + "".join(f"{cell:>32}" for cell in cells[1:2]) + "".join(f"{cell:>18}" for cell in cells[2:])


def _cells(row: dict) -> tuple[str, ...]:
    if row["failed"] or not row["over_nothing"]:
        return (f"failed: {(row['failed'] or 'no round finished')[:200]}", "", "", "")
    ratio = row["over_nothing"]
    quartiles = f"{ratio['q1']:.2f}..{ratio['q3']:.2f}"
    cpu = f"{row['cpu_us_per_request']['median']:.1f}"
    return report._range(ratio, 2), quartiles, cpu, f"{row['noisy_rounds']} of {ratio['rounds']}"


def save(told: dict) -> list[pathlib.Path]:
    about = told["environment"]
    day = datetime.date.fromisoformat(about["date"][:10])
    data = RESULTS / f"{day}-{about['commit'][:10]}-features.json"
    data.write_text(json.dumps(told, indent=1) + "\n")
    lines = [f"# What features cost, {about['date']}", table(told, True), "", "## Environment", "", "| | |", "|---|---|"]
    lines += [f"| {key.replace('_', ' ')} | {value} |" for key, value in about.items()]
    page = data.with_suffix(".md")
    page.write_text("\n".join(lines) + "\n")
    return [data, page]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2, help="of load for one sample")
    parser.add_argument("--budget", type=int, default=1500, help="no round is begun that would end after so many s")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help="features whose names have one of these words")
    parser.add_argument("--check", action="store_true", help="measure nothing: `epaulet check` reads every configuration")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--save", action="store_true", help="also benchmarks/results/DATE-COMMIT-features.{json,md}")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    try:
        if os.geteuid() != 0:
            raise MissingError("network namespaces need root")
        if len(os.sched_getaffinity(0)) < 2:
            raise MissingError("two cores are needed")
        tools = ["ip", "nft", "nsenter", "setpriv", "taskset", "openssl"]
        if missing := require_tools(*tools, *([] if arguments.check else ["wrk"])):
            raise MissingError("not on this machine: " + ", ".join(missing))
        remove_leftovers()
        prefix = f"{RUN_DIR_PREFIX}{os.getpid()}-"
        if arguments.check:
            with tempfile.TemporaryDirectory(prefix=prefix) as run_dir:
                wrong = check(arguments, pathlib.Path(run_dir))
            print("\n".join(wrong) or f"all of {len(FEATURES)} are read")
            return 1 if wrong else 0
        with only_one_at_a_time(), tempfile.TemporaryDirectory(prefix=prefix) as run_dir:
            told = measure(arguments, pathlib.Path(run_dir))
    except MissingError as error:
        say(f"features: {error}")
        return 2
    except BenchError as error:
        say(f"features: {error}")
        return 1
    print(json.dumps(told) if arguments.json else table(told))
    for path in save(told) if arguments.save else ():
        say(f"saved {path.relative_to(REPOSITORY)}")
    return 1 if any(row["failed"] for row in told["rows"]) else 0


if __name__ == "__main__":
    sys.exit(main())
