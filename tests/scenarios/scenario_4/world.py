"""Scenario 4 set up: the Delivery Scheduler, its four backends (one in two versions), the broker and
who writes its events down, a sidecar beside each, `outside`."""

import json
import os
from pathlib import Path

from lab import Binaries, Capture, Count, Lab, Nameserver, Pod, Process, Response, Sidecar, request
from mesh import APP_UID, Member, Mesh
from scenario import Stage

HERE = Path(__file__).resolve().parent
DNS_NUMBER = 1
DOMAIN = "default.svc.cluster.local"
SERVICES = ("scheduler", "accounts", "package", "package2", "drone", "delivery")
BROKER, HISTORY = "broker", "history"
PORT, NATS_PORT, MONITOR_PORT = 8080, 4222, 8222


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
        return self.said("assigned")

    def said(self, key: str) -> list:
        """What its log has under this key."""
        return [one[key] for one in self.process.json_lines() if key in one]


class World:
    def __init__(self, lab: Lab, binaries: Binaries, modules: Path, stage: Stage):
        self.lab = lab
        self.binaries = binaries
        self._stage = stage
        self.mesh = Mesh(lab, binaries)
        self.mesh.authority("foreign-ca")
        nameserver = Nameserver(lab.pod("dns", DNS_NUMBER))
        self.outside = lab.pod("outside")
        pods = {name: lab.pod(name) for name in (*SERVICES, BROKER, HISTORY)}
        self.capture = Capture(pods["scheduler"])
        self.broker_capture = Capture(pods[BROKER])
        self.members: dict[str, Member] = {name: self._member(pod) for name, pod in pods.items()}
        for name, pod in pods.items():
            nameserver.add(f"{name}.{DOMAIN}", *pod.addresses)
        self._modules = modules
        self._ended: dict[str, list[App]] = {}  # those whose places others have taken
        for name in (BROKER, HISTORY):  # what is kept, on disk
            directory = pods[name].run_dir / name
            directory.mkdir()
            os.chown(directory, APP_UID, APP_UID)
        self.broker: Process = self._start_broker()
        self.apps = {name: App(pods[name], modules) for name in (*SERVICES, HISTORY)}
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
        self._ended.setdefault(name, []).append(self.apps[name])
        self.apps[name] = App(self[name].pod, self._modules)
        self.apps[name].process.wait_for_line(f"{name} listening", 30)

    def said(self, name: str, key: str) -> list:
        """What an app's logs have under a key, with those of its life before this one."""
        return [one for app in (*self._ended.get(name, ()), self.apps[name]) for one in app.said(key)]

    def start_broker(self) -> None:
        self.broker = self._start_broker()
        self.broker.wait_for_line("Server is ready", 10)

    def kept(self) -> int:
        """How many events the broker keeps, by its own count."""
        told = request(self[BROKER].pod, "127.0.0.1", MONITOR_PORT, "/jsz")
        return json.loads(told.body)["messages"]

    def _start_broker(self) -> Process:
        argv = ["nats-server", "--addr", "0.0.0.0", "--port", str(NATS_PORT)]
        argv += ["--jetstream", "--store_dir", f"/run/{BROKER}", "--http_port", str(MONITOR_PORT)]
        return self[BROKER].pod.start(argv, uid=APP_UID, name="app")

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

    def broker_wire(self) -> Count:
        """What crossed between the broker and its clients so far."""
        total = Count()
        for name in (*SERVICES, HISTORY):
            total += self.broker_capture.between(self[BROKER].pod, self[name].pod)
        return total

    def _member(self, pod: Pod) -> Member:
        config = self._stage.configuration(HERE / f"{pod.name}.yaml")
        identity = self.mesh.issue(pod.name, self._stage.authority_of(pod.name))
        sidecar = Sidecar(pod, self.binaries, config, identity)
        if self._stage.redirects:
            sidecar.install_redirect()
        return Member(self.mesh, pod, sidecar)
