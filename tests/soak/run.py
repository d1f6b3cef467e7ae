#!/usr/bin/env python3
"""Half an hour of mixed load, with reloads and rotations all the time.

    tests/soak/run.py --bin DIR [--service] [SECONDS]

Two replicas behind mutual TLS, one of them by IPv6, are called through a sidecar and, on a port that
permits it, by a pod outside the mesh: kept and fresh connections, HTTP/2, connections that share
one between the sidecars, uploads, downloads, tunnels, upgrades, and callers that leave in the middle. Every second a configuration changes (of the caller:
which replicas there are), every third a certificate, every minute the root. Claims: no request
fails, no reload is refused, leaves, issuers and roots rotated so often as the length asks for, as
sidecars have seen it, resident memory and descriptors stay flat (medians of the second and the last
quarter), and all is given back when the load ends. Exit status 1 if one does not hold.

With --service the certificates are the identity service's: leaves that live for twelve seconds, a new
issuer every four, a new root as often as its rotation allows, and a service that is away at times.
A tunnel or upgrade that lives longer than its leaf ends with it, as the sidecar that ends it must
say: that is no failure, but one that ends for another reason is.
"""

import argparse
import json
import shutil
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from world import REPOSITORY, ServedWorld, World  # noqa: E402  (the path above first; it sets the others)

from lab import Lab, find_binaries, wait_until  # noqa: E402

LOGS = REPOSITORY / "build" / "logs" / "soak"
STEP_SECONDS = 1.0
GROWTH_MAX = 1.05
DESCRIPTORS_MORE_MAX = 3  # of about 50, the callers' connections among them, which come and go
ROTATED = ("leaves", "issuers", "roots")
INSIDE = {"kept": 6, "fresh": 2, "upload": 1, "download": 1, "tunnel": 3, "upgrade": 3, "rude": 2}
INSIDE |= {"shared": 3, "http2": 1}
OUTSIDE = {"kept": 2, "fresh": 1, "rude": 1, "http2": 1}


class Sample:
    """Resident memory in KiB and open descriptors of each sidecar."""

    def __init__(self, members):
        self.rss, self.descriptors = [], []
        for one in members:
            process = Path(f"/proc/{one.process.pid}")
            status = (process / "status").read_text()
            self.rss.append(int(status.partition("VmRSS:")[2].split()[0]))
            self.descriptors.append(len(list((process / "fd").iterdir())))


class Load:
    """load.py in a pod."""

    def __init__(self, pod, name: str, want: dict):
        script = f"{pod.bind(HERE, 'soak')}/load.py"
        self.process = pod.start(["python3", script, json.dumps(want)], name=name)

    def end(self) -> tuple[Counter, list[str]]:
        """What was done, and every failure."""
        self.process.signal(15)
        wait_until(lambda: self.process.exit_status is not None, "the load to end", 60)
        lines = self.process.lines()
        reports = [json.loads(line) for line in lines if line.startswith("{")]
        failures = [line for line in lines if not line.startswith("{")]
        if not reports or not reports[-1].pop("ended", False):
            return Counter(), [*failures, "the load died"]
        return Counter(reports[-1]), failures


def soak(world: World, seconds: float) -> tuple[Counter, list[str], list[Sample]]:
    """Samples of every step; what was done; what failed."""
    for one in world.replicas:
        script = f"{one.pod.bind(HERE, 'soak')}/app.py"
        app = one.pod.start(["python3", script, "8080", "8081", "--echo", "9000"], name="app")
        app.wait_for_line("serving")
    inside = {"http": ["api2.default", 80], "many": ["many.default", 80]}
    inside |= {"echo": ["echo.default", 9000], "callers": INSIDE}
    outside = {"http": [world.replicas[0].pod.ipv4, 8081], "many": None, "echo": None}
    outside |= {"callers": OUTSIDE}
    loads = [Load(world.api.pod, "load", inside), Load(world.outside, "load", outside)]
    samples, number = [], 0
    end = time.monotonic() + seconds
    while (begun := time.monotonic()) < end:
        number += 1
        world.step(number)
        samples.append(Sample(world.members))
        time.sleep(max(0.0, STEP_SECONDS - (time.monotonic() - begun)))
    done, failures = Counter(), []
    for one in loads:
        some, failed = one.end()
        done += some
        failures += failed
    return done, failures, samples


def quarters(samples: list[Sample], what: str) -> tuple[list[float], list[float]]:
    """Of each sidecar: the median of the second quarter, and that of the last."""
    quarter = max(1, len(samples) // 4)

    def medians(some: list[Sample]) -> list[float]:
        return [statistics.median(values) for values in zip(*(getattr(one, what) for one in some))]

    return medians(samples[quarter : 2 * quarter]), medians(samples[-quarter:])


def left_behind(world: World) -> dict[str, float]:
    """What is still held once all callers have left and idle connections had time to be noticed."""

    def held() -> dict[str, float]:
        return {
            f"{one.pod.name} {name}": value
            for one in world.members
            for name in ("epaulet_connections_active", "epaulet_requests_active")
            if (value := one.counter(name))
        }

    def idle() -> float:
        """What a replica still serves then: connections that the caller's sidecar keeps."""
        states = ("idle", "active")  # the latter is one that is shared, and has no stream then
        return sum(world.api.counter("epaulet_upstream_connections", state=one) for one in states)

    end = time.monotonic() + 20
    while time.monotonic() < end:
        now = held()
        if sum(now.values()) <= idle():
            return {}
        time.sleep(0.5)
    return {**held(), "api's upstream connections": idle()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
    parser.add_argument("--service", action="store_true", help="certificates by the identity service")
    parser.add_argument("seconds", metavar="SECONDS", type=float, nargs="?", default=1800.0)
    arguments = parser.parse_args()
    shutil.rmtree(LOGS, ignore_errors=True)
    with Lab(logs=LOGS) as lab:
        kind = ServedWorld if arguments.service else World
        world = kind(lab, find_binaries(arguments.bin, REPOSITORY))
        before = Sample(world.members)
        done, failures, samples = soak(world, arguments.seconds)
        held = left_behind(world)
        after = Sample(world.members)
        rejected = sum(
            one.counter("epaulet_config_reloads_total", result="rejected") for one in world.members
        )
        cut = [line for line in failures if is_cut(line)] if world.cuts_long_connections else []
        failures = [line for line in failures if line not in cut]
        said = sum(len(one.logged(outcome="tls_peer_expired")) for one in world.members)
        ended = [one.pod.name for one in world.members if not one.process.is_running()]
    rss, descriptors = quarters(samples, "rss"), quarters(samples, "descriptors")
    print(f"done: {dict(done)}, {sum(done.values())} in all; {len(failures)} failed")
    rotated, demanded = world.seen.new(), world.demanded(arguments.seconds)
    print(
        f"changed: {world.reloads} reloads ({rejected:.0f} rejected), in force at sidecars were "
        + ", ".join(f"{count} new {what}" for what, count in zip(ROTATED, rotated))
    )
    tenths = [samples[len(samples) * i // 10].rss for i in range(10)]
    print("KiB by tenths: " + "; ".join(", ".join(map(str, one)) for one in zip(*tenths)))
    print("of " + ", ".join(one.pod.name for one in world.members))
    print(f"    KiB at first {before.rss}, second quarter {rss[0]}, last {rss[1]},")
    print(f"        at most {peak(samples)}, at the end {after.rss}")
    print(f"    descriptors at first {before.descriptors}, second quarter {descriptors[0]},")
    print(f"        last {descriptors[1]}, at the end {after.descriptors}")
    for line in failures[:20]:
        print(f"    {line}")
    if failures:
        by_second = Counter(line.rpartition(" at ")[2].partition(".")[0] for line in failures)
        print("    failed in the second: " + json.dumps(dict(sorted(by_second.items())[:60])))
        print(f"    {LOGS} has what everybody said")
    print(f"long connections that ended with their leaf: {len(cut)}; sidecars told of {said}")
    claims = {
        "no request fails": not failures and all(done[kind] for kind in INSIDE),
        "no reload is rejected": not rejected,
        "resident memory is flat to within 5 %": all(
            late <= early * GROWTH_MAX for early, late in zip(*rss)
        ),
        "descriptors are flat": all(
            late <= early + DESCRIPTORS_MORE_MAX for early, late in zip(*descriptors)
        ),
        **{
            f"{what} rotated, at least {least} new ones: {count}": count >= least
            for what, count, least in zip(ROTATED, rotated, demanded)
            if least
        },
        "a long connection ends with its leaf, and for no other reason": (
            len(cut) <= said and (len(cut) > 0 or not world.cuts_long_connections)
        ),
        f"reloads, at least {arguments.seconds / 4:.0f}: {world.reloads}": (
            world.reloads >= int(arguments.seconds / 4)
        ),
        f"nothing is held at the end {held or ''}": not held,
        f"no sidecar has ended {ended or ''}": not ended,
    }
    for claim, holds in claims.items():
        print(f"{'ok  ' if holds else 'FAIL'} {claim}")
    print(f"soak: {arguments.seconds:g} s, {list(claims.values()).count(False)} claims failed")
    return 0 if all(claims.values()) else 1


def is_cut(failure: str) -> bool:
    """Of a tunnel or upgrade that ended before its caller ended it."""
    return failure.startswith(("failed tunnel: Connection", "failed upgrade: Connection"))


def peak(samples: list[Sample]) -> list[int]:
    return [max(values) for values in zip(*(one.rss for one in samples))]


if __name__ == "__main__":
    sys.exit(main())
