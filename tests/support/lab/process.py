"""Processes of a lab, and waiting by looking rather than by sleeping."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

POLL_SECONDS = 0.02


class LabError(Exception):
    """The lab cannot do what was asked; the message says what, and shows the log that tells why."""


def wait_until(is_true, what: str, timeout: float, poll: float = POLL_SECONDS):
    """Calls `is_true` until it returns something true, and returns that; LabError after `timeout`.

    An OSError inside counts as "not yet": that is what a listener not yet there looks like.
    """
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = is_true()
            if value:
                return value
        except OSError as error:
            last = error
        if time.monotonic() >= deadline:
            raise LabError(f"waited {timeout:g} s for {what}" + (f": {last}" if last else ""))
        time.sleep(poll)


class Process:
    """One process in a pod; its output is in `log`, both streams, in order."""

    def __init__(self, name: str, argv: list[str], log: Path):
        self.name = name
        self.log = log
        with open(log, "ab") as out:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the lab, which ends its processes itself
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._child.poll()

    def is_running(self) -> bool:
        return self.exit_status is None

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def lines(self) -> list[str]:
        return self.text().splitlines()

    def json_lines(self) -> list[dict]:
        """The objects among its lines; one that is still being written does not count yet."""
        complete = self.text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in complete if line.startswith("{")]

    def tail(self, count: int = 15) -> str:
        return "\n".join(f"    {self.name}| {line}" for line in self.lines()[-count:])

    def wait_for(self, is_true, what: str, timeout: float = 10.0):
        """`wait_until`, but a process that ends meanwhile is an error at once, its log in it."""

        def attempt():
            value = is_true()
            if not value and not self.is_running():
                raise LabError(f"{self.name} ended with status {self.exit_status}")
            return value

        def attempt_with_end():
            try:
                return attempt()
            except OSError:
                if not self.is_running():
                    raise LabError(f"{self.name} ended with status {self.exit_status}") from None
                raise

        try:
            return wait_until(attempt_with_end, f"{self.name}: {what}", timeout)
        except LabError as error:
            raise LabError(f"{error}\n{self.tail()}") from None

    def wait_for_line(self, needle: str, timeout: float = 10.0) -> str:
        """The first line of the log that contains `needle`."""
        return self.wait_for(
            lambda: next((line for line in self.lines() if needle in line), None),
            f"a line with {needle!r}",
            timeout,
        )

    def signal(self, number: int) -> None:
        if self.is_running():
            os.killpg(self.pid, number)

    def stop(self, timeout: float = 10.0) -> int:
        """SIGTERM, then SIGKILL after `timeout` s; returns the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        self.signal(signal.SIGKILL)
        return self._child.wait()
