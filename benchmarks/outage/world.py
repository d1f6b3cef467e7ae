"""Two callers with three instances of a service each, one side with epaulet and one without, that
live through the same outage at the same time."""

import json
import signal
import sys
import time
from pathlib import Path
from urllib.parse import quote

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(REPOSITORY / "tests" / "support"), str(REPOSITORY / "tests" / "netns")]

from lab import Binaries, Lab, LabError, Pod, Process, request  # noqa: E402  (the paths above first)
from mesh import APP_UID, Mesh  # noqa: E402
from timeline import ALL, ENDPOINTS, Phase, Span  # noqa: E402

PORT, MOOD_PORT = 8080, 8099
SLOW_MS = 300
TIMEOUT_MS = 2000
START_SECONDS = 1.5  # node needs some to start
MESH, DIRECT = "epaulet", "direct"
MAX_OPEN_SECONDS = 2.0  # of the breaker below: what recovery waits for at most

# As a user would write it for a GET that takes 5 ms; all that is not here is the default.
CALLER = """
identity: {{ dir: /var/run/epaulet/identity }}
services:
  shop.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: [{endpoints}] }}
    tls: {{ identities: [spiffe://cluster.local/ns/default/sa/shop] }}
    timeouts: {{ request: 2s, attempt: 250ms, connect: 250ms }}
    retries: {{ statuses: [503] }}
    breaker: {{ error_ratio: 50%, min_requests: 20, window: 1s, open_for: 1s, max_open_for: 2s }}
"""
CALLEE = """
workload: { service: shop.default, ports: { 8080: { tls: strict } } }
identity: { dir: /var/run/epaulet/identity }
roles: { mesh: [ { identity: "spiffe://cluster.local/ns/default/sa/caller" } ] }
access: [ { name: all, allow: [mesh] } ]
"""


class Side:
    """A caller, and the service that it calls."""

    def __init__(self, lab: Lab, name: str):
        self.lab, self.name = lab, name
        self.pods = [lab.pod(f"{name[0]}-shop-{number}") for number in ALL]
        self.caller_pod: Pod = lab.pod(f"{name[0]}-caller")
        self.apps: list[Process] = []
        self.urls = [f"http://{pod.ipv4}:{PORT}/" for pod in self.pods]
        self.caller: Process | None = None

    def start_apps(self) -> None:
        for pod in (*self.pods, self.caller_pod):
            pod.bind(HERE, "outage")
        self.apps = [
            pod.start(["node", "/run/outage/shop.js"], uid=APP_UID, name="app") for pod in self.pods
        ]
        for app in self.apps:
            app.wait_for_line("listening", 20)

    def call(self, begin: float, seconds: float, rate: int) -> None:
        numbers = (round(begin * 1000), seconds, rate, TIMEOUT_MS)
        argv = ["node", "/run/outage/caller.js", *map(str, numbers), *self.urls]
        self.caller = self.caller_pod.start(argv, uid=APP_UID, name="caller")

    def enter(self, phase: Phase) -> None:
        """What was before is over, and `phase` begins."""
        for number in ALL:
            does = phase.does if number in phase.who else "well"
            pod, app = self.pods[number], self.apps[number]
            self.lab.ip(pod.netns, f"link set eth0 {'down' if does == 'vanishes' else 'up'}")
            app.signal(signal.SIGSTOP if does == "stands" else signal.SIGCONT)
            if does != "stands":
                mood = {"slow": {"delay": SLOW_MS}, "fails": {"status": 503}}.get(does, {})
                told = request(pod, "127.0.0.1", MOOD_PORT, "/" + quote(json.dumps(mood)))
                if told.status != 200:
                    raise LabError(f"{pod.name} has no mood: {told}")

    def told(self) -> list[list[float]]:
        self.caller.wait_for(lambda: not self.caller.is_running(), "its end", 30)
        return next(one["told"] for one in self.caller.json_lines() if "told" in one)

    def arrived(self, begin: float) -> dict[int, int]:
        """How many requests reached the instances, by tenths of a second after `begin`."""
        counts: dict[int, int] = {}
        for app in self.apps:
            for one in app.json_lines():
                at = one["bin"] - round(begin * 10)
                counts[at] = counts.get(at, 0) + one["count"]
        return counts


def make_sides(lab: Lab, binaries: Binaries) -> list[Side]:
    direct, meshed = Side(lab, DIRECT), Side(lab, MESH)
    mesh = Mesh(lab, binaries)
    endpoints = ", ".join(f'"{pod.ipv4}:{PORT}"' for pod in meshed.pods)
    for pod in meshed.pods:
        mesh.member(pod.name, CALLEE, identity=mesh.issue("shop"), pod=pod)
    caller = mesh.member("caller", CALLER.format(endpoints=endpoints), pod=meshed.caller_pod)
    meshed.urls = [f"http://{caller.address_of('shop.default')}/"]
    for side in (direct, meshed):
        side.start_apps()
    return [direct, meshed]


def live_through(lab: Lab, binaries: Binaries, spans: list[Span], rate: int) -> dict[str, dict]:
    """By side: what its caller was `told`, and what `arrived` at the service."""
    sides = make_sides(lab, binaries)
    begin = float(round(time.time() + START_SECONDS))
    for side in sides:
        side.call(begin, spans[-1].end, rate)
    for span in spans:
        time.sleep(max(0.0, begin + span.begin - time.time()))
        for side in sides:
            side.enter(span.phase)
    return {side.name: {"told": side.told(), "arrived": side.arrived(begin)} for side in sides}
