"""Connections on which nobody says anything: kept while both ends live, cut when one is gone."""

import time

from lab import LabError
from mesh import CALLEE, CALLER, Member, Mesh

SMALL = (  # every timer that there is, far below IDLE_SECONDS
    "timeouts: { request: 1s, attempt: 500ms, connect: 1s, idle: 1s, head: 1s, keep_alive: 1s,"
    " detect: 1s }\n"
)
IDLE_SECONDS = 7.0
CUT_SECONDS = 15.0  # the shim's keepalive takes four


def pair(lab, binaries) -> tuple[Member, Member]:
    """With a keepalive of seconds instead of minutes: hasty_keepalive.cc."""
    library = binaries.epaulet.parent.parent / "tests" / "netns" / "libhasty_keepalive.so"
    if not library.exists():
        raise LabError(f"{library} is not there: build all of the preset")
    mesh = Mesh(lab, binaries)
    members = [
        mesh.member(name, SMALL + config, start=False)
        for name, config in (("api", CALLER), ("api2", CALLEE))
    ]
    for member in members:
        sidecar, pod = member.sidecar, member.pod
        preload = f"{pod.bind(library.parent, 'keepalive')}/{library.name}"
        argv = [sidecar.program, "run", "--config", sidecar.path_in_pod(sidecar.config_file)]
        sidecar.process = pod.start(argv, uid=1337, name="epaulet", env={"LD_PRELOAD": preload})
    for member in members:
        member.sidecar.wait_ready()
    return members[0], members[1]


def met(api: Member, app, port: int):
    client = api.call("api2.default", port)
    server = app.accept()  # it speaks first, as a database does
    server.send("hello")
    assert client.take(5) == b"hello"
    client.send("login")
    assert server.take(5) == b"login"
    return client, server


def test_an_idle_connection_outlives_every_timer(lab, binaries):
    api, api2 = pair(lab, binaries)
    app = api2.app()
    ends = [end for port in (81, 82) for end in met(api, app, port)]
    waiting = api.call("api2.default", 81)  # nobody has said anything yet
    silent = app.accept()
    time.sleep(IDLE_SECONDS)
    for number in (0, 2):
        client, server = ends[number : number + 2]
        client.send("select")
        assert server.take(6) == b"select"
        server.send("rows").fin()
        assert client.take(4) == b"rows"
        assert client.ends() == "fin"
    silent.send("welcome")
    assert waiting.take(7) == b"welcome", "a server may take its time to greet"


def test_an_idle_connection_is_cut_when_its_peer_is_gone(lab, binaries):
    api, api2 = pair(lab, binaries)
    client, server = met(api, api2.app(), 82)
    client.quiet(3.0)
    netns, port = lab.port_of(api2.pod)
    begin = time.monotonic()
    lab.ip(netns, f"link set {port} down")
    for end in (client, server):
        end.socket.settimeout(CUT_SECONDS)
        assert end.ends() == "reset"
    seconds = time.monotonic() - begin
    print(f"# both ends of an idle connection were cut after {seconds:.1f} s")
    assert seconds > 1.0, "by keepalive, not by the link"
    for member in (api, api2):
        assert member.wait_logged(kind="connection")["outcome"] != "ok"
