"""How long a sidecar needs from its start until it is ready, and until it answers."""

import pathlib
import re
import time

from bench import say
from checks import SERVICE
from proxies import PEERS, PLAIN, SIDES, Peers
from stage import Stage, Table, between, opened
from topology import APP_PORT, PLAIN_ADDRESS, PROXY_UID, BenchError, Program, until

MINIMAL = pathlib.Path(__file__).resolve().parents[2] / "config" / "examples" / "minimal.yaml"
READY_PORT = 15021
STARTS = 15  # of each
PATIENCE_SECONDS, PAUSE_SECONDS = 10, 0.0005
GET = f"GET {{}} HTTP/1.1\r\nHost: {SERVICE}\r\nConnection: close\r\n\r\n"


class StartStage(Stage):
    def seconds(self, argv: list[str], role: str, address: str, port: int, path: str) -> float:
        """From the start of a process until `path` is answered with 200."""
        begin = time.monotonic()
        program = self.topology.start("started", "srv", PROXY_UID, {self.proxy_core}, argv)
        try:
            while time.monotonic() < begin + PATIENCE_SECONDS:
                if self._answers(role, address, port, path):
                    return time.monotonic() - begin
                if not program.running():
                    break
                time.sleep(PAUSE_SECONDS)
            raise BenchError(f"no answer: {program.last_words()}")
        finally:
            self.topology.stop(program)

    def _answers(self, role: str, address: str, port: int, path: str) -> bool:
        try:
            with self.topology.connect(role, address, port) as connection:
                connection.sendall(GET.format(path).encode())
                return connection.recv(65536).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def seconds_of_nothing(self) -> float:
        """What stands in front of every program, and forks it."""
        begin = time.monotonic()
        program: Program = self.topology.start(
            "nothing", "srv", PROXY_UID, {self.proxy_core}, ["/bin/true"]
        )
        until(PATIENCE_SECONDS, lambda: None if program.running() else True, "nothing", PAUSE_SECONDS)
        took = time.monotonic() - begin
        self.topology.stop(program)
        return took


def minimal(run_dir: pathlib.Path) -> pathlib.Path:
    """The smallest configuration of the documentation, with an identity that is there."""
    text, changed = re.subn(r"(?<=dir: )/\S+", str(run_dir / "identity" / "server"), MINIMAL.read_text())
    if changed != 1:
        raise BenchError(f"{MINIMAL} has another form")
    file = run_dir / "config" / "minimal.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def measure(arguments, run_dir: pathlib.Path) -> list[Table]:
    wanted = [peer for peer in PEERS if peer in arguments.peers and peer != "floor"]
    peers = Peers(arguments.bin.resolve(), run_dir, wanted)
    found: dict[str, list[float]] = {}
    failed: dict[str, str] = {}
    with opened(StartStage, peers, []) as stage:
        ready = [str(peers.programs["epaulet"]), "run", "--config", str(minimal(run_dir))]
        found["epaulet, minimal configuration: /ready"] = []
        for peer in wanted:
            if peer not in peers.missing:
                found[f"{peer}, plain hop: first answer"] = []
        say(f"start: {STARTS} of each")
        for _ in range(STARTS):
            for name, times in found.items():
                try:
                    if name.endswith("/ready"):
                        took = stage.seconds(ready, "srv", "127.0.0.1", READY_PORT, "/ready")
                    else:
                        (side,) = SIDES[PLAIN]
                        argv = peers.argv(name.split(",")[0], PLAIN, side)
                        took = stage.seconds(argv, "out", PLAIN_ADDRESS, APP_PORT, "/")
                    times.append(took * 1000)
                except BenchError as error:
                    failed[name] = stage.anonymous(str(error))[:200]
        nothing = [stage.seconds_of_nothing() * 1000 for _ in range(STARTS)]
    lines = [
        [name, between(times, 1) if times else f"failed: {failed[name]}"] for name, times in found.items()
    ]
    notes = [
        f"median (least..most) of {STARTS} starts, from fork on; the programs that put it into its "
        f"namespace, on its core and under its user take {between(nothing, 1)} ms of it",
        *(f"{peer}: {peers.missing[peer]}" for peer in wanted if peer in peers.missing),
        *(f"{name} failed: {why}" for name, why in failed.items() if found[name]),
    ]
    return [Table("Start", ["", "ms"], lines, notes, found)]
