"""Latency of an open loop: what the pair adds at a rate that a service lives at, and near its end.

A direct connection stands beside the peers: what is added is the difference of a quantile, in the
same round, to that of the direct connection.
"""

import dataclasses
import random
import statistics

from bench import SEED, say
from proxies import PAIR, PEERS, PLAIN, Peers, is_pair
from stage import DIRECT_PORT, Stage, Table, between, opened
from topology import CLIENT_UID, PAIR_ADDRESS, PLAIN_ADDRESS, PROXY_UID, BenchError

DIRECT = "direct"
RATE, CONNECTIONS = 1000, 16
BUSY_CONNECTIONS = 64  # near saturation, as in the closed loop that finds out where it is
SHARES = (0.2, 0.5, 0.8)
WARM_UP_SECONDS, SATURATION_SECONDS = 1, 2
MODES = {PLAIN: "plain hop", PAIR: "pair with mTLS"}


@dataclasses.dataclass
class Sample:
    steady: dict
    saturation: float = 0.0  # requests a second; a direct connection has none
    busy: list[dict] = dataclasses.field(default_factory=list)  # one for each of SHARES


class LatencyStage(Stage):
    def latency(self, peer: str, mode: str, seconds: int) -> Sample:
        """A fresh process, warmed; then each rate in turn."""
        if peer == DIRECT:
            return self._latency_of_nobody(mode, seconds)
        with self._running(peer, mode) as programs:
            target = self._wait(peer, mode, programs)

            def load(rate: float, connections: int, for_seconds: int) -> dict:
                to = f"{target.address}:{target.port}"
                args = (target.role, CLIENT_UID, to, rate, connections, for_seconds)
                return self.start_open_loop(*args).finish()

            load(RATE, CONNECTIONS, WARM_UP_SECONDS)
            sample = Sample(load(RATE, CONNECTIONS, seconds))
            closed = self._load(peer, mode, target, SATURATION_SECONDS).finish()
            sample.saturation = closed["requests"] / SATURATION_SECONDS
            for share in SHARES:
                sample.busy.append(load(share * sample.saturation, BUSY_CONNECTIONS, seconds))
        return sample

    def _latency_of_nobody(self, mode: str, seconds: int) -> Sample:
        role, address, uid = ("out", PLAIN_ADDRESS, CLIENT_UID)
        if is_pair(mode):  # as the sidecar would dial, whom no rule redirects
            role, address, uid = ("cli", PAIR_ADDRESS, PROXY_UID)
        to = f"{address}:{DIRECT_PORT}"
        with self.direct():
            self.start_open_loop(role, uid, to, RATE, CONNECTIONS, WARM_UP_SECONDS).finish()
            return Sample(self.start_open_loop(role, uid, to, RATE, CONNECTIONS, seconds).finish())


Samples = dict[tuple[str, str], list[Sample | None]]


def measure(arguments, run_dir) -> list[Table]:
    wanted = [peer for peer in PEERS if peer in arguments.peers]
    peers = Peers(arguments.bin.resolve(), run_dir, wanted)
    absent = [f"{peer}: {peers.missing[peer]}" for peer in wanted if peer in peers.missing]
    rows = [DIRECT, *(peer for peer in wanted if peer not in peers.missing)]
    with opened(LatencyStage, peers, ["floor", "open_loop"]) as stage:
        samples, failed = run_rounds(stage, rows, arguments.rounds, arguments.seconds)
    return [table(mode, rows, samples, failed, absent) for mode in MODES]


def run_rounds(stage: LatencyStage, rows: list[str], rounds: int, seconds: int):
    samples: Samples = {(mode, peer): [] for mode in MODES for peer in rows}
    failed: dict[tuple[str, str], str] = {}
    shuffle = random.Random(SEED)
    for number in range(1, rounds + 1):
        order = list(samples)
        shuffle.shuffle(order)
        for mode, peer in order:
            try:
                sample = stage.latency(peer, mode, seconds)
                said = f"p50 {sample.steady['p50_us']:.0f}, p99 {sample.steady['p99_us']:.0f} us"
            except BenchError as error:
                sample = None
                failed[mode, peer] = said = stage.anonymous(str(error))
            samples[mode, peer].append(sample)
            say(f"round {number}/{rounds}  {mode:8} {peer:8} {said}")
    return samples, failed


def added(samples: Samples, mode: str, peer: str, field: str) -> list[float]:
    """Milliseconds over the direct connection, round by round."""
    pairs = zip(samples[mode, peer], samples[mode, DIRECT], strict=True)
    return [(a.steady[field] - b.steady[field]) / 1000 for a, b in pairs if a and b]


def table(mode: str, rows: list[str], samples: Samples, failed: dict, absent: list[str]) -> Table:
    columns = ["", "p50 ms", "p99 ms", "p99.9 ms", "added p50 ms", "added p99 ms"]
    columns += ["requests/s, saturated", *(f"p50, p99 ms at {share:.0%}" for share in SHARES)]
    lines = []
    for peer in rows:
        done = [sample for sample in samples[mode, peer] if sample]
        if not done:
            lines.append([peer, f"failed: {failed[mode, peer][:200]}", *[""] * (len(columns) - 2)])
            continue
        cells = [between([one.steady[f"{q}_us"] / 1000 for one in done]) for q in ("p50", "p99", "p999")]
        if peer == DIRECT:
            cells += [""] * (len(columns) - 4)
        else:
            cells += [between(added(samples, mode, peer, f"{q}_us"), 3) for q in ("p50", "p99")]
            cells.append(f"{statistics.median(one.saturation for one in done):.0f}")
            for at in range(len(SHARES)):
                p50, p99 = (
                    statistics.median(one.busy[at][f"{q}_us"] for one in done) / 1000
                    for q in ("p50", "p99")
                )
                cells.append(f"{p50:.2f}, {p99:.2f}")
        lines.append([peer, *cells])
    lates = [sample.steady["late_p99_us"] for sample in samples[mode, DIRECT] if sample]
    late = statistics.median(lates) if lates else 0
    notes = [
        f"{RATE} requests a second on {CONNECTIONS} connections, as from many callers (exponential "
        "gaps); latency counts from when a request was due, the load's own delay included "
        f"(without a proxy, 99 % of it below {late:.0f} us)",
        f"at a share of what {BUSY_CONNECTIONS} connections get in a closed loop, of each row its own",
        *absent,
    ]
    data = {
        peer: [sample and dataclasses.asdict(sample) for sample in samples[mode, peer]] for peer in rows
    }
    return Table(f"Latency, {MODES[mode]}", columns, lines, notes, data)
