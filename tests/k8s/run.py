#!/usr/bin/env python3
"""epaulet on a real Kubernetes: starts the cluster, installs the chart, runs the rows, stops it.

    tests/k8s/run.py [--bin DIR] [--keep] [--logs DIR] [ROW...]     # ROW: part of a name

Rows run in their order and build on each other. One that cannot run says skipped, and the run fails.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests/support"), str(ROOT / "tests/scenarios")]

import cluster  # noqa: E402
import images  # noqa: E402
from lab import npm  # noqa: E402
from rows import ROWS, Skipped, World  # noqa: E402


def make_images(binaries):
    folder = cluster.WORK / "images"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "pause.tar").exists():
        images.pause(folder / "pause.tar")
    if not (folder / "coredns.tar").exists():
        images.program("coredns", cluster.WORK / "bin/coredns", folder / "coredns.tar")
    scenario = ROOT / "tests/scenarios/scenario_1"
    modules = npm.install(scenario, ROOT / "build/npm/scenario-1")
    if not (folder / "node.tar").exists():
        images.node(modules / "node_modules", [scenario / "api", scenario / "api2"], folder / "node.tar")
    images.epaulet(binaries, folder / "epaulet.tar")


def keep_logs(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for log in (cluster.WORK / "run").glob("*.log"):
        shutil.copy(log, folder)
    for pod in cluster.get("-A", "pods")["items"]:
        meta = pod["metadata"]
        containers = pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
        for container in containers:
            said = cluster.kubectl("-n", meta["namespace"], "logs", meta["name"], "-c", container["name"], check=False)
            (folder / f"{meta['namespace']}_{meta['name']}_{container['name']}.log").write_text(said.stdout + said.stderr)
    (folder / "pods.txt").write_text(cluster.kubectl("describe", "pods", "-A", check=False).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--logs", type=pathlib.Path, default=ROOT / "build/logs/k8s")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument("rows", nargs="*")
    arguments = parser.parse_args()
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    started = time.monotonic()
    cluster.script("build")
    make_images(arguments.bin.resolve())
    print(f"programs and images after {time.monotonic() - started:.0f} s", flush=True)
    cluster.script("down")
    try:
        started = time.monotonic()
        cluster.script("up")
        print(f"cluster up in {time.monotonic() - started:.1f} s", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            world = World(pathlib.Path(folder), arguments.bin.resolve())
            world.install()
            for row in ROWS:
                if arguments.rows and not any(part in row.__name__ for part in arguments.rows):
                    continue
                begun = time.monotonic()
                try:
                    row(world)
                    result = "passed"
                except Skipped as why:
                    result = "skipped"
                    print(f"  {why}")
                except Exception:  # noqa: BLE001: each is shown, the next rows may still tell something
                    result = "failed"
                    traceback.print_exc()
                counts[result] += 1
                print(f"{result:8} {row.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
            keep_logs(arguments.logs)
    finally:
        if not arguments.keep:
            cluster.script("down")
    print("k8s: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if counts["failed"] or counts["skipped"] or not counts["passed"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (cluster.ClusterError, subprocess.CalledProcessError) as error:
        print(error, getattr(error, "stderr", "") or "", sep="\n")
        sys.exit(1)
