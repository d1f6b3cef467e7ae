"""Ending a lab so that nothing is left, and proving it.

Everything a lab makes carries its prefix (`ep-<pid>-`): namespaces, their mounts, interfaces in the
host's namespace, the work directory. Its processes are those inside its namespaces. So what is left
can be found without trusting any list that the lab kept, even after the lab was killed.

Run as a program it is the janitor: `python3 -I -S sweep.py PREFIX DIRECTORY` waits until its
standard input closes, which happens however the lab ends, and sweeps unless it read `done` first.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kernel  # noqa: E402

END_SECONDS = 5.0


def namespaces(prefix: str) -> list[str]:
    if not kernel.NETNS_DIR.is_dir():
        return []
    return sorted(path.name for path in kernel.NETNS_DIR.iterdir() if path.name.startswith(prefix))


def _identity(path: str | Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def identities(prefix: str) -> set[tuple[int, int]]:
    """What tells the lab's namespaces from all others, for as long as they exist."""
    return {_identity(kernel.NETNS_DIR / name) for name in namespaces(prefix)}


def processes_in(spaces: set[tuple[int, int]]) -> list[int]:
    """The processes whose network namespace is one of these, whoever started them."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            if _identity(f"/proc/{entry}/ns/net") in spaces:
                found.append(int(entry))
        except OSError:
            continue  # it has ended, or is a zombie
    return found


def sweep(prefix: str, directory: Path) -> None:
    """Kills, unmounts and removes everything of the lab. May be called again."""
    spaces = identities(prefix)
    deadline = time.monotonic() + END_SECONDS
    while left := processes_in(spaces):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if time.monotonic() > deadline:
            break  # leftovers() will name them
        time.sleep(0.01)
    for name in namespaces(prefix):
        kernel.delete_netns(name)
    shutil.rmtree(directory, ignore_errors=True)


def leftovers(prefix: str, directory: Path, spaces: set[tuple[int, int]]) -> list[str]:
    """What is left of a lab, one line each; empty when it has vanished.

    `spaces`: the `identities` of its namespaces while it lived, to find processes still inside.
    """
    found = [f"network namespace {name}" for name in namespaces(prefix)]
    found += [f"process {pid} in a namespace of the lab" for pid in processes_in(spaces)]
    found += [f"mount {point}" for point in kernel.mount_points() if prefix in point]
    found += [f"interface {name}" for name in kernel.interfaces() if name.startswith(prefix)]
    if directory.exists():
        found.append(f"directory {directory}")
    return found


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it must outlive the lab
    prefix, directory = sys.argv[1], Path(sys.argv[2])
    if sys.stdin.read().strip() != "done":
        sweep(prefix, directory)


if __name__ == "__main__":
    main()
