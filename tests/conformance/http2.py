"""Sends the rows of http2_rows.py on connections of their own, and compares what came of them."""

import itertools
from dataclasses import dataclass, field

from http2_peer import (
    DATA, END_STREAM, GOAWAY, HEADERS, RST_STREAM, frame, hello, next_frame)
from http2_rows import Http2Row, encode, head
from mesh import Broken

_canaries = itertools.count(1)
OWN, CANARY = 1, 3


@dataclass
class Came:
    """Of one row, over one route."""

    row: Http2Row
    app: str
    answers: dict[int, bool] = field(default_factory=dict)  # stream -> its 200 came whole
    ended: set[int] = field(default_factory=set)
    lost: bool = False  # the connection
    canary: str = ""


def send(route, app: str, row: Http2Row) -> Came:
    """The row, and a request behind it on the same connection."""
    came = Came(row, app, canary=f"/canary/h2-{next(_canaries)}")
    wire, _ = route.dial(app)
    with wire:
        try:
            wire.send(hello() + row.frames(OWN))
            canary = [*head("", path=came.canary), ("x-row", came.canary)]
            wire.send(frame(HEADERS, END_STREAM | 4, CANARY, encode(canary)))
            _read(wire, came)
        except (OSError, Broken):
            came.lost = True
    return came


def _read(wire, came: Came) -> None:
    while {OWN, CANARY} - came.ended:
        kind, flags, stream, payload = next_frame(wire)
        if kind == GOAWAY:
            came.lost = True
        if kind == RST_STREAM:
            came.ended.add(stream)
        if kind == HEADERS and stream not in came.answers:
            came.answers[stream] = payload[:1] == b"\x88"  # :status: 200, of the static table
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            came.ended.add(stream)


def judge(came: Came, records: list[dict]) -> list[str]:
    """`records`: all that the app said."""
    row, problems = came.row, []
    mine = [one for one in records if one.get("row") == row.name]
    whole = [one for one in mine if one["kind"] == "request"]
    for one in records:
        if one.get("injected") or "smuggled" in one.get("target", ""):
            problems.append(f"smuggled into the app: {one}")
    if row.offers and came.app != "http2":
        if any((one["method"], one["target"]) != ("GET", row.path) for one in whole):
            problems.append(f"two readings: the app took {whole}")
        if came.answers.get(OWN):
            problems.append("two readings: the app's page is the caller's consent")
    elif row.understood is None:
        if whole:
            problems.append(f"two readings: the app took {whole}")
        if mine and not row.begins:
            problems.append(f"the app has seen something of it: {mine}")
        if came.answers.get(OWN):
            problems.append("the caller got a 200")
    else:
        wanted = row.understood
        told = [
            (one["method"], one["target"], one["host"], one["body"],
                tuple(one.get("trailers", wanted.trailers)), one["cookie"])  # not all apps tell them
            for one in whole
        ]
        should = (wanted.method, wanted.target or row.path, wanted.host, wanted.body,
                  wanted.trailers, wanted.cookie)
        if told != [should]:
            problems.append(f"two readings: the app understood {told}, not {should}")
        if not came.answers.get(OWN):
            problems.append("the caller got no 200")
    canaries = [one for one in records if one.get("target") == came.canary]
    if came.answers.get(CANARY):
        if len(canaries) != 1 or canaries[0]["body"] or canaries[0]["row"] != came.canary:
            problems.append(f"the request behind it was understood as {canaries}")
    elif not came.lost:
        problems.append("the request behind it got no answer")
    return problems

