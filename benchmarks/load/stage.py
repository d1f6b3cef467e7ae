"""Where an aspect is measured: the namespaces, the programs and the cores, as in every other run."""

import contextlib
import dataclasses
import os
import statistics

from bench import Bench, Load
from checks import SERVICE, wait_until_it_serves
from measure import load_result
from proxies import TEMPLATES, Peers
from run import MissingError, make_files
from topology import CLIENT_UID, Topology

# In the server's pod: of those that no rule redirects, since probes come there.
DIRECT_PORT = 15021


@dataclasses.dataclass
class Table:
    """What an aspect prints. `data` is what stands in the saved file besides."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str]
    data: object = None


class Stage(Bench):
    """A bench with the load of an open loop, and with a direct connection for comparison."""

    def __init__(self, peers: Peers, topology: Topology, proxy_core: int, load_cores: set[int]):
        counter = peers.run_dir / "counter" / "requests"
        super().__init__(topology, peers, counter, proxy_core, load_cores)

    @contextlib.contextmanager
    def direct(self):
        """An origin that is dialled without anybody between; nobody else may use its port."""
        argv = [str(self.peers.programs["origin"]), f"0.0.0.0:{DIRECT_PORT}"]
        origin = self.topology.start("direct", "srv", CLIENT_UID, self.load_cores, argv)
        try:
            wait_until_it_serves(self.topology, "srv", "127.0.0.1", DIRECT_PORT, "direct", [origin])
            yield
        finally:
            self.topology.stop(origin)

    def start_open_loop(
        self, role: str, uid: int, to: str, requests_a_second: float, connections: int, seconds: int
    ) -> Load:
        program = str(self.peers.programs["open_loop"])
        argv = [program, to, SERVICE, f"{requests_a_second:.1f}", str(connections), str(seconds)]
        load = self.topology.start("open_loop", role, uid, self.load_cores, argv)
        self._remember("load of an open loop", load)
        return Load(self.topology, load, lambda: load_result(load, seconds + 15))


def cores() -> tuple[int, set[int]]:
    """The proxy's, and those of the load."""
    all_of_them = os.sched_getaffinity(0)
    return max(all_of_them), all_of_them - {max(all_of_them)}


@contextlib.contextmanager
def opened(kind: type[Stage], peers: Peers, wanted: list[str]):
    """Yields the stage. `wanted`: of our programs, those without which nothing can be measured."""
    for name in ("epaulet", "origin", *wanted):
        if name in peers.missing:
            raise MissingError(peers.missing[name])
    proxy_core, load_cores = cores()
    home = os.sched_getaffinity(0)
    os.sched_setaffinity(0, load_cores)
    make_files(peers.run_dir)
    try:
        with contextlib.closing(Topology(peers.run_dir / "log")) as topology:
            topology.open()
            topology.redirect(peers.programs["epaulet"], TEMPLATES / "redirect.nft")
            yield kind(peers, topology, proxy_core, load_cores)
    finally:
        os.sched_setaffinity(0, home)


def between(values: list[float], digits: int = 2) -> str:
    """Median, and from where to where."""
    if not values:
        return "-"
    middle = statistics.median(values)
    if len(values) == 1:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})"
