"""Programs written in Go, built once and kept under build/."""

import os
import re
import subprocess
from pathlib import Path

from .kept import kept
from .process import LabError


class TooOld(LabError):
    """There is no Go here, or none that is new enough."""


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)


def build(source: Path, cache: Path) -> Path:
    """A directory with the programs that source/go.mod names as tools, at the versions it pins.

    Keyed by go.mod, go.sum and its own sources, so a second call costs nothing. Which proxy modules come from is the
    machine's configuration. TooOld if `go` is missing or older than go.mod asks for: it does not
    fetch another one.
    """
    module = (source / "go.mod").read_text()
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}

    def fill(work: Path) -> None:
        _refuse_old(module, environment)
        tools = re.findall(r"(?m)^(?:tool |\t)([^\s/]+\.[^\s]+)$", module)
        done = subprocess.run(
            ["go", "build", "-o", f"{work}/", *tools],
            cwd=source,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise LabError(f"go build in {source} failed:\n{done.stdout}{done.stderr}")

    own = b"".join(path.read_bytes() for path in sorted(source.rglob("*.go")))
    return kept(cache, module.encode() + (source / "go.sum").read_bytes() + own, fill)


def _refuse_old(module: str, environment: dict[str, str]) -> None:
    wanted = re.search(r"(?m)^go (\S+)$", module)[1]
    try:
        asked = subprocess.run(["go", "version"], env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        raise TooOld(f"go is not installed; {wanted} or newer is needed") from None
    has = re.sub(r"^go version go(\S+).*$", r"\1", asked.stdout.strip())
    if _version(has) < _version(wanted):
        raise TooOld(f"go is {has}; {wanted} or newer is needed")
