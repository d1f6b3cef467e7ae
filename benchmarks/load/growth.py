"""What a request costs, what a reload takes and what a scrape disturbs when there are many services.

The many stand in the configuration of the client's sidecar of the mTLS pair; one of them is called.
"""

import contextlib
import os
import pathlib
import signal
import statistics
import subprocess
import time
from collections.abc import Callable

import report
from bench import Plan, Target, run_rounds, say
from feature_run import FeaturePeers
from features import AGAIN, IDENTITY, OFF, Feature
from measure import cpu_by_thread
from proxies import PAIR
from run import rows_that_work
from stage import Stage, Table, between, opened
from topology import APP_PORT, CLIENT_UID, PAIR_ADDRESS, Program, until

MANY, SOME = 10_000, 100
MANY_ROUTES = 1000  # a service may have 1,024
METRICS_PORT = 15020
BUDGET_SECONDS = 1500
RATE, CONNECTIONS = 1000, 16
REPEATS = 5
APPLIED = "config_applied"


def routes(count: int) -> dict:
    """Of which the requests of the load match none, so that all are looked at."""
    return {
        "routes": [
            {
                "name": f"r{number}",
                "methods": ["POST", "PUT"],
                "paths": [f"/area-{number}/**"],
                "timeouts": {"request": "10s", "attempt": "10s"},
            }
            for number in range(count)
        ]
    }


def services(count: int) -> dict:
    """The one that is called is the last of them."""
    return {
        "services": {
            f"service-{number}.default": {
                "ports": {"80": "http"},
                "endpoints": {"addresses": [f"{PAIR_ADDRESS}:{APP_PORT}"]},
                "tls": {"mode": "mesh", "identities": [IDENTITY.format(f"service-{number}")]},
                "timeouts": {"request": "10s", "attempt": "3s", "connect": "1s"},
                "retries": {"max": 3, "backoff": {"initial": "1s", "jitter": "full"}, "budget": "20%"},
                **routes(1),
            }
            for number in range(count - 1)
        }
    }


ONE = Feature(OFF, PAIR, service=routes(1))
SOME_SERVICES = Feature(f"{SOME} services", PAIR, services(SOME), routes(1))
MANY_SERVICES = Feature(f"{MANY:,} services", PAIR, services(MANY), routes(1))
ROWS = (
    ONE,
    Feature(AGAIN, PAIR, service=routes(1)),
    SOME_SERVICES,
    MANY_SERVICES,
    Feature(f"1 service, {SOME} routes", PAIR, service=routes(SOME)),
    Feature(f"1 service, {MANY_ROUTES:,} routes", PAIR, service=routes(MANY_ROUTES)),
)
NAMES = {OFF: "1 service, 1 route", AGAIN: "the same, again"}


class GrowthStage(Stage):
    @contextlib.contextmanager
    def pair(self, feature: Feature):
        """Yields what the load dials and the client's sidecar, on all cores: its worker and its
        control thread share one in the other runs, as no sidecar must."""
        with self._running(feature.name, PAIR) as programs:
            target = self._wait(feature.name, PAIR, programs)
            client = next(one for one in programs if one.name.endswith("pair-client"))
            for task in pathlib.Path(f"/proc/{client.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), self.load_cores | {self.proxy_core})
            yield target, client

    def under_load(self, target: Target, seconds: int, meanwhile: Callable[[], object]) -> dict:
        """The result of an open loop; `meanwhile` is called again and again until it is over."""
        to = f"{target.address}:{target.port}"
        load = self.start_open_loop(target.role, CLIENT_UID, to, RATE, CONNECTIONS, seconds)
        time.sleep(0.5)  # that the load does not count
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            meanwhile()
        return load.finish()

    def reload(self, client: Program) -> tuple[float, dict[str, float]]:
        """Seconds until it is in force, and what it costs each thread, in milliseconds of CPU."""
        before, applied = cpu_by_thread([client.pid]), client.said().count(APPLIED)
        begin = time.monotonic()
        client.signal(signal.SIGHUP)
        until(60, lambda: client.said().count(APPLIED) > applied or None, "a reload")
        took = time.monotonic() - begin
        time.sleep(0.1)  # the worker takes what it is given, and threads that sleep are counted
        spent: dict[str, float] = {}
        for (pid, thread), cpu in cpu_by_thread([client.pid]).items():
            name = pathlib.Path(f"/proc/{pid}/task/{thread}/comm").read_text().strip()
            spent[name] = spent.get(name, 0) + (cpu - before[pid, thread]) / 1e6
        return took, spent

    def scrape(self) -> tuple[float, int]:
        """Seconds and bytes."""
        begin, size = time.monotonic(), 0
        with self.topology.connect("cli", "127.0.0.1", METRICS_PORT, 30) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")
            while chunk := connection.recv(1 << 20):
                size += len(chunk)
        return time.monotonic() - begin, size


def peers_of(arguments, run_dir: pathlib.Path) -> FeaturePeers:
    return FeaturePeers(arguments.bin.resolve(), run_dir, ROWS)


def measure_cost(arguments, run_dir: pathlib.Path) -> list[Table]:
    plan = Plan(arguments.rounds, 1, arguments.seconds, BUDGET_SECONDS)
    failed: dict[tuple[str, str], str] = {}
    with opened(GrowthStage, peers_of(arguments, run_dir), []) as stage:
        rows = rows_that_work(stage, [one.name for one in ROWS], [PAIR], failed)
        samples, _ = run_rounds(stage, plan, rows, [PAIR], failed)
    found = samples[PAIR]
    lines = []
    for one in ROWS:
        mine = found.get(one.name, [])
        if not any(mine):
            lines.append([NAMES.get(one.name, one.name), f"failed: {failed[PAIR, one.name][:200]}", "", "", ""])
            continue
        resident = statistics.median(sample.rss_idle_kib for sample in mine if sample) / 1024
        lines.append(
            [
                NAMES.get(one.name, one.name),
                "" if one is ONE else report._range(report.paired_ratio(mine, found[OFF]), 3),
                between([sample.cpu_us_per_request for sample in mine if sample], 1),
                f"{resident:.1f}",
                f"{report.noisy_rounds(mine)} of {len(mine)}",
            ]
        )
    columns = ["", "CPU of a request, over the first", "CPU us/request", "MiB idle, both", "noisy rounds"]
    notes = ["routes are looked at in their order, and none of those here matches"]
    return [Table("Growth: what a request of the pair costs (both sidecars summed)", columns, lines, notes)]


def measure_reload(arguments, run_dir: pathlib.Path) -> list[Table]:
    columns = ["", "YAML MB", "in force after s", "control thread, CPU ms", "over yaml-cpp's events"]
    columns += ["worker, CPU ms", "longest ms of the load", "... without reloads"]
    lines = []
    with opened(GrowthStage, peers_of(arguments, run_dir), ["open_loop", "yaml_events"]) as stage:
        for feature in (ONE, SOME_SERVICES, MANY_SERVICES):
            say(f"reload: {NAMES.get(feature.name, feature.name)}")
            lines.append(_reload_row(stage, feature, run_dir, arguments.seconds))
    notes = [
        "over yaml-cpp's events: the control thread's CPU over what yaml-cpp needs to parse the same "
        "file into events that nobody takes",
        "worker: what a reload without traffic costs the worker, so no pause of it is longer",
        f"longest: of {RATE} requests a second in an open loop, while reload follows reload; all "
        "programs share the machine's cores, so the kernel's choices are in it",
    ]
    return [Table("Growth: reload (SIGHUP, the file is read anew)", columns, lines, notes)]


def _reload_row(stage: GrowthStage, feature: Feature, run_dir: pathlib.Path, seconds: int) -> list[str]:
    with stage.pair(feature) as (target, client):
        reloads = [stage.reload(client) for _ in range(REPEATS)]
        quiet = stage.under_load(target, seconds, lambda: time.sleep(0.1))
        busy = stage.under_load(target, seconds, lambda: stage.reload(client))
    file = run_dir / "config" / "pair-client.yaml"
    argv = [str(stage.peers.programs["yaml_events"]), str(file)]
    events = [
        float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout) * 1000
        for _ in range(REPEATS)
    ]
    of_control = [spent["epaulet"] for _, spent in reloads]
    return [
        NAMES.get(feature.name, feature.name),
        f"{file.stat().st_size / 1e6:.2f}",
        between([took for took, _ in reloads], 3),
        between(of_control, 1),
        f"{statistics.median(of_control) / statistics.median(events):.2f}",
        between([spent["worker"] for _, spent in reloads], 3),
        f"{busy['max_us'] / 1000:.1f}",
        f"{quiet['max_us'] / 1000:.1f}",
    ]


def measure_scrape(arguments, run_dir: pathlib.Path) -> list[Table]:
    columns = ["", "KB", "ms", "p99 ms, one scrape a second", "p99 ms, none", "difference"]
    lines = []
    with opened(GrowthStage, peers_of(arguments, run_dir), ["open_loop"]) as stage:
        for feature in (ONE, SOME_SERVICES, MANY_SERVICES):
            say(f"scrape: {NAMES.get(feature.name, feature.name)}")
            lines.append(_scrape_row(stage, feature, arguments.rounds, arguments.seconds))
    notes = [f"{RATE} requests a second in an open loop; rounds with scrapes and without alternate"]
    return [Table("Growth: scrape of /metrics", columns, lines, notes)]


def _scrape_row(stage: GrowthStage, feature: Feature, rounds: int, seconds: int) -> list[str]:
    def scrape_each_second() -> None:
        begin = time.monotonic()
        stage.scrape()
        time.sleep(max(0.0, begin + 1 - time.monotonic()))

    scraped, quiet = [], []
    with stage.pair(feature) as (target, _):
        stage.under_load(target, 1, lambda: time.sleep(0.1))
        scrapes = [stage.scrape() for _ in range(REPEATS)]
        for _ in range(rounds):
            scraped.append(stage.under_load(target, seconds, scrape_each_second)["p99_us"] / 1000)
            quiet.append(stage.under_load(target, seconds, lambda: time.sleep(0.1))["p99_us"] / 1000)
    return [
        NAMES.get(feature.name, feature.name),
        f"{scrapes[-1][1] / 1000:.0f}",
        between([took * 1000 for took, _ in scrapes], 1),
        between(scraped),
        between(quiet),
        between([a - b for a, b in zip(scraped, quiet, strict=True)], 3),
    ]
