"""`epaulet policy replay`: what another configuration would have said of what a sidecar logged."""

import re
import subprocess

from mesh import APP_PORT, CALLER, Mesh, Wire, dial

API = "spiffe://cluster.local/ns/default/sa/api"
HEAD = """
workload:
  service: api2.default
  ports: { 8080: { tls: permissive }, 9000: { tls: strict, protocol: tcp } }
identity: { dir: /var/run/epaulet/identity }
log: { access: { sample: 100% } }
roles:
  mesh: [ { identity: "spiffe://cluster.local/ns/default/sa/*" } ]
  other: [ { identity: "spiffe://cluster.local/ns/default/sa/other" } ]
"""
ECHO = """
  echo.default:
    ports: { 9000: tcp }
    endpoints: { addresses: ["10.88.0.12:9000"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
"""
WRITES = "  - { name: writes, methods: [POST], allow: [other] }\n"
ALL = "  - { name: all, allow: [mesh] }\n"
COUNTS = r"(?m)^(\d+) newly denied, (\d+) newly allowed, (\d+) unknown, (\d+) as before, (\d+) lines about something else$"


def config(*rules: str) -> str:
    return HEAD + "access:\n" + "".join(rules)


def ask(wire: Wire, method: str, path: str) -> int:
    with wire:
        wire.send(f"{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        return wire.response()[0]


def record(lab, binaries):
    """Three GETs and two POSTs of `api`, a connection of its own, and a GET of a stranger."""
    api, api2 = Mesh(lab, binaries).pair(CALLER + ECHO, config(WRITES, ALL))
    outside = lab.pod("outside")
    api2.app().serve(lambda wire: (wire.head(), wire.send("HTTP/1.1 204 No Content\r\n\r\n")))
    api2.app(9000).serve(lambda wire: (wire.send(wire.take(4)), wire.rest()))
    assert [ask(api.call("api2.default"), "GET", f"/secret{n}") for n in range(3)] == [204] * 3
    assert [ask(api.call("api2.default"), "POST", "/secret") for _ in range(2)] == [403] * 2
    assert ask(Wire(dial(outside, api2.pod.ipv4, APP_PORT)), "GET", "/") == 401
    with api.call("echo.default", 9000) as tunnel:
        assert tunnel.send(b"echo").take(4) == b"echo"
    api2.process.wait_for(
        lambda: len(api2.logged(kind="exchange")) == 6 and api2.logged(kind="connection", outcome="ok"),
        "all to be logged",
    )
    return api2


class Replay:
    """The command's exit status, its counts, and its lines about groups."""

    def __init__(self, binaries, log, new):
        argv = [str(binaries.epaulet), "policy", "replay", str(log), "--config", str(new)]
        done = subprocess.run(argv, capture_output=True, text=True)
        self.status, self.text, self.error = done.returncode, done.stdout, done.stderr
        found = re.search(COUNTS, self.text)
        self.counts = tuple(map(int, found.groups()[:4])) if found else None
        self.groups = [line for line in self.text.splitlines() if "; for example " in line]

    def assert_is(self, status: int, counts: tuple[int, int, int, int], *groups: str) -> None:
        assert (self.status, self.counts) == (status, counts), (self.text, self.error)
        assert len(self.groups) == len(groups), self.text
        for group in groups:
            assert any(group in " ".join(line.split()) for line in self.groups), (group, self.text)


def test_what_a_sidecar_logged_is_judged_by_another_configuration(lab, binaries):
    api2 = record(lab, binaries)
    new = lab.directory / "new.yaml"

    def replay(*rules: str) -> Replay:
        new.write_text(config(*rules))
        return Replay(binaries, api2.process.log, new)

    replay(WRITES, ALL).assert_is(0, (0, 0, 0, 7))
    # Nobody of the mesh but `other`: what `api` was allowed is denied.
    stricter = replay(WRITES, ALL.replace("mesh", "other"))
    stricter.assert_is(
        1,
        (4, 0, 0, 3),
        f'newly denied 3 GET by {API}, allowed before by rule "all"; for example ',
        f'newly denied 1 a connection by {API}, allowed before by rule "all"; for example ',
    )
    for line in stricter.groups:
        assert api2.logged(id=line.rpartition(" ")[2]), "the example is one of the log"
    replay(WRITES.replace("other", "mesh"), ALL).assert_is(
        0, (0, 2, 0, 5), f'newly allowed 2 POST by {API}, denied before by rule "writes"'
    )
    # Both at once: one denial is enough to fail a build.
    replay(WRITES.replace("other", "mesh"), ALL.replace("mesh", "other")).assert_is(
        1, (4, 2, 0, 1), "newly denied 3 GET", "newly denied 1 a connection", "newly allowed 2 POST"
    )
    # Strangers too.
    replay(WRITES, ALL.replace("mesh", "anyone")).assert_is(
        0, (0, 1, 0, 6), "newly allowed 1 GET by callers without identity, denied before by"
    )
    # The log has no paths, so a rule about one may or may not have been it: never a guess.
    unsure = replay('  - { name: secret, paths: ["/secret0"], allow: [other] }\n', WRITES, ALL)
    unsure.assert_is(0, (0, 0, 3, 4), f'unknown 3 GET by {API}, allowed before by rule "all"')
    assert "secret0" not in api2.process.text()


def test_what_cannot_be_replayed_is_an_error_of_its_own(lab, binaries):
    new, log = lab.directory / "new.yaml", lab.directory / "access.log"
    new.write_text(config(ALL))
    missing = Replay(binaries, log, new)
    assert missing.status == 2 and str(log) in missing.error, missing.error
    log.write_text('no log\n{"direction": 3}\n{"kind":"exchange"\n\n{"level":"info","event":"started"}\n')
    nothing = Replay(binaries, log, new)
    nothing.assert_is(0, (0, 0, 0, 0))
    assert "5 lines about something else" in nothing.text
    new.write_text(config(ALL.replace("mesh", "mehs")))
    wrong = Replay(binaries, log, new)
    assert wrong.status == 2 and "new.yaml:" in wrong.error and "mehs" in wrong.error, wrong.error
