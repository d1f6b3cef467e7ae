"""A scenario on one screen for a person, or one JSON record per row for a program."""

import json
import os
import sys
import textwrap

WIDTH = 100
INDENT = "    "
LABEL_WIDTH = 6
FAILURES_SHOWN = 3  # the first says most, and all rows should fit on one screen
GREEN, RED, BOLD, DIM = "32", "31", "1", "2"


class Report:
    """With `as_json`, stdout holds nothing but records; what a person reads goes nowhere."""

    def __init__(self, as_json: bool):
        self._as_json = as_json
        self._colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def say(self, text: str = "") -> None:
        if not self._as_json:
            print(text, flush=True)

    def paint(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colours else text

    def heading(self, text: str) -> None:
        self.say(self.paint(text, BOLD))

    def note(self, text: str) -> None:
        self.say(self.paint(text, DIM))

    def row(self, row) -> None:
        if self._as_json:
            print(json.dumps(row.as_record()), flush=True)
            return
        verdict = self.paint("ok", GREEN) if row.ok else self.paint("FAIL", RED)
        title = f" {row.number}  {row.title} "
        self.say(self.paint(title, BOLD) + "." * (WIDTH - 12 - len(title)) + f" {verdict}")
        for command, outcome in row.tries:
            self.say(f"{INDENT}{command}  =>  {outcome}")
        for text in row.why:
            self._wrapped("why   ", text)
        if row.seen:
            self._wrapped("seen  ", "; ".join(row.seen))
        failures = row.failures()
        for text in failures[:FAILURES_SHOWN]:
            self._wrapped(self.paint("FAIL  ", RED), text)
        if len(failures) > FAILURES_SHOWN:
            self._wrapped("", f"and {len(failures) - FAILURES_SHOWN} more: --json has them all")

    def _wrapped(self, label: str, text: str) -> None:
        margin = " " * LABEL_WIDTH
        lines = textwrap.wrap(text, WIDTH - len(INDENT) - LABEL_WIDTH)
        self.say(INDENT + (label or margin) + lines[0])
        for line in lines[1:]:
            self.say(INDENT + margin + line)
