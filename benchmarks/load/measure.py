"""What is read from the kernel around a window: CPU time, memory, the origin's count, the noise."""

import dataclasses
import functools
import json
import mmap
import os
import pathlib
import re
import struct
import time

from topology import BenchError, Program

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


class RequestCounter:
    """The origin's own count, mapped: reading it costs the measured programs nothing."""

    def __init__(self, path: pathlib.Path):
        with open(path, "rb") as file:
            self._page = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)

    def read(self) -> int:
        return struct.unpack("=Q", self._page[:8])[0]


def family(pids: list[int]) -> list[int]:
    """The processes and their descendants (nginx's worker is the child of its master)."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry))
    found, queue = [], list(pids)
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue.extend(children.get(pid, []))
    return sorted(found)


def cpu_by_thread(pids: list[int]) -> dict[tuple[int, int], int]:
    """Nanoseconds on a CPU so far, by (process, thread).

    schedstat counts in nanoseconds what the scheduler gave a thread, system calls and the softirqs
    that ran on its back included. It is brought up to date at every tick, so a reading may be 4 ms
    old: a fraction of a percent of a window.
    """
    times = {}
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            times[pid, int(task.name)] = int((task / "schedstat").read_text().split()[0])
    return times


def memory_kib(pids: list[int]) -> dict[str, int]:
    """Resident memory of all processes together: `rss` counts shared pages in each, `pss` once."""
    total = {"rss": 0, "pss": 0}
    for pid in pids:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        for key in total:
            total[key] += int(re.search(rf"^{key.capitalize()}:\s+(\d+) kB", text, re.M).group(1))
    return total


@dataclasses.dataclass(frozen=True)
class CoreTimes:
    """Seconds since boot that a core spent busy, and that the hypervisor gave to others."""

    busy: float
    stolen: float


def core_times(core: int) -> CoreTimes:
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _idle, _iowait, irq, softirq, steal = (
                int(x) for x in line.split()[1:9]
            )
            return CoreTimes(
                (user + nice + system + irq + softirq) * _TICK_SECONDS, steal * _TICK_SECONDS
            )
    raise BenchError(f"no cpu{core} in /proc/stat")


@functools.lru_cache
def _ksoftirqd(core: int) -> pathlib.Path | None:
    for entry in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if entry.read_text().strip() == f"ksoftirqd/{core}":
                return entry.parent / "schedstat"
        except OSError:
            continue  # it ended while we looked
    return None


def ksoftirqd_ns(core: int) -> int:
    """CPU time of the core's softirq thread: kernel network work that no process is charged for."""
    path = _ksoftirqd(core)
    return int(path.read_text().split()[0]) if path else 0


@dataclasses.dataclass(frozen=True)
class Reading:
    """Everything at one instant; two of them make a window."""

    at: float
    requests: int
    cpu: dict[tuple[int, int], int]
    core: CoreTimes
    softirq_ns: int


def read_now(pids: list[int], counter: RequestCounter, core: int) -> Reading:
    return Reading(
        time.monotonic(), counter.read(), cpu_by_thread(pids), core_times(core), ksoftirqd_ns(core)
    )


@dataclasses.dataclass
class Sample:
    """One peer in one round."""

    cpu_us_per_request: float
    requests_per_second: float
    requests: int
    core_share: float  # of the proxy's core that the proxy used; 1: saturated
    softirq_share: float  # of the core, in ksoftirqd: charged to no process
    foreign_share: float  # of the core, used by anything else: noise
    stolen_share: float  # of the core, taken by the hypervisor: noise
    p50_us: float = 0
    p99_us: float = 0
    rss_idle_kib: int = 0
    rss_loaded_kib: int = 0
    pss_idle_kib: int = 0
    pss_loaded_kib: int = 0


def sample_between(first: Reading, last: Reading) -> Sample:
    seconds = last.at - first.at
    requests = last.requests - first.requests
    if requests <= 0:
        raise BenchError("the origin answered nothing in the window")
    gone = first.cpu.keys() - last.cpu.keys()
    if gone:
        raise BenchError(f"threads ended inside the window, their CPU time is lost: {sorted(gone)}")
    cpu_ns = sum(value - first.cpu.get(thread, 0) for thread, value in last.cpu.items())
    softirq = (last.softirq_ns - first.softirq_ns) / 1e9 / seconds
    used = cpu_ns / 1e9 / seconds
    busy = (last.core.busy - first.core.busy) / seconds
    return Sample(
        cpu_us_per_request=cpu_ns / 1e3 / requests,
        requests_per_second=requests / seconds,
        requests=requests,
        core_share=used,
        softirq_share=softirq,
        foreign_share=max(0.0, busy - used - softirq),
        stolen_share=(last.core.stolen - first.core.stolen) / seconds,
    )


def load_result_of_http2(h2load: Program, log: pathlib.Path, seconds: float) -> dict:
    """The same of h2load, whose log has a line for each request: begin, status, microseconds."""
    output = h2load.wait(seconds)
    found = re.search(
        r"^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout$", output, re.M
    )
    if not found:
        raise BenchError(f"h2load printed no result: {output.strip()[-400:]}")
    requests, *bad = map(int, found.groups())
    if any(bad):
        raise BenchError(f"h2load saw errors: {found.group(0)}")
    took = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    log.unlink()
    if not took:
        raise BenchError("h2load answered nothing")
    return {
        "requests": requests,
        "p50_us": took[len(took) // 2],
        "p99_us": took[len(took) * 99 // 100],
    }


def load_result_of_grpc(ghz: Program, seconds: float) -> dict:
    """The same of ghz, which times each call in nanoseconds."""
    told = json.loads(ghz.wait(seconds))
    statuses = told["statusCodeDistribution"]
    if set(statuses) != {"OK"}:
        raise BenchError(f"ghz saw {statuses}: {told.get('errorDistribution')}")
    took = {one["percentage"]: one["latency"] / 1000 for one in told["latencyDistribution"]}
    return {"requests": told["count"], "p50_us": took[50], "p99_us": took[99]}


def load_result(wrk: Program, seconds: float) -> dict:
    """What report.lua printed. Any error makes the round worthless, so it is one."""
    output = wrk.wait(seconds)
    line = next((line for line in output.splitlines() if line.startswith("result ")), None)
    if line is None:
        raise BenchError(f"wrk printed no result: {output.strip()[-400:]}")
    result = json.loads(line.removeprefix("result "))
    errors = {kind: count for kind, count in result["errors"].items() if count}
    if errors:
        raise BenchError(f"wrk saw errors: {errors} in {result['requests']} requests")
    return result
