"""An `epaulet` beside an app: its files, its redirect rules, its process, and what it says.

In the pod, where /run is the pod's own:
    /run/epaulet/config/      the configuration and what it names (key sets)
    /run/epaulet/identity/    cert.pem, key.pem, ca.pem
    /run/epaulet/state/       what it remembers
    /run/epaulet-bin/         the program
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .http_client import request
from .process import LabError, Process

PROXY_UID = 1337
ADMIN_PORT = 15000
HEALTH_PORT = 15021
PRESETS = ("release", "dev")


@dataclass(frozen=True)
class Binaries:
    """Where the two programs are."""

    epaulet: Path
    certs: Path


def find_binaries(directory: str | None, repository: Path) -> Binaries:
    """As given, else from EPAULET_BIN_DIR, else from build/release or build/dev.

    The directory holds both programs, or is a build directory with both where CMake puts them.
    """
    given = directory or os.environ.get("EPAULET_BIN_DIR")
    candidates = [Path(given)] if given else [repository / "build" / one for one in PRESETS]
    for root in candidates:
        for epaulet, certs in (
            (root / "epaulet", root / "epaulet-certs"),
            (root / "proxy" / "epaulet", root / "certs-tool" / "epaulet-certs"),
        ):
            if epaulet.is_file() and certs.is_file():
                return Binaries(epaulet.resolve(), certs.resolve())
    places = " or ".join(str(root) for root in candidates)
    raise LabError(
        f"epaulet and epaulet-certs are not in {places}:"
        " build them, or name their directory with --bin or EPAULET_BIN_DIR"
    )


class Sidecar:
    """Files are written at construction; `install_redirect` and `start` are separate on purpose."""

    def __init__(self, pod, binaries: Binaries, config: str, identity: Path | None = None):
        """`config`: the text of the configuration. `identity`: a directory that `issue` filled."""
        self.pod = pod
        self.process: Process | None = None
        self.program = f"{pod.bind(binaries.epaulet.parent, 'epaulet-bin')}/{binaries.epaulet.name}"
        self.home = pod.run_dir / "epaulet"
        self.config_file = self.home / "config" / f"{pod.name}.yaml"
        for name in ("config", "identity", "state"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(config)
        if identity:
            for name in ("cert.pem", "key.pem", "ca.pem"):
                shutil.copy(identity / name, self.home / "identity" / name)
        self._give_to_proxy()

    def add_config_file(self, name: str, text: str) -> None:
        """A file beside the configuration, such as a key set that it names."""
        (self.config_file.parent / name).write_text(text)
        self._give_to_proxy()

    def _give_to_proxy(self) -> None:
        for directory, _, files in os.walk(self.home):
            os.chown(directory, PROXY_UID, PROXY_UID)
            for name in files:
                os.chown(os.path.join(directory, name), PROXY_UID, PROXY_UID)

    def path_in_pod(self, path: Path) -> str:
        return "/run/" + str(path.relative_to(self.pod.run_dir))

    def install_redirect(self) -> str:
        """As root, like an init container; it verifies itself and fails loudly."""
        return self.pod.run([self.program, "redirect", "install"]).stdout

    def start(self, before: Sequence[str] = ()) -> Process:
        """As uid 1337 without capabilities; `before`: what runs it, such as prlimit."""
        argv = [*before, self.program, "run", "--config", self.path_in_pod(self.config_file)]
        self.process = self.pod.start(argv, uid=PROXY_UID, name="epaulet")
        return self.process

    def wait_ready(self, probe: str = "/ready", timeout: float = 10.0) -> None:
        """Until the probe answers 200. A pod without redirect rules is live but never ready."""
        self.process.wait_for(lambda: self._probe(probe) == 200, f"{probe} to answer 200", timeout)

    def _probe(self, path: str) -> int:
        return request(self.pod, "127.0.0.1", HEALTH_PORT, path, timeout=2.0).status

    def admin(self, path: str):
        """The JSON of an admin page; LabError when it answers anything but 200."""
        answer = request(self.pod, "127.0.0.1", ADMIN_PORT, path, host=f"127.0.0.1:{ADMIN_PORT}")
        if answer.status != 200:
            raise LabError(f"{self.pod.name}: admin {path}: {answer.status} {answer.body[:200]}")
        return json.loads(answer.body)

    def explain(self, identifier: str | None = None) -> list[dict]:
        """What `epaulet explain --json` prints: all records it keeps, or the one with this id."""
        argv = [self.program, "explain", *([identifier] if identifier else []), "--json"]
        done = self.pod.run(argv, check=False)
        if done.returncode != 0:
            return []  # it knows no such record, or is not there to be asked
        return _records(json.loads(done.stdout))

    def log_records(self) -> list[dict]:
        """The JSON lines among what it has written, access log and events alike, oldest first."""
        return self.process.json_lines() if self.process else []


def _records(page) -> list[dict]:
    if isinstance(page, list):
        return page
    if "records" in page:
        return page["records"]
    return [page]
