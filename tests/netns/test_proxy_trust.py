"""Long connections never outlive the trust that they came from, whichever sidecar has to end them."""

import contextlib
import time
from collections.abc import Callable

from lab import LabError
from mesh import CALLEE, CALLER, Mesh, Wire

DRAIN_SECONDS = 1
DRAIN = f"drain: {{ grace: 100ms, timeout: {DRAIN_SECONDS}s }}\n"
LEAF_SECONDS = 5
SLACK_SECONDS = 2.0
OPAQUE_PORT, WEB_PORT = 82, 80
UPGRADE = (
    "GET /s HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCHED = (
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


class Pair:
    """api and api2, whose root or leaf ends for one of them; a root of each its own until then."""

    def __init__(self, lab, binaries, ends_at: str, leaf: bool):
        self.mesh = Mesh(lab, binaries)
        self.ends_at = ends_at
        if leaf:
            told = {one: ["--valid", f"{LEAF_SECONDS}s"] if one == ends_at else [] for one in ("api", "api2")}
            identities = {one: self.mesh.issue(one, "ca", *more) for one, more in told.items()}
        else:
            # Who loses its root is the other one: for the one that ends it, that of its peer leaves.
            self.mesh.authority("next")
            roots = {"api": "ca", "api2": "ca", ends_at: "next"}
            identities = {one: self.identity(one, root, "ca", "next") for one, root in roots.items()}
        self.api = self.mesh.member("api", CALLER + DRAIN, identities["api"])
        self.api2 = self.mesh.member("api2", CALLEE + DRAIN, identities["api2"])
        self.app = self.api2.app()

    def identity(self, name: str, root: str, *trusted: str):
        made = self.mesh.issue(name, root)
        bundle = "".join((self.mesh.authority(one) / "ca.pem").read_text() for one in trusted)
        (made / "ca.pem").write_text(bundle)
        return made

    @property
    def ending(self):
        return self.api if self.ends_at == "api" else self.api2

    def remove_root(self) -> None:
        self.ending.give_identity(self.identity(self.ends_at, "next", "next"))
        self.ending.process.wait_for(
            lambda: len(self.ending.logged(event="identity_loaded")) >= 2, "the new identity"
        )

    def tunnel(self) -> tuple[Wire, Wire]:
        client = self.api.call("api2.default", OPAQUE_PORT)
        client.send(b"\0\1hello")
        server = self.app.take()
        assert server.take(7) == b"\0\1hello"
        return client, server

    def websocket(self) -> tuple[Wire, Wire]:
        client = self.api.call("api2.default", WEB_PORT)
        client.send(UPGRADE)
        server, _ = self.app.take_head()
        server.send(SWITCHED)
        assert client.head().startswith(b"HTTP/1.1 101")
        return client, server


def lives_for(client: Wire, server: Wire, most: float) -> float:
    """Seconds until nothing passes any more."""
    begin = time.monotonic()
    with contextlib.suppress(OSError, AssertionError, EOFError, LabError):
        while time.monotonic() - begin < most:
            client.send(b"ping")
            if server.take(4) != b"ping":
                break
            time.sleep(0.1)
    return time.monotonic() - begin


def assert_root_ends(lab, binaries, ends_at: str, talk: Callable[[Pair], tuple[Wire, Wire]]) -> None:
    pair = Pair(lab, binaries, ends_at, leaf=False)
    client, server = talk(pair)
    pair.remove_root()
    lived = lives_for(client, server, DRAIN_SECONDS + 2 * SLACK_SECONDS)
    assert lived < DRAIN_SECONDS + SLACK_SECONDS, lived
    pair.ending.wait_logged(outcome="tls_peer_untrusted")


def assert_leaf_ends(lab, binaries, ends_at: str, talk: Callable[[Pair], tuple[Wire, Wire]]) -> None:
    pair = Pair(lab, binaries, ends_at, leaf=True)
    client, server = talk(pair)
    lived = lives_for(client, server, LEAF_SECONDS + 2 * SLACK_SECONDS)
    assert lived < LEAF_SECONDS + SLACK_SECONDS, lived
    told = [one.logged(outcome="tls_peer_expired") for one in (pair.api, pair.api2)]
    assert any(told), "nobody says why"


def test_a_tunnel_ends_when_the_root_of_its_peer_leaves_the_callers_bundle(lab, binaries):
    assert_root_ends(lab, binaries, "api", Pair.tunnel)


def test_a_tunnel_ends_when_the_root_of_its_peer_leaves_the_callees_bundle(lab, binaries):
    assert_root_ends(lab, binaries, "api2", Pair.tunnel)


def test_a_websocket_ends_when_the_root_of_its_peer_leaves_the_callers_bundle(lab, binaries):
    assert_root_ends(lab, binaries, "api", Pair.websocket)


def test_a_websocket_ends_when_the_root_of_its_peer_leaves_the_callees_bundle(lab, binaries):
    assert_root_ends(lab, binaries, "api2", Pair.websocket)


def test_a_tunnel_ends_with_the_callers_leaf(lab, binaries):
    assert_leaf_ends(lab, binaries, "api", Pair.tunnel)


def test_a_websocket_ends_with_the_callees_leaf(lab, binaries):
    assert_leaf_ends(lab, binaries, "api2", Pair.websocket)
