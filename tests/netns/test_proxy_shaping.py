"""What a route does to its requests, with real sidecars, in HTTP/1.1 and HTTP/2."""

import json

from mesh import CALLEE, App, Member, Mesh, Wire, field
from test_proxy_http2 import ask, server

CALLER = """
workers: 2
identity: {{ dir: /var/run/epaulet/identity }}
services:
  api2.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:8080"] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
    routes:
{routes}
backends:
  next:
    endpoints: {{ addresses: ["10.88.0.13:8080"] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
"""


class Echo(App):
    """Answers with the head that reached it."""

    def __init__(self, member: Member, name: str = "first", lines: str = ""):
        super().__init__(member.pod)
        self.name, self.lines, self.asked = name, lines, 0
        self.serve(self._answer)

    def _answer(self, wire: Wire) -> None:
        wire.socket.settimeout(None)
        self.wires.append(wire)
        while True:
            head = wire.head()
            wire.take(int(field(head, "content-length") or 0))
            self.asked += 1
            length = f"Content-Length: {len(head)}\r\n\r\n"
            wire.send(f"HTTP/1.1 200 OK\r\nX-App: {self.name}\r\n{self.lines}{length}")
            if not head.startswith(b"HEAD"):
                wire.send(head)


def caller(*routes: str) -> str:
    return CALLER.format(routes="\n".join(f"      - {{ {route} }}" for route in routes))


def pair(lab, binaries, *routes: str) -> tuple[Member, Member]:
    return Mesh(lab, binaries).pair(caller(*routes), CALLEE)


def get(member: Member, path: str, more: str = "", method: str = "GET") -> tuple[int, bytes, bytes]:
    with member.call("api2.default") as client:
        client.send(f"{method} {path} HTTP/1.1\r\nHost: shop:80\r\n{more}\r\n")
        return client.response(method)


BY_VERSION = (
    'name: second, paths: [/items/**], query: [ { name: api-version, pattern: "2.*" } ], to: [ { backend: next } ]',
    'name: flagged, query: [ { name: "a b", exact: "é" }, { name: beta } ], to: [ { backend: next } ]',
)
TO_NEXT = ("/items/1?api-version=2.0", "/items/1?a=1&api%2Dversion=2%2E1", "/x?beta=&a+b=%C3%a9")
TO_FIRST = (
    "/items/1",
    "/items/1?api-version=1.9",
    "/items/1?api-version=1.9&api-version=2.0",
    "/items/1?API-VERSION=2.0",
    "/other?api-version=2.0",
    "/x?beta&a+b=e",
)


def test_a_query_chooses_the_backend_and_arrives_as_it_was_sent(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", caller(*BY_VERSION))
    apps = [
        Echo(mesh.member(name, CALLEE, identity=mesh.issue("api2")), name) for name in ("api2", "api3")
    ]
    for paths, name in ((TO_NEXT, "api3"), (TO_FIRST, "api2")):
        for path in paths:
            status, head, body = get(api, path)
            assert (status, field(head, "x-app")) == (200, name), (path, head)
            assert body.startswith(f"GET {path} HTTP/1.1\r\n".encode()), body
    assert [app.asked for app in apps] == [len(TO_FIRST), len(TO_NEXT)]
    assert api.counter("epaulet_requests_total", route="second") == 2


def test_a_query_chooses_the_backend_of_each_stream(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", caller(*(one.replace("/items/", "/headers/") for one in BY_VERSION)))
    apps = [mesh.member(name, CALLEE, identity=mesh.issue("api2")) for name in ("api2", "api3")]
    for one in apps:
        server(one)
    paths = [path.replace("/items/", "/headers/") for path in TO_NEXT[:2] + TO_FIRST[:3]]
    answers = ask(api, *({"path": path} for path in paths))
    assert [one["status"] for one in answers] == [200] * len(paths), answers
    assert [json.loads(one["body"])[":path"] for one in answers] == paths
    assert [one.counter("epaulet_requests_total") for one in apps] == [3, 2]
