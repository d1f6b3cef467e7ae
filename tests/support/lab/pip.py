"""Python packages of a suite, installed once into a venv and kept under build/."""

import os
import subprocess
from pathlib import Path

from .kept import kept
from .process import LabError

# That of Debian: pods' processes cannot read one in somebody's home.
INTERPRETER = Path("/usr/bin/python3")


def install(requirements: Path, cache: Path) -> Path:
    """A venv with exactly what the file names; `bin/python` in it runs wherever it is shown.

    Keyed by the text of the file and by the interpreter, so a second call costs nothing. Which index
    pip asks is the machine's configuration.
    """

    def fill(work: Path) -> None:
        _run(str(INTERPRETER), "-m", "venv", str(work))
        pip = (str(work / "bin" / "python"), "-m", "pip", "install", "--quiet")
        _run(*pip, "--no-deps", "--only-binary=:all:", "-r", str(requirements))

    return kept(cache, requirements.read_bytes() + INTERPRETER.resolve().name.encode(), fill)


def _run(*command: str) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
