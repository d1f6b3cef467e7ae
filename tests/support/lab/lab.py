"""Pods as network namespaces, joined by a bridge in a namespace of its own.

    with Lab() as lab:
        api, api2 = lab.pod("api"), lab.pod("api2")
        server = api2.start(["python3", "-m", "http.server", "8080"], uid=1000)
        ...

The host's own namespace gets no interface, address or rule unless `join_host` is called. When the
block ends (by an exception, Ctrl-C or SIGTERM too) everything is gone; if the lab is killed
outright, its janitor (`sweep.py`) still removes it.
"""

import ipaddress
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from . import kernel, sweep
from .process import POLL_SECONDS, LabError, Process

HERE = Path(__file__).resolve().parent
IPV4_NETWORK = ipaddress.ip_network("10.88.0.0/24")
IPV6_NETWORK = ipaddress.ip_network("fd88::/64")
FIRST_HOST_NUMBER = 11
HOST_NUMBER = 254
SEARCH_DOMAINS = "default.svc.cluster.local svc.cluster.local cluster.local"
END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
LEAVE_SECONDS = 5  # for what was killed, on a machine that has much else to do

_labs_of_this_process = 0


def _python(script: str, *arguments: str) -> list[str]:
    """Isolated and without site-packages: quicker, and no environment variable changes it."""
    return [sys.executable, "-I", "-S", str(HERE / script), *arguments]


class Pod:
    """One network namespace with `lo`, `eth0`, a private /run and a private /etc/resolv.conf."""

    def __init__(self, lab: "Lab", name: str, number: int):
        self.lab = lab
        self.name = name
        self.netns = lab.prefix + name
        self.ipv4 = str(IPV4_NETWORK[number])
        self.ipv6 = str(IPV6_NETWORK[number])
        self.directory = lab.directory / name
        self.run_dir = self.directory / "run"  # the pod's processes see it as /run
        self.resolv_conf = self.directory / "resolv.conf"
        self._binds: list[tuple[str, str]] = []
        self._commands = 0

    @property
    def addresses(self) -> tuple[str, str]:
        return self.ipv4, self.ipv6

    def bind(self, source: Path, name: str) -> str:
        """Shows a directory of the host, read-only, to processes started later, as /run/<name>.

        Returns that path. However private the directories above it are, they do not matter there.
        """
        (self.run_dir / name).mkdir(parents=True, exist_ok=True)
        self._binds.append((str(source), f"/run/{name}"))
        return f"/run/{name}"

    def in_netns(self, work):
        """Calls `work` in a thread that is inside the pod's network (not its mount) namespace."""
        return kernel.in_netns(self.netns, work)

    def _enter(self, argv: list[str], uid: int, env: dict[str, str] | None, cwd: str) -> list[str]:
        want = {
            "netns": str(kernel.NETNS_DIR / self.netns),
            "run": str(self.run_dir),
            "resolv_conf": str(self.resolv_conf),
            "binds": self._binds,
            "uid": uid,
            "cwd": cwd,
            "env": {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **(env or {})},
            "argv": argv,
        }
        return _python("enter.py", json.dumps(want))

    def start(
        self,
        argv: list[str],
        uid: int = 0,
        name: str | None = None,
        env: dict[str, str] | None = None,
        cwd: str = "/",
    ) -> Process:
        """Starts a process that runs until the lab ends, or until it is stopped.

        With a `uid` other than 0 it has no capability and cannot gain one. `env` is added to PATH
        and LANG alone: nothing of the caller's environment reaches a pod.
        """
        name = f"{self.name}-{name or Path(argv[0]).name}"
        log = self.lab.log_file(name)
        process = Process(name, self._enter(argv, uid, env, cwd), log)
        self.lab.processes.append(process)
        return process

    def run(
        self,
        argv: list[str],
        uid: int = 0,
        env: dict[str, str] | None = None,
        timeout: float = 30.0,
        check: bool = True,
    ) -> subprocess.CompletedProcess:
        """Runs a command to its end, its output as text. LabError if `check` and it fails."""
        command = self._enter(argv, uid, env, "/")
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name}: {' '.join(argv)}: not done in {timeout:g} s") from None
        if check and done.returncode != 0:
            raise LabError(
                f"{self.name}: {' '.join(argv)}: status {done.returncode}\n"
                f"{done.stdout}{done.stderr}"
            )
        return done

    def fetch(self, url: str) -> dict:
        """GETs a URL from inside, name resolution included; see fetch.py for what it returns."""
        argv = [sys.executable, "-I", str(HERE / "fetch.py"), url]
        return json.loads(
            self.run(argv, check=False).stdout or '{"addresses": [], "error": "crashed"}'
        )


class Lab:
    """`default_route`: whether pods have one, as Kubernetes pods do; bare pods prove more.

    `nameserver`: what /etc/resolv.conf of every pod names. `logs`: a directory that receives the
    logs; by default they vanish with the lab.
    """

    def __init__(
        self,
        nameserver: str = str(IPV4_NETWORK[1]),
        default_route: bool = False,
        logs: Path | None = None,
    ):
        global _labs_of_this_process
        _labs_of_this_process += 1
        ordinal = f"{_labs_of_this_process}-" if _labs_of_this_process > 1 else ""
        self.prefix = f"ep-{os.getpid()}-{ordinal}"
        self.nameserver = nameserver
        self.default_route = default_route
        self.processes: list[Process] = []
        self.pods: dict[str, Pod] = {}
        self.captures: list = []  # their sockets would keep the bridge's namespace alive
        self._logs = logs
        self._next_number = FIRST_HOST_NUMBER
        self._old_handlers: dict[int, object] = {}
        self._janitor: subprocess.Popen | None = None
        self._spaces: set[tuple[int, int]] = set()
        self._bridge = self.prefix + "net"
        self._host_interface = f"{self.prefix}h"

    def __enter__(self) -> "Lab":
        if os.geteuid() != 0:
            raise LabError("a lab needs root: it makes network namespaces")
        if threading.current_thread() is threading.main_thread():
            for number in END_SIGNALS:
                self._old_handlers[number] = signal.signal(number, self._end_by_signal)
        self.directory = Path(tempfile.mkdtemp(prefix=self.prefix))
        self.directory.chmod(0o755)  # pods' processes have other uids
        self._janitor = subprocess.Popen(
            _python("sweep.py", self.prefix, str(self.directory)),
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            self._make_bridge()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.close()

    @staticmethod
    def _end_by_signal(number, _frame):
        raise SystemExit(128 + number)

    def close(self) -> None:
        """Removes everything; LabError if something would not go. May be called twice."""
        if self._janitor is None:
            return
        main = threading.current_thread() is threading.main_thread()
        old_interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
        for number in self._old_handlers:
            signal.signal(number, signal.SIG_IGN)
        try:
            self._spaces |= sweep.identities(self.prefix)
            for process in self.processes:
                process.kill()
            for capture in self.captures:
                capture.close()
            self._leave_host()
            sweep.sweep(self.prefix, self.directory)
            self._janitor.communicate(b"done\n")
            self._janitor = None
        finally:
            for number, handler in self._old_handlers.items():
                signal.signal(number, handler)
            self._old_handlers.clear()
            if main:
                signal.signal(signal.SIGINT, old_interrupt)
        end = time.monotonic() + LEAVE_SECONDS
        while (left := self.leftovers()) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        if left:
            raise LabError("the lab left behind: " + ", ".join(left))

    def leftovers(self) -> list[str]:
        """What still exists of this lab, one line each; after the block it must be empty."""
        self._spaces |= sweep.identities(self.prefix)
        return sweep.leftovers(self.prefix, self.directory, self._spaces)

    def log_file(self, name: str) -> Path:
        """A new path in the log directory; a second process of the same name gets a number."""
        directory = self._logs or self.directory / "logs"
        directory.mkdir(parents=True, exist_ok=True)
        taken = sum(1 for process in self.processes if process.name == name)
        return directory / (f"{name}.{taken + 1}.log" if taken else f"{name}.log")

    def pod(self, name: str, number: int | None = None) -> Pod:
        """Makes a pod; `number` fixes the last part of its two addresses."""
        if number is None:
            number, self._next_number = self._next_number, self._next_number + 1
        pod = Pod(self, name, number)
        pod.run_dir.mkdir(parents=True)
        pod.resolv_conf.write_text(
            f"nameserver {self.nameserver}\nsearch {SEARCH_DOMAINS}\noptions ndots:5\n"
        )
        kernel.create_netns(pod.netns)
        pod.in_netns(_use_ipv6_at_once)
        port = _port_name(name)
        self.ip(
            self._bridge,
            f"link add {port} type veth peer name eth0 netns {pod.netns}",
            f"link set {port} master br0 up",
        )
        commands = [
            "link set lo up",
            f"addr add {pod.ipv4}/{IPV4_NETWORK.prefixlen} dev eth0",
            f"addr add {pod.ipv6}/{IPV6_NETWORK.prefixlen} dev eth0",
            "link set eth0 up",
        ]
        if self.default_route:
            commands.append(f"route add default via {IPV4_NETWORK[1]}")
            commands.append(f"route add ::/0 via {IPV6_NETWORK[1]}")
        self.ip(pod.netns, *commands)
        self.pods[name] = pod
        return pod

    def port_of(self, pod: Pod) -> tuple[str, str]:
        """The namespace and interface where everything to and from the pod can be seen."""
        return self._bridge, _port_name(pod.name)

    def join_host(self) -> str | None:
        """Gives the host an address in the pods' network, for a person to look around; or None.

        None when the host already routes these addresses elsewhere. Removed with the lab.
        """
        address = str(IPV4_NETWORK[HOST_NUMBER])
        route = subprocess.run(
            ["ip", "-json", "route", "get", address],
            capture_output=True,
            text=True,
        )
        if route.returncode == 0 and "gateway" not in json.loads(route.stdout)[0]:
            return None
        self.ip(
            None, f"link add {self._host_interface} type veth peer name p-host netns {self._bridge}"
        )
        self.ip(self._bridge, "link set p-host master br0 up")
        self.ip(
            None,
            f"addr add {address}/{IPV4_NETWORK.prefixlen} dev {self._host_interface}",
            f"link set {self._host_interface} up",
        )
        return address

    def _leave_host(self) -> None:
        if self._host_interface in kernel.interfaces():
            self.ip(None, f"link delete {self._host_interface}")

    def _make_bridge(self) -> None:
        kernel.create_netns(self._bridge)
        kernel.in_netns(self._bridge, _use_ipv6_at_once)
        self.ip(
            self._bridge,
            "link set lo up",
            "link add br0 type bridge forward_delay 0",
            "link set br0 up",
        )

    def ip(self, netns: str | None, *commands: str) -> None:
        """Runs `ip` commands in a namespace, all in one process; `None` is the host's."""
        enter = ["nsenter", f"--net={kernel.NETNS_DIR / netns}"] if netns else []
        done = subprocess.run(
            [*enter, "ip", "-batch", "-"],
            input="\n".join(commands) + "\n",
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise LabError(f"ip in {netns or 'the host'}: {done.stderr.strip()}")


def _port_name(pod_name: str) -> str:
    return f"p-{pod_name}"[:15]  # the kernel's limit for interface names


def _use_ipv6_at_once() -> None:
    """IPv6 whatever the host's default is, and no second spent on finding duplicate addresses."""
    for which in ("all", "default"):
        settings = Path("/proc/sys/net/ipv6/conf") / which
        (settings / "disable_ipv6").write_text("0")
        (settings / "accept_dad").write_text("0")
