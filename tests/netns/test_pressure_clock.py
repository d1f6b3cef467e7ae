"""The wall clock jumps by an hour, forwards and back, while everything else goes on."""

import contextlib
import datetime
import itertools
import mmap
import os
import re
import struct
import threading
import time

from bystander import Bystander
from lab import Issuer, LabError, request, wait_until
from mesh import (
    APP_PORT,
    CALLEE,
    CALLER,
    HEALTH,
    Broken,
    CountingApp,
    Member,
    Mesh,
    Wire,
    dial,
    field,
)

HOUR = 3600
TRUST = "spiffe://cluster.local/ns/default/sa/"
# From the start all live so far in the future, so that a certificate made now is valid an hour
# before as well.
BASE = 2 * HOUR
JUMPS_PER_SECOND = 12
GUARDED = """
workload: { service: api2.default, ports: { 8080: { tls: permissive } } }
identity: { dir: /var/run/epaulet/identity }
issuers:
  filed: { issuer: https://filed.example, audiences: [api2], keys: { file: filed.jwks.json } }
access: [ { name: tokens, allow: [anyone], require: token } ]
"""


class Clock:
    """A sidecar's calendar: the real one and what `set` says, in seconds."""

    def __init__(self, member: Member, binaries):
        self.member = member
        self.library = binaries.epaulet.parent.parent / "tests" / "netns" / "libjumping_clock.so"
        if not self.library.exists():
            raise LabError(f"{self.library} is not there: build all of the preset")
        path = member.sidecar.home / "clock"
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            self._seconds = mmap.mmap(file.fileno(), 8)
        self.set(0)

    def set(self, seconds: int) -> None:
        self._seconds[:] = struct.pack("q", BASE + seconds)

    @contextlib.contextmanager
    def jumping(self, seconds: int):
        self.set(seconds)
        yield
        self.set(0)

    def start(self) -> None:
        sidecar, pod = self.member.sidecar, self.member.pod
        preload = f"{pod.bind(self.library.parent, 'clock')}/{self.library.name}"
        argv = [sidecar.program, "run", "--config", sidecar.path_in_pod(sidecar.config_file)]
        sidecar.process = pod.start(argv, uid=1337, name="epaulet", env={"LD_PRELOAD": preload})


def pair(lab, binaries, lifetime: str, **of: str) -> tuple[Member, Member, list[Clock]]:
    """`lifetime` of certificates; `of`: one member's own."""
    mesh = Mesh(lab, binaries)
    members = [
        mesh.member(name, config, mesh.issue(name, "ca", "--valid", of.get(name, lifetime)), start=False)
        for name, config in (("api", CALLER), ("api2", CALLEE))
    ]
    clocks = [Clock(one, binaries) for one in members]
    for clock in clocks:
        clock.start()
    for one in members:
        one.sidecar.wait_ready()
    return *members, clocks


def wrong(clocks: list[Clock]) -> tuple[list[Clock], ...]:
    """The caller's, the callee's, both."""
    return clocks[:1], clocks[1:], clocks


@contextlib.contextmanager
def restless(clocks: list[Clock]):
    """They jump all the time, so that each of them is wrong in either way in every window."""
    over = threading.Event()

    def jump() -> None:
        states = itertools.product((HOUR, -HOUR), wrong(clocks))
        for seconds, who in itertools.cycle(states):
            for clock in clocks:
                clock.set(seconds if clock in who else 0)
            if over.wait(1 / JUMPS_PER_SECOND):
                break

    thread = threading.Thread(target=jump)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for clock in clocks:
            clock.set(0)


def ahead(record: dict) -> float:
    """How far the time of a log record is ahead of ours, in seconds."""
    return datetime.datetime.fromisoformat(record["time"]).timestamp() - time.time()


def test_an_hour_more_or_less_is_nothing_to_valid_certificates(lab, binaries):
    api, api2, clocks = pair(lab, binaries, "24h")
    with Bystander(api, api2) as bystander:
        assert abs(ahead(api.wait_logged(event="started")) - BASE) < 30, "the shim is at work"
        for seconds in (HOUR, -HOUR):
            for who in wrong(clocks):
                with contextlib.ExitStack() as stack:
                    for clock in who:
                        stack.enter_context(clock.jumping(seconds))
                    seen = len(bystander.answers())
                    wait_until(lambda: len(bystander.answers()) > seen + 50, "answers", 5)
                    # A handshake under that clock.
                    with api.dial(api.address_of("api2.default"), 82) as client:
                        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                        assert client.response()[0] == 200
            (moved,) = {
                round((ahead(one) - BASE) / HOUR)
                for one in api.logged(kind="exchange")
                if abs(ahead(one) - BASE) > HOUR / 2 and (ahead(one) > BASE) == (seconds > 0)
            }
            assert moved == seconds / HOUR, "the log has the time of the clock"
        bystander.assert_unharmed(lambda: restless(clocks))
    # No duration was measured by it.
    assert max(one["duration_us"] for one in api.logged(kind="exchange")) < 5_000_000
    assert not [one for one in api.logged(kind="exchange") if one["outcome"] != "ok"]


def test_a_request_under_way_keeps_its_time(lab, binaries):
    api, api2, clocks = pair(lab, binaries, "24h")
    app = api2.app()
    for seconds in (HOUR, -HOUR):
        with api.call("api2.default") as client:
            client.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
            wire, _ = app.take_head()
            with clocks[0].jumping(seconds), clocks[1].jumping(seconds):
                client.quiet(0.5)
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                assert client.response()[0] == 200


def told(member: Member, record: dict) -> tuple[str, float]:
    """What its explain says, which the log says too, and how far its clock was ahead of ours."""
    (explained,) = member.sidecar.explain(record["id"])
    assert explained["remedy"] and explained["summary"] == record["summary"], (explained, record)
    clock = re.search(r"our clock: (\S+Z)", explained["summary"])
    assert clock, explained["summary"]
    moment = datetime.datetime.fromisoformat(clock[1]).timestamp()
    return explained["summary"], moment - time.time() - BASE


def refused_call(api: Member) -> dict:
    """The record of a call of the app that gets 502."""
    with api.call("api2.default") as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        status, head, _ = client.response()
    assert status == 502, head
    return api.wait_logged(kind="exchange", id=field(head, "x-request-id"))


def test_a_caller_whose_clock_is_wrong_refuses_and_both_sides_tell_of_clocks(lab, binaries):
    api, api2, clocks = pair(lab, binaries, "24h", api2="150m")  # which is good for 30 minutes more
    app = api2.app()
    clocks[0].set(HOUR)
    record = refused_call(api)
    assert record["outcome"] == "tls_peer_expired", record
    said, ahead_by = told(api, record)
    assert f"presented: {TRUST}api2" in said and abs(ahead_by - HOUR) < 60, (said, ahead_by)
    refused = api2.wait_logged(kind="handshake")
    said, ahead_by = told(api2, refused)
    assert "the peer refused our certificate with the alert certificate expired" in said, said
    assert f"we presented: {TRUST}api2" in said and abs(ahead_by) < 60, (said, ahead_by)
    clocks[0].set(0)
    app.nobody()


def test_a_callee_whose_clock_is_wrong_refuses_and_both_sides_tell_of_clocks(lab, binaries):
    api, api2, clocks = pair(lab, binaries, "24h", api="150m")
    app = api2.app()
    clocks[1].set(HOUR)
    record = refused_call(api)
    said, ahead_by = told(api, record)
    assert "the peer refused our certificate with the alert certificate expired" in said, said
    assert f"we presented: {TRUST}api (" in said and abs(ahead_by) < 60, (said, ahead_by)
    refusal = api2.wait_logged(kind="handshake", outcome="tls_peer_expired")
    said, ahead_by = told(api2, refusal)
    assert f"presented: {TRUST}api (" in said and abs(ahead_by - HOUR) < 60, (said, ahead_by)
    clocks[1].set(0)
    app.nobody()


def test_an_identity_that_the_jump_outlives_is_refused_until_the_way_back(lab, binaries):
    api, api2, clocks = pair(lab, binaries, "150m")  # 30 minutes from the clocks' point of view
    CountingApp(api2.pod)

    def get(name: str) -> int:
        with api.call(name) as client:
            client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Call: 1\r\n\r\n")
            return client.response()[0]

    def ready(member: Member) -> tuple[int, str]:
        page = request(member.pod, "127.0.0.1", HEALTH, "/ready")
        return page.status, page.body

    assert get("api2.default") == 200
    for clock in clocks:
        clock.set(HOUR)
    wait_until(lambda: ready(api)[0] == 503, "it not to be ready", 5)
    assert "the certificate has expired" in ready(api)[1]
    assert get("api2.default") == 200, "a connection keeps the end that its handshake gave it"
    assert get("six.default") == 502, "a handshake"
    said = api.wait_logged(kind="exchange", status=502)
    assert said["outcome"].startswith("tls_") and said["summary"], said
    assert "our clock: " in api2.wait_logged(kind="handshake")["summary"] + said["summary"]
    assert api.counter("epaulet_tls_handshakes_failed_total") >= 1

    for clock in clocks:
        clock.set(0)
    wait_until(lambda: ready(api)[0] == 200, "it to be ready again", 5)
    assert get("six.default") == 200
    assert get("api2.default") == 200


def test_certificates_that_a_slow_clock_refuses_are_taken_once_it_is_right(lab, binaries):
    api, api2, clocks = pair(lab, binaries, "24h")
    CountingApp(api2.pod)
    clocks[1].set(-BASE - HOUR)  # Now begins the new certificate in an hour.
    api2.give_identity(api2.mesh.issue("api2"))
    refused = api2.wait_logged(event="identity_refused")
    assert "too early" in refused["reasons"], refused
    time.sleep(2.5)  # longer than from one look to the next
    assert len(api2.logged(event="identity_refused")) == 1
    assert api2.counter("epaulet_identity_reloads_total", result="rejected") == 1
    assert len(api2.logged(event="identity_loaded")) == 1
    clocks[1].set(0)
    api2.process.wait_for(lambda: len(api2.logged(event="identity_loaded")) == 2, "the new one")
    assert not api2.sidecar.admin("/certs").get("refused")


def assert_jump_told(member: Member, seconds: int, count: int) -> None:
    """`seconds` is the jump, `count` how many it were by now."""
    member.process.wait_for(lambda: len(member.logged(event="clock_jumped")) == count, "a jump")
    said = member.logged(event="clock_jumped")[-1]
    assert said["level"] == "warning" and abs(said["seconds"] - seconds) <= 1, said
    assert member.counter("epaulet_clock_jumps_total") == count


def test_tokens_are_judged_by_the_clock_as_it_is_and_each_jump_is_told(lab, binaries):
    mesh = Mesh(lab, binaries)
    issuer = Issuer(lab.directory, "https://filed.example")
    api2 = mesh.member("api2", GUARDED, mesh.issue("api2", "ca", "--valid", "24h"), start=False)
    api2.sidecar.add_config_file("filed.jwks.json", issuer.jwks())
    clock, outside = Clock(api2, binaries), lab.pod("outside")
    app = CountingApp(api2.pod)
    clock.start()
    api2.sidecar.wait_ready()
    begin = int(time.time()) + BASE

    def token(subject: str) -> str:
        return issuer.token("api2", subject, iat=begin, exp=begin + HOUR // 2)

    def ask(token: str) -> int:
        with Wire(dial(outside, api2.pod.ipv4, APP_PORT)) as wire:
            head = f"GET / HTTP/1.1\r\nHost: h\r\nX-Call: 1\r\nAuthorization: Bearer {token}\r\n\r\n"
            return wire.send(head).response()[0]

    def assert_refused(token: str, why: str) -> None:
        calls = app.calls["1"]
        refused = len(api2.logged(status=401))
        assert ask(token) == 401
        api2.process.wait_for(lambda: len(api2.logged(status=401)) > refused, "its record")
        record = api2.logged(status=401)[-1]
        (explained,) = api2.sidecar.explain(record["id"])
        assert why in explained["summary"] and explained["remedy"], explained
        assert app.calls["1"] == calls, "the app was not asked"

    seen, other = token("seen"), token("other")
    assert ask(seen) == 200
    assert not api2.logged(event="clock_jumped")
    clock.set(HOUR)
    assert_refused(seen, "expired")  # however often it was good
    assert_refused(other, "expired")
    assert_jump_told(api2, HOUR, 1)
    clock.set(0)
    assert ask(seen) == ask(other) == 200
    assert_jump_told(api2, -HOUR, 2)
    clock.set(-HOUR)
    assert_refused(token("third"), "issued_in_future")
    assert_jump_told(api2, -HOUR, 3)
    clock.set(0)
    assert ask(token("third")) == 200
    assert_jump_told(api2, HOUR, 4)


def handshakes(member: Member, direction: str, resumed: str) -> float:
    labels = {"direction": direction, "resumed": resumed}
    return member.counter("epaulet_tls_handshakes_total", **labels)


def assert_tickets_end_with_certificates(api: Member, api2: Member, wrong: Clock) -> None:
    """`wrong` is set to when the other one's certificate has expired."""
    CountingApp(api2.pod)
    address = api.address_of("api2.default")

    def served() -> bool:
        try:
            with api.dial(address, 82) as tunnel:  # a connection of its own, and a handshake
                tunnel.send("GET / HTTP/1.1\r\nHost: h\r\nX-Call: 1\r\n\r\n")
                return tunnel.response()[0] == 200
        except (Broken, ConnectionError):
            return False

    wait_until(lambda: served() and handshakes(api, "outbound", "true") > 0, "a ticket's use", 5)
    resumed = handshakes(api2, "inbound", "true")
    wrong.set(HOUR)
    assert not served(), "a ticket is good no longer than what it was given for"
    assert handshakes(api2, "inbound", "true") == resumed
    wrong.member.wait_logged(kind="handshake", outcome="tls_peer_expired")
    wrong.set(0)
    wait_until(served, "it to be as before", 5)


def test_a_ticket_is_not_used_by_a_caller_for_whom_the_callee_has_expired(lab, binaries):
    api, api2, clocks = pair(lab, binaries, "24h", api2="150m")
    assert_tickets_end_with_certificates(api, api2, clocks[0])


def test_a_ticket_is_not_taken_by_a_callee_for_whom_the_caller_has_expired(lab, binaries):
    api, api2, clocks = pair(lab, binaries, "24h", api="150m")
    assert_tickets_end_with_certificates(api, api2, clocks[1])
