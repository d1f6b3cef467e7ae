"""Scenario 3 set up: `web` with a browser, two replicas of the gateway, `events`, and `outside`."""

from pathlib import Path

from browser import Browser, install
from lab import Binaries, Capture, Count, Lab, Nameserver, Pod, Process, Response, Sidecar, query
from lab import request
from mesh import APP_UID, Member, Mesh
from scenario import REPOSITORY, Stage

HERE = Path(__file__).resolve().parent
APP_PORT = 8080
DNS_NUMBER = 1
DOMAIN = "default.svc.cluster.local"
GATEWAY = f"gateway.{DOMAIN}"
EVENTS = f"my-event-server.{DOMAIN}"


class App:
    """A node app, unmodified, and what a preloaded script saw reach it."""

    def __init__(self, pod: Pod, modules: Path, directory: str, env: dict[str, str] | None = None):
        pod.bind(modules / "node_modules", "node_modules")  # node looks upwards: /run/node_modules
        home = pod.bind(HERE.parent, "scenarios")
        self.process: Process = pod.start(
            ["node", "-r", f"{home}/record_requests.js", "server.js"],
            uid=APP_UID,
            name="app",
            cwd=f"{home}/{HERE.name}/{directory}",
            env=env,
        )

    def requests(self) -> list[dict]:
        """Every request that reached the app: method, url, headers in order."""
        return [one["app_request"] for one in self.process.json_lines() if "app_request" in one]


class World:
    def __init__(self, lab: Lab, binaries: Binaries, modules: Path, stage: Stage):
        self.lab = lab
        self.binaries = binaries
        self._stage = stage
        self.mesh = Mesh(lab, binaries)
        nameserver = Nameserver(lab.pod("dns", DNS_NUMBER))
        self.outside = lab.pod("outside")
        pods = [lab.pod(name) for name in ("web", "gateway-1", "gateway-2", "events")]
        self.capture = Capture(pods[0])  # between the browser and the gateways
        self.capture_events = Capture(pods[3])
        self.web = self._member(pods[0], "web")
        self.gateways = [self._member(pod, "gateway") for pod in pods[1:3]]
        self.events = self._member(pods[3], "my-event-server")
        self.members = [self.web, *self.gateways, self.events]

        nameserver.add(GATEWAY, *(pod.ipv4 for pod in pods[1:3]))
        nameserver.add(EVENTS, pods[3].ipv4)
        env = {"SYSEVENT": "http://my-event-server", "WEB_PORT": str(APP_PORT)}
        self.gateway_apps = [App(pod, modules, "gateway", env) for pod in pods[1:3]]
        self.events_app = App(pods[3], modules, "event-service")
        nameserver.wait_ready()
        for member in self.members:
            member.sidecar.start()
        for app in (*self.gateway_apps, self.events_app):
            app.process.wait_for_line(f"listening on {APP_PORT}", 30)
        for member in self.members:
            member.sidecar.wait_ready(stage.probe)
        self.browser = Browser(pods[0], install(REPOSITORY))

    def _member(self, pod: Pod, account: str) -> Member:
        config = self._stage.configuration(HERE / f"{account}.yaml")
        identity = self.mesh.issue(account, self._stage.authority_of(pod.name))
        sidecar = Sidecar(pod, self.binaries, config, identity)
        if self._stage.redirects:
            sidecar.install_redirect()
        return Member(self.mesh, pod, sidecar)

    def ask(self, name: str, path: str, **more) -> Response:
        """A request of `web`, by a name of the mesh, such as `gateway.default`."""
        address = self.web.address_of(f"{name}.svc.cluster.local")
        return request(self.web.pod, address, 80, path, host=name, **more)

    def resolve_events(self) -> list[str]:
        """What `my-event-server` is for the gateway's app."""
        return query(self.gateways[0].pod, EVENTS).addresses

    def crossed(self) -> dict[str, Count]:
        """What has crossed so far between the pods that talk."""
        gateways = [member.pod for member in self.gateways]
        events = self.events.pod
        return {
            **{f"web-{pod.name}": self.capture.between(self.web.pod, pod) for pod in gateways},
            **{f"{pod.name}-events": self.capture_events.between(pod, events) for pod in gateways},
        }

    def gateway_requests(self) -> list[list[dict]]:
        return [app.requests() for app in self.gateway_apps]

    def events_heard(self) -> list[str]:
        """The name of every event that reached the event service."""
        return [one["event"] for one in self.events_app.process.json_lines() if "event" in one]
