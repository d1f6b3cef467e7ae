"""The network of a run: three namespaces, joined by two veth pairs, and the programs inside them.

    out  10.77.0.1 ---- 10.77.0.2  srv        plain hop: a client outside the mesh, the server's pod
    cli  10.77.1.1 ---- 10.77.1.2  srv        mTLS pair: the client's pod, the server's pod

`cli` and `srv` are pods: they hold the redirect rules (epaulet's own if the run has an epaulet), so
connection tracking and NAT see every packet of every peer alike. `out` holds none.
"""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROXY_UID = 1337  # exempt from the redirect rules
CLIENT_UID = 65534  # anyone else
INBOUND_PORT = 15006
OUTBOUND_PORT = 15001
APP_PORT = 8080
VIRTUAL_NETWORK = "240.0.0.0/4"

OUT_ADDRESS, PLAIN_ADDRESS = "10.77.0.1", "10.77.0.2"
CLI_ADDRESS, PAIR_ADDRESS = "10.77.1.1", "10.77.1.2"

RUN_DIR_PREFIX = (
    "epaulet-bench-"  # of the temporary directory, followed by the harness's process id
)
_PREFIX = "epbench"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """What a person should read; no stack trace."""


def run(*argv: str, **options) -> str:
    """Runs a command that must succeed and returns its standard output."""
    done = subprocess.run(argv, text=True, capture_output=True, **options)
    if done.returncode != 0:
        raise BenchError(
            f"{' '.join(argv)}: exit {done.returncode}\n{(done.stderr or done.stdout).strip()}"
        )
    return done.stdout


class NotInTime(BenchError):
    """Something was waited for and did not come."""


class Program:
    """A started program: its process group dies with `stop`, or with the harness."""

    def __init__(self, name: str, argv: list[str], log_dir: pathlib.Path):
        self.name = name
        self.argv = argv
        self._out_path = log_dir / f"{name}.out"
        self._err_path = log_dir / f"{name}.err"
        with open(self._out_path, "wb") as out, open(self._err_path, "wb") as err:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def running(self) -> bool:
        return self._process.poll() is None

    def wait(self, seconds: float) -> str:
        """Waits for a program that ends by itself and returns its standard output."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise BenchError(f"{self.name}: still running after {seconds:.0f} s") from None
        if status != 0:
            raise BenchError(f"{self.name}: exit {status}: {self.last_words()}")
        return self._out_path.read_text(errors="replace")

    def said(self) -> str:
        """All that it wrote so far."""
        paths = (self._out_path, self._err_path)
        return "".join(path.read_text(errors="replace") for path in paths)

    def signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def stop(self) -> None:
        # Not a drain: what is measured is over, and the next peer needs the ports.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def last_words(self) -> str:
        """The end of what it wrote, for an error message."""
        for path in (self._err_path, self._out_path):
            lines = path.read_text(errors="replace").strip().splitlines()[-8:]
            if lines:
                return " | ".join(lines)
        return "(it wrote nothing)"


class Topology:
    """Makes the namespaces; `close` removes them and stops everything that was started in them."""

    def __init__(self, log_dir: pathlib.Path):
        self._log_dir = log_dir
        self._programs: list[Program] = []
        self._names: dict[str, str] = {}
        self.rules = ""

    def open(self) -> None:
        for role in ("out", "cli", "srv"):
            name = f"{_PREFIX}-{os.getpid()}-{role}"
            run("ip", "netns", "add", name)
            self._names[role] = name
            run("ip", "-n", name, "link", "set", "lo", "up")
        self._join("out", OUT_ADDRESS, "srv", PLAIN_ADDRESS, "eth0")
        self._join("cli", CLI_ADDRESS, "srv", PAIR_ADDRESS, "eth1")

    def _join(
        self, left: str, left_address: str, right: str, right_address: str, link: str
    ) -> None:
        left_name, right_name = self._names[left], self._names[right]
        run(
            "ip",
            "link",
            "add",
            link,
            "netns",
            left_name,
            "type",
            "veth",
            "peer",
            "name",
            link,
            "netns",
            right_name,
        )
        for name, address in ((left_name, left_address), (right_name, right_address)):
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", link)
            run("ip", "-n", name, "link", "set", link, "up")

    def redirect(self, epaulet: pathlib.Path | None, stand_in: pathlib.Path) -> None:
        """Installs the redirect rules in both pods: epaulet's own, else the stand-in."""
        for role in ("cli", "srv"):
            if epaulet:
                # Its result file is for readiness, which nobody asks here; the default place may be
                # in use by a sidecar of this machine.
                result = str(self._log_dir / f"redirect-{role}.json")
                install = [str(epaulet), "redirect", "install", "--result", result]
                run(*self.enter(role), *install, timeout=60)
            else:
                run(*self.enter(role), "nft", "-f", str(stand_in))
                run("ip", "-n", self._names[role], "route", "add", VIRTUAL_NETWORK, "dev", "lo")
        self.rules = run(*self.enter("srv"), "nft", "list", "ruleset")

    def enter(self, role: str) -> list[str]:
        # Not `ip netns exec`: it remounts /sys, which a bare root made by debootstrap refuses.
        return ["nsenter", f"--net=/run/netns/{self._names[role]}", "--"]

    def command(self, role: str, uid: int, cores: set[int], argv: list[str]) -> list[str]:
        """The argv that runs `argv` in the namespace, as `uid` without capabilities, on `cores`."""
        return [
            *self.enter(role),
            "taskset",
            "-c",
            ",".join(map(str, sorted(cores))),
            "setpriv",
            f"--reuid={uid}",
            f"--regid={uid}",
            "--clear-groups",
            "--pdeathsig=KILL",
            "--",
            *argv,
        ]

    def start(self, name: str, role: str, uid: int, cores: set[int], argv: list[str]) -> Program:
        program = Program(name, self.command(role, uid, cores, argv), self._log_dir)
        self._programs.append(program)
        return program

    def stop(self, *programs: Program) -> None:
        for program in programs:
            program.stop()
            self._programs.remove(program)

    @contextlib.contextmanager
    def inside(self, role: str):
        """Sockets made in the block belong to the namespace, wherever they are used later."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(f"/run/netns/{self._names[role]}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(there)
            yield
        finally:
            _setns(home)
            os.close(there)
            os.close(home)

    def connect(self, role: str, address: str, port: int, seconds: float = 2.0) -> socket.socket:
        with self.inside(role):
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.settimeout(seconds)
            connection.connect((address, port))
        except OSError:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        for program in reversed(self._programs):
            program.stop()
        self._programs.clear()
        for name in self._names.values():
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)
        self._names.clear()


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "setns")


def remove_leftovers() -> None:
    """Removes what a harness left that was killed before it could clean up.

    Its own children died with it; nginx's worker, a grandchild, may still sit in the namespace.
    """
    for path in pathlib.Path("/run/netns").glob(f"{_PREFIX}-*-*"):
        if not _alive(path.name.split("-")[1]):
            for pid in run("ip", "netns", "pids", path.name).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", path.name], capture_output=True)
    for path in pathlib.Path(tempfile.gettempdir()).glob(f"{RUN_DIR_PREFIX}*-*"):
        if not _alive(path.name.removeprefix(RUN_DIR_PREFIX).split("-")[0]):
            shutil.rmtree(path, ignore_errors=True)


def _alive(pid: str) -> bool:
    return pathlib.Path(f"/proc/{pid}").exists()


def require_tools(*names: str) -> list[str]:
    """The names that are not on this machine."""
    search = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [name for name in names if not shutil.which(name, path=search)]


def until(seconds: float, attempt, what: str, pause: float = 0.02):
    """Calls `attempt` until it returns a value; OSErrors are reasons to try again."""
    deadline = time.monotonic() + seconds
    last: object = "no answer"
    while time.monotonic() < deadline:
        try:
            value = attempt()
            if value is not None:
                return value
        except OSError as error:
            last = error
        time.sleep(pause)
    raise NotInTime(f"{what}: not within {seconds:.0f} s ({last})")
