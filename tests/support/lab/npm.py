"""npm modules of a scenario, installed once and kept under build/."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .process import LabError


def install(source: Path, cache: Path) -> Path:
    """A directory with `node_modules` for source/package.json and its lock file.

    Keyed by the text of both, so a second call costs nothing. Which registry and which certificate
    authorities npm uses is the machine's configuration, of which the lock file names nothing.
    """
    digest = hashlib.sha256()
    for name in ("package.json", "package-lock.json"):
        digest.update((source / name).read_bytes())
    target = cache / digest.hexdigest()[:16]
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="installing-", dir=cache))
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, work)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        extra = os.environ.get("NODE_EXTRA_CA_CERTS")
        if extra and "npm_config_cafile" not in os.environ:
            command.append(f"--cafile={extra}")  # npm itself asks only its own setting
        done = subprocess.run(command, cwd=work, capture_output=True, text=True)
        if done.returncode != 0:
            raise LabError(f"npm ci for {source.name} failed:\n{done.stdout}{done.stderr}")
        work.chmod(0o755)
        try:
            work.rename(target)
        except OSError:
            if not target.is_dir():  # else another run was quicker
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target
