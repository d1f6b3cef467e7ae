"""The identity service in a pod of its own, and members that get their certificates from it."""

import shutil
import subprocess

from lab import Sidecar, request, wait_until
from mesh import Member, Mesh

NUMBER = 30  # the last part of its address
STATUS = 15024
SERVICE = f"https://10.88.0.{NUMBER}:15014"
IDENTITY = f"""identity:
  service: {SERVICE}
  ca: /var/run/epaulet/pinned.pem
  token_file: /var/run/epaulet/token
"""

CALLEE = f"""
workload: {{ service: api2.default, ports: {{ 8080: {{ tls: strict }} }} }}
{IDENTITY}
roles: {{ mesh: [ {{ identity: "spiffe://cluster.local/ns/default/sa/*" }} ] }}
access: [ {{ name: all, allow: [mesh] }} ]
"""

CALLER = f"""
{IDENTITY}
services:
  api2.default:
    ports: {{ 80: http, 82: tcp }}
    endpoints: {{ addresses: ["10.88.0.12:8080"] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
"""


class IdentityService:
    """`epaulet-certs serve`, with a root and an issuer."""

    def __init__(self, mesh: Mesh, valid: str = "24h", start: bool = True, rate: int = 10):
        self.mesh = mesh
        self.rate = rate
        self.valid = valid
        self.pod = mesh.lab.pod("identity", NUMBER)
        self.ca = self.pod.run_dir / "ca"
        mesh.certs("init", "--dir", str(self.ca), "--trust-domain", "cluster.local", "--issuer")
        directory = self.pod.bind(mesh.binaries.certs.parent, "certs-bin")
        self.program = f"{directory}/{mesh.binaries.certs.name}"
        if start:
            self.start()

    def start(self) -> None:
        listen = ["--listen", "0.0.0.0:15014", "--status", f"0.0.0.0:{STATUS}"]
        argv = [self.program, "serve", "--ca", "/run/ca", "--valid", self.valid, *listen]
        argv += ["--rate", str(self.rate)]
        self.process = self.pod.start(argv, name="identity-service")
        self.process.wait_for_line('"event":"started"')

    def stop(self) -> None:
        self.process.stop()

    def page(self, path: str):
        return request(self.pod, "127.0.0.1", STATUS, path)

    def counter(self, result: str) -> int:
        wanted = f'epaulet_identity_requests_total{{result="{result}"}} '
        lines = self.page("/metrics").body.splitlines()
        (line,) = [line for line in lines if line.startswith(wanted)]
        return int(line[len(wanted) :])

    def token(self, name: str) -> str:
        identity = f"spiffe://cluster.local/ns/default/sa/{name}"
        return self.mesh.certs("token", "--ca", str(self.ca), "--identity", identity)

    def try_rotate(self, what: str, *step: str) -> bool:
        """False: it is too early for this step."""
        argv = [str(self.mesh.binaries.certs), "rotate", what, "--ca", str(self.ca), *step]
        done = subprocess.run(argv, capture_output=True, text=True)
        assert done.returncode == 0 or "leaves are alive until" in done.stderr, done.stderr
        return done.returncode == 0

    def rotate(self, what: str, *step: str) -> None:
        """As early as `epaulet-certs rotate` allows it."""
        wait_until(lambda: self.try_rotate(what, *step), f"rotate {what} {step}", 30)

    def member(
        self, name: str, config: str, number: int, start: bool = True, account: str | None = None
    ) -> Member:
        """A pod whose sidecar has no certificate, but a token."""
        pod = self.mesh.lab.pod(name, number)
        member = Member(self.mesh, pod, Sidecar(pod, self.mesh.binaries, config))
        shutil.copy(self.ca / "ca.pem", member.sidecar.home / "pinned.pem")
        member.replace("token", self.token(account or name))
        member.sidecar.install_redirect()
        if start:
            member.start()
        return member

    def pair(self) -> tuple[Member, Member]:
        return self.member("api", CALLER, 11), self.member("api2", CALLEE, 12)
