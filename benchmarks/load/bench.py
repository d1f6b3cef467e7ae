"""A run: every peer in every mode, one at a time, sample by sample and round by round."""

import base64
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import random
import shlex
import sys
import time
from collections.abc import Callable

import checks
from measure import (
    RequestCounter,
    Sample,
    family,
    load_result,
    load_result_of_grpc,
    load_result_of_http2,
    memory_kib,
    read_now,
    sample_between,
)
from proxies import RESUMED, SIDES, Peers, is_grpc, is_handshake, is_http2, is_pair, path_of
from topology import (
    APP_PORT,
    CLIENT_UID,
    PAIR_ADDRESS,
    PLAIN_ADDRESS,
    PROXY_UID,
    BenchError,
    NotInTime,
    Program,
    Topology,
    until,
)

HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 64  # of HTTP/1.1, each with one request at a time
HTTP2_CONNECTIONS, HTTP2_STREAMS = 8, 8  # as many requests at a time
GRPC_TEXT_BYTES = 121  # of a message that is 128 bytes long with its prefixes, as the answer is
SEED = 20
# For the peers; epaulet's own DNS says which address its service has.
VIRTUAL_ADDRESS, VIRTUAL_PORT = "240.0.0.1", 80
# The window lies inside the load: all connections are up at its start and still work at its end.
MARGIN_SECONDS = 0.15


@dataclasses.dataclass(frozen=True)
class Plan:
    rounds: int
    warm_up_seconds: int  # of load before the measured one: handshakes, pools, caches
    load_seconds: int  # of the measured load, for one sample
    budget_seconds: int  # no round is begun that would end after it


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
    def __init__(
        self,
        topology: Topology,
        peers: Peers,
        counter_path: pathlib.Path,
        proxy_core: int,
        load_cores: set[int],
        ghz: pathlib.Path | None = None,
    ):
        self.topology = topology
        self._ghz = ghz
        self.peers = peers
        self.proxy_core = proxy_core
        self.load_cores = load_cores
        self.commands: dict[str, str] = {}
        self.tls: dict[str, str] = {}
        origin_argv = [str(peers.programs["origin"]), f"0.0.0.0:{APP_PORT}", str(counter_path)]
        self._origin = topology.start("origin", "srv", CLIENT_UID, load_cores, origin_argv)
        self._remember("origin", self._origin)
        checks.wait_until_it_serves(
            topology, "srv", "127.0.0.1", APP_PORT, "origin", [self._origin]
        )
        self._requests = RequestCounter(counter_path)
        self._handshakes_path = counter_path.parent.parent / "handshakes"
        self._handshakes = RequestCounter(self._handshakes_path)

    def _counter_of(self, mode: str) -> RequestCounter:
        return self._handshakes if is_handshake(mode) else self._requests

    def check_paths(self, modes: list[str]) -> None:
        if not all(map(is_pair, modes)):
            checks.nothing_bypasses(self.topology, "out", PLAIN_ADDRESS, APP_PORT)
        if any(is_pair(mode) and not is_handshake(mode) for mode in modes):
            checks.nothing_bypasses(self.topology, "cli", VIRTUAL_ADDRESS, VIRTUAL_PORT)

    def preflight(self, peer: str, mode: str) -> None:
        """Runs the peer once without load and proves that it does the work it is measured at."""
        with self._running(peer, mode) as programs:
            for program in programs:
                self._remember(program.name, program)
            self._wait(peer, mode, programs)
            if is_pair(mode) and peer != "floor":
                self.tls[peer] = self._mutual_tls(peer)

    def _mutual_tls(self, peer: str) -> str:
        identity = self.peers.run_dir / "identity"
        return checks.mutual_tls(self.topology, identity, self.peers.alpn(peer))

    def measure(self, peer: str, mode: str, plan: Plan) -> Sample:
        """One sample: a fresh peer, one load, one window inside it."""
        with self._running(peer, mode) as programs:
            target = self._wait(peer, mode, programs)
            pids = family([program.pid for program in programs])
            idle = memory_kib(pids)
            counter = self._counter_of(mode)
            self._load(peer, mode, target, plan.warm_up_seconds).finish()
            answered_before = counter.read()
            load = self._load(peer, mode, target, plan.load_seconds)
            end = time.monotonic() + plan.load_seconds - MARGIN_SECONDS
            time.sleep(MARGIN_SECONDS)
            first = read_now(pids, counter, self.proxy_core)
            time.sleep(max(0.0, end - time.monotonic()))
            last = read_now(pids, counter, self.proxy_core)
            loaded = memory_kib(pids)
            result = load.finish()
            # Every answer that the load counted came from the origin, once; some were cut off.
            surplus = counter.read() - answered_before - result["requests"]
            if not 0 <= surplus <= 2 * CONNECTIONS:
                raise BenchError(f"the origin answered {surplus} requests more than were received")
        sample = sample_between(first, last)
        sample.p50_us, sample.p99_us = result["p50_us"], result["p99_us"]
        sample.rss_idle_kib, sample.pss_idle_kib = idle["rss"], idle["pss"]
        sample.rss_loaded_kib, sample.pss_loaded_kib = loaded["rss"], loaded["pss"]
        return sample

    def _load(self, peer: str, mode: str, target: Target, seconds: int) -> "Load":
        if is_handshake(mode):
            return self._load_handshakes(peer, mode, target, seconds)
        if is_grpc(mode):
            return self._load_grpc(peer, mode, target, seconds)
        if is_http2(mode):
            return self._load_http2(peer, mode, target, seconds)
        argv = [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds}s",
            "--latency",
            "-s",
            str(HERE / "report.lua"),
            "-H",
            f"Host: {checks.SERVICE}",
            *(word for line in self.peers.headers(peer) for word in ("-H", line)),
            f"http://{target.address}:{target.port}{path_of(mode)}",
        ]
        wrk = self.topology.start("wrk", target.role, CLIENT_UID, self.load_cores, argv)
        self._remember(f"load on {peer}, {mode}", wrk)
        return Load(self.topology, wrk, lambda: load_result(wrk, seconds + 10))

    def _load_http2(self, peer: str, mode: str, target: Target, seconds: int) -> "Load":
        log = self.peers.run_dir / "counter" / "h2load.log"
        argv = [
            "h2load",
            "-t1",
            f"-c{HTTP2_CONNECTIONS}",
            f"-m{HTTP2_STREAMS}",
            f"-D{seconds}s",
            f"--log-file={log}",
            f"--connect-to={target.address}:{target.port}",
            f"http://{checks.SERVICE}/",
        ]
        h2load = self.topology.start("h2load", target.role, CLIENT_UID, self.load_cores, argv)
        self._remember(f"load on {peer}, {mode}", h2load)
        return Load(
            self.topology, h2load, lambda: load_result_of_http2(h2load, log, seconds + 10)
        )

    def _load_grpc(self, peer: str, mode: str, target: Target, seconds: int) -> "Load":
        text = base64.b64encode(b"." * GRPC_TEXT_BYTES).decode()
        argv = [
            str(self._ghz),
            "--insecure",
            f"--proto={HERE / 'call.proto'}",
            "--call=bench.Bench.Call",
            f"--authority={checks.SERVICE}",
            f"--data={json.dumps({'text': text})}",
            f"--concurrency={HTTP2_CONNECTIONS * HTTP2_STREAMS}",
            f"--connections={HTTP2_CONNECTIONS}",
            f"--duration={seconds}s",
            "--duration-stop=wait",
            "--format=json",
            f"{target.address}:{target.port}",
        ]
        ghz = self.topology.start("ghz", target.role, CLIENT_UID, self.load_cores, argv)
        self._remember(f"load on {peer}, {mode}", ghz)
        return Load(self.topology, ghz, lambda: load_result_of_grpc(ghz, seconds + 10))

    def _load_handshakes(self, peer: str, mode: str, target: Target, seconds: int) -> "Load":
        argv = [
            str(self.peers.programs["handshakes"]),
            f"{target.address}:{target.port}",
            str(self.peers.run_dir / "identity" / "client"),
            self.peers.alpn(peer) or "-",
            "resumed" if mode == RESUMED else "full",
            str(seconds),
            str(self._handshakes_path),
        ]
        # As the client's sidecar dials.
        shaker = self.topology.start("handshakes", target.role, PROXY_UID, self.load_cores, argv)
        self._remember(f"load on {peer}, {mode}", shaker)
        return Load(self.topology, shaker, lambda: load_result(shaker, seconds + 10))

    @contextlib.contextmanager
    def _running(self, peer: str, mode: str):
        programs: list[Program] = []
        try:
            for side in SIDES[mode]:
                argv = self.peers.argv(peer, mode, side)
                programs.append(
                    self.topology.start(
                        f"{peer}-{side.name}", side.role, PROXY_UID, {self.proxy_core}, argv
                    )
                )
            yield programs
        finally:
            self.topology.stop(*reversed(programs))

    def _wait(self, peer: str, mode: str, programs: list[Program]) -> Target:
        """Returns once the peer serves: what the load dials."""
        if is_handshake(mode):
            self._wait_for_tls(peer)
            return Target("cli", PAIR_ADDRESS, APP_PORT)
        if not is_pair(mode):
            target = Target("out", PLAIN_ADDRESS, APP_PORT)
        elif self.peers.is_ours(peer):
            target = Target(
                "cli", checks.resolve(self.topology, "cli", checks.SERVICE, programs), VIRTUAL_PORT
            )
        else:
            target = Target("cli", VIRTUAL_ADDRESS, VIRTUAL_PORT)
        checks.wait_until_it_serves(
            self.topology,
            target.role,
            target.address,
            target.port,
            f"{peer}, {mode}",
            programs,
            checks.get_by_http2
            if is_http2(mode)
            else functools.partial(checks.get, headers=self.peers.headers(peer)),
        )
        return target

    def _wait_for_tls(self, peer: str) -> None:
        def attempt() -> str | None:
            try:
                return self._mutual_tls(peer)
            except BenchError as error:
                raise ConnectionError(error) from None

        try:
            until(8, attempt, f"{peer}: mutual TLS")
        except NotInTime as error:
            raise BenchError(str(error)) from None

    def _remember(self, name: str, program: Program) -> None:
        self.commands[name] = self.anonymous(shlex.join(program.argv))

    def anonymous(self, text: str) -> str:
        """The text without this machine's paths and this run's process id."""
        return (
            text.replace(str(self.peers.run_dir), "$RUN")
            .replace(str(HERE.parents[1]), "$REPOSITORY")
            .replace(f"epbench-{os.getpid()}-", "epbench-")
        )


class Load:
    """A load generator at work. `result` waits for its end."""

    def __init__(self, topology: Topology, program: Program, result: Callable[[], dict]):
        self._topology = topology
        self._program = program
        self._result = result

    def finish(self) -> dict:
        """Waits for its end; what it measured."""
        try:
            return self._result()
        finally:
            self._topology.stop(self._program)


def run_rounds(
    bench: Bench,
    plan: Plan,
    rows: list[tuple[str, str]],
    modes: list[str],
    failed: dict[tuple[str, str], str],
) -> tuple[dict[str, dict[str, list[Sample | None]]], int]:
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
                say(
                    f"round {number}/{plan.rounds}  {mode:8} {peer:8} "
                    f"{sample.cpu_us_per_request:7.1f} us/request"
                )
            except BenchError as error:
                sample = None
                failed[mode, peer] = bench.anonymous(str(error))
                say(f"round {number}/{plan.rounds}  {mode:8} {peer:8} FAILED: {error}")
            samples[mode][peer].append(sample)
        longest = max(longest, time.monotonic() - round_begun)
        rounds_done = number
    return samples, rounds_done
