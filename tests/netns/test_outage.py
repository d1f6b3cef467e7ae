"""The outage that benchmarks/outage draws, short: what it promises holds, and it can be drawn."""

import json
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).resolve().parents[2] / "benchmarks" / "outage" / "run.py"
UNIT_SECONDS, RATE = 1.5, 100


def test_an_outage_is_survived_recovered_from_within_a_bound_and_drawn(lab, binaries):
    out = lab.directory / "outage"
    root = binaries.epaulet.parent
    if binaries.certs.parent != root:
        root = root.parent  # a build directory
    argv = [sys.executable, str(RUN), "--bin", str(root), "--unit", str(UNIT_SECONDS), "--rate", str(RATE)]
    done = subprocess.run([*argv, "--out", str(out)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (numbers,), (picture,) = out.glob("*.json"), out.glob("*.svg")
    told = json.loads(numbers.read_text())
    for side in told["sides"].values():
        assert sum(one["requests"] for one in side["bins"]) == round(RATE * side["phases"][-1]["end"])
    text = picture.read_text()
    assert "<svg" in text and all(one["phase"] in text for one in side["phases"] if "'" not in one["phase"])
