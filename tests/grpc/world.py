"""`api`, which calls, and three that serve gRPC, each with its sidecar.

`api2` and `api3` are node's grpc-js, `api4` is Python's grpcio; `api` calls with both.
"""

import json
import re
import signal
from pathlib import Path

from lab import Binaries, Capture, Lab, Nameserver, Process
from mesh import APP_UID, CALLEE, Member, Mesh

HERE = Path(__file__).resolve().parent
DNS_NUMBER = 1
PATIENCE = 30.0  # seconds for one case, on a busy machine too
REQUEST_TIMEOUT = 2.0  # seconds, of both sidecars

RETRIES = 3  # at most, where statuses are listed

SHORT = "timeouts: { request: 2s }\n"
SERVER = SHORT + CALLEE.replace(
    "access: [ { name: all, allow: [mesh] } ]",
    """
access:
  - { name: nobody, paths: [/epaulet.test.Echo/Secret], deny: [mesh] }
  - { name: checks, grpc: [grpc.health.v1.Health/Check], allow: [mesh] }
  - { name: callers, paths: [/epaulet.test.Echo/*], allow: [mesh] }
""",
)
TLS = "tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }"
# By turns where calls are counted: by default whoever answers faster is asked more.
CLIENT = f"""
{SHORT}
identity: {{ dir: /var/run/epaulet/identity }}
services:
  one.default:
    ports: {{ 80: http, 81: auto }}
    endpoints: {{ addresses: ["10.88.0.12:8080"] }}
    {TLS}
    routes: [ {{ name: gone, paths: [/epaulet.test.Echo/Gone], to: [ {{ backend: gone }} ] }} ]
  two.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080", "10.88.0.13:8080"] }}
    {TLS}
    balance: {{ policy: round_robin }}
  python.default:
    ports: {{ 80: http, 81: auto }}
    endpoints: {{ addresses: ["10.88.0.14:8080"] }}
    {TLS}
  mixed.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.13:8080", "10.88.0.14:8080"] }}
    {TLS}
    balance: {{ policy: round_robin }}
  again.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.13:8080", "10.88.0.14:8080"] }}
    {TLS}
    balance: {{ policy: round_robin }}
    retries:
      max: {RETRIES}
      grpc_statuses: [aborted, unavailable]
      backoff: {{ initial: 5ms }}
      budget: 100%
      budget_floor: 100
  guarded.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080"] }}
    {TLS}
    breaker: {{ consecutive: 3, open_for: 2s, grpc_statuses: [not_found, unavailable] }}
  checked.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080", "10.88.0.14:8080"] }}
    {TLS}
    balance: {{ policy: round_robin }}
    health_check: {{ grpc: {{ service: echo }}, interval: 300ms, timeout: 300ms, healthy_after: 1 }}
backends:
  gone:
    endpoints: {{ dns: gone.default.svc.cluster.local, port: 8080 }}
    {TLS}
"""
ONE, AUTO, TWO = "one.default:80", "one.default:81", "two.default:80"
PYTHON, PYTHON_AUTO, MIXED = "python.default:80", "python.default:81", "mixed.default:80"
GUARDED = "guarded.default:80"  # the server of ONE
CHECKED = "checked.default:80"  # api2, which has no health service, and api4, which has grpcio's
AGAIN = "again.default:80"  # the servers of MIXED


class World:
    def __init__(self, lab: Lab, binaries: Binaries, modules: Path, venv: Path):
        self.mesh = Mesh(lab, binaries)
        self.nameserver = Nameserver(lab.pod("dns", DNS_NUMBER))
        pods = [lab.pod(name) for name in ("api", "api2", "api3", "api4")]
        self.captures = [Capture(pod) for pod in pods[1:]]
        self._home: dict[str, str] = {}
        for pod in pods:
            pod.bind(modules / "node_modules", "node_modules")  # node looks upwards
            self._venv = pod.bind(venv, "venv")
            self._home[pod.name] = pod.bind(HERE, "grpc")
        self.nameserver.wait_ready()
        configs = (CLIENT, SERVER, SERVER, SERVER)
        accounts = ("api", "api2", "api2", "api2")
        members = [
            self.mesh.member(pod.name, config, self.mesh.issue(account), start=False, pod=pod)
            for pod, config, account in zip(pods, configs, accounts)
        ]
        self.members = members
        self.api, self.api2, self.api3, self.api4 = members
        self.apps: dict[str, Process] = {}
        for one in members:
            one.sidecar.start()
        for one in members[1:]:
            self.start_app(one)
        for one in members:
            one.sidecar.wait_ready()

    def start_app(self, member: Member) -> None:
        name = member.pod.name
        script = "server.py" if member is self.api4 else "server.js"
        argv = [*self._program(name, script), "8080", name]
        app = self.apps[name] = member.pod.start(argv, uid=APP_UID, name="app")
        app.wait_for_line("listening", PATIENCE)

    def _program(self, pod: str, script: str) -> list[str]:
        interpreter = f"{self._venv}/bin/python" if script.endswith(".py") else "node"
        return [interpreter, f"{self._home[pod]}/{script}"]

    def kill_app(self, member: Member) -> None:
        self.apps[member.pod.name].signal(signal.SIGKILL)

    def begin(self, case: str, target: str = ONE, script: str = "client.js", **options) -> Process:
        """A client that plays this case of client.js, or of client.py."""
        argv = [*self._program("api", script), target, case, json.dumps(options)]
        return self.api.pod.start(argv, uid=APP_UID, name=f"client-{case}")

    def result(self, client: Process):
        def told() -> list:
            return [line["result"] for line in client.json_lines() if "result" in line]

        return client.wait_for(told, "its result", PATIENCE)[0]

    def play(self, case: str, target: str = ONE, **options):
        return self.result(self.begin(case, target, **options))

    def call(self, method: str, target: str = ONE, deadline_ms=0, cancel_after=0, **request):
        """One unary call: {code, answer, ms}, or {code, details, binary, word, ms}."""
        more = {"deadline_ms": deadline_ms, "cancel_after": cancel_after}
        return self.play("call", target, method=method, request=request, **more)

    def seen(self, member: Member, key: str, value=None) -> list[dict]:
        """What the app has told so far of this kind."""
        lines = self.apps[member.pod.name].json_lines()
        return [one for one in lines if key in one and value in (None, one[key])]


def resident_bytes(member: Member) -> int:
    status = Path(f"/proc/{member.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024
