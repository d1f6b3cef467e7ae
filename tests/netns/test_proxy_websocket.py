"""WebSocket over HTTP/1.1, with the package ws at both ends: how long it lives, and how it ends."""

import signal
import time
from pathlib import Path

from lab import Lab, npm, wait_until
from mesh import APP_PORT, APP_UID, CALLEE, CALLER, Member, Mesh, Wire

APPS = Path(__file__).resolve().parent / "apps"
NODE_CACHE = APPS.parents[2] / "build" / "npm" / "netns-apps"
HASTY = "timeouts: { request: 1s, idle: 1s }\nworkers: 2\n"
DRAIN_SECONDS = 0.5 + 2.5
DRAIN = "drain: { grace: 500ms, timeout: 2500ms }\n"
UPGRADED = "epaulet_upgraded_connections_active"
UPGRADE = (
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class Side:
    """A node program of the package ws, and what it has told."""

    def __init__(self, member: Member, script: str, *arguments: str):
        modules = npm.install(APPS, NODE_CACHE)
        home = member.pod.bind(APPS, "apps")
        member.pod.bind(modules / "node_modules", "node_modules")  # node looks upwards
        argv = ["node", f"{home}/{script}", *arguments]
        self.process = member.pod.start(argv, uid=APP_UID, name=script)

    def told(self, key: str) -> list:
        return [line[key] for line in self.process.json_lines() if key in line]

    def wait(self, key: str, count: int = 1):
        """What was told last of this kind, once there were so many."""
        self.process.wait_for(lambda: len(self.told(key)) >= count, f"{count} of {key}")
        return self.told(key)[-1]

    def wait_more(self, key: str, more: int = 3) -> None:
        self.wait(key, len(self.told(key)) + more)


def pair(lab: Lab, binaries, caller: str = "", callee: str = "") -> tuple[Member, Member, Side]:
    api, api2 = Mesh(lab, binaries).pair(caller + CALLER, callee + CALLEE)
    server = Side(api2, "websocket_server.js", str(APP_PORT))
    server.wait("listening")
    return api, api2, server


def client(api: Member, habit: str, path: str = "/", port: int = 80) -> Side:
    one = Side(api, "websocket_client.js", f"ws://api2.default:{port}{path}", habit)
    one.wait("opened")
    return one


def still_open(*members: Member) -> set[float]:
    directions = ("outbound", "inbound")
    return {one.counter(UPGRADED, direction=way) for one, way in zip(members, directions)}


def test_no_time_of_requests_or_idling_ends_a_websocket(lab, binaries):
    api, api2, server = pair(lab, binaries, HASTY, HASTY)
    clients = [
        client(api, "talk"),
        client(api, "ping", port=81),
        client(api, "quiet", "/pinged"),
        client(api, "quiet"),  # the kernel's keepalive answers
    ]
    begin = time.monotonic()
    assert still_open(api, api2) == {4}
    pongs = len(server.told("ponged"))
    server.process.wait_for(lambda: time.monotonic() > begin + 3.5, "three times the timeouts")
    clients[0].wait_more("echoes")
    clients[1].wait_more("pongs")
    assert len(server.told("ponged")) > pongs + 10
    assert still_open(api, api2) == {4}
    for one in clients:
        one.process.signal(signal.SIGUSR2)
    for one in clients:
        assert one.wait("closed") == 4001 and one.told("reason") == ["farewell"]
        assert one.told("large") == [True]
        one.process.stop()
    wait_until(lambda: still_open(api, api2) == {0}, "all of them to be closed", 5)
    for member in (api, api2):
        records = member.process.wait_for(
            lambda: len(found := member.logged(kind="exchange", status=101)) == 4 and found, "them"
        )
        assert {record["outcome"] for record in records} == {"ok"}, records
        assert all(record["response_bytes"] > 1 << 20 for record in records), records


def test_either_end_of_an_upgraded_connection_may_fall_silent_first(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = api2.app()

    def upgraded() -> tuple[Wire, Wire]:
        caller = api.call("api2.default").send(UPGRADE + "early")
        server, head = app.take_head()
        assert b"upgrade: websocket" in head.lower(), head
        server.send(SWITCHED + "greeting")
        assert caller.head().startswith(b"HTTP/1.1 101 ")
        assert caller.take(8) == b"greeting" and server.take(5) == b"early"
        return caller, server

    caller, server = upgraded()
    caller.send("last").fin()
    assert server.rest() == b"last"
    caller.quiet()
    server.send("more").fin()
    assert caller.rest() == b"more"

    caller, server = upgraded()
    server.send("last").fin()
    assert caller.rest() == b"last"
    server.quiet()
    caller.send("more").fin()
    assert server.rest() == b"more"

    caller, server = upgraded()
    server.reset()
    assert caller.ends() == "reset"
    caller, server = upgraded()
    caller.reset()
    assert server.ends() == "reset"
    wait_until(lambda: still_open(api, api2) == {0}, "all of them to be closed", 5)


def test_a_websocket_lives_through_reloads_rotations_and_a_drain_until_its_end(lab, binaries):
    api, api2, server = pair(lab, binaries, DRAIN, DRAIN)
    one = client(api, "talk")

    for member, text in ((api, DRAIN + CALLER), (api2, DRAIN + CALLEE)):
        applied = len(member.logged(event="config_applied"))
        member.replace(f"config/{member.pod.name}.yaml", text + "timeouts: { request: 2s }\n")
        member.process.wait_for(
            lambda: len(member.logged(event="config_applied")) > applied, "config_applied"
        )
    one.wait_more("echoes")

    for member in (api, api2):
        loaded = len(member.logged(event="identity_loaded"))
        member.give_identity(api.mesh.issue(member.pod.name))
        member.process.wait_for(
            lambda: len(member.logged(event="identity_loaded")) > loaded, "identity_loaded"
        )
    one.wait_more("echoes")
    assert client(api, "quiet").told("opened"), "new ones are made under the new certificates"

    # Who is called drains: the socket is served to the end, and then cut.
    begin = time.monotonic()
    api2.process.signal(signal.SIGTERM)
    while time.monotonic() < begin + DRAIN_SECONDS - 0.7:
        one.wait_more("echoes")
        assert not one.told("closed")
    one.wait("closed")
    assert DRAIN_SECONDS - 0.2 < time.monotonic() - begin < DRAIN_SECONDS + 1.0
    assert one.told("closed") == [1006] and server.wait("code") == 1006

    # Who calls drains: the app that has not gone gets the same time.
    api2.start()
    one = client(api, "talk")
    begin = time.monotonic()
    api.process.signal(signal.SIGTERM)
    while time.monotonic() < begin + DRAIN_SECONDS - 0.7:
        one.wait_more("echoes")
        assert not one.told("closed")
    assert one.wait("closed") == 1006
    assert DRAIN_SECONDS - 0.2 < time.monotonic() - begin < DRAIN_SECONDS + 1.0
