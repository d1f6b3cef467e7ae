"""Under pressure: descriptors that run out."""

import contextlib
import resource
import signal
import time
from collections.abc import Callable

from bystander import Bystander
from crowd import PROXY_UID, begin_dial, crowd
from lab import query, request, wait_until
from mesh import ADMIN, APP_PORT, CALLEE, CALLER, HEALTH, METRICS, Mesh, Wire, dial

OPEN_FILES = 400
OFFERED = 200
CPU_SECONDS = 0.4  # of one, the bystander's requests included; spinning takes all of it
KNOCKS_PER_SECOND = 200
QUEUE = 8
DIALS = 40
GET = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
PERMISSIVE = CALLEE.replace("strict", "permissive").replace("allow: [mesh]", "allow: [anyone]")


def cpu_seconds(member, seconds: float) -> float:
    """Processor time that the sidecar takes in the coming seconds, for each of them."""

    def used() -> float:
        with open(f"/proc/{member.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    before = used()
    time.sleep(seconds)
    return (used() - before) / seconds


def admitted(dialled: Callable[[], Wire]) -> Wire | None:
    """The connection if its first request is answered, None if it was reset."""
    wire = None
    try:
        wire = dialled()
        assert wire.send(GET).response()[0] == 200
        return wire
    except ConnectionError:
        if wire:
            wire.close()
        return None


def test_a_low_limit_of_open_files_admits_fewer_and_fails_none_of_them(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", "workers: 1\n" + CALLER, start=False)
    api2 = mesh.member("api2", CALLEE)
    bare = lab.pod("bare")
    api.sidecar.start(before=["prlimit", f"--nofile={OPEN_FILES}"])
    api.sidecar.wait_ready()
    limited = api.wait_logged(event="connections_limited")
    assert limited["open_files"] == OPEN_FILES and limited["connections"] < OFFERED, limited
    address = api.address_of("api2.default")
    with contextlib.ExitStack() as stack:
        others = stack.enter_context(Bystander(api, api2))
        offered = [admitted(lambda: api.dial(address, 80)) for _ in range(OFFERED)]
        kept = [stack.enter_context(wire) for wire in offered if wire]
        assert len(kept) == limited["connections"] - 1, "the bystander has one"

        # What is in excess is counted and said, and what serves nobody's traffic still answers.
        refused = api.counter("epaulet_connections_refused_total", reason="overload")
        assert refused == OFFERED - len(kept)
        assert api.wait_logged(event="connections_refused")["count"] <= refused
        assert api.counter("process_max_fds") == OPEN_FILES
        assert request(api.pod, "127.0.0.1", HEALTH, "/ready").status == 200
        assert request(api.pod, "127.0.0.1", ADMIN, "/ready", host="127.0.0.1").status == 200
        assert query(api.pod, "api2.default", "A").addresses == [address]
        for _ in range(60):  # nearly as many as that port takes
            scraper = stack.enter_context(Wire(dial(bare, api.pod.ipv4, METRICS)))
            assert scraper.send(GET.replace("/", "/metrics", 1)).response()[0] == 200
        again = [wire.send(GET).response()[0] for wire in kept]
        assert set(again) == {200}, "who was admitted is served again"

        def knocking():
            return crowd(api.pod, "knock", address, 80, rate=KNOCKS_PER_SECOND)

        def knocking_elsewhere():
            return crowd(api.pod, "knock", bare.ipv4, 9, PROXY_UID, rate=KNOCKS_PER_SECOND)

        with crowd(bare, "bare", port=9, reset=True):
            others.assert_unharmed(knocking, knocking_elsewhere)
        assert api.counter("epaulet_connections_refused_total") > refused + KNOCKS_PER_SECOND
        assert api.counter("epaulet_accept_failures_total") == 0, "it never came to that"
        assert not api.logged(outcome="descriptors_exhausted")
        for wire in kept:
            wire.close()
        wait_until(lambda: admitted(lambda: api.dial(address, 80)), "new callers to be served", 5)


def test_no_descriptor_at_all_lets_established_exchanges_go_on(lab, binaries):
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair("workers: 1\n" + CALLER, "workers: 1\n" + PERMISSIVE)
    outside = lab.pod("outside")
    app = api2.app(APP_PORT + 1)
    ports = f"ports: {{ {APP_PORT + 1}: {{ tls: permissive }}, "
    api2.replace("config/api2.yaml", "workers: 1\n" + PERMISSIVE.replace("ports: { ", ports))
    api2.wait_logged(event="config_applied")

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def open_files(soft: int | None) -> None:
        limit = f"--nofile={soft or hard}:"
        outside.run(["prlimit", f"--pid={api2.process.pid}", limit], uid=PROXY_UID)

    with contextlib.ExitStack() as stack:
        stack.callback(open_files, None)
        others = stack.enter_context(Bystander(api, api2))

        def caller() -> Wire:
            return stack.enter_context(Wire(dial(outside, api2.pod.ipv4, APP_PORT + 1)))

        # One that has been served, and whose connection to the app is gone.
        known = caller().send(GET)
        wire, _ = app.take_head()
        wire.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        assert known.response()[0] == 204
        scraper = stack.enter_context(Wire(dial(outside, api2.pod.ipv4, METRICS)))
        scrape = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n"
        assert scraper.send(scrape).response()[0] == 200

        open_files(3)
        waiting = [caller().send(GET) for _ in range(20)]
        status, head, _ = known.send(GET).response()
        assert status == 502
        record = api2.wait_logged(outcome="descriptors_exhausted")
        assert record["status"] == 502 and record["direction"] == "inbound", record
        assert b"x-request-id: " + record["id"].encode() in head.lower()
        assert api2.wait_logged(event="descriptors_exhausted")["level"] == "warning"
        waiting[0].quiet()
        spent = cpu_seconds(api2, 1.0)
        print(f"# without a descriptor: {spent:.2f} s of processor time a second")
        assert spent < CPU_SECONDS, "it spins"
        page = scraper.send(scrape).response()[2].decode()
        failures = 'epaulet_accept_failures_total{reason="descriptors"} '
        assert int(page.partition(failures)[2].split()[0]) > 0, "who has a connection can scrape"
        open_files(None)

        # It recovers: whoever waited is served, and explain tells of the one that was not.
        for one in waiting:
            wire, _ = app.take_head()
            wire.send("HTTP/1.1 204 No Content\r\n\r\n")
        assert all(one.response()[0] == 204 for one in waiting)
        assert api2.sidecar.explain(record["id"])
        logged = len(api2.logged(event="descriptors_exhausted"))
        assert logged <= 2, "once, and again after ten seconds"

        @contextlib.contextmanager
        def exhausted():
            with contextlib.ExitStack() as queue:
                open_files(3)
                for _ in range(20):
                    queue.enter_context(Wire(dial(outside, api2.pod.ipv4, APP_PORT)))
                yield
            open_files(None)

        others.assert_unharmed(exhausted)


def test_what_the_kernel_drops_in_front_of_a_full_queue_is_counted(lab, binaries):
    mesh = Mesh(lab, binaries)
    api2 = mesh.member("api2", "workers: 1\n" + PERMISSIVE, start=False)
    api2.pod.run(["sysctl", "-qw", f"net.core.somaxconn={QUEUE}"])
    api2.start()
    outside = lab.pod("outside")

    def dropped() -> float:
        return api2.counter("epaulet_listen_drops_total")

    assert dropped() == 0
    with contextlib.ExitStack() as stack:
        api2.process.signal(signal.SIGSTOP)  # it accepts nobody
        stack.callback(api2.process.signal, signal.SIGCONT)
        target = {"address": api2.pod.ipv4, "port": APP_PORT}
        for _ in range(DIALS):
            stack.enter_context(outside.in_netns(lambda: begin_dial(target)))
        api2.process.signal(signal.SIGCONT)
        assert DIALS - QUEUE - 2 <= dropped() <= 3 * DIALS, "each try of each that found no room"


def test_without_a_descriptor_names_are_answered_and_what_is_new_comes_later(lab, binaries):
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair("workers: 1\n" + CALLER)
    app = api2.app()
    address = api.address_of("api2.default")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def open_files(soft: int) -> None:
        api.pod.run(["prlimit", f"--pid={api.process.pid}", f"--nofile={soft}:"], uid=PROXY_UID)

    def taken() -> tuple[int, int]:
        return len(api.logged(event="config_applied")), len(api.logged(event="identity_loaded"))

    with contextlib.ExitStack() as stack:
        stack.callback(open_files, hard)
        known = stack.enter_context(api.call("six.default")).send(GET[:10])
        wait_until(lambda: api.counter("epaulet_connections_active") == 1, "it to be accepted", 5)

        open_files(3)
        assert query(api.pod, "api2.default", "A").addresses == [address]
        assert known.send(GET[10:]).response()[0] == 502
        record = api.wait_logged(outcome="descriptors_exhausted", direction="outbound")
        waiting = stack.enter_context(api.dial(address, 80)).send(GET)
        api.replace("config/api.yaml", "workers: 1\ntimeouts: { request: 50s }\n" + CALLER)
        api.give_identity(mesh.issue("api"))
        waiting.quiet(1.0)
        assert taken() == (0, 1), "what was in force stays"
        open_files(hard)

        wire, _ = app.take_head()
        wire.send("HTTP/1.1 204 No Content\r\n\r\n")
        assert waiting.response()[0] == 204
        assert api.sidecar.explain(record["id"])[0]["remedy"]
        wait_until(lambda: taken() == (1, 2), "the new text and identity, once, to be in force", 10)
        assert "50s" in str(api.sidecar.admin("/config")["settings"]["timeouts"])
