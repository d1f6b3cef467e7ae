#!/usr/bin/env python3
"""Sends ambiguous HTTP/1 messages through real sidecars to node, Python's http.server and nginx.

No message may have two interpretations: for every row either the sidecar refuses it, closes the
connection, and the app never takes a request; or the app takes exactly the requests that the
sidecar's own records say it passed on. The table is the `ROWS` of requests_*.py and responses_*.py;
rows.py says what a row is. The output is TAP with a count at its end. Exit status 0 if every row
holds, 1 if one does not, 2 if nothing was run.

    tests/conformance/run.py [--bin DIR] [--logs DIR] [--naive] [--list] [PATTERN...]

`--naive` puts naive.py, a forwarder that reads as many did, in the sidecars' place: rows must fail
then. Without a PATTERN (part of a row's name) the run ends with that proof for rows named there.
"""

import argparse
import contextlib
import importlib
import itertools
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
TESTS = REPOSITORY / "tests"
sys.path[:0] = [str(HERE), str(TESTS / "support"), str(TESTS / "netns")]

import http2  # noqa: E402
from drive import Seen, drive, share_out  # noqa: E402  (the path above first)
from http2_rows import ROWS as HTTP2_ROWS, Http2Row  # noqa: E402
from judge import SUCCESS, TWO_READINGS, Records, judge  # noqa: E402
from lab import Lab, LabError, find_binaries, wait_until  # noqa: E402
from naive import HARMLESS, SMUGGLERS, Naive, admitted_paths  # noqa: E402
from naive_http2 import (  # noqa: E402
    HARMLESS_DOWN,
    HARMLESS_UP,
    SMUGGLERS_DOWN,
    SMUGGLERS_UP,
    NaiveDown,
    NaiveUp,
)
from responses import ResponseRoute, ScriptedApp, ask_all, judge_answers  # noqa: E402
from rows import APPS, ResponseRow, Row  # noqa: E402
from world import ALL_APPS, OUTSIDE_SERVER_PORT, PORTS, Route, World, port_of  # noqa: E402

NAIVE_PORT_OFFSET = 1000
SETTLE_SECONDS = 5.0
PROBLEMS_SHOWN = 12
PROBLEM_LENGTH = 600


def table(kind: str) -> list:
    found = []
    for path in sorted(HERE.glob(f"{kind}_*.py")):
        found += importlib.import_module(path.stem).ROWS
    return found


class Run:
    """A lab in which the table is sent, and what is wrong with it by row: nothing if it holds."""

    def __init__(
        self,
        lab: Lab,
        binaries,
        requests: list[Row],
        responses: list[ResponseRow],
        http2_rows: list[Http2Row],
    ):
        self.world = World(lab, binaries, requests, http2_rows)
        self._http2_rows = http2_rows
        self._requests, self._responses = requests, responses
        self._inside = ScriptedApp(self.world.apps.pod, PORTS["scripted"], responses)
        self._outside = ScriptedApp(self.world.out, OUTSIDE_SERVER_PORT, responses)

    def through_sidecars(self) -> dict[str, list[str]]:
        world, scripted = self.world, PORTS["scripted"]
        inbound, outbound = world.apps.sidecar.log_records, world.api.sidecar.log_records
        target, out = world.apps.pod.ipv4, world.out.ipv4
        answers = [
            self._answers("inbound", world.out, target, scripted, inbound, self._inside),
            self._answers(
                "outbound", world.api.pod, out, OUTSIDE_SERVER_PORT, outbound, self._outside
            ),
        ]
        problems = self._send(world.routes(), answers, self._requests, self._responses)
        carried = world.many.counter("epaulet_multiplexed_connections_total", direction="outbound")
        if self._requests and not carried:
            raise LabError("no connection was carried over the multiplexed route")
        return problems

    def http2_through_sidecars(self) -> dict[str, list[str]]:
        problems: dict[str, list[str]] = {row.name: [] for row in self._http2_rows}
        routes = [one for one in self.world.routes() if one.http2] if self._http2_rows else []
        for route in routes:
            for app in route.apps:
                for row, found in self._send_http2(route, app, self._http2_rows):
                    problems[row.name] += [f"{route.name}, {app}: {line}" for line in found]
        return problems

    def _send_http2(self, route, app: str, rows) -> Iterator[tuple[Http2Row, list[str]]]:
        log = self.world.logs[app]
        before = len(log.records())
        came = [http2.send(route, app, row) for row in rows]
        last = next((one.canary for one in reversed(came) if not one.lost), "")
        _wait(lambda: any(one.get("target") == last for one in log.records()), "the app's log")
        records = log.records()[before:]
        for one in came:
            yield one.row, http2.judge(one, records)

    def through_naive(self, names: tuple[str, ...]) -> dict[str, list[str]]:
        """Row by row, so that none fails for what another has left behind."""
        naive = Naive(admitted_paths(self._requests, self._responses), self._dial_directly)
        pod = self.world.apps.pod
        port = PORTS["scripted"] + NAIVE_PORT_OFFSET
        with self._in_place(naive, tuple(PORTS), APPS) as route:
            answers = self._answers("naive", pod, "127.0.0.1", port, route.front, self._inside)
            problems = {}
            for name in names:
                naive.forget()
                requests = [row for row in self._requests if row.name == name]
                responses = [row for row in self._responses if row.name == name]
                problems |= self._send([route], [answers], requests, responses)
            return problems

    def through_naive_up(self, names: tuple[str, ...]) -> dict[str, list[str]]:
        """Rows of HTTP/1, to the app of HTTP/2."""
        naive = NaiveUp(admitted_paths(self._requests, []), self._dial_directly)
        with self._in_place(naive, ("http2",), ("http2",)) as route:
            problems = {}
            for name in names:
                requests = [row for row in self._requests if row.name == name]
                problems |= self._send([route], [], requests, [])
            return problems

    def through_naive_down(self, names: tuple[str, ...]) -> dict[str, list[str]]:
        """Rows of HTTP/2, to the apps of HTTP/1."""
        naive = NaiveDown({}, self._dial_directly)
        problems: dict[str, list[str]] = {name: [] for name in names}
        with self._in_place(naive, APPS, APPS) as route:
            for name, app in itertools.product(names, APPS):
                naive.forget()
                rows = [row for row in self._http2_rows if row.name == name]
                for _, found in self._send_http2(route, app, rows):
                    problems[name] += found
            return problems

    @contextlib.contextmanager
    def _in_place(self, naive: Naive, served: tuple[str, ...], asked: tuple[str, ...]):
        """The route through `naive`, which serves in the sidecar's place."""
        pod = self.world.apps.pod
        listeners = []
        for app in served:
            address = ("127.0.0.1", port_of(app) + NAIVE_PORT_OFFSET)
            listeners.append(pod.in_netns(lambda at=address: socket.create_server(at)))
            naive.serve(app, listeners[-1])

        def dial(app: str):
            return self.world.dial(pod, "127.0.0.1", port_of(app) + NAIVE_PORT_OFFSET)

        try:
            yield Route("naive", dial, lambda: list(naive.records), None, asked)
        finally:
            for listener in listeners:
                listener.shutdown(socket.SHUT_RDWR)
                listener.close()

    def _dial_directly(self, app: str):
        return self.world.dial(self.world.apps.pod, "127.0.0.1", port_of(app))[0]

    def _answers(self, name, pod, address, port, records, app) -> ResponseRoute:
        def dial():
            return self.world.dial(pod, address, port)

        return ResponseRoute(name, pod, address, port, dial, records, app)

    def _send(self, routes, answers, requests, responses) -> dict[str, list[str]]:
        problems: dict[str, list[str]] = {row.name: [] for row in (*requests, *responses)}
        if requests:
            for one, found in self._send_requests(routes, requests):
                problems[one.row.name] += [f"{one.route}, {one.app}: {line}" for line in found]
        for route in answers if responses else ():
            for row, found in self._send_responses(route, responses):
                problems[row.name] += [f"{route.name}, {line}" for line in found]
        return problems

    def _send_requests(self, routes, requests) -> Iterator[tuple[Seen, list[str]]]:
        """Apps beside each other, the rows of each in order: canaries must come between."""
        apps = [app for app in ALL_APPS if any(app in route.apps for route in routes)]
        read_before = {app: len(self.world.logs[app].records()) for app in apps}

        def all_rows(app: str) -> list[Seen]:
            return [
                drive(route, app, row)
                for route in routes
                for number, row in enumerate(requests)
                if route.concerns(row, app, number)
            ]

        with ThreadPoolExecutor(len(apps)) as pool:
            by_app = dict(zip(apps, pool.map(all_rows, apps)))
        for app, all_seen in by_app.items():
            share_out(self._app_records(app, all_seen[-1])[read_before[app] :], all_seen)
        for route in routes:
            mine = [one for seen in by_app.values() for one in seen if one.route == route.name]
            records = await_records(route.front, [one.source for one in mine])
            behind = None
            if route.behind:
                behind = await_exchanges(route.behind, records)
            for one in mine:
                yield one, judge(one, records, behind)

    def _app_records(self, app: str, last: Seen) -> list[dict]:
        """Up to the last canary, which nginx logs only after its answer."""
        log, path = self.world.logs[app], last.canaries[-1]

        def arrived() -> bool:
            return any(one.get("target") == path for one in log.records())

        _wait(arrived, f"{path} in the log of {app}")
        return log.records()

    def _send_responses(self, route, responses) -> Iterator[tuple[ResponseRow, list[str]]]:
        made = ask_all(route, responses)
        sources = [by_caller["strict"].source for by_caller in made.values()]
        records = await_records(route.records, sources)
        for row in responses:
            yield row, judge_answers(row, made[row.name], records)


def await_records(read, sources: list[str]) -> Records:
    """Once there are records of all these connections; without, if some never come."""
    _wait(lambda: set(sources) <= Records(read()).by_source.keys(), "records")
    return Records(read())


def await_exchanges(read, front: Records) -> Records:
    """The records of the second sidecar, once it has one of each exchange that went well."""
    well = {key for key, one in front.by_id.items() if one["outcome"] == SUCCESS}
    _wait(lambda: well <= Records(read()).by_id.keys(), "records")
    return Records(read())


def _wait(condition, what: str) -> None:
    """What has not come then is missed by who compares."""
    try:
        wait_until(condition, what, SETTLE_SECONDS, poll=0.1)
    except LabError:
        pass


class Report:
    """TAP."""

    def __init__(self, count: int):
        self.passed = self.failed = 0
        print(f"1..{count}")

    def line(self, problems: list[str], text: str) -> None:
        for problem in problems[:PROBLEMS_SHOWN]:
            print(f"# {problem[:PROBLEM_LENGTH]}")
        self.passed += not problems
        self.failed += bool(problems)
        number = self.passed + self.failed
        print(f"{'not ok' if problems else 'ok'} {number} - {text}", flush=True)


def misjudged(
    problems: dict[str, list[str]], smugglers, harmless, sign: str = TWO_READINGS
) -> dict[str, list[str]]:
    """What is wrong with the proof that rows can fail, by row. `sign`: of what must be found."""
    wrong: dict[str, list[str]] = {}
    for name in smugglers:
        proven = any(sign in problem for problem in problems[name])
        wrong[name] = [] if proven else ["nobody saw two readings", *problems[name]]
    for name in harmless:
        wrong[name] = problems[name]
    return wrong


def prove(run: Run) -> Iterator[tuple[str, list[str]]]:
    """That rows can fail, in each pairing: a claim, and what is wrong with it."""
    proofs = (
        ("", run.through_naive, SMUGGLERS, HARMLESS, TWO_READINGS),
        # The two parties that differ are its caller and it: HTTP/2 frames what it has read.
        (" towards HTTP/2", run.through_naive_up, SMUGGLERS_UP, HARMLESS_UP, ""),
        (" from HTTP/2", run.through_naive_down, SMUGGLERS_DOWN, HARMLESS_DOWN, TWO_READINGS),
    )
    for where, through, smugglers, harmless, sign in proofs:
        found = misjudged(through(harmless + smugglers), smugglers, harmless, sign)
        for name, wrong in found.items():
            verdict = "fails" if name in smugglers else "holds"
            yield f"{name} {verdict} with the naive forwarder{where}", wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", metavar="DIR", help="directory with epaulet and epaulet-certs")
    parser.add_argument("--logs", metavar="DIR", type=Path, help="keep the logs of all processes")
    parser.add_argument("--naive", action="store_true", help="a naive forwarder for the sidecars")
    parser.add_argument("--list", action="store_true", help="print the table and send nothing")
    parser.add_argument("patterns", metavar="PATTERN", nargs="*")
    arguments = parser.parse_args()

    def is_wanted(row) -> bool:
        return not arguments.patterns or any(one in row.name for one in arguments.patterns)

    requests = [row for row in table("requests") if is_wanted(row)]
    responses = [row for row in table("responses") if is_wanted(row)]
    http2_rows = [row for row in HTTP2_ROWS if is_wanted(row) and not arguments.naive]
    rows = [*requests, *responses, *http2_rows]
    if not rows:
        print("no row has such a name", file=sys.stderr)
        return 2
    if arguments.list:
        print("\n".join(row.describe() for row in rows))
        return 0
    proof = not arguments.patterns and not arguments.naive
    started = time.monotonic()
    try:
        with Lab(logs=arguments.logs) as lab:
            run = Run(lab, find_binaries(arguments.bin, REPOSITORY), requests, responses,
                http2_rows)
            if arguments.naive:
                problems = run.through_naive(tuple(row.name for row in rows))
            else:
                problems = run.through_sidecars() | run.http2_through_sidecars()
            proven = dict(prove(run)) if proof else {}
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    report = Report(len(rows) + len(proven))
    for row in rows:
        report.line(problems[row.name], row.describe())
    for claim, wrong in proven.items():
        report.line(wrong, claim)
    seconds = time.monotonic() - started
    print(f"{report.passed} passed, {report.failed} failed ({seconds:.1f} s)")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
