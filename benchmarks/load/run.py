#!/usr/bin/env python3
"""Measures epaulet beside a raw forwarder, HAProxy, nginx and Envoy, in one run. See ../README.md.

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
import shutil
import signal
import sys
import tempfile

import certificates
import environment
import extras
import report
from bench import CONNECTIONS, PLANS, SEED, Bench, run_rounds, say
from proxies import (
    MODES,
    OPTIONAL_PEERS,
    PAIR,
    PEERS,
    PLAIN,
    SIDES,
    TEMPLATES,
    Peers,
    can_serve,
    is_grpc,
    is_http2,
    template_of,
)
from topology import (
    CLIENT_UID,
    PROXY_UID,
    RUN_DIR_PREFIX,
    BenchError,
    Topology,
    remove_leftovers,
    require_tools,
)

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"


def configurations(
    names: list[str], modes: list[str], stand_in_used: bool, rules: str
) -> dict[str, str]:
    files = {
        template_of(peer, side) for peer in names for mode in modes for side in SIDES[mode]
    } - {None}
    texts = {f"peers/{path.name}": path.read_text() for path in sorted(files)}
    source = "peers/redirect.nft" if stand_in_used else "epaulet redirect install"
    return texts | {
        f"redirect rules, as `nft list ruleset` shows them in the server's pod (by {source})": rules
    }


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
    plan = PLANS[arguments.mode]
    plan = dataclasses.replace(
        plan,
        rounds=arguments.rounds or plan.rounds,
        load_seconds=arguments.seconds or plan.load_seconds,
    )
    peers = Peers(arguments.bin.resolve(), run_dir, arguments.peers)
    ghz = find_ghz(arguments.only, run_dir)
    absent = refuse_or_list_missing(peers, arguments)
    present = [peer for peer in arguments.peers if peer not in absent]

    cores = os.sched_getaffinity(0)
    proxy_core = max(cores)
    load_cores = cores - {proxy_core}
    os.sched_setaffinity(0, load_cores)
    about = environment.describe(arguments.mode, arguments.bin.resolve(), proxy_core, load_cores)
    make_files(run_dir)

    failed: dict[tuple[str, str], str] = {}
    with contextlib.closing(Topology(run_dir / "log")) as topology:
        topology.open()
        epaulet = peers.programs["epaulet"] if "epaulet" in present else None
        topology.redirect(epaulet, TEMPLATES / "redirect.nft")
        counter = run_dir / "counter" / "requests"
        bench = Bench(topology, peers, counter, proxy_core, load_cores, ghz)
        bench.check_paths(arguments.only)
        rows = rows_that_work(bench, present, arguments.only, failed)
        samples, rounds_done = run_rounds(bench, plan, rows, arguments.only, failed)
    for mode, peer in failed:
        samples[mode].setdefault(peer, [None] * rounds_done)

    about |= {
        "load_average_at_end": environment.load_average(),
        "rounds_planned": plan.rounds,
        "rounds_done": rounds_done,
        "wrk_seconds": plan.load_seconds,
        "warm_up_seconds": plan.warm_up_seconds,
        "connections": CONNECTIONS,
        "seed": SEED,
        "redirect": "epaulet redirect install" if epaulet else "peers/redirect.nft",
        "version": {peer: peers.version(peer) for peer in present} | environment.tool_versions(ghz),
        "commands": bench.commands,
    }
    summary = report.to_object(report.Results(samples, absent, failed, bench.tls, about))
    print(json.dumps(summary) if arguments.json else report.table(summary))
    if arguments.save:
        texts = configurations(present, arguments.only, epaulet is None, topology.rules)
        for path in report.save(summary, texts, RESULTS):
            say(f"saved {path.relative_to(HERE.parents[1])}")
    broken = broken_bounds(summary, arguments.at_most)
    for line in broken:
        say(f"bound does not hold: {line}")
    return 1 if failed or broken else 0


def refuse_or_list_missing(peers: Peers, arguments: argparse.Namespace) -> dict[str, str]:
    """The peers that were asked for and are not there, with the reason, if that is allowed."""
    for program in ("origin", "handshakes"):
        if program in peers.missing:
            raise MissingError(peers.missing[program])
    absent = {peer: why for peer, why in peers.missing.items() if peer in arguments.peers}
    for peer, why in absent.items():
        say(f"{peer}: absent: {why}")
    needed = [peer for peer in absent if peer not in OPTIONAL_PEERS]
    if needed and not arguments.allow_missing:
        names = ", ".join(needed)
        raise MissingError(
            f"refusing to compare without {names} (--allow-missing measures the rest)"
        )
    return absent


def find_ghz(modes: list[str], run_dir: pathlib.Path) -> pathlib.Path | None:
    if not any(map(is_grpc, modes)):
        return None
    try:  # a copy: the load's uid may not read where it was built
        return pathlib.Path(shutil.copy(extras.ghz(), run_dir / "bin"))
    except extras.LabError as error:
        raise MissingError(f"the gRPC modes need ghz: {error}") from None


def make_files(run_dir: pathlib.Path) -> None:
    """Certificates and folders, each readable by the user who needs it."""
    certificates.make(run_dir / "identity")
    run_dir.chmod(0o755)
    for path in (run_dir / "identity").rglob("*"):
        shutil.chown(path, PROXY_UID, PROXY_UID)
    (run_dir / "log").mkdir()
    (run_dir / "counter").mkdir()
    shutil.chown(run_dir / "counter", CLIENT_UID, CLIENT_UID)
    handshakes = run_dir / "handshakes"
    handshakes.write_bytes(bytes(8))
    shutil.chown(handshakes, PROXY_UID, PROXY_UID)


def rows_that_work(
    bench: Bench, present: list[str], modes: list[str], failed: dict[tuple[str, str], str]
) -> list[tuple[str, str]]:
    """Tries every peer in every mode; those that do not work are added to `failed`."""
    rows = []
    for mode in modes:
        for peer in present:
            if not can_serve(peer, mode):
                continue
            try:
                bench.preflight(peer, mode)
                rows.append((mode, peer))
            except BenchError as error:
                failed[mode, peer] = bench.anonymous(str(error))
                say(f"{mode} {peer}: FAILED: {error}")
    return rows


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
    parser.add_argument(
        "mode",
        nargs="?",
        choices=PLANS,
        default="full",
        help="quick: under 3 minutes; full: about 10; smoke: proves the harness, measures nothing",
    )
    parser.add_argument(
        "--bin",
        type=pathlib.Path,
        required=True,
        help="build directory with epaulet and bench_programs",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument(
        "--save", action="store_true", help="also write benchmarks/results/DATE-COMMIT.{md,json}"
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="measure what is there; absent peers stay in the table",
    )
    parser.add_argument(
        "--only",
        type=one_of(MODES),
        default=[PLAIN, PAIR],
        metavar="MODES",
        help="of %s; the first two unless told" % ", ".join(MODES),
    )
    parser.add_argument(
        "--peers",
        type=one_of(PEERS),
        metavar="PEERS",
        help="of %s; all of them in a full run, else all but the last" % ", ".join(PEERS),
    )
    parser.add_argument("--rounds", type=int, choices=range(1, 101), metavar="N")
    parser.add_argument(
        "--seconds", type=int, choices=range(1, 61), metavar="N", help="of load for one sample"
    )
    parser.add_argument(
        "--at-most",
        type=bound,
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="exit 1 if this ratio's median is larger, for example plain_over_floor=1.5",
    )
    arguments = parser.parse_args(argv)
    if arguments.peers is None:
        left_out = OPTIONAL_PEERS if arguments.mode != "full" else ()
        arguments.peers = [peer for peer in PEERS if peer not in left_out]
    return arguments


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
            raise MissingError(
                "two cores are needed: one for the proxy, one for load generator and origin"
            )
        tools = ["ip", "nft", "nsenter", "setpriv", "taskset", "openssl", "wrk"]
        tools += ["h2load"] if any(map(is_http2, arguments.only)) else []
        missing = require_tools(*tools)
        if missing:
            raise MissingError(
                "not on this machine: "
                + ", ".join(missing)
                + " (apt-get install iproute2 nftables util-linux openssl wrk nghttp2-client)"
            )
        remove_leftovers()
        with only_one_at_a_time(), tempfile.TemporaryDirectory(
            prefix=f"{RUN_DIR_PREFIX}{os.getpid()}-"
        ) as run_dir:
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
