"""npm modules of a scenario, installed once and kept under build/."""

import os
import shutil
import subprocess
from pathlib import Path

from .kept import kept
from .process import LabError

FILES = ("package.json", "package-lock.json")


def install(source: Path, cache: Path) -> Path:
    """A directory with `node_modules` for source/package.json and its lock file.

    Keyed by the text of both, so a second call costs nothing. Which registry and which certificate
    authorities npm uses is the machine's configuration, of which the lock file names nothing.
    """

    def fill(work: Path) -> None:
        for name in FILES:
            shutil.copy(source / name, work)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        extra = os.environ.get("NODE_EXTRA_CA_CERTS")
        if extra and "npm_config_cafile" not in os.environ:
            command.append(f"--cafile={extra}")  # npm itself asks only its own setting
        done = subprocess.run(command, cwd=work, capture_output=True, text=True)
        if done.returncode != 0:
            raise LabError(f"npm ci for {source.name} failed:\n{done.stdout}{done.stderr}")

    return kept(cache, b"".join((source / name).read_bytes() for name in FILES), fill)
