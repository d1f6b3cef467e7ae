"""Where the programs meet: a pod without a sidecar, and a caller and a callee with one each.

    out:   h2spec against nghttpd, the gRPC client against its server: nothing of ours between them
    api:   calls by name, through its sidecar, and from there through that of api2
    api2:  nghttpd and the gRPC server, behind a sidecar on ports that also take plaintext
"""

import re
from pathlib import Path

from lab import Binaries, Capture, Lab, Nameserver
from mesh import APP_UID, Mesh

DNS_NUMBER = 1
WEB_PORT, GRPC_PORT = 8080, 8081
START_SECONDS = 30.0
PAGE = "a page that is longer than any window of a few octets\n"

CALLEE = f"""
workload:
  service: api2.default
  ports: {{ {WEB_PORT}: {{ tls: permissive }}, {GRPC_PORT}: {{ tls: permissive }} }}
identity: {{ dir: /var/run/epaulet/identity }}
access: [ {{ name: everyone, allow: [anyone] }} ]
"""
MESH_TLS = "tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }"
NO_TLS = "tls: { mode: none }"


def _service(name: str, port: int, tls: str) -> str:
    return f"""
  {name}.default:
    ports: {{ 80: http, 81: auto }}
    endpoints: {{ addresses: ["10.88.0.13:{port}"] }}
    {tls}"""


CALLER = "identity: { dir: /var/run/epaulet/identity }\nservices:" + "".join(
    (
        _service("web", WEB_PORT, MESH_TLS),
        _service("grpc", GRPC_PORT, MESH_TLS),
        _service("grpc-plain", GRPC_PORT, NO_TLS),
    )
)


class World:
    def __init__(self, lab: Lab, binaries: Binaries, tools: Path):
        self.mesh = mesh = Mesh(lab, binaries)
        self.nameserver = Nameserver(lab.pod("dns", DNS_NUMBER))
        self.out, api, api2 = (lab.pod(name) for name in ("out", "api", "api2"))
        self.capture = Capture(api2)
        pages = lab.directory / "pages"
        pages.mkdir()
        pages.chmod(0o755)
        (pages / "index.html").write_text(PAGE)
        for pod in (self.out, api, api2):
            self._tools = pod.bind(tools, "tools")
            self._pages = pod.bind(pages, "pages")
        self.nameserver.wait_ready()
        self.api = mesh.member("api", CALLER, start=False, pod=api)
        self.api2 = mesh.member("api2", CALLEE, start=False, pod=api2)
        for one in (self.api, self.api2):
            one.sidecar.start()
        for pod in (self.out, api2):
            self._start_servers(pod)
        for one in (self.api, self.api2):
            one.sidecar.wait_ready()

    def _start_servers(self, pod) -> None:
        servers = {
            WEB_PORT: ["nghttpd", "--no-tls", "-d", self._pages, str(WEB_PORT)],
            GRPC_PORT: [f"{self._tools}/server", "-port", str(GRPC_PORT)],
        }
        for port, argv in servers.items():
            server = pod.start(argv, uid=APP_UID)
            server.wait_for(lambda: listens(server.pid, port), "its listener", START_SECONDS)

    def run(self, pod, tool: str, *arguments: str):
        """The tool to its end, as the pod's app: its status and all that it has printed."""
        done = pod.run(
            [f"{self._tools}/{tool}", *arguments], uid=APP_UID, timeout=240.0, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def assert_nothing_left(self) -> None:
        for one in (self.api, self.api2):
            one.process.wait_for(
                lambda: one.counter("epaulet_requests_active") == 0, "no exchange to be left"
            )


def listens(pid: int, port: int) -> bool:
    """Whether somebody in this process's network does: these servers do not say so at once."""
    tables = (Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6"))
    return any(re.search(rf":{port:04X} \S+ 0A ", table) for table in tables)
