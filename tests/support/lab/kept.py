"""Directories under build/ that are filled once: what is installed or built for a suite."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def kept(cache: Path, key: bytes, fill: Callable[[Path], None]) -> Path:
    """The directory in `cache` that belongs to `key`, filled by `fill` if it is not there yet.

    Whole or not at all, also if several runs fill it at once.
    """
    target = cache / hashlib.sha256(key).hexdigest()[:16]
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="filling-", dir=cache))
    try:
        fill(work)
        work.chmod(0o755)
        try:
            work.rename(target)
        except OSError:
            if not target.is_dir():  # else another run was quicker
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target
