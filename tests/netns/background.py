"""Load that takes only the processor time that nobody else in the lab wants.

Who misbehaves is on a machine of its own in life. Here it shares a core with the sidecar, and would
else be measured by the time slices that it takes from everybody, a tick of 4 ms each.
"""

import contextlib
import os
from pathlib import Path

LEAST = 19  # nice


def give_way() -> None:
    """Of this process and its session: the scheduler weighs sessions first where it groups them."""
    os.nice(LEAST)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(LEAST))
