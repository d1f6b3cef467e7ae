"""The process: start, reload under traffic, drain."""

import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from lab import LabError, wait_until
from mesh import APP_PORT, CALLEE, CALLER, CountingApp, Mesh, Traffic, Wire, dial, field

READY_SECONDS = 0.100  # from exec to ready, by issue
REWRITES = 50

DRAINED = """
workload: { service: api2.default, ports: { 8080: { tls: permissive } } }
identity: { dir: /var/run/epaulet/identity }
roles: { mesh: [ { identity: "spiffe://cluster.local/ns/default/sa/*" } ] }
access: [ { name: all, allow: [anyone] } ]
drain: { grace: 500ms, timeout: 10s }
workers: 2
"""
TWO_ENDPOINTS = """
identity: { dir: /var/run/epaulet/identity }
services:
  api2.default:
    ports: { 80: http }
    endpoints: { addresses: ["10.88.0.12:8080", "10.88.0.13:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
"""


def test_it_runs_without_capabilities_and_is_ready_at_once(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", CALLER)
    status = Path(f"/proc/{api.process.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["1337"] * 4 and fields["NoNewPrivs"] == "1"
    assert int(fields["CapPrm"], 16) == int(fields["CapEff"], 16) == 0
    # A step of enter.py before exec is not the sidecar's: the clock starts at exec, which the
    # process's own start cannot tell. So it is started by something that is there already.
    api.process.kill()
    script = """
import os, socket, sys, time
best = 9.0
for _ in range(5):
    begin = time.monotonic()
    child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", 15021)) as probe:
                probe.sendall(b"GET /ready HTTP/1.1\\r\\nHost: h\\r\\nConnection: close\\r\\n\\r\\n")
                if probe.recv(4096).startswith(b"HTTP/1.1 200 "):
                    break
        except OSError:
            pass
        time.sleep(0.0005)
    best = min(best, time.monotonic() - begin)
    os.kill(child, 9)
    os.waitpid(child, 0)
print("seconds", best)
"""
    argv = ["/usr/bin/python3", "-c", script, api.sidecar.program, "run", "--config"]
    said = api.pod.run([*argv, api.sidecar.path_in_pod(api.sidecar.config_file)], uid=1337).stdout
    seconds = float(re.search(r"^seconds (\S+)$", said, re.M)[1])
    libraries = subprocess.run(["ldd", binaries.epaulet], capture_output=True, text=True, check=True).stdout
    most = READY_SECONDS * (10 if "libasan" in libraries else 1)
    assert seconds < most, f"{seconds * 1000:.1f} ms from exec to ready"


def test_configurations_change_under_traffic_without_a_failed_request(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair("workers: 2\n" + CALLER, "workers: 2\n" + CALLEE)
    app = CountingApp(api2.pod)

    def put(member, text: str, event: str) -> dict:
        before = len(member.logged(event=event))
        member.replace(f"config/{member.pod.name}.yaml", text)
        member.process.wait_for(lambda: len(member.logged(event=event)) > before, event)
        return member.logged(event=event)[-1]

    version = api.sidecar.admin("/config")["version"]
    with Traffic(api, "api2.default", callers=3) as traffic:
        for number in range(REWRITES // 2):
            one, other, text, rest = (api, api2, CALLER, CALLEE)
            if number % 5 == 4:
                one, other, text, rest = (api2, api, CALLEE, CALLER)
            put(one, text + f"\ntimeouts: {{ request: {number + 10}s }}\n", "config_applied")
            bad = put(one, text + f"\ntimeouts: {{ reqest: {number}s }}\n", "config_rejected")
            line = text.count("\n") + 2
            place = f"/run/epaulet/config/{one.pod.name}.yaml:{line}:13: "
            assert place in bad["errors"] and "request" in bad["errors"], bad
        traffic.wait_answered(20)
        assert api.sidecar.admin("/config")["version"] == version + REWRITES // 2 - 5
        assert api.counter("epaulet_config_reloads_total", result="rejected") == 20

        api.replace("config/api.yaml", CALLER)
        applied = len(api.logged(event="config_applied"))
        api.process.wait_for(lambda: len(api.logged(event="config_applied")) > applied, "that")
        for count in (1, 2):  # also when nothing has changed
            applied = len(api.logged(event="config_applied"))
            api.process.signal(signal.SIGHUP)
            api.process.wait_for(lambda: len(api.logged(event="config_applied")) > applied, "HUP")
        traffic.wait_answered(20)
    traffic.assert_flawless()
    assert not app.repeated()


def test_what_a_reload_takes_away_and_brings(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = CountingApp(api2.pod)
    address = api.address_of("api2.default")

    def get(path: str = "/") -> int:
        with api.dial(address, 80) as client:
            client.send(f"GET {path} HTTP/1.1\r\nHost: h\r\nX-Call: 1\r\n\r\n")
            return client.response()[0]

    def put(member, text: str) -> None:
        member.replace(f"config/{member.pod.name}.yaml", text)

    assert get() == 200
    put(api2, CALLEE.replace("allow: [mesh]", "paths: [/a], allow: [mesh]"))
    wait_until(lambda: get() == 403, "the narrower rule", 5)
    assert get("/a") == 200
    put(api2, CALLEE.replace("8080", "8081"))
    wait_until(lambda: get("/a") == 502, "the port to be gone", 5)
    put(api2, CALLEE)
    wait_until(lambda: get() == 200, "the port to be back", 5)

    other = CountingApp(api2.pod, 8082)
    put(api2, CALLEE.replace("ports: { ", "ports: { 8082: { tls: strict }, "))
    put(api, CALLER.replace("10.88.0.12:8080", "10.88.0.12:8082"))
    wait_until(lambda: get() == 200 and other.calls, "the new endpoint to be called", 5)
    assert app.calls
    with api.dial(address, 80) as client:  # a request keeps the configuration it began with
        client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Call: 2\r\n")
        put(api, CALLER.replace("api2.default", "other.default"))
        wait_until(lambda: "other.default" in str(api.sidecar.admin("/services")), "it", 5)
        client.send("\r\n")
        assert client.response()[0] in (200, 503)


class DirectTraffic:
    """Callers outside the mesh, a connection for each request. Only connecting may fail."""

    REQUEST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"

    def __init__(self, pod, address: str, callers: int = 3):
        self.answered = 0
        self.lost: list[str] = []
        self.closed = threading.Event()
        self._pod, self._address = pod, address
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._call_on, daemon=True) for _ in range(callers)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _call_on(self) -> None:
        while not self._stopping.wait(0.002):
            try:
                channel = dial(self._pod, self._address, APP_PORT)
            except OSError:
                self.closed.set()
                continue
            with Wire(channel) as client:
                try:
                    status, head, _ = client.send(self.REQUEST).response()
                    assert status == 200, head
                    self.answered += 1
                except (OSError, AssertionError) as error:
                    self.lost.append(repr(error))


def test_a_drain_loses_no_request_that_was_accepted(lab, binaries):
    mesh = Mesh(lab, binaries)
    lab.pod("spare")
    api2 = mesh.member("api2", DRAINED)
    outside = lab.pod("outside")
    slow_app = threading.Event()
    app = api2.app()

    def answer(wire) -> None:
        wire.socket.settimeout(None)
        while True:
            head = wire.head()
            wire.take(int(field(head, "content-length") or 0))
            if head.startswith(b"GET /slow"):
                slow_app.wait(10)
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    app.serve(answer)
    with Wire(dial(outside, api2.pod.ipv4, APP_PORT)) as slow:
        slow.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        idle = Wire(dial(outside, api2.pod.ipv4, APP_PORT))
        idle.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert field(idle.response()[1], "connection") is None
        with DirectTraffic(outside, api2.pod.ipv4) as traffic:
            wait_until(lambda: traffic.answered > 30, "traffic", 10)
            began = time.monotonic()
            api2.process.signal(signal.SIGTERM)
            api2.wait_logged(event="draining")
            try:
                api2.sidecar.wait_ready(timeout=0.1)
                raise AssertionError("it says that it is ready")
            except LabError:
                pass
            late = traffic.answered
            wait_until(lambda: traffic.answered > late + 10, "late arrivals to be served", 5)
            with Wire(dial(outside, api2.pod.ipv4, APP_PORT)) as last:
                last.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                assert field(last.response()[1], "connection") == "close", "they are told to go"
            assert traffic.closed.wait(10), "the listener closes"
            assert time.monotonic() - began >= 0.5, "after the grace period"
        assert not traffic.lost, (len(traffic.lost), traffic.answered, traffic.lost[:3])
        assert idle.ends() == "fin"
        assert api2.process.is_running(), "a request is still being answered"
        slow_app.set()
        status, head, body = slow.response()
        assert (status, body) == (200, b"ok") and field(head, "connection") == "close"
    assert wait_until(lambda: api2.process.exit_status is not None, "its end", 5)
    assert api2.process.exit_status == 0
    assert api2.logged(event="stopped")


def test_a_rolling_restart_fails_no_request(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", TWO_ENDPOINTS)
    replicas = [
        mesh.member(name, DRAINED.replace("permissive", "strict"), identity=mesh.issue("api2"))
        for name in ("api2", "api3")
    ]
    apps = [CountingApp(one.pod) for one in replicas]
    with Traffic(api, "api2.default", callers=3) as traffic:
        for one in replicas:
            traffic.wait_answered(30)
            one.process.signal(signal.SIGTERM)
            wait_until(lambda: one.process.exit_status is not None, "its end", 10)
            assert one.process.exit_status == 0
            traffic.wait_answered(30)
            one.start()
        traffic.wait_answered(30)
    traffic.assert_flawless()
    assert all(one.calls and not one.repeated() for one in apps)


def test_a_second_sigterm_ends_it_at_once(lab, binaries):
    api2 = Mesh(lab, binaries).member("api2", DRAINED.replace("500ms", "60s"))
    app = api2.app()
    outside = lab.pod("outside")
    with Wire(dial(outside, api2.pod.ipv4, APP_PORT)) as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        app.take_head()
        api2.process.signal(signal.SIGTERM)
        api2.wait_logged(event="draining")
        assert api2.process.is_running()
        api2.process.signal(signal.SIGTERM)
        wait_until(lambda: api2.process.exit_status is not None, "its end", 2)
        assert api2.process.exit_status == 0
        assert client.ends() == "reset", "cut, and it shows"


def test_a_configuration_that_is_wrong_at_start_names_every_error(lab, binaries):
    mesh = Mesh(lab, binaries)
    broken = CALLER.replace("api2.default:", "api2.default:\n    prots: { 80: http }").replace(
        "mode: mesh", "mode: mush", 1
    )
    member = mesh.member("api", broken, start=False)
    process = member.sidecar.start()
    wait_until(lambda: process.exit_status is not None, "its end", 5)
    assert process.exit_status == 1
    said = process.text()
    assert "api.yaml:5:5: " in said and "ports" in said and "api.yaml:8:18: " in said, said

    blocker = member.pod.in_netns(lambda: socket.create_server(("127.0.0.1", 15001)))
    with blocker:
        member.replace("config/api.yaml", CALLER)
        process = member.sidecar.start()
        wait_until(lambda: process.exit_status is not None, "its end", 5)
        assert process.exit_status == 1 and "127.0.0.1:15001" in process.text(), process.text()
