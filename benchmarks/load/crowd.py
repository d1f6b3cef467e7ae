"""What idle connections cost the server's sidecar, and what is left of them when they have left."""

import contextlib
import json
import pathlib
import re
import resource
import sys
import time

from bench import say
from checks import BODY_BYTES
from measure import family, memory_kib
from proxies import HANDSHAKE, PEERS, PLAIN, Peers, Side
from stage import Stage, Table, opened
from topology import APP_PORT, CLIENT_UID, PAIR_ADDRESS, PLAIN_ADDRESS, PROXY_UID, BenchError, until

OFFER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "memory" / "offer.py"
FIRST, FEW = 64, 1000  # connections: so that pools and code are there; and the point to count from
PATIENCE_SECONDS = 600
CALM_SECONDS = 10  # until what is left is looked at
KINDS = {PLAIN: "plain", HANDSHAKE: "mTLS"}


class PatientPeers(Peers):
    """They let many connections be idle for long, each by what its own file has for it."""

    CHANGES = (
        (r"\b60s\b", f"{PATIENCE_SECONDS}s"),
        (r"maxconn \d+", "maxconn {room}"),
        (r"worker_connections \d+", "worker_connections {room}"),
    )

    def __init__(self, bin_dir: pathlib.Path, run_dir: pathlib.Path, wanted: list[str], room: int):
        super().__init__(bin_dir, run_dir, wanted)
        self._room = room

    def _write(self, peer: str, mode: str, side: Side) -> pathlib.Path:
        file = super()._write(peer, mode, side)
        text = file.read_text()
        for pattern, to in self.CHANGES:
            text = re.sub(pattern, to.format(room=self._room), text)
        file.write_text(text)
        return file


class CrowdStage(Stage):
    def residents(self, peer: str, mode: str, many: int) -> dict[str, float]:
        """KiB that are resident, at each point of the crowd's life."""
        with self._running(peer, mode) as programs:
            self._wait(peer, mode, programs)
            pids = family([one.pid for one in programs])
            found = {"started": memory_kib(pids)["rss"]}
            with self._crowd(peer, mode, FIRST):
                pass
            found["idle"] = memory_kib(pids)["rss"]
            with self._crowd(peer, mode, FEW):
                found["few"] = memory_kib(pids)["rss"]
                with self._crowd(peer, mode, many - FEW):
                    found["many"] = memory_kib(pids)["rss"]
            time.sleep(CALM_SECONDS)
            found["left"] = memory_kib(pids)["rss"]
        return found

    @contextlib.contextmanager
    def _crowd(self, peer: str, mode: str, count: int):
        """So many connections that have asked once and say nothing more."""
        want = {"idle": count, "busy": 0, "asks": 1, "hold": True, "patience": PATIENCE_SECONDS}
        want |= {"length": BODY_BYTES, "port": APP_PORT}
        if mode == PLAIN:
            role, uid = "out", CLIENT_UID
            want |= {"address": PLAIN_ADDRESS}
        else:
            role, uid = "cli", PROXY_UID
            want |= {"address": PAIR_ADDRESS, "alpn": self.peers.alpn(peer) or "http/1.1"}
            want |= {"identity": str(self.peers.run_dir / "identity" / "client")}
        script = self.peers.run_dir / "offer.py"  # a copy: who runs it may not read ours
        script.write_text(OFFER.read_text())
        crowd = self.topology.start(
            "crowd", role, uid, self.load_cores, [sys.executable, str(script), json.dumps(want)]
        )

        def told() -> str | None:
            if not crowd.running():
                raise BenchError(f"the crowd ended: {crowd.last_words()}")
            return crowd.said().strip() or None

        try:
            until(PATIENCE_SECONDS, told, f"{count} connections")
            admitted = json.loads(told())["idle"]["admitted"]
            if admitted != count:
                raise BenchError(f"{admitted} of {count} connections were served")
            yield
        finally:
            self.topology.stop(crowd)


def most(asked: int) -> int:
    """As many as this system allows a process to have: each may have one to the app beside it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return min(asked, (hard - 2000) // 2)


def measure(arguments, run_dir: pathlib.Path) -> list[Table]:
    many = most(arguments.crowd)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = [peer for peer in PEERS if peer in arguments.peers and peer != "floor"]
    peers = PatientPeers(arguments.bin.resolve(), run_dir, wanted, many + FIRST + 300)
    columns = ["", "MiB at start", "idle, used once", f"{FEW:,} connections", f"{many:,}"]
    columns += ["when they have left", "KiB each", "left over idle"]
    lines, data = [], {}
    with opened(CrowdStage, peers, ["handshakes"]) as stage:
        for mode, kind in KINDS.items():
            for peer in wanted:
                if peer in peers.missing:
                    continue
                say(f"connections: {kind}, {peer}")
                try:
                    found = data[f"{kind}, {peer}"] = stage.residents(peer, mode, many)
                except BenchError as error:
                    lines.append([f"{kind}: {peer}", f"failed: {stage.anonymous(str(error))[:200]}", *[""] * 6])
                    continue
                lines.append(
                    [
                        f"{kind}: {peer}",
                        *(f"{found[at] / 1024:.1f}" for at in ("started", "idle", "few", "many", "left")),
                        f"{(found['many'] - found['few']) / (many - FEW):.2f}",
                        f"{found['left'] / found['idle']:.2f}",
                    ]
                )
    notes = [
        "resident memory of the server's sidecar; each connection has asked once and says nothing more",
        f"KiB each: from {FEW:,} to {many:,}; left: {CALM_SECONDS} s after",
        *(f"{peer}: {peers.missing[peer]}" for peer in wanted if peer in peers.missing),
    ]
    return [Table("Growth: idle connections", columns, lines, notes, data)]
