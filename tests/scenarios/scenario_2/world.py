"""Scenario 2 set up: `user`, `order` and `notification` with app and sidecar, and `outside` without."""

import hashlib
import hmac
import json
import secrets
import subprocess
import time
from pathlib import Path

from lab import Binaries, Capture, Count, Lab, Nameserver, Pod, Process, Response, Sidecar, request
from lab.tokens import base64url
from mesh import APP_UID, Member, Mesh
from scenario import Stage

HERE = Path(__file__).resolve().parent
DNS_NUMBER = 1
DOMAIN = "default.svc.cluster.local"
SERVICES = ("user", "order", "notification")
PORTS = {"user": 3002, "order": 3001, "notification": 3003}
MOOD_PORT = 3099  # of loopback, in the pod alone
LISTENING = {
    "user": ("User Service listening", "gRPC server running"),
    "order": ("Order Service listening",),
    "notification": ("Notification Service listening",),
}


class App:
    """A service of the document, and what a preloaded script saw reach it."""

    def __init__(self, pod: Pod, modules: Path):
        pod.bind(modules / "node_modules", "node_modules")  # node looks upwards: /run/node_modules
        home = pod.bind(HERE.parent, "scenarios")
        self._pod, self._home = pod, home
        self.start()

    def start(self) -> None:
        self.process: Process = self._pod.start(
            ["node", "-r", f"{self._home}/record_requests.js", "server.js"],
            uid=APP_UID,
            name="app",
            cwd=f"{self._home}/{HERE.name}/{self._pod.name}-service",
        )

    def requests(self) -> list[dict]:
        """Every request that reached the app, those to its mood aside."""
        seen = [one["app_request"] for one in self.process.json_lines() if "app_request" in one]
        return [one for one in seen if one["url"] != "/mood"]


class Gateway:
    """What signs tokens: an ES256 key, for the caller's sidecar, and a secret that an older one has."""

    def __init__(self):
        self.secret = secrets.token_urlsafe(48)
        made = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        self.key = subprocess.run(made, capture_output=True, check=True).stdout
        show = ["openssl", "pkey", "-pubout", "-outform", "DER"]
        point = subprocess.run(show, input=self.key, capture_output=True, check=True).stdout[-64:]
        jwk = {"kty": "EC", "crv": "P-256", "kid": "gateway-1", "alg": "ES256", "use": "sig"}
        jwk |= {"x": base64url(point[:32]), "y": base64url(point[32:])}
        self.jwks = json.dumps({"keys": [jwk]})

    def token(self, lifetime: int = 300, secret: str | None = None, **claims) -> str:
        """As the older gateway signs it (HS256); `claims` are added, or replace."""
        now = int(time.time())
        body = {
            "sub": "order-service",
            "iss": "legacy-gateway",
            "aud": ["order-service", "user-service"],
            "iat": min(now, now + lifetime),
            "exp": now + lifetime,
            "service": True,
            "permissions": ["read:users"],
            **claims,
        }
        head = {"alg": "HS256", "typ": "JWT"}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (head, body))
        key = (secret or self.secret).encode()
        return f"{text}.{base64url(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


class World:
    def __init__(self, lab: Lab, binaries: Binaries, modules: Path, stage: Stage):
        self.lab = lab
        self.binaries = binaries
        self._stage = stage
        self.mesh = Mesh(lab, binaries)
        self.mesh.authority("foreign-ca")
        self.gateway = Gateway()
        self.keys = [secrets.token_urlsafe(32) for _ in range(2)]  # of the Order Service
        nameserver = Nameserver(lab.pod("dns", DNS_NUMBER))
        self.outside = lab.pod("outside")
        pods = {name: lab.pod(name) for name in SERVICES}
        self.captures = [Capture(pods[name]) for name in ("user", "notification")]
        self.members: dict[str, Member] = {name: self._member(pods[name]) for name in SERVICES}
        for name, pod in pods.items():
            nameserver.add(f"{name}-service.{DOMAIN}", *pod.addresses)
        self.apps = {name: App(pod, modules) for name, pod in pods.items()}
        nameserver.wait_ready()
        for member in self.members.values():
            member.sidecar.start()
        for name, app in self.apps.items():
            for line in LISTENING[name]:
                app.process.wait_for_line(line, 30)
        for member in self.members.values():
            member.sidecar.wait_ready(stage.probe)

    def __getitem__(self, name: str) -> Member:
        return self.members[name]

    # --- what rows ask ---------------------------------------------------------------------------

    def feel(self, name: str, **mood) -> None:
        """What a person at a terminal in the pod does to the service."""
        body = json.dumps(mood).encode()
        headers = [("Content-Type", "application/json")]
        pod = self[name].pod
        told = request(pod, "127.0.0.1", MOOD_PORT, "/mood", headers, method="PUT", body=body)
        assert told.status == 200, told

    def new_certificate(self, name: str) -> None:
        """By the authority that the stage says."""
        authority = self._stage.renewing_authority_of(name)
        self[name].give_identity(self.mesh.issue(name, authority))

    def good_certificates(self) -> None:
        """What all have at first, whatever came meanwhile; in force when this returns."""
        for name in SERVICES:
            member = self[name]
            before = member.sidecar.admin("/certs")["chain"]
            member.give_identity(self.mesh.issue(name))
            member.process.wait_for(
                lambda: member.sidecar.admin("/certs")["chain"] != before, "the certificate"
            )

    def renew(self, name: str) -> None:
        """A sidecar that remembers no failure: breakers and budgets begin anew."""
        sidecar = self[name].sidecar
        sidecar.process.stop()
        sidecar.start()
        sidecar.wait_ready(self._stage.probe)

    def user(self, path: str, headers=(), address: str | None = None) -> Response:
        """The User Service from outside, by its own address, in plain HTTP."""
        return request(self.outside, address or self["user"].pod.ipv4, PORTS["user"], path, headers)

    def order(self, user: int, timeout: float = 15.0) -> Response:
        """What the shop's front end does."""
        body = json.dumps({"userId": user, "items": ["tea"]}).encode()
        headers = [("Content-Type", "application/json")]
        address, port = self["order"].pod.ipv4, PORTS["order"]
        return request(
            self.outside, address, port, "/orders", headers, method="POST", body=body, timeout=timeout
        )

    def client(self, script: str, *arguments: str, timeout: float = 60.0) -> dict:
        """A client of clients/, in the Order Service's pod, as its app."""
        argv = ["node", f"/run/scenarios/{HERE.name}/clients/{script}.js", *arguments]
        done = self["order"].pod.run(argv, uid=APP_UID, timeout=timeout)
        return json.loads(done.stdout)

    def give_keys(self, *keys: str) -> None:
        """The keys that the User Service knows the Order Service by, from now on."""
        self["user"].replace("config/order-service.keys", self._hashes(keys))

    def wire(self) -> Count:
        """What crossed between the pods so far."""
        user, notification = self.captures
        order = self["order"].pod
        return user.between(self["user"].pod, order) + notification.between(
            self["notification"].pod, order
        )

    # --- setting up ------------------------------------------------------------------------------

    def _hashes(self, keys: tuple[str, ...]) -> str:
        """What `epaulet key hash` makes of them, one a line."""
        argv = [str(self.binaries.epaulet), "key", "hash"]
        return "".join(
            subprocess.run(argv, input=f"{key}\n", capture_output=True, text=True, check=True).stdout
            for key in keys
        )

    def _files(self, name: str) -> dict[str, str]:
        """What each sidecar's configuration names."""
        known = self._hashes((self.keys[0],))
        return {
            "user": {
                "order-service.keys": known,
                "audit-service.keys": self._hashes((secrets.token_urlsafe(32),)),
                "gateway.jwks.json": self.gateway.jwks,
                "legacy.secret": self.gateway.secret,
            },
            "order": {
                "gateway.pem": self.gateway.key.decode(),
                "notification.key": self.keys[0],
            },
            "notification": {"order-service.keys": known},
        }[name]

    def _member(self, pod: Pod) -> Member:
        config = self._stage.configuration(HERE / f"{pod.name}.yaml")
        identity = self.mesh.issue(pod.name, self._stage.authority_of(pod.name))
        sidecar = Sidecar(pod, self.binaries, config, identity)
        for name, text in self._files(pod.name).items():
            sidecar.add_config_file(name, text)
        if self._stage.redirects:
            sidecar.install_redirect()
        return Member(self.mesh, pod, sidecar)
