"""Scenario 5 set up: eleven pods, each with an app and a sidecar, and `dns`."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from browser import Browser, install
from lab import Binaries, Capture, Count, Lab, Nameserver, Pod, Process, Sidecar, pip
from mesh import APP_UID, Member, Mesh
from scenario import REPOSITORY, Stage

HERE = Path(__file__).resolve().parent
PYTHON_CACHE = REPOSITORY / "build" / "pip" / "scenario-5"
DNS_NUMBER = 1
PATIENCE = 30.0
API_PORT, NATS_PORT, ROUTE_PORT, DB_PORT, PAGE_PORT = 5000, 4222, 6222, 3306, 8080
NATS, APPS, APIS = ("nats-1", "nats-2", "nats-3"), ("app-1", "app-2"), ("api-1", "api-2")
PODS = (*NATS, "db", *APPS, *APIS, "frontend", "client", "browser")
ZONE = "default.svc.cluster.local"


def account(pod: str) -> str:
    """The service account, and the name of the configuration, of a pod."""
    return pod.partition("-")[0]


class World:
    def __init__(self, lab: Lab, binaries: Binaries, modules: Path, stage: Stage):
        self.lab = lab
        self.binaries = binaries
        self._stage = stage
        self._modules = modules
        self._browser_modules = install(REPOSITORY)
        self._python = pip.install(HERE / "requirements.txt", PYTHON_CACHE)
        self._mesh = Mesh(lab, binaries)
        self._mesh.authority("foreign-ca")
        dns = lab.pod("dns", DNS_NUMBER)
        self.nameserver = Nameserver(dns)
        pods = {name: lab.pod(name) for name in PODS}
        self._captures = [Capture(pods[name]) for name in (*NATS, *APIS, "db", "frontend")]
        self.nameserver.wait_ready()
        self._publish(pods)
        with ThreadPoolExecutor(4) as pool:
            made = pool.map(lambda name: self._member(pods[name]), PODS)
            self.members: dict[str, Member] = dict(zip(PODS, made))
        self.apps: dict[str, Process] = {}
        self._start_apps()

    # --- what rows ask ---------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Member:
        return self.members[name]

    def post(self, call: str, body: str, pod: str = "client") -> tuple[int, str]:
        """Status and body of what curl gets; status 0 if there was no answer."""
        argv = self.curl(call, body)
        said = self[pod].pod.run(argv, uid=APP_UID, check=False).stdout
        text, _, status = said.rpartition("\n")
        return int(status or 0), text

    @staticmethod
    def curl(call: str, body: str) -> list[str]:
        url = f"http://http-api.default:{API_PORT}/{call}"
        return ["curl", "-sS", "-m", "15", "-w", "\n%{http_code}", "-X", "POST", url, "-d", body]

    def open_browser(self) -> Browser:
        return Browser(self["browser"].pod, self._browser_modules)

    def calls(self, subject: str) -> int:
        """How often the instances of a service have been called, by their own count."""
        return sum(
            line.get("call") == subject for name in APPS for line in self.apps[name].json_lines()
        )

    def rules(self, names: tuple[str, ...]) -> set[str]:
        """The names of the rules by which these pods let somebody in or kept somebody out."""
        records = [record for name in names for record in self[name].sidecar.log_records()]
        return {record["rule"]["name"] for record in records if record.get("rule")}

    def wire(self) -> Count:
        """What crossed between all pods so far."""
        total = Count()
        left = [member.pod for member in self.members.values()]
        for capture in self._captures:
            left.remove(capture.pod)  # each pair once
            for other in left:
                total += capture.between(capture.pod, other)
        return total

    def die(self, name: str) -> None:
        """The app and its sidecar, at once, without a word."""
        self.apps[name].kill()
        self[name].process.kill()

    # --- setting up ------------------------------------------------------------------------------

    def _publish(self, pods: dict[str, Pod]) -> None:
        for service, names in {
            "nats": NATS,
            "http-api": APIS,
            "db": ("db",),
            "frontend": ("frontend",),
            **{name: (name,) for name in (*NATS, *APIS)},
        }.items():
            self.nameserver.add(f"{service}.{ZONE}", *(pods[name].ipv4 for name in names))

    def _member(self, pod: Pod) -> Member:
        config = self._stage.configuration(HERE / f"{account(pod.name)}.yaml")
        identity = self._mesh.issue(account(pod.name), self._stage.authority_of(pod.name))
        sidecar = Sidecar(pod, self.binaries, config, identity)
        if self._stage.redirects:
            sidecar.install_redirect()
        sidecar.start()
        sidecar.wait_ready(self._stage.probe)
        return Member(self._mesh, pod, sidecar)

    def _start(self, name: str, argv: list[str], **more) -> None:
        self.apps[name] = self[name].pod.start(argv, uid=APP_UID, name="app", **more)

    def _wait(self, names: tuple[str, ...], line: str) -> None:
        for name in names:
            self.apps[name].wait_for_line(line, PATIENCE)

    def _start_apps(self) -> None:
        for name in NATS:
            routes = ",".join(
                f"nats-route://{other}.default:{ROUTE_PORT}" for other in NATS if other != name
            )
            argv = ["nats-server", "--name", name, "--addr", "0.0.0.0", "--port", str(NATS_PORT)]
            argv += ["--cluster", f"nats://0.0.0.0:{ROUTE_PORT}", "--cluster_name", "mesh"]
            self._start(name, [*argv, "--no_advertise", "--routes", routes])
        data = self["db"].pod.run_dir / "mysql"
        data.mkdir()
        os.chown(data, APP_UID, APP_UID)
        options = ["--no-defaults", "--datadir=/run/mysql", "--socket=/run/mysql/socket"]
        options += ["--innodb=OFF", "--default-storage-engine=Aria", "--skip-grant-tables"]
        options += ["--skip-name-resolve", "--bind-address=*", f"--port={DB_PORT}"]
        self._start("db", ["mariadbd", *options])
        site = self.lab.directory / "site"
        shutil.copytree(HERE / "frontend", site)
        shutil.copy(self._modules / "node_modules/autobahn-browser/autobahn.min.js", site)
        directory = self["frontend"].pod.bind(site, "site")
        self._start(
            "frontend",
            ["python3", "-u", "-m", "http.server", str(PAGE_PORT), "--directory", directory],
        )
        self._wait(NATS, "Server is ready")
        self._wait(("db",), "ready for connections")
        if self._stage.redirects:
            for name in NATS:  # each has routes to the two others
                self.apps[name].wait_for(
                    lambda name=name: self.apps[name].text().count("Route connection created") >= 2,
                    "its routes",
                    PATIENCE,
                )
        for name in (*APPS, *APIS):
            self._start_python(name, "services.py" if name in APPS else "http_api.py")
        if self._stage.redirects:
            self._wait((*APPS, *APIS), "serving")

    def python(self, name: str, *arguments: str) -> list[str]:
        """The command for one of the apps' own programs in a pod."""
        pod = self[name].pod
        python, home = pod.bind(self._python, "python"), pod.bind(HERE / "app", "app")
        return [f"{python}/bin/python3", "-u", f"{home}/{arguments[0]}", *arguments[1:]]

    def _start_python(self, name: str, program: str) -> None:
        # Without write access to its folder Python keeps no bytecode there.
        self._start(name, self.python(name, program), env={"PYTHONDONTWRITEBYTECODE": "1"})
