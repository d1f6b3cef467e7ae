"""The disk of `state.dir` is full, or has become read-only."""

import contextlib
import itertools
import json
import signal
import subprocess
import threading
from pathlib import Path

from bystander import Bystander
from lab import Nameserver, Sidecar, query, wait_until
from mesh import CALLEE, CALLER, Member, Mesh

STATE = "/run/epaulet/state"
FAILURES = "epaulet_state_failures_total"
CHANGES_PER_SECOND = 4
NAMED = CALLER + """
  named.default:
    ports: { 80: http }
    endpoints: { dns: api2.test, port: 8080 }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
dns: { upstream: ["%s"] }
state: { dir: /run/epaulet/state }
drain: { grace: 100ms, timeout: 500ms }
"""


class Disk:
    """The state directory of a sidecar: a disk of 64 KiB, in the process's own mount namespace."""

    def __init__(self, member: Member):
        self.member = member

    def start(self, full: bool) -> None:
        sidecar: Sidecar = self.member.sidecar
        script = f"mount -t tmpfs -o size=64k,mode=777 tmpfs {STATE} && "
        if full:
            script += f"(head -c 100000 /dev/zero >{STATE}/filler 2>/dev/null; true) && "
        script += 'exec setpriv --reuid 1337 --regid 1337 --clear-groups "$@"'
        argv = [sidecar.program, "run", "--config", sidecar.path_in_pod(sidecar.config_file)]
        sidecar.process = self.member.pod.start(["sh", "-c", script, "sh", *argv], name="epaulet")
        sidecar.wait_ready()

    def path(self, name: str) -> Path:
        return Path(f"/proc/{self.member.process.pid}/root{STATE}/{name}")

    def remembered(self) -> list[str]:
        """The endpoints of named.default that a restart would begin with."""
        try:
            text = self.path("endpoints.json").read_text()
        except FileNotFoundError:
            return []
        return json.loads(text)["backends"].get("named.default", {}).get("endpoints", [])

    def fill(self) -> None:
        with contextlib.suppress(OSError), open(self.path("filler"), "wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    def empty(self) -> None:
        self.path("filler").unlink()

    def mount(self, option: str) -> None:
        enter = ["nsenter", "--mount", "--target", str(self.member.process.pid)]
        subprocess.run([*enter, "mount", "-o", f"remount,{option}", STATE], check=True)


def test_a_disk_that_is_full_or_read_only_costs_the_memory_alone(lab, binaries):
    server = Nameserver(lab.pod("dns", 50), ttl=1)
    server.wait_ready()
    server.add("other.test", "203.0.113.7")
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", NAMED % server.pod.ipv4, start=False)
    api2 = mesh.member("api2", CALLEE)
    server.add("api2.test", api2.pod.ipv4)
    disk = Disk(api)
    disk.start(full=True)

    def said(event: str) -> int:
        return len(api.logged(event=event))

    def reload() -> None:
        before = said("config_applied")
        api.process.signal(signal.SIGHUP)
        api.process.wait_for(lambda: said("config_applied") > before, "a reload")

    # From the start.
    assert api.wait_logged(event="state_not_kept")["errno"] == 28  # ENOSPC
    for _ in range(3):
        reload()
    wait_until(lambda: api.counter(FAILURES) >= 5, "attempts for both files", 5)
    assert query(api.pod, "other.test").addresses == ["203.0.113.7"]
    with Bystander(api, api2, name="named.default") as bystander:
        assert said("state_not_kept") == 1 and disk.remembered() == []
        # There is room again, and nobody says so.
        disk.empty()
        wait_until(
            lambda: said("state_kept") == 1, "the state to be kept", 9
        )
        assert disk.remembered() == [f"{api2.pod.ipv4}:8080"]
        assert disk.path("virtual_addresses.json").stat().st_size > 0

        # Later, and what was kept before stays.
        disk.mount("ro")
        failures = api.counter(FAILURES)
        server.add("api2.test", api2.pod.ipv4, api2.pod.ipv6)
        wait_until(lambda: api.counter(FAILURES) > failures, "a write to fail", 10)
        api.process.wait_for(lambda: said("state_not_kept") == 2, "that to be said")
        assert api.logged(event="state_not_kept")[-1]["errno"] == 30  # EROFS
        assert disk.remembered() == [f"{api2.pod.ipv4}:8080"]
        disk.mount("rw")
        reload()
        wait_until(lambda: len(disk.remembered()) == 2, "the new endpoint to be remembered", 5)

        @contextlib.contextmanager
        def learning():
            """There is something to be kept all the time: services of new names."""
            over = threading.Event()

            def learn() -> None:
                for name in itertools.cycle(("six", "seven")):
                    text = (NAMED % server.pod.ipv4).replace("six.default", f"{name}.default")
                    api.replace("config/api.yaml", text)
                    if over.wait(1 / CHANGES_PER_SECOND):
                        return

            before = said("config_applied")
            thread = threading.Thread(target=learn)
            thread.start()
            try:
                wait_until(lambda: said("config_applied") > before, "a reload", 10)
                yield
            finally:
                over.set()
                thread.join()

        def failing():
            with learning():
                failed = api.counter(FAILURES)
                wait_until(lambda: api.counter(FAILURES) > failed, "a write to fail", 10)
                yield

        @contextlib.contextmanager
        def full():
            disk.fill()
            yield from failing()
            disk.empty()

        @contextlib.contextmanager
        def read_only():
            disk.mount("ro")
            yield from failing()
            disk.mount("rw")

        for fault in (full, read_only):
            failures = api.counter(FAILURES)
            bystander.assert_unharmed(fault, learning)
            assert api.counter(FAILURES) >= failures + Bystander.rule.lead, "one in each window at least"
