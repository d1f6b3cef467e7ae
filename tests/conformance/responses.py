"""Sends response rows: a scripted app answers, three kinds of callers say what they made of it.

Each caller asks for the row, then for a canary over the same connection if that is still open: a
canary that gets anything but its own answer got what the row left behind.
"""

import http.client
import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from judge import TWO_READINGS, Records
from mesh import App, Broken, Wire
from reader import Unclean, read_response
from rows import ResponseRow
from world import PATIENCE

CALLERS = ("strict", "python", "node")
NODE_SECONDS = 60.0
OURS = (b"Refused by the service mesh", b"epaulet: ")  # what a 502 of the sidecar says

_canaries = itertools.count(1)


class ScriptedApp:
    """Answers `/NAME` with the bytes of the row, and canaries with what they ask for."""

    def __init__(self, pod, port: int, rows: list[ResponseRow]):
        self._rows = {row.name: row for row in rows}
        self.read = threading.Event()  # the answer of a row with `late` bytes has been read
        self.dropped = threading.Event()  # the connection that they came on has been given up
        self._app = App(pod, port)
        self._app.serve(self._talk)

    def _talk(self, wire: Wire) -> None:
        wire.socket.settimeout(None)
        while True:
            path = wire.head().split()[1].decode()
            if path.startswith("/canary/"):
                body = f"saw {path}"
                wire.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}")
                continue
            row = self._rows[path[1:]]
            wire.send(row.message)
            if row.late:
                self._send_late(wire, row)
            elif row.then == "reset":
                wire.reset()
            if row.then != "keep":
                return

    def _send_late(self, wire: Wire, row: ResponseRow) -> None:
        if not self.read.wait(PATIENCE):
            return
        self.read.clear()
        wire.send(row.late)
        wire.socket.settimeout(PATIENCE)
        try:
            wire.rest()
        except ConnectionError:
            pass
        self.dropped.set()

    def close(self) -> None:
        self._app.close()


@dataclass
class ResponseRoute:
    """How callers reach the scripted app through whatever stands between."""

    name: str
    pod: object
    address: str
    port: int
    dial: Callable[[], tuple[Wire, str]]
    records: Callable[[], list[dict]]
    app: ScriptedApp


@dataclass
class Made:
    """What one caller made of a row."""

    status: int = 0
    body: bytes = b""
    error: str = ""
    canary: str = ""  # what was wrong with it
    source: str = ""

    def __str__(self) -> str:
        return self.error or f"{self.status} {self.body[:60]!r}"


def ask_all(route: ResponseRoute, rows: list[ResponseRow]) -> dict[str, dict[str, Made]]:
    """By the row's name, then by caller."""
    made: dict[str, dict[str, Made]] = {row.name: {} for row in rows}

    def callers_of(row: ResponseRow, name: str) -> bool:
        return name not in row.not_for and not (row.late and name != "strict")

    for row in rows:
        made[row.name]["strict"] = _ask_strict(route, row)
        if callers_of(row, "python"):
            made[row.name]["python"] = _ask_python(route, row)
    wanted = [row for row in rows if callers_of(row, "node")]
    if wanted:
        for name, one in _ask_node(route, wanted).items():
            made[name]["node"] = one
    return made


def _ask_strict(route: ResponseRoute, row: ResponseRow) -> Made:
    wire, source = route.dial()
    made = Made(source=source)
    with wire:
        try:
            wire.send(f"{row.method} /{row.name} HTTP/1.1\r\nHost: h\r\n\r\n")
            response = read_response(wire, row.method)
            if response is None:
                raise Broken("ended before a response")
            made.status, made.body = response.status, response.body
            if row.late:
                route.app.read.set()
                if not route.app.dropped.wait(PATIENCE):
                    made.canary = "the app's connection was kept in spite of what came on it"
                route.app.dropped.clear()
            if response.closes:
                if rest := wire.rest():
                    made.canary = f"behind the answer came {rest[:80]!r}"
            else:
                made.canary = made.canary or _canary(wire)
        except (Unclean, Broken, OSError) as error:
            made.error = repr(error)
    wire, _ = route.dial()
    with wire:
        made.canary = made.canary or _canary(wire)
    return made


def _canary(wire: Wire) -> str:
    path = f"/canary/strict-{next(_canaries)}"
    try:
        wire.send(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        response = read_response(wire, "GET")
        good = response and (response.status, response.body) == (200, f"saw {path}".encode())
        rest = wire.rest()
        return "" if good and not rest else f"the canary {path} got {response}, then {rest[:80]!r}"
    except (Unclean, Broken, OSError) as error:
        return f"the canary {path} got no answer: {error!r}"


def _ask_python(route: ResponseRoute, row: ResponseRow) -> Made:
    made = Made()
    connection = http.client.HTTPConnection(route.address, route.port)
    connection.sock = route.dial()[0].socket
    try:
        made.status, made.body = _exchange(connection, row.method, f"/{row.name}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        made.error = repr(error)
        connection.close()
    if connection.sock is None:  # http.client saw that it may not be used again
        connection.sock = route.dial()[0].socket
    path = f"/canary/python-{next(_canaries)}"
    try:
        answer = _exchange(connection, "GET", path)
        if answer != (200, f"saw {path}".encode()):
            made.canary = f"the canary {path} got {answer}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        made.canary = f"the canary {path} got no answer: {error!r}"
    connection.close()
    return made


def _exchange(connection, method: str, path: str) -> tuple[int, bytes]:
    connection.request(method, path, headers={"Host": "h"})
    response = connection.getresponse()
    return response.status, response.read()


def _ask_node(route: ResponseRoute, rows: list[ResponseRow]) -> dict[str, Made]:
    program = route.pod.bind(Path(__file__).resolve().parent / "backends", "backends")
    wanted = json.dumps([{"name": row.name, "method": row.method} for row in rows])
    argv = ["node", f"{program}/node_client.js", route.address, str(route.port), wanted]
    answers = route.pod.run(argv, timeout=NODE_SECONDS).stdout
    return {
        one["name"]: Made(
            one.get("status", 0),
            one.get("body", "").encode("latin-1"),
            one.get("error", ""),
            one["canary"],
        )
        for one in map(json.loads, answers.splitlines())
    }


def judge_answers(row: ResponseRow, made: dict[str, Made], records: Records) -> list[str]:
    leaks = [f"{caller}: {one.canary}" for caller, one in made.items() if one.canary]
    whole = {str(one) for one in made.values() if not one.error}
    if len(whole) > 1 and row.answer.code == "ok":
        leaks.append(f"callers do not agree: {sorted(whole)}")
    problems = [TWO_READINGS + line for line in leaks]
    wanted = row.answer
    for caller, one in made.items():
        if wanted.status == 0:
            good = bool(one.error)
        elif wanted.code == "ok":
            good = not one.error and (one.status, one.body) == (wanted.status, wanted.body)
        else:
            good = one.status == wanted.status and (
                row.method == "HEAD" or one.body.startswith(OURS)
            )
        if not good:
            problems.append(f"{caller} got {one}")
    found = [one["outcome"] for one in records.by_source.get(made["strict"].source, ())]
    if found[:1] != [wanted.code]:
        problems.append(f"the sidecar's records say {found}, not {wanted.code}")
    return problems
