"""Standard output is a pipe that nobody reads, or whose reader has gone, or a file on a full disk."""

import contextlib
import fcntl
import json
import os
import select
import signal
import threading
from pathlib import Path

from bystander import Bystander
from lab import wait_until
from mesh import CALLEE, CALLER, Member, Mesh

DRAIN = "drain: { grace: 100ms, timeout: 500ms }\nworkers: 1\n"
DROPPED = "epaulet_log_lines_dropped_total"
DISK_MIB = 16


class Reader:
    """The other end of a sidecar's standard output, a FIFO of one page: read all the time, or not.

    `lines` has the JSON lines that came.
    """

    def __init__(self, member: Member):
        self.member = member
        self.path = member.pod.run_dir / "epaulet" / "output"
        os.mkfifo(self.path)
        os.chmod(self.path, 0o666)
        self.lines: list[dict] = []
        self._rest = b""
        self._end: int | None = None
        self._reading = threading.Event()
        self._using = threading.Lock()  # the number
        self._thread = threading.Thread(target=self._read_on, daemon=True)
        self._ended = False
        self.open()
        self._thread.start()

    def start(self) -> None:
        """The sidecar, with that as its standard output."""
        sidecar = self.member.sidecar
        command = f'exec "$@" >{sidecar.path_in_pod(self.path)}'
        argv = [sidecar.program, "run", "--config", sidecar.path_in_pod(sidecar.config_file)]
        sidecar.process = self.member.pod.start(
            ["sh", "-c", command, "sh", *argv], uid=1337, name="epaulet"
        )
        sidecar.wait_ready()

    def open(self) -> None:
        self._end = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._end, fcntl.F_SETPIPE_SZ, 4096)
        self._reading.set()

    def close(self) -> None:
        """Whoever writes gets EPIPE."""
        self._reading.clear()
        with self._using:
            end, self._end = self._end, None
            os.close(end)

    @contextlib.contextmanager
    def stalled(self):
        """Nobody reads, and lines have been dropped for it."""
        self._reading.clear()
        dropped = self.dropped("ring_full")
        wait_until(lambda: self.dropped("ring_full") > dropped, "a line to be dropped", 20)
        try:
            yield
        finally:
            self._reading.set()

    def end(self) -> None:
        self._ended = True
        self._reading.set()
        self._thread.join()

    def dropped(self, reason: str) -> float:
        return self.member.counter(DROPPED, reason=reason)

    def events(self, event: str) -> list[dict]:
        return [line for line in self.lines if line.get("event") == event]

    def _read_on(self) -> None:
        while not self._ended:
            self._reading.wait()
            with self._using:  # a number that is closed may be somebody else's socket at once
                end = self._end
                if end is None or not select.select([end], [], [], 0.05)[0]:
                    continue
                with contextlib.suppress(OSError):  # nothing there in the end
                    self._rest += os.read(end, 1 << 16)
            *complete, self._rest = self._rest.split(b"\n")
            self.lines += [json.loads(line) for line in complete]


def one_worker(lab, binaries) -> tuple[Member, Member, Reader]:
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", CALLER + DRAIN, start=False)
    api2 = mesh.member("api2", CALLEE + "log: { access: { enabled: false } }\n")
    reader = Reader(api)
    reader.start()
    return api, api2, reader


def test_an_output_that_nobody_reads_holds_up_nobody(lab, binaries):
    api, api2, reader = one_worker(lab, binaries)
    with Bystander(api, api2) as bystander:
        bystander.assert_unharmed(reader.stalled)
    full, failed = reader.dropped("ring_full"), reader.dropped("write_failed")
    assert full > 0 and failed == 0, (full, failed)

    def told() -> list[dict]:
        return reader.events("log_lines_dropped")

    wait_until(lambda: sum(one["ring_full"] for one in told()) == full, "all that is missing", 5)
    assert all(one["level"] == "warning" and one["write_failed"] == 0 for one in told())
    assert len(told()) <= 2 * Bystander.rule.pairs_max, "for each time that nobody read: its first second, and its rest"
    answered = len(bystander.answers())

    def logged() -> int:
        return sum(1 for line in reader.lines if line["kind"] == "exchange")

    wait_until(lambda: logged() + full >= answered, f"a line for each of {answered} requests", 5)
    assert logged() + full <= answered + 10  # whose answers were not waited for, and process lines

    # Nor is its end held up by more than a second.
    with Bystander(api, api2), reader.stalled():
        api.process.signal(signal.SIGTERM)
        wait_until(lambda: api.process.exit_status is not None, "its end", 5)
    assert api.process.exit_status == 0
    reader.end()


def test_an_output_whose_reader_goes_and_comes_back(lab, binaries):
    api, api2, reader = one_worker(lab, binaries)
    with Bystander(api, api2) as bystander:
        wait_until(lambda: any(one["kind"] == "exchange" for one in reader.lines), "a line", 5)
        reader.close()
        wait_until(lambda: reader.dropped("write_failed") > 100, "lines that cannot be written", 5)
        reader.open()
        wait_until(lambda: reader.events("log_lines_dropped"), "what is missing to be told", 5)
        (told,) = reader.events("log_lines_dropped")
        assert told["write_failed"] == reader.dropped("write_failed") > 100, told
        assert told["ring_full"] == reader.dropped("ring_full") == 0
        seen = len(reader.lines)
        wait_until(lambda: len(reader.lines) > seen + 100, "the log to go on", 5)

        @contextlib.contextmanager
        def gone():
            reader.close()
            try:
                yield
            finally:
                reader.open()

        bystander.assert_unharmed(gone)
    reader.end()


def test_an_output_on_a_full_disk_holds_up_nobody_and_goes_on_with_room(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", CALLER + DRAIN, start=False)
    api2 = mesh.member("api2", CALLEE + "log: { access: { enabled: false } }\n")
    sidecar = api.sidecar
    (sidecar.home / "disk").mkdir()
    script = (
        f"mount -t tmpfs -o size={DISK_MIB}m,mode=777 tmpfs /run/epaulet/disk && "
        'exec setpriv --reuid 1337 --regid 1337 --clear-groups "$@" >>/run/epaulet/disk/log'
    )
    argv = [sidecar.program, "run", "--config", sidecar.path_in_pod(sidecar.config_file)]
    sidecar.process = api.pod.start(["sh", "-c", script, "sh", *argv], name="epaulet")
    sidecar.wait_ready()
    disk = Path(f"/proc/{api.process.pid}/root/run/epaulet/disk")

    def lost() -> float:
        return api.counter(DROPPED, reason="write_failed")

    def events(name: str) -> list[dict]:
        """A line that was cut by the end of the disk is one of its own, and no JSON."""
        found = []
        for line in (disk / "log").read_text().splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return [one for one in found if one.get("event") == name]

    @contextlib.contextmanager
    def room():
        os.truncate(disk / "log", 0)
        yield

    @contextlib.contextmanager
    def full():
        before = lost()
        with contextlib.suppress(OSError), open(disk / "filler", "wb", buffering=0) as file:
            while file.write(bytes(1 << 12)):
                pass
        try:
            wait_until(lambda: lost() > before, "a line for which there is no room", 10)
            yield
        finally:
            (disk / "filler").unlink()

    with Bystander(api, api2) as bystander:
        assert events("started")
        with full():
            wait_until(lambda: lost() > 100, "more such lines", 10)
        wait_until(lambda: events("log_lines_dropped"), "what is missing to be told", 5)
        assert sum(one["write_failed"] for one in events("log_lines_dropped")) == lost()
        assert all(one["level"] == "warning" for one in events("log_lines_dropped"))
        assert api.counter(DROPPED, reason="ring_full") == 0
        bystander.assert_unharmed(full, room)
