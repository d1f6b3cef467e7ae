"""Whose turn it is where everything in the lab shares two cores.

Who is measured is on a machine of its own in life. Here he would be measured by the time slices that
everybody takes from everybody, of milliseconds each where a request takes a third of one.
"""

import contextlib
import os
from pathlib import Path


def go_first(pid: int = 0) -> None:
    """All threads of this process, or of that one, run as soon as they are ready to.

    Where that is not allowed they have at least the greatest share.
    """
    pid = pid or os.getpid()
    _weigh(pid, -20)
    for thread in _threads_of(pid):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(1))


def go_first_myself() -> None:
    """The thread that calls this, and those that it starts."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def go_before_strangers(pid: int) -> None:
    """It takes most of what those leave, and leaves enough for the test itself."""
    _weigh(pid, -5)


def _weigh(pid: int, nice: int) -> None:
    with contextlib.suppress(OSError):  # the scheduler weighs sessions first where it groups them
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))
    for thread in _threads_of(pid):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, nice)


def _threads_of(pid: int) -> list[int]:
    return [int(one.name) for one in Path(f"/proc/{pid}/task").iterdir()]
