"""What every scenario does alike: its rows, its options, how stages are switched off."""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab import Binaries, Lab, LabError, find_binaries, npm
from report import Report

REPOSITORY = Path(__file__).resolve().parents[2]
EVIDENCE = ("dns_answer", "wire", "app_requests", "rule", "explain", "http_status", "body")


@dataclass
class Row:
    """`checks` are (what must hold, whether it did). A row without any proves nothing: not ok."""

    number: int
    title: str
    tries: list[tuple[str, str]] = field(default_factory=list)  # (command, outcome)
    why: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    checks: list[tuple[str, bool]] = field(default_factory=list)
    evidence: dict = field(default_factory=lambda: dict.fromkeys(EVIDENCE))
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(held for _, held in self.checks)

    def failures(self) -> list[str]:
        return [what for what, held in self.checks if not held]

    def check(self, what: str, held: bool) -> None:
        self.checks.append((what, bool(held)))

    def give_reason(self, record: dict | None) -> None:
        """The explain record's sentence and rule, once each."""
        if record is None:
            return
        rule = record.get("rule")
        where = f"; rule {rule['name']}, {Path(rule['source']).name}" if rule else ""
        text = record["summary"] + where
        if text not in self.why:
            self.why.append(text)

    def as_record(self) -> dict:
        return {
            "row": self.number,
            "title": self.title,
            "ok": self.ok,
            "failed_checks": self.failures(),
            "seconds": round(self.seconds, 2),
            "evidence": self.evidence,
        }


@dataclass(frozen=True)
class Edit:
    """One replacement in a pod's configuration; `old` must stand there exactly once."""

    file: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} should contain {self.old!r} exactly once")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Stage:
    """What `--break` switches off. `fails`: the rows that must then fail, and no others. `only`: the
    rows that are run, where the others cannot tell and would take long."""

    fails: frozenset[int]
    what: str
    only: frozenset[int] | None = None
    edits: tuple[Edit, ...] = ()
    redirects: bool = True
    probe: str = "/ready"  # what says that a sidecar is up, as far as it can be
    foreign: frozenset[str] = frozenset()  # pods whose certificates a foreign authority has issued
    renewed_foreign: frozenset[str] = frozenset()  # those whose next ones it has

    def authority_of(self, pod: str) -> str:
        return "foreign-ca" if pod in self.foreign else "ca"

    def renewing_authority_of(self, pod: str) -> str:
        return "foreign-ca" if pod in self.renewed_foreign else "ca"

    def configuration(self, file: Path) -> str:
        """What a pod's configuration says at this stage."""
        text = file.read_text()
        for edit in self.edits:
            if edit.file == file.name:
                text = edit.apply(text)
        return text


NOTHING_BROKEN = Stage(frozenset(), "nothing is broken")


def without_redirect(fails: frozenset[int]) -> Stage:
    what = "`epaulet redirect install` is left out"
    return Stage(fails, what, redirects=False, probe="/live")


@dataclass(frozen=True)
class Scenario:
    number: int
    what: str
    directory: Path  # with package.json
    rows: dict[int, tuple[str, Callable]]  # by number, in order: (title, fill(row, world))
    stages: dict[str, Stage]
    make_world: Callable  # (lab, binaries, modules, stage)
    introduce: Callable  # (world) -> its pods, in a line
    to_try: Callable  # (world) -> (command, what it shows) for --keep

    @property
    def all_rows(self) -> frozenset[int]:
        return frozenset(self.rows)

    def rows_at(self, stage: Stage) -> list[int]:
        return [number for number in self.rows if stage.only is None or number in stage.only]

    def main(self) -> int:
        """Exit status: 0 if every row holds (with --expect-fail: if exactly those rows fail), 1 if
        not, 2 if the scenario could not be set up."""
        arguments = self._parse_arguments()
        report = Report(as_json=arguments.json)
        try:
            failed = self._run(arguments, report)
        except LabError as error:
            print(f"scenario {self.number}: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130
        expected = arguments.expect_fail or set()
        if failed == expected:
            return 0
        if arguments.expect_fail is not None:
            print(
                f"expected to fail: {sorted(expected)}, failed: {sorted(failed)}", file=sys.stderr
            )
        return 1

    def _parse_arguments(self) -> argparse.Namespace:
        parser = argparse.ArgumentParser(description=f"Scenario {self.number}: {self.what}.")
        parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
        parser.add_argument("--json", action="store_true", help="one JSON record per row on stdout")
        parser.add_argument("--keep", action="store_true", help="stay up afterwards, until Ctrl-C")
        parser.add_argument(
            "--break", dest="stage", choices=self.stages, help="switch one stage off"
        )
        parser.add_argument(
            "--expect-fail",
            metavar="ROWS",
            type=lambda text: {int(part) for part in text.split(",") if part},
            help="succeed if exactly these fail: 1,2,6",
        )
        parser.add_argument("--logs", metavar="DIR", type=Path, help="keep all processes' logs")
        return parser.parse_args()

    def _run(self, arguments: argparse.Namespace, report: Report) -> set[int]:
        """Shows all rows; returns the numbers of those that failed."""
        stage = self.stages[arguments.stage] if arguments.stage else NOTHING_BROKEN
        binaries: Binaries = find_binaries(arguments.bin, REPOSITORY)
        started = time.monotonic()
        report.heading(f"epaulet, scenario {self.number}: {self.what}")
        cache = REPOSITORY / "build" / "npm" / f"scenario-{self.number}"
        modules = npm.install(self.directory, cache)
        failed = set()
        with Lab(logs=arguments.logs) as lab:
            world = self.make_world(lab, binaries, modules, stage)
            report.note(f"{self.introduce(world)}; up in {time.monotonic() - started:.1f} s")
            if arguments.stage:
                report.note(f"broken on purpose: {arguments.stage} ({stage.what})")
            for number in self.rows_at(stage):
                row = self._run_row(number, world)
                report.row(row)
                if not row.ok:
                    failed.add(number)
            seconds = time.monotonic() - started
            numbers = ", ".join(map(str, sorted(failed)))
            asked = len(self.rows_at(stage))
            verdict = f"failed: row {numbers}" if failed else f"all {asked} rows hold"
            report.heading(f"{verdict} ({seconds:.1f} s)")
            if arguments.keep:
                self._keep_up(report, world)
        return failed

    def _run_row(self, number: int, world) -> Row:
        """A row that breaks off has failed, with what it had found; the next ones still run."""
        title, fill = self.rows[number]
        row = Row(number, title)
        started = time.monotonic()
        try:
            fill(row, world)
        except Exception as error:  # whatever it is, it is this row's failure: no reason to stop
            row.check(f"broke off: {error!r}", False)
        row.seconds = time.monotonic() - started
        return row

    def _keep_up(self, report: Report, world) -> None:
        """Says where to look, until Ctrl-C."""
        report.heading("\nStill up, until Ctrl-C. Try:")
        for command, what in self.to_try(world):
            report.say(f"  {command}")
            report.note(f"      {what}")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            report.say()
