"""Where the rows are sent: four pods, three sidecars, the apps, one scripted app on each side.

    out:  no sidecar; callers outside the mesh, and a scripted server
    api:  callers with a sidecar, whose outbound half reads requests and responses first
    many: the same, but its connections of HTTP/1.1 share one of HTTP/2 with the other sidecar
    apps: node, Python and nginx, and a scripted server, behind the inbound half of a sidecar

A `Route` is how callers reach the apps, and whose records tell what was understood:
    plain     out -> sidecar of apps -> app
    mesh      api -> its sidecar -> mutual TLS -> sidecar of apps -> app
    multiplexed  many -> its sidecar -> a stream in mutual TLS -> sidecar of apps -> app
    naive     apps -> the naive forwarder (naive.py) -> app

Every app is asked in the version that it speaks, whatever its caller does: node, Python and nginx
in HTTP/1.1, node's http2 in HTTP/2. So each table meets both.
"""

import itertools
import json
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import Binaries, Lab, LabError
from mesh import APP_UID, Mesh, Wire
from http2_rows import Http2Row
from rows import APPS, Row

HERE = Path(__file__).resolve().parent
PORTS = {"node": 8081, "python": 8082, "nginx": 8083, "scripted": 8084}
OUTSIDE_SERVER_PORT = 8085
HTTP2_PORT = 8086  # node's http2
ALL_APPS = (*APPS, "http2")
START_SECONDS = 30.0
PATIENCE = 4.0  # what must come, comes within milliseconds
NGINX_MODULES = Path("/usr/lib/nginx/modules")

_source_ports = itertools.count(20000)  # each used once, so that it names a connection in a log


def port_of(app: str) -> int:
    return PORTS.get(app, HTTP2_PORT)


def access_rules(rows: list[Row], http2_rows: list[Http2Row]) -> str:
    """One rule for each row, and one for canaries: its name in a record tells the path."""
    rules = ['  - { name: canary, paths: ["/canary/*"], methods: [GET], allow: [anyone] }']
    rules += [
        f'  - {{ name: {row.name}, paths: ["{row.own_path}"], allow: [anyone] }}'
        for row in rows
        if not row.rule
    ]
    rules.append('  - { name: asterisk, paths: ["/**"], methods: [OPTIONS], allow: [anyone] }')
    rules += [
        f'  - {{ name: http2-{row.name}, paths: ["{row.path}"], allow: [anyone] }}'
        for row in http2_rows
    ]
    port = PORTS["scripted"]
    rules.append(f'  - {{ name: scripted, paths: ["/**"], ports: [{port}], allow: [anyone] }}')
    return "\n".join(rules)


def callee(rows: list[Row], http2_rows: list[Http2Row]) -> str:
    spoken = {port_of(app): "http2" if app == "http2" else "http1" for app in ALL_APPS}
    spoken[PORTS["scripted"]] = "same"
    ports = ", ".join(f"{port}: {{ tls: permissive, http: {one} }}" for port, one in spoken.items())
    return (
        f"workload: {{ service: apps.default, ports: {{ {ports} }} }}\n"
        f"identity: {{ dir: /var/run/epaulet/identity }}\n"
        f"access:\n{access_rules(rows, http2_rows)}\n"
    )


def caller(apps: str, out: str, multiplex: str = "false") -> str:
    tls = (
        "    tls: { identities: [spiffe://cluster.local/ns/default/sa/apps], "
        f"multiplex: {multiplex} }}"
    )
    lines = ["identity: { dir: /var/run/epaulet/identity }", "retries: { max: 0 }", "services:"]
    for name in APPS:
        lines += [
            f"  {name}.default:",
            f"    ports: {{ {PORTS[name]}: http }}",
            f'    endpoints: {{ addresses: ["{apps}:{PORTS[name]}"] }}',
            tls,
        ]
    lines += [
        "  http2.default:",
        f"    ports: {{ {HTTP2_PORT}: http }}",
        f'    endpoints: {{ addresses: ["{apps}:{HTTP2_PORT}"] }}',
        tls,
        "  outside.default:",
        f"    ports: {{ {OUTSIDE_SERVER_PORT}: http }}",
        f'    endpoints: {{ addresses: ["{out}:{OUTSIDE_SERVER_PORT}"] }}',
        "    tls: { mode: none }",
    ]
    return "\n".join(lines) + "\n"


@dataclass
class AppLog:
    """What an app says that it understood; octets are characters of Latin-1.

    `kind` of a record: `request`, a whole one that the app took; `cut`, one that ended too early;
    `refused`, what the app itself did not take.
    """

    read: Callable[[], str]
    translate: Callable[[dict], dict] = lambda record: record

    def records(self) -> list[dict]:
        complete = self.read().rpartition("\n")[0]
        lines = [line for line in complete.split("\n") if line.startswith("{")]
        return [self.translate(json.loads(line)) for line in lines]


def _of_nginx(record: dict) -> dict:
    """Its variables, in the words of the other apps; a body that is cut short it calls a 400."""
    kind = "request" if record["status"] == 200 else "refused"
    host = record["host_field"]
    probe = [record["probe"]] if record["probe"] else []
    return {**record, "kind": kind, "host": host, "probe": probe}


@dataclass
class Route:
    name: str
    dial: Callable[[str], tuple[Wire, str]]  # an app's name -> a connection, and its source
    front: Callable[[], list[dict]]  # the records of who reads the caller's bytes
    behind: Callable[[], list[dict]] | None  # those of a second sidecar before the app
    apps: tuple[str, ...] = ALL_APPS  # that are asked over it
    http2: bool = True  # callers who speak it are carried otherwise than on another route

    def concerns(self, row: Row, app: str, number: int) -> bool:
        """What the caller's own sidecar refuses comes near no app: one of them stands for all."""
        if app not in self.apps:
            return False
        reaches_app_side = any(
            one.forwarded or one.may_begin or one.by_app_side for one in row.outcomes
        )
        return self.behind is None or reaches_app_side or APPS[number % len(APPS)] == app


class World:
    def __init__(
        self, lab: Lab, binaries: Binaries, rows: list[Row], http2_rows: list[Http2Row]
    ):
        self.lab = lab
        self.out = lab.pod("out")
        mesh = Mesh(lab, binaries)
        apps = lab.pod("apps")
        self.api, self.many = (
            mesh.member(
                name, caller(apps.ipv4, self.out.ipv4, multiplex), pod=lab.pod(name), start=False
            )
            for name, multiplex in (("api", "false"), ("many", "true"))
        )
        self.apps = mesh.member("apps", callee(rows, http2_rows), pod=apps, start=False)
        self.logs = self._start_apps()
        members = (self.api, self.many, self.apps)
        for member in members:
            member.sidecar.start()
        for member in members:
            member.sidecar.wait_ready()

    def _start_apps(self) -> dict[str, AppLog]:
        pod = self.apps.pod
        programs = pod.bind(HERE / "backends", "backends")
        started = {
            "node": ["node", f"{programs}/node_app.js", str(PORTS["node"])],
            "python": [sys.executable, "-I", f"{programs}/python_app.py", str(PORTS["python"])],
            "http2": ["node", f"{programs}/node_http2_app.js", str(HTTP2_PORT)],
            "nginx": ["nginx", "-c", f"/run/nginx/{self._nginx_files().name}"],
        }
        logs, processes = {}, {}
        for name, argv in started.items():
            # Our own interpreter may be where only root can go.
            uid = 0 if name == "python" else APP_UID
            processes[name] = process = pod.start(argv, uid=uid, name=name)
            logs[name] = AppLog(process.text)
        for name, process in processes.items():
            port = port_of(name)
            process.wait_for(lambda at=port: self._listens(at), f"port {port}", START_SECONDS)
        understood = pod.run_dir / "nginx" / "understood.log"
        logs["nginx"] = AppLog(lambda: understood.read_text("latin-1"), _of_nginx)
        return logs

    def _nginx_files(self) -> Path:
        if not (NGINX_MODULES / "ngx_http_echo_module.so").exists():
            raise LabError("nginx has no echo module: install Debian's nginx-light")
        home = self.apps.pod.run_dir / "nginx"
        home.mkdir()
        home.chmod(0o777)
        text = (HERE / "backends" / "nginx.conf").read_text()
        for word, value in (
            ("PORT", str(PORTS["nginx"])),
            ("HOME", "/run/nginx"),
            ("MODULES", str(NGINX_MODULES)),
        ):
            text = text.replace(word, value)
        config = home / "nginx.conf"
        config.write_text(text)
        return config

    def _listens(self, port: int) -> bool:
        address = ("127.0.0.1", port)
        self.apps.pod.in_netns(lambda: socket.create_connection(address, 1.0)).close()
        return True

    def dial(self, pod, address: str, port: int) -> tuple[Wire, str]:
        source = ("", next(_source_ports))
        channel = pod.in_netns(
            lambda: socket.create_connection((address, port), PATIENCE, source_address=source)
        )
        wire = Wire(channel)
        channel.settimeout(PATIENCE)
        host, number = channel.getsockname()
        return wire, f"{host}:{number}"

    def routes(self) -> list[Route]:
        target = self.apps.pod.ipv4
        inbound = self.apps.sidecar.log_records
        return [
            Route("plain", lambda app: self.dial(self.out, target, port_of(app)),
                inbound, None),
            Route(
                "mesh",
                lambda app: self.dial(self.api.pod, target, port_of(app)),
                self.api.sidecar.log_records,
                inbound,
            ),
            Route(
                "multiplexed",
                lambda app: self.dial(self.many.pod, target, port_of(app)),
                self.many.sidecar.log_records,
                inbound,
                http2=False,
            ),
        ]
