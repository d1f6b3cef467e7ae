"""Scenario 1 set up: pods `api` and `api2` with app and sidecar, `outside` without, and `dns`."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import (
    Binaries,
    Capture,
    Issuer,
    Lab,
    LabError,
    Nameserver,
    Pod,
    Process,
    Response,
    Sidecar,
    request,
)
from scenario import Stage

HERE = Path(__file__).resolve().parent
APP_UID = 1000
APP_PORT = 8080
DNS_NUMBER = 1
TRUST_DOMAIN = "cluster.local"
API2_NAME = "api2.default.svc.cluster.local"


class App:
    """An express app of the document, unmodified, and what a preloaded script saw reach it."""

    def __init__(self, pod: Pod, modules: Path):
        pod.bind(modules / "node_modules", "node_modules")  # node looks upwards: /run/node_modules
        home = pod.bind(HERE.parent, "scenarios")
        self.process: Process = pod.start(
            ["node", "-r", f"{home}/record_requests.js", "server.js"],
            uid=APP_UID,
            name="app",
            cwd=f"{home}/{HERE.name}/{pod.name}",
        )

    def wait_ready(self) -> None:
        self.process.wait_for_line("Example app listening on port 8080!")

    def requests(self) -> list[dict]:
        """Every request that reached the app: method, url, headers in order."""
        return [one["app_request"] for one in self.process.json_lines() if "app_request" in one]


class World:
    """Starts with all but `api2`, which `deploy_api2` adds as a deployment would."""

    def __init__(self, lab: Lab, binaries: Binaries, modules: Path, stage: Stage):
        self.lab = lab
        self.binaries = binaries
        self._modules = modules
        self._stage = stage
        self.dns_pod = lab.pod("dns", DNS_NUMBER)
        self.api, self.api2, self.outside = lab.pod("api"), lab.pod("api2"), lab.pod("outside")
        self._authorities = {name: lab.directory / name for name in ("ca", "foreign-ca")}
        self.api2_app: App | None = None
        self.api2_sidecar: Sidecar | None = None

        self.nameserver = Nameserver(self.dns_pod)
        self.api_app = App(self.api, modules)
        self.capture_api, self.capture_api2 = Capture(self.api), Capture(self.api2)
        with ThreadPoolExecutor() as pool:
            issuers = [
                pool.submit(Issuer, lab.directory, "https://portal.example", key_id)
                for key_id in ("portal-1", "not-the-portals")
            ]
            list(pool.map(self._init_authority, self._authorities.values()))
            self.api_sidecar = self._make_sidecar(self.api)
            self._launch(self.api_sidecar)
            self.portal, self.forger = (issuer.result() for issuer in issuers)
        self.nameserver.wait_ready()
        self.api_app.wait_ready()

    def deploy_api2(self) -> None:
        """Everything but its DNS record: the name has no endpoint until `publish_api2`."""
        self.api2_app = App(self.api2, self._modules)
        self.api2_sidecar = self._make_sidecar(self.api2)
        self.api2_sidecar.add_config_file("portal.jwks.json", self.portal.jwks())
        self._launch(self.api2_sidecar)
        self.api2_app.wait_ready()

    def publish_api2(self) -> None:
        self.nameserver.add(API2_NAME, *self.api2.addresses)

    def api2_requests(self) -> list[dict]:
        return self.api2_app.requests() if self.api2_app else []

    def api2_log(self) -> list[dict]:
        return self.api2_sidecar.log_records() if self.api2_sidecar else []

    def get_hello(self) -> Response:
        """What a client of `api` sees."""
        return request(self.outside, self.api.ipv4, APP_PORT, "/hello")

    def get_respond(self, headers=(), address: str | None = None) -> Response:
        """`api2` from outside, by its own address, in plain HTTP."""
        return request(self.outside, address or self.api2.ipv4, APP_PORT, "/respond", headers)

    def _certs(self, *arguments: str) -> None:
        command = [str(self.binaries.certs), *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            said = done.stdout + done.stderr
            raise LabError(f"{' '.join(command)}: status {done.returncode}\n{said}")

    def _init_authority(self, directory: Path) -> None:
        self._certs("init", "--dir", str(directory), "--trust-domain", TRUST_DOMAIN)

    def _make_sidecar(self, pod: Pod) -> Sidecar:
        identity = self.lab.directory / f"identity-{pod.name}"
        name = f"spiffe://{TRUST_DOMAIN}/ns/default/sa/{pod.name}"
        ca = str(self._authorities[self._stage.authority_of(pod.name)])
        self._certs("issue", "--ca", ca, "--identity", name, "--out", str(identity))
        config = self._stage.configuration(HERE / f"{pod.name}.yaml")
        return Sidecar(pod, self.binaries, config, identity)

    def _launch(self, sidecar: Sidecar) -> None:
        if self._stage.redirects:
            sidecar.install_redirect()
        sidecar.start()
        sidecar.wait_ready(self._stage.probe)
