"""Scenario 4 set up: the Delivery Scheduler, its four backends (one in two versions), a sidecar
beside each, `outside`."""

import json
from pathlib import Path

from lab import Binaries, Capture, Count, Lab, Nameserver, Pod, Process, Response, Sidecar, request
from mesh import APP_UID, Member, Mesh
from scenario import Stage

HERE = Path(__file__).resolve().parent
DNS_NUMBER = 1
DOMAIN = "default.svc.cluster.local"
SERVICES = ("scheduler", "accounts", "package", "package2", "drone", "delivery")
PORT = 8080


class App:
    """A service, and what a preloaded script saw reach it."""

    def __init__(self, pod: Pod, modules: Path):
        pod.bind(modules / "node_modules", "node_modules")  # node looks upwards: /run/node_modules
        home = pod.bind(HERE.parent, "scenarios")
        self.process: Process = pod.start(
            ["node", "-r", f"{home}/record_requests.js", "server.js"],
            uid=APP_UID,
            name="app",
            cwd=f"{home}/{HERE.name}/{pod.name}-service",
        )

    def requests(self) -> list[dict]:
        """What reached it by HTTP/1.1; its gRPC calls stand in its own log."""
        return [one["app_request"] for one in self.process.json_lines() if "app_request" in one]

    def assigned(self) -> list[str]:
        """Of Drone Management: the deliveries that it was called for."""
        return [one["assigned"] for one in self.process.json_lines() if "assigned" in one]


class World:
    def __init__(self, lab: Lab, binaries: Binaries, modules: Path, stage: Stage):
        self.lab = lab
        self.binaries = binaries
        self._stage = stage
        self.mesh = Mesh(lab, binaries)
        self.mesh.authority("foreign-ca")
        nameserver = Nameserver(lab.pod("dns", DNS_NUMBER))
        self.outside = lab.pod("outside")
        pods = {name: lab.pod(name) for name in SERVICES}
        self.capture = Capture(pods["scheduler"])
        self.members: dict[str, Member] = {name: self._member(pods[name]) for name in SERVICES}
        for name, pod in pods.items():
            nameserver.add(f"{name}.{DOMAIN}", *pod.addresses)
        self._modules = modules
        self.apps = {name: App(pod, modules) for name, pod in pods.items()}
        nameserver.wait_ready()
        for member in self.members.values():
            member.sidecar.start()
        for name, app in self.apps.items():
            app.process.wait_for_line(f"{name} listening", 30)
        for member in self.members.values():
            member.sidecar.wait_ready(stage.probe)

    def __getitem__(self, name: str) -> Member:
        return self.members[name]

    def start_app(self, name: str) -> None:
        """Again, where it has ended."""
        self.apps[name] = App(self[name].pod, self._modules)
        self.apps[name].process.wait_for_line(f"{name} listening", 30)

    def order(self, timeout: float = 15.0, query: str = "", v6: bool = False) -> Response:
        """What a client does."""
        body = json.dumps({"account": 7, "size": "small"}).encode()
        headers = [("Content-Type", "application/json")]
        path = f"/api/deliveryrequests{query}"
        return self.ask("scheduler", "POST", path, headers, v6, body=body, timeout=timeout)

    def ask(self, name: str, method: str, path: str, headers=(), v6: bool = False, **more) -> Response:
        """From outside, in plain HTTP, by the pod's own address."""
        address = self[name].pod.addresses[v6]
        return request(self.outside, address, PORT, path, headers, method=method, **more)

    def wire(self) -> Count:
        """What crossed between the scheduler and its backends so far."""
        scheduler = self["scheduler"].pod
        counts = [self.capture.between(scheduler, self[name].pod) for name in SERVICES[1:]]
        total = counts[0]
        for one in counts[1:]:
            total = total + one
        return total

    def _member(self, pod: Pod) -> Member:
        config = self._stage.configuration(HERE / f"{pod.name}.yaml")
        identity = self.mesh.issue(pod.name, self._stage.authority_of(pod.name))
        sidecar = Sidecar(pod, self.binaries, config, identity)
        if self._stage.redirects:
            sidecar.install_redirect()
        return Member(self.mesh, pod, sidecar)
