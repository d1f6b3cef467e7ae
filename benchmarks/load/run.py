#!/usr/bin/env python3
"""Measures epaulet beside a raw forwarder, HAProxy and nginx, in one run. See ../README.md.

    run.py [quick|full|smoke] --bin BUILD_DIR [--json] [--save] [--allow-missing]

Exit status: 0 measured; 1 a peer failed or a bound of --at-most does not hold; 2 a peer is missing
or the machine cannot run this; 3 wrong use.
"""

import argparse
import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import sys
import tempfile
import time

import certificates
import checks
import environment
import report
from measure import RequestCounter, Sample, family, load_result, memory_kib, read_now, sample_between
from proxies import PAIR, PEERS, PLAIN, SIDES, TEMPLATES, Peers, template_of
from topology import (APP_PORT, CLIENT_UID, PLAIN_ADDRESS, PROXY_UID, RUN_DIR_PREFIX, BenchError, Program,
                      Topology, remove_leftovers, require_tools)

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
CONNECTIONS = 64
SEED = 20
# For the peers; epaulet's own DNS says which address its service has.
VIRTUAL_ADDRESS, VIRTUAL_PORT = "240.0.0.1", 80
# The window lies inside the load: all connections are up at its start and still work at its end.
MARGIN_SECONDS = 0.15


@dataclasses.dataclass(frozen=True)
class Plan:
    rounds: int
    warm_up_seconds: int  # of load before the measured one: handshakes, pools, caches
    load_seconds: int     # of the measured load, for one sample
    budget_seconds: int   # no round is begun that would end after it


PLANS = {
    "quick": Plan(rounds=5, warm_up_seconds=1, load_seconds=2, budget_seconds=165),
    "full": Plan(rounds=9, warm_up_seconds=1, load_seconds=6, budget_seconds=660),
    "smoke": Plan(rounds=1, warm_up_seconds=1, load_seconds=1, budget_seconds=60),
}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclasses.dataclass(frozen=True)
class Target:
    """Where the load dials, and the namespace that it dials from."""
    role: str
    address: str
    port: int


class Bench:
    def __init__(self, topology: Topology, peers: Peers, counter_path: pathlib.Path, proxy_core: int,
                 load_cores: set[int]):
        self.topology = topology
        self.peers = peers
        self.proxy_core = proxy_core
        self.load_cores = load_cores
        self.commands: dict[str, str] = {}
        self.tls: dict[str, str] = {}
        origin_argv = [str(peers.programs["origin"]), f"0.0.0.0:{APP_PORT}", str(counter_path)]
        self._origin = topology.start("origin", "srv", CLIENT_UID, load_cores, origin_argv)
        self._remember("origin", self._origin)
        checks.wait_until_it_serves(topology, "srv", "127.0.0.1", APP_PORT, "origin", [self._origin])
        self._counter = RequestCounter(counter_path)

    def check_paths(self, modes: list[str]) -> None:
        if PLAIN in modes:
            checks.nothing_bypasses(self.topology, "out", PLAIN_ADDRESS, APP_PORT)
        if PAIR in modes:
            checks.nothing_bypasses(self.topology, "cli", VIRTUAL_ADDRESS, VIRTUAL_PORT)

    def preflight(self, peer: str, mode: str) -> None:
        """Runs the peer once without load and proves that it does the work it is measured at."""
        with self._running(peer, mode) as programs:
            for program in programs:
                self._remember(program.name, program)
            self._wait(peer, mode, programs)
            if mode == PAIR and peer != "floor":
                alpn = "epaulet/1-h1" if peer == "epaulet" else None
                self.tls[peer] = checks.mutual_tls(self.topology, self.peers.run_dir / "identity", alpn)

    def measure(self, peer: str, mode: str, plan: Plan) -> Sample:
        """One sample: a fresh peer, one load, one window inside it."""
        with self._running(peer, mode) as programs:
            target = self._wait(peer, mode, programs)
            pids = family([program.pid for program in programs])
            idle = memory_kib(pids)
            self._load(peer, mode, target, plan.warm_up_seconds).finish()
            answered_before = self._counter.read()
            load = self._load(peer, mode, target, plan.load_seconds)
            end = time.monotonic() + plan.load_seconds - MARGIN_SECONDS
            time.sleep(MARGIN_SECONDS)
            first = read_now(pids, self._counter, self.proxy_core)
            time.sleep(max(0.0, end - time.monotonic()))
            last = read_now(pids, self._counter, self.proxy_core)
            loaded = memory_kib(pids)
            result = load.finish()
            # Every answer that wrk counted came from the origin, once; some were cut off at the end.
            surplus = self._counter.read() - answered_before - result["requests"]
            if not 0 <= surplus <= 2 * CONNECTIONS:
                raise BenchError(f"the origin answered {surplus} requests more than wrk received")
        sample = sample_between(first, last)
        sample.p50_us, sample.p99_us = result["p50_us"], result["p99_us"]
        sample.rss_idle_kib, sample.pss_idle_kib = idle["rss"], idle["pss"]
        sample.rss_loaded_kib, sample.pss_loaded_kib = loaded["rss"], loaded["pss"]
        return sample

    def _load(self, peer: str, mode: str, target: Target, seconds: int) -> "Load":
        argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(HERE / "report.lua"),
                "-H", f"Host: {checks.SERVICE}", f"http://{target.address}:{target.port}/"]
        wrk = self.topology.start("wrk", target.role, CLIENT_UID, self.load_cores, argv)
        self._remember(f"load on {peer}, {mode}", wrk)
        return Load(self.topology, wrk, seconds)

    @contextlib.contextmanager
    def _running(self, peer: str, mode: str):
        programs: list[Program] = []
        try:
            for side in SIDES[mode]:
                argv = self.peers.argv(peer, mode, side)
                programs.append(self.topology.start(f"{peer}-{side.name}", side.role, PROXY_UID, {self.proxy_core}, argv))
            yield programs
        finally:
            self.topology.stop(*reversed(programs))

    def _wait(self, peer: str, mode: str, programs: list[Program]) -> Target:
        """Returns once the peer serves: what the load dials."""
        if mode == PLAIN:
            target = Target("out", PLAIN_ADDRESS, APP_PORT)
        elif peer == "epaulet":
            target = Target("cli", checks.resolve(self.topology, "cli", checks.SERVICE, programs), VIRTUAL_PORT)
        else:
            target = Target("cli", VIRTUAL_ADDRESS, VIRTUAL_PORT)
        checks.wait_until_it_serves(self.topology, target.role, target.address, target.port, f"{peer}, {mode}", programs)
        return target

    def _remember(self, name: str, program: Program) -> None:
        self.commands[name] = self.anonymous(shlex.join(program.argv))

    def anonymous(self, text: str) -> str:
        """The text without this machine's paths and this run's process id."""
        return (text.replace(str(self.peers.run_dir), "$RUN").replace(str(HERE.parents[1]), "$REPOSITORY")
                .replace(f"epbench-{os.getpid()}-", "epbench-"))


class Load:
    """A wrk at work."""

    def __init__(self, topology: Topology, wrk: Program, seconds: int):
        self._topology = topology
        self._wrk = wrk
        self._seconds = seconds

    def finish(self) -> dict:
        """Waits for its end; what it measured."""
        try:
            return load_result(self._wrk, self._seconds + 10)
        finally:
            self._topology.stop(self._wrk)


def run_rounds(bench: Bench, plan: Plan, rows: list[tuple[str, str]], modes: list[str],
               failed: dict[tuple[str, str], str]) -> tuple[dict[str, dict[str, list[Sample | None]]], int]:
    """Every round measures every row once, in an order of its own. Also returns the rounds done."""
    samples: dict[str, dict[str, list[Sample | None]]] = {mode: {} for mode in modes}
    for mode, peer in rows:
        samples[mode][peer] = []
    shuffle = random.Random(SEED)
    begun = time.monotonic()
    longest = 0.0
    rounds_done = 0
    for number in range(1, plan.rounds + 1):
        if time.monotonic() - begun + longest > plan.budget_seconds:
            say(f"stopped after {rounds_done} of {plan.rounds} rounds: the time is used up")
            break
        order = rows[:]
        shuffle.shuffle(order)
        round_begun = time.monotonic()
        for mode, peer in order:
            try:
                sample = bench.measure(peer, mode, plan)
                say(f"round {number}/{plan.rounds}  {mode:8} {peer:8} {sample.cpu_us_per_request:7.1f} us/request")
            except BenchError as error:
                sample = None
                failed[mode, peer] = bench.anonymous(str(error))
                say(f"round {number}/{plan.rounds}  {mode:8} {peer:8} FAILED: {error}")
            samples[mode][peer].append(sample)
        longest = max(longest, time.monotonic() - round_begun)
        rounds_done = number
    return samples, rounds_done


def configurations(names: list[str], modes: list[str], stand_in_used: bool, rules: str) -> dict[str, str]:
    files = {template_of(peer, side) for peer in names for mode in modes for side in SIDES[mode]} - {None}
    texts = {f"peers/{path.name}": path.read_text() for path in sorted(files)}
    source = "peers/redirect.nft" if stand_in_used else "epaulet redirect install"
    return texts | {f"redirect rules, as `nft list ruleset` shows them in the server's pod (by {source})": rules}


def broken_bounds(summary: dict, bounds: list[tuple[str, float]]) -> list[str]:
    broken = []
    for name, limit in bounds:
        value = summary.get(name)
        if not value:
            broken.append(f"{name}: not measured")
        elif value["median"] > limit:
            broken.append(f"{name}: {value['median']:.3f}, allowed {limit}")
    return broken


def measure_all(arguments: argparse.Namespace, run_dir: pathlib.Path) -> int:
    plan = dataclasses.replace(PLANS[arguments.mode], **{
        key: value for key, value in (("rounds", arguments.rounds), ("load_seconds", arguments.seconds)) if value})
    peers = Peers(arguments.bin.resolve(), run_dir)
    if "origin" in peers.missing:
        raise MissingError(peers.missing["origin"])
    absent = {peer: why for peer, why in peers.missing.items() if peer in arguments.peers}
    for peer, why in absent.items():
        say(f"{peer}: absent: {why}")
    if absent and not arguments.allow_missing:
        raise MissingError("refusing to compare without " + ", ".join(absent) + " (--allow-missing measures the rest)")

    cores = os.sched_getaffinity(0)
    proxy_core = max(cores)
    load_cores = cores - {proxy_core}
    os.sched_setaffinity(0, load_cores)
    about = environment.describe(arguments.mode, arguments.bin.resolve(), proxy_core, load_cores)
    certificates.make(run_dir / "identity")
    run_dir.chmod(0o755)
    for path in (run_dir / "identity").rglob("*"):
        shutil.chown(path, PROXY_UID, PROXY_UID)
    log_dir, counter_dir = run_dir / "log", run_dir / "counter"
    log_dir.mkdir()
    counter_dir.mkdir()
    shutil.chown(counter_dir, CLIENT_UID, CLIENT_UID)

    failed: dict[tuple[str, str], str] = {}
    with contextlib.closing(Topology(log_dir)) as topology:
        topology.open()
        epaulet = peers.programs.get("epaulet") if "epaulet" in arguments.peers else None
        topology.redirect(epaulet, TEMPLATES / "redirect.nft")
        bench = Bench(topology, peers, counter_dir / "requests", proxy_core, load_cores)
        bench.check_paths(arguments.only)
        rows = []
        present = [peer for peer in arguments.peers if peer not in absent]
        for mode in arguments.only:
            for peer in present:
                try:
                    bench.preflight(peer, mode)
                    rows.append((mode, peer))
                except BenchError as error:
                    failed[mode, peer] = bench.anonymous(str(error))
                    say(f"{mode} {peer}: FAILED: {error}")
        samples, rounds_done = run_rounds(bench, plan, rows, arguments.only, failed)
        for mode, peer in failed:
            samples[mode].setdefault(peer, [None] * rounds_done)
        rules = topology.rules

    about |= {"load_average_at_end": environment.load_average(), "rounds_planned": plan.rounds, "rounds_done": rounds_done,
              "wrk_seconds": plan.load_seconds, "warm_up_seconds": plan.warm_up_seconds, "connections": CONNECTIONS,
              "seed": SEED, "redirect": "epaulet redirect install" if epaulet else "peers/redirect.nft",
              "version": {peer: peers.version(peer) for peer in present} | environment.tool_versions(),
              "commands": bench.commands}
    summary = report.to_object(report.Results(samples, absent, failed, bench.tls, about))
    if arguments.json:
        print(json.dumps(summary))
    else:
        print(report.table(summary))
    if arguments.save:
        texts = configurations(present, arguments.only, epaulet is None, rules)
        for path in report.save(summary, texts, RESULTS):
            say(f"saved {path.relative_to(HERE.parents[1])}")
    broken = broken_bounds(summary, arguments.at_most)
    for line in broken:
        say(f"bound does not hold: {line}")
    return 1 if failed or broken else 0


class MissingError(Exception):
    """Something that the run cannot do without."""


def parse(argv: list[str]) -> argparse.Namespace:
    class Parser(argparse.ArgumentParser):
        def error(self, message: str):
            self.print_usage(sys.stderr)
            self.exit(3, f"{self.prog}: {message}\n")

    def one_of(allowed: tuple[str, ...]):
        def split(text: str) -> list[str]:
            words = text.split(",")
            for word in words:
                if word not in allowed:
                    raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(allowed)}")
            return [word for word in allowed if word in words]
        return split

    def bound(text: str) -> tuple[str, float]:
        name, _, limit = text.partition("=")
        try:
            return name, float(limit)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER") from None

    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument("mode", nargs="?", choices=PLANS, default="full",
                        help="quick: under 3 minutes; full: about 10; smoke: proves the harness, measures nothing")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="build directory with epaulet, bench_floor, bench_origin")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--save", action="store_true", help="also write benchmarks/results/DATE-COMMIT.{md,json}")
    parser.add_argument("--allow-missing", action="store_true", help="measure what is there; absent peers stay in the table")
    parser.add_argument("--only", type=one_of((PLAIN, PAIR)), default=[PLAIN, PAIR], metavar="MODES")
    parser.add_argument("--peers", type=one_of(PEERS), default=list(PEERS), metavar="PEERS")
    parser.add_argument("--rounds", type=int, choices=range(1, 101), metavar="N")
    parser.add_argument("--seconds", type=int, choices=range(1, 61), metavar="N", help="of load for one sample")
    parser.add_argument("--at-most", type=bound, action="append", default=[], metavar="NAME=NUMBER",
                        help="exit 1 if this ratio's median is larger, for example plain_over_floor=1.5")
    return parser.parse_args(argv)


@contextlib.contextmanager
def only_one_at_a_time():
    with open(pathlib.Path(tempfile.gettempdir()) / "epaulet-bench.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MissingError("another benchmark is running on this machine") from None
        yield


def main(argv: list[str]) -> int:
    arguments = parse(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # through every `finally`
    try:
        if os.geteuid() != 0:
            raise MissingError("network namespaces need root")
        if len(os.sched_getaffinity(0)) < 2:
            raise MissingError("two cores are needed: one for the proxy, one for load generator and origin")
        missing = require_tools("ip", "nft", "nsenter", "setpriv", "taskset", "openssl", "wrk")
        if missing:
            raise MissingError("not on this machine: " + ", ".join(missing)
                               + " (apt-get install iproute2 nftables util-linux openssl wrk)")
        remove_leftovers()
        with only_one_at_a_time(), tempfile.TemporaryDirectory(prefix=f"{RUN_DIR_PREFIX}{os.getpid()}-") as run_dir:
            return measure_all(arguments, pathlib.Path(run_dir))
    except MissingError as error:
        say(f"bench: {error}")
        return 2
    except BenchError as error:
        say(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
