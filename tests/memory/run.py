#!/usr/bin/env python3
"""A sidecar with 32 MiB (memory.max of a control group), offered far more than fits.

    tests/memory/run.py --bin DIR

5,000 idle connections and 500 busy ones, plain from the app beside it and with mutual TLS from
another pod; once the idle ones stay, once they leave before the busy ones come. The kernel must not
kill it, what is in excess is refused at accept and counted, who was admitted is served to the end.
Prints what was admitted; exit status 1 if a claim does not hold. Needs root and a control group
hierarchy that it may write to (version 1 or 2).
"""

import argparse
import json
import os
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(REPOSITORY / "tests" / "support"), str(REPOSITORY / "tests" / "netns")]
from lab import Lab, LabError, find_binaries  # noqa: E402  (the path above first)
from mesh import CALLEE, CALLER, App, Mesh  # noqa: E402

MEMORY_BYTES = 32 << 20
IDLE, BUSY, ASKS = 5000, 500, 20
BODY_BYTES = 256 << 10
ADMITTED_AT_LEAST = 300
ONE_WORKER = "workers: 1\n"


class Group:
    """A control group of our own with a memory limit."""

    def __init__(self, name: str):
        v1 = Path("/sys/fs/cgroup/memory")
        self.v1 = v1.is_dir()
        root = v1 if self.v1 else Path("/sys/fs/cgroup")
        line = next(
            line.split(":", 2)
            for line in Path("/proc/self/cgroup").read_text().splitlines()
            if ("memory" in line.split(":")[1]) == self.v1
        )
        self.home = root / line[2].lstrip("/")
        self.path = root / name
        try:
            if not self.v1:
                (root / "cgroup.subtree_control").write_text("+memory")
            self.path.mkdir()
            limit = "memory.limit_in_bytes" if self.v1 else "memory.max"
            (self.path / limit).write_text(str(MEMORY_BYTES))
        except OSError as error:
            raise LabError(f"no control group with a memory limit can be made: {error}") from None

    @contextmanager
    def inside(self):
        """What is started in this block belongs to the group."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield
        finally:
            (self.home / "cgroup.procs").write_text(str(os.getpid()))

    def kills(self) -> int:
        file = "memory.oom_control" if self.v1 else "memory.events"
        words = (self.path / file).read_text().split()
        return int(words[words.index("oom_kill") + 1])

    def peak_bytes(self) -> int:
        file = "memory.max_usage_in_bytes" if self.v1 else "memory.peak"
        return int((self.path / file).read_text())

    def remove(self) -> None:
        self.path.rmdir()


def serve_bodies(app: App) -> None:
    def answer(wire) -> None:
        wire.socket.settimeout(None)
        while head := wire.head():
            size = int(head.split()[1].strip(b"/"))
            wire.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size)

    threading.stack_size(256 << 10)
    app.serve(answer)


def measure(lab: Lab, group: Group, binaries, secure: bool, hold: bool) -> dict:
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", ONE_WORKER + CALLER, start=False)
    api2 = mesh.member("api2", ONE_WORKER + CALLEE, start=False)
    limited, other = (api2, api) if secure else (api, api2)
    with group.inside():
        limited.sidecar.start()
    other.sidecar.start()
    for one in (api, api2):
        one.sidecar.wait_ready()
    limit = limited.wait_logged(event="connections_limited")["connections"]
    serve_bodies(api2.app(backlog=1024))
    want = {"idle": IDLE, "busy": BUSY, "asks": ASKS, "length": BODY_BYTES, "patience": 240}
    want["hold"] = hold
    if secure:
        pod = lab.pod("crowd")
        identity = pod.bind(mesh.issue("api"), "identity")
        want |= {"address": api2.pod.ipv4, "port": 8080, "identity": identity}
    else:
        pod = api.pod
        want |= {"address": api.address_of("api2.default"), "port": 80}
    script = pod.bind(HERE, "memory-test")
    done = pod.run(["python3", f"{script}/offer.py", json.dumps(want)], timeout=300)
    return json.loads(done.stdout) | {
        "limit": limit,
        "outcomes": dict(Counter(record.get("outcome", "-") for record in limited.logged())),
        # Answered by the process that was started: a killed one is not started again.
        "counted_refused": limited.counter("epaulet_connections_refused_total", reason="overload"),
        "killed": group.kills(),
        "peak_mib": round(group.peak_bytes() / (1 << 20), 1),
    }


def check(told: dict, hold: bool) -> list[str]:
    idle, busy = told["idle"], told["busy"]
    refused = idle["refused"] + busy["refused"]
    claims = {
        "never killed": told["killed"] == 0,
        "no admitted request failed": idle["failed"] == busy["failed"] == 0,
        "the excess is counted": told["counted_refused"] == refused,
        "enough idle ones are admitted": ADMITTED_AT_LEAST <= idle["admitted"] <= told["limit"],
        "all offered are accounted for": idle["admitted"] + idle["refused"] == IDLE,
        "the idle ones are still served": not hold or told["still_served"] == idle["admitted"],
        "enough busy ones are admitted": hold or busy["admitted"] >= ADMITTED_AT_LEAST,
    }
    return [claim for claim, holds in claims.items() if not holds]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
    binaries = find_binaries(parser.parse_args().bin, REPOSITORY)
    failed = 0
    for secure in (False, True):
        for hold in (True, False):
            name = f"{'mutual TLS' if secure else 'plain'}, idle ones {'stay' if hold else 'leave'}"
            group = Group(f"epaulet-memory-{os.getpid()}")
            try:
                with Lab() as lab:
                    told = measure(lab, group, binaries, secure, hold)
            finally:
                group.remove()
            broken = check(told, hold)
            failed += bool(broken)
            print(f"{'FAIL' if broken else 'ok  '} {name}: {json.dumps(told)}")
            for claim in broken:
                print(f"     does not hold: {claim}")
    print(f"memory: {4 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
