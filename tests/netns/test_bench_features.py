"""The configurations of `./dev bench features` are ones that this epaulet reads."""

import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).resolve().parents[2] / "benchmarks" / "load" / "feature_run.py"


def test_every_feature_that_is_measured_can_be_switched_on(lab, binaries):
    argv = [sys.executable, str(RUN), "--bin", str(binaries.epaulet.parent), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
