"""h2spec's rows: what it finds at nghttpd, and at the sidecars in front of it."""

import re

from h2spec_allowed import ALLOWED, MISJUDGED
from world import WEB_PORT, World

TESTS_MIN = 145  # of this version; strict adds to them
ROWS = []


def row(claim):
    ROWS.append(claim)
    return claim


def ask(world: World, pod, host: str, port: int, *flags: str) -> tuple[int, set[str]]:
    """How many tests there were, and the names of those that failed."""
    status, text = world.run(pod, "h2spec", "-h", host, "-p", str(port), *flags)
    count = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", text)
    assert count, f"status {status}: {text[-2000:]}"
    tests, passed, skipped, failed = map(int, count.groups())
    assert tests >= TESTS_MIN and tests == passed + failed and skipped == 0, count[0]
    failures = failed_tests(text.partition("Failures:")[2])
    assert len(failures) == failed, text[-4000:]
    return tests, failures


def failed_tests(report: str) -> set[str]:
    """`SECTION: TITLE` of each; the sections of HTTP/2 and HPACK are told apart by their heading."""
    part, section, found = "", "", set()
    for line in report.splitlines():
        if heading := re.match(r"\S.*", line):
            part = heading[0].split()[0]
        elif heading := re.match(r"\s+(\d[\d.]*)\. \S", line):
            section = heading[1]
        elif test := re.match(r"\s+× \d+: (.*\S)", line):
            found.add(f"{part} {section}: {test[1]}")
    return found


def judge(world: World, pod, host: str, port: int, *flags: str, allowed=ALLOWED) -> str:
    sidecars = (world.api2,) if pod is world.out else (world.api, world.api2)
    before = [one.counter("epaulet_requests_total") for one in sidecars]
    tests, failures = ask(world, pod, host, port, *flags)
    requests = [one.counter("epaulet_requests_total") - was for one, was in zip(sidecars, before)]
    assert not failures - allowed.keys(), f"{sorted(failures - allowed.keys())} of {tests}"
    assert min(requests) > 30, f"only {requests} requests went through the sidecars"
    world.assert_nothing_left()
    return (
        f"{tests} tests, {tests - len(failures)} passed, {len(failures)} allowed,"
        f" {requests[0]:.0f} requests"
    )


@row
def h2spec_control(world: World) -> str:
    """nghttpd without a sidecar fails those tests that are allowed to fail, and no other"""
    told = []
    for flags in ((), ("-S",)):
        tests, failures = ask(world, world.out, "127.0.0.1", WEB_PORT, *flags)
        assert failures == ALLOWED.keys(), f"{failures} of {tests}"
        told.append(f"{tests} tests, {len(failures)} failed")
    return " and ".join(told)


@row
def h2spec_inbound(world: World) -> str:
    """h2spec against the inbound listener, plaintext"""
    return judge(world, world.out, world.api2.pod.ipv4, WEB_PORT)


@row
def h2spec_inbound_strict(world: World) -> str:
    """h2spec -S against the inbound listener, plaintext"""
    return judge(world, world.out, world.api2.pod.ipv4, WEB_PORT, "-S")


@row
def h2spec_outbound(world: World) -> str:
    """h2spec against the outbound listener, a port that looks, mutual TLS behind it"""
    return judge(world, world.api.pod, "web.default", 81)


@row
def h2spec_outbound_strict(world: World) -> str:
    """h2spec -S against the outbound listener, a port that looks, mutual TLS behind it"""
    return judge(world, world.api.pod, "web.default", 81, "-S")


@row
def h2spec_outbound_http(world: World) -> str:
    """h2spec -S against the outbound listener, a port for HTTP"""
    return judge(world, world.api.pod, "web.default", 80, "-S", allowed={**ALLOWED, **MISJUDGED})


@row
def h2spec_misjudged(world: World) -> None:
    """what h2spec takes for open is reset: a first line that is no HTTP, on a port for HTTP"""
    with world.api.call("web.default") as wire:
        assert wire.send("INVALID CONNECTION PREFACE\r\n\r\n").ends() == "reset"
