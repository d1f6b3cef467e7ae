"""Ways to make an attempt: who speaks to which port, and in what bytes."""

import json
from collections.abc import Callable
from pathlib import Path

from lab import wait_until
from mesh import Wire
from table import Told, Try, dial_and_tell, tell
from world import AUDIENCE, OPEN, STRICT, World

Fields = tuple[str | bytes, ...]
WEBSOCKET = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
HTTP2_CLIENT = Path(__file__).resolve().parents[1] / "netns" / "apps" / "http2_client.js"


def head(target: str | bytes, fields: Fields = (), method: str = "GET", host: str = "h") -> bytes:
    """A request's head as it is written here, with Host first unless `host` is empty."""
    lines = [f"{method} ".encode() + as_bytes(target) + b" HTTP/1.1"]
    lines += [f"Host: {host}".encode()] if host else []
    lines += [as_bytes(one) for one in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def plain(raw: bytes, port: int = OPEN, v6: bool = False, method: str = "GET") -> Try:
    """A stranger in a neighbour pod, without TLS."""
    return lambda world: dial_and_tell(lambda: world.dial(world.outside, port, v6), raw, method)


def get(target: str | bytes, *fields: str | bytes, port: int = OPEN, **more) -> Try:
    """A stranger's request. `more`: `method`, `host`, `v6`."""
    v6, method = more.pop("v6", False), more.get("method", "GET")
    return plain(head(target, fields, **more), port, v6, method)


def http2(target: str, port: int = OPEN, **headers: str) -> Try:
    """A stranger's request over HTTP/2; `headers`: "_" for "-"."""

    def attempt(world: World) -> Told:
        pod = world.outside
        script = f"{pod.bind(HTTP2_CLIENT.parent, 'http2-apps')}/{HTTP2_CLIENT.name}"
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        ask = json.dumps([{"path": target, "headers": fields}])
        url = f"http://{world.api2.pod.ipv4}:{port}"
        (answer,) = json.loads(pod.run(["node", script, url, ask]).stdout)
        lines = [f"{name}: {value}" for name, value in answer.get("headers", {}).items()]
        said = "\r\n".join(line for line in lines if not line.startswith(":"))
        return Told(
            answer.get("status"), f"HTTP/2\r\n{said}\r\n\r\n".encode(), source=f"{pod.ipv4}:0"
        )

    return attempt


def with_token(make, target: str, port: int, *fields: str) -> Try:
    """A stranger's request with the token that `make(world)` gives."""

    def attempt(world: World) -> Told:
        raw = head(target, (f"Authorization: Bearer {make(world)}", *fields))
        return tell(world.dial(world.outside, port), raw)

    return attempt


def good_token(world: World) -> str:
    return world.portal.token(AUDIENCE, "somebody", role="admin")


def leaf(
    raw: bytes, who: str | None, alpn: str = "epaulet/1-h1", port: int = STRICT, **more
) -> Try:
    """Whoever holds the leaf of `who` and speaks mesh TLS as he likes, from a neighbour pod."""

    def attempt(world: World) -> Told:
        identity = world.identity(who, more.get("authority", "ca")) if who else None
        return with_identity(raw, identity, [alpn] if alpn else [], port, **more)(world)

    return attempt


def with_identity(raw: bytes, identity: Path | None, alpn: list[str], port: int, **more) -> Try:
    def attempt(world: World) -> Told:
        return dial_and_tell(lambda: world.mesh_dial(port, alpn, identity, **more), raw)

    return attempt


def own_app(raw: bytes, name: str = "closed.default") -> Try:
    """The app of `api`, through its own sidecar."""

    def attempt(world: World) -> Told:
        return tell(world.api.call(name), raw)

    return attempt


def then(first: bytes, expect: int, second: bytes, port: int) -> Try:
    """Two requests on one connection; the second one's answer counts."""

    def attempt(world: World) -> Told:
        wire: Wire = world.dial(world.outside, port).send(first)
        status, answer, _ = wire.response()
        assert status == expect, answer
        return tell(wire, second)

    return attempt


def outlive(world: World, port: int, path: str, proof: Fields, end: Callable[[], None]) -> Told:
    """A WebSocket that `proof` opens, and what it still says when `proof` is worth nothing."""

    def refused_with() -> int | None:
        # Nobody may go there: 403 for whom the proof is good, else 401. The app hears neither.
        return tell(world.dial(world.outside, port), head("/nowhere", proof)).status

    wait_until(lambda: refused_with() == 403, "the proof to be good", 10)
    with world.dial(world.outside, port) as wire:
        wire.send(head(path, (*WEBSOCKET, *proof)))
        assert wire.head().startswith(b"HTTP/1.1 101"), "it was let in"
        end()
        wait_until(lambda: refused_with() == 401, "the proof to be worth nothing", 30)
        wire.send("still here\n")
        return Told(200, body=wire.until(b"\n"))
