#!/usr/bin/env python3
"""Switches off each stage of scenario 4 in turn: exactly the rows named for it must fail."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from run import SCENARIO  # noqa: E402  (it sets the paths)
import break_stages  # noqa: E402

if __name__ == "__main__":
    sys.exit(break_stages.main(SCENARIO, at_once=4))
