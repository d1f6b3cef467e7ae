"""The peers: how each is started for the plain hop and for the mTLS pair, and which version it is.

All listen on the same ports in the same namespaces, one peer at a time, so the redirect rules lead
to whoever is being measured. A peer's files come from peers/, with {{names}} filled in.
"""

import dataclasses
import pathlib
import re
import shutil
import subprocess

import extras
from extras import LabError
from topology import (
    APP_PORT,
    CLI_ADDRESS,
    INBOUND_PORT,
    OUTBOUND_PORT,
    PAIR_ADDRESS,
    PLAIN_ADDRESS,
    PROXY_UID,
)

TEMPLATES = pathlib.Path(__file__).parent / "peers"
PLAIN, PAIR, PLAIN_H2, PAIR_H2 = "plain", "pair_h1", "plain_h2", "pair_h2"
PLAIN_GRPC, PAIR_GRPC = "plain_grpc", "pair_grpc"
PAIR_MUX = "pair_mux"
PLAIN_1M, PAIR_1M = "plain_1m", "pair_1m"
HANDSHAKE, RESUMED = "handshake", "handshake_resumed"
MODES = (PLAIN, PAIR, PLAIN_H2, PAIR_H2, PLAIN_GRPC, PAIR_GRPC, PAIR_MUX, PLAIN_1M, PAIR_1M)
MODES += (HANDSHAKE, RESUMED)
PEERS = ("floor", "epaulet", "haproxy", "nginx", "envoy")
OPTIONAL_PEERS = ("envoy",)  # measured where it can be had
_SUFFIX = {"haproxy": "cfg", "nginx": "conf", "epaulet": "yaml", "envoy": "yaml"}
# Where CMake leaves programs under a build directory.
_BUILD_FOLDERS = ("", "bin", "proxy", "benchmarks", "benchmarks/load")


@dataclasses.dataclass(frozen=True)
class Side:
    """One proxy of a mode: the namespace it runs in, and what it is called."""

    role: str  # namespace
    name: str  # of the template and of the logs: plain, pair-client, pair-server
    http2: bool = False
    multiplex: bool = False  # epaulet's connections of HTTP/1.1 share one between the sidecars


SIDES = {
    PLAIN: [Side("srv", "plain")],
    # The server's sidecar first: the client's may dial as soon as it is up.
    PAIR: [Side("srv", "pair-server"), Side("cli", "pair-client")],
    PLAIN_H2: [Side("srv", "plain", True)],
    PAIR_H2: [Side("srv", "pair-server", True), Side("cli", "pair-client", True)],
    PAIR_MUX: [Side("srv", "pair-server"), Side("cli", "pair-client", multiplex=True)],
}
SIDES |= {PLAIN_GRPC: SIDES[PLAIN_H2], PAIR_GRPC: SIDES[PAIR_H2]}
SIDES |= {PLAIN_1M: SIDES[PLAIN], PAIR_1M: SIDES[PAIR]}
SIDES |= {HANDSHAKE: [Side("srv", "pair-server")], RESUMED: [Side("srv", "pair-server")]}


def is_pair(mode: str) -> bool:
    """Mutual TLS; of handshakes there is the server's side alone."""
    return mode in (PAIR, PAIR_H2, PAIR_GRPC, PAIR_MUX, PAIR_1M) or is_handshake(mode)


def is_handshake(mode: str) -> bool:
    return mode in (HANDSHAKE, RESUMED)


def can_serve(peer: str, mode: str) -> bool:
    return peer != "floor" or not is_handshake(mode)  # it speaks no TLS


def path_of(mode: str) -> str:
    return f"/size/{1 << 20}" if mode in (PLAIN_1M, PAIR_1M) else "/"


def is_http2(mode: str) -> bool:
    return all(side.http2 for side in SIDES[mode])


def is_grpc(mode: str) -> bool:
    return mode in (PLAIN_GRPC, PAIR_GRPC)


def find_program(bin_dir: pathlib.Path, name: str) -> pathlib.Path | None:
    for folder in _BUILD_FOLDERS:
        path = bin_dir / folder / name
        if path.is_file():
            return path
    return None


class Peers:
    """Finds the programs, keeps private copies of ours (a build may go on), writes their files."""

    def __init__(self, bin_dir: pathlib.Path, run_dir: pathlib.Path, wanted: list[str]):
        self.run_dir = run_dir
        self.programs: dict[str, pathlib.Path] = {}
        self.missing: dict[str, str] = {}
        programs_dir = run_dir / "bin"
        programs_dir.mkdir()
        for peer, name in (
            ("floor", "bench_floor"),
            ("origin", "bench_origin"),
            ("handshakes", "bench_handshakes"),
            ("open_loop", "bench_open_loop"),
            ("yaml_events", "bench_yaml_events"),
            ("epaulet", "epaulet"),
        ):
            found = find_program(bin_dir, name)
            if found:
                self.programs[peer] = pathlib.Path(shutil.copy2(found, programs_dir / name))
            else:
                self.missing[peer] = f"no {name} in {bin_dir} (build the target {name})"
        for peer in ("haproxy", "nginx"):
            found = shutil.which(peer) or shutil.which(peer, path="/usr/sbin")
            if found:
                self.programs[peer] = pathlib.Path(found)
            else:
                self.missing[peer] = f"no {peer} on this machine (apt-get install {peer})"
        if "envoy" in wanted:
            try:  # a copy: its uid may not read where it was installed
                self.programs["envoy"] = pathlib.Path(shutil.copy(extras.envoy(), programs_dir))
            except LabError as error:
                self.missing["envoy"] = str(error).splitlines()[0]

    @staticmethod
    def is_ours(peer: str) -> bool:
        return peer == "epaulet"

    def alpn(self, peer: str) -> str | None:
        """What a sidecar of its kind says that it wants to speak."""
        return "epaulet/1-h1" if self.is_ours(peer) else None

    def headers(self, _peer: str) -> tuple[str, ...]:
        """What the load says besides."""
        return ()

    def version(self, peer: str) -> str:
        if peer == "floor":
            return "raw epoll forwarder, one thread"
        flag = {"epaulet": "version", "haproxy": "-v", "nginx": "-v", "envoy": "--version"}[peer]
        done = subprocess.run(
            [self.programs[peer], flag], text=True, capture_output=True, timeout=10
        )
        return next(iter((done.stdout + done.stderr).strip().splitlines()), "unknown")

    def argv(self, peer: str, mode: str, side: Side) -> list[str]:
        """Writes the side's files and returns the command that serves in the foreground."""
        program = str(self.programs[peer])
        if peer == "floor":
            inbound = [f"0.0.0.0:{INBOUND_PORT}", f"{_server_address(mode)}:{APP_PORT}"]
            outbound = [f"127.0.0.1:{OUTBOUND_PORT}", f"{PAIR_ADDRESS}:{APP_PORT}"]
            return [program, *(outbound if side.name == "pair-client" else inbound)]
        file = self._write(peer, mode, side)
        if peer == "haproxy":
            return [program, "-db", "-f", str(file)]
        if peer == "nginx":
            return [program, "-e", "stderr", "-c", str(file)]
        if peer == "envoy":
            quiet = ["--disable-hot-restart", "--log-level", "error"]
            return [program, "-c", str(file), "--concurrency", "1", *quiet]
        return [program, "run", "--config", str(file)]

    def _write(self, peer: str, mode: str, side: Side) -> pathlib.Path:
        state = self.run_dir / "state" / f"{peer}-{side.name}"
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(parents=True)
        shutil.chown(state, PROXY_UID, PROXY_UID)
        values = {
            "inbound_listen": f"0.0.0.0:{INBOUND_PORT}",
            "outbound_listen": f"127.0.0.1:{OUTBOUND_PORT}",
            "app": f"{_server_address(mode)}:{APP_PORT}",
            "server": f"{PAIR_ADDRESS}:{APP_PORT}",
            "nameserver": f"{CLI_ADDRESS}:53",  # nobody answers there: every name asked is our own
            "identity": str(self.run_dir / "identity"),
            "state": str(state),
            "multiplex": "true" if side.multiplex else "false",
            "clear_http2": " proto h2" if side.http2 else "",  # HAProxy's words
            "tls_http2": " alpn h2" if side.http2 else "",
            "envoy_http": "http2_protocol_options" if side.http2 else "http_protocol_options",
            "envoy_alpn": "h2" if side.http2 else "http/1.1",
        }
        for name in ("inbound_listen", "outbound_listen", "app", "server"):
            place = name.removesuffix("_listen")
            values[f"{place}_host"], _, values[f"{place}_port"] = values[name].rpartition(":")
        template = template_of(peer, side)
        text = re.sub(r"\{\{(\w+)\}\}", lambda match: values[match.group(1)], template.read_text())
        file = self.run_dir / "config" / template.name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file


def template_of(peer: str, side: Side) -> pathlib.Path | None:
    """The peer's configuration in the repository; the floor has none.

    One file serves both versions, but for nginx: only its module for gRPC speaks HTTP/2 to servers.
    """
    if peer not in _SUFFIX:
        return None
    version = "-h2" if side.http2 and peer == "nginx" else ""
    return TEMPLATES / f"{peer}-{side.name}{version}.{_SUFFIX[peer]}"


def _server_address(mode: str) -> str:
    return PAIR_ADDRESS if is_pair(mode) else PLAIN_ADDRESS
