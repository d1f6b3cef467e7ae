"""Sessions that stay at one endpoint: by cookie, by header, by the calling pod."""

import re

from answering import AnsweringApp
from lab import wait_until
from mesh import CALLEE, App, Member, Mesh, Wire, field
from test_proxy_http2 import ask, server

CALLER = """
workers: 2
identity: {{ dir: /var/run/epaulet/identity }}
services:
  shop.default:
    ports: {{ 80: http, 82: tcp }}
    endpoints: {{ addresses: [{}] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
    balance: {{ policy: sticky, by: {} }}
    retries: {{ budget: 100% }}  # an endpoint that is dead and listed takes one for each request
    outliers: {{ enabled: false }}  # and is asked again as soon as it is back
"""
BOTH = '"10.88.0.12:8080", "10.88.0.13:8080"'
SESSIONS = 16
ATTRIBUTES = "; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600"


class NamedApp(AnsweringApp):
    """Says who it is to every request."""

    def __init__(self, member: Member):
        self.name = member.pod.name
        super().__init__(member.pod)

    def answer(self, *_):
        return 200, "", self.name


def talk_first(member: Member) -> App:
    """Says who it is at once, to whoever connects."""

    def talk(wire: Wire) -> None:
        wire.send(member.pod.name).fin()
        wire.rest()

    app = member.app()
    app.serve(talk)
    return app


def world(lab, binaries, by: str) -> tuple[Member, Member, Member]:
    """`api`, which calls, and two endpoints of shop.default: `api2` and `api3`."""
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair(CALLER.format(BOTH, by), CALLEE)
    return api, api2, mesh.member("api3", CALLEE, mesh.issue("api2"))


def get(api: Member, cookie: str | None = None, method: str = "GET") -> tuple[str, bytes]:
    """Who answers a request on a connection of its own, and the answer's head."""
    line = f"Cookie: theme=dark; {cookie}\r\n" if cookie else ""
    length = "Content-Length: 0\r\n" if method == "POST" else ""
    with api.call("shop.default") as client:
        client.send(f"{method} / HTTP/1.1\r\nHost: h\r\n{line}{length}\r\n")
        status, head, body = client.response()
    assert status == 200, head
    return body.decode(), head


def test_a_cookie_keeps_a_session_at_its_endpoint_while_that_is_there(lab, binaries):
    api, api2, api3 = world(lab, binaries, "{ cookie: at, ttl: 1h }")
    apps = {member.pod.name: NamedApp(member) for member in (api2, api3)}
    sessions: dict[str, str] = {}
    for _ in range(SESSIONS):
        name, head = get(api)
        cookie = field(head, "set-cookie")
        found = re.fullmatch(f"(at=[0-9a-f]{{32}}){ATTRIBUTES}", cookie)
        assert found, head
        sessions[found[1]] = name
    assert len(sessions) == SESSIONS and set(sessions.values()) == set(apps), sessions

    def all_stay() -> None:
        for cookie, name in sessions.items():
            for method in ("GET", "POST"):
                answered, head = get(api, cookie, method)
                assert answered == name and field(head, "set-cookie") is None, (cookie, head)

    all_stay()
    api.process.kill()  # what follows knows nothing but the cookies
    api.start()
    all_stay()

    apps["api2"].die()
    for cookie, name in sessions.items():
        for method in ("GET", "POST"):
            answered, head = get(api, cookie, method)
            assert answered == "api3" and field(head, "set-cookie") is None, (cookie, head)
    apps["api2"] = NamedApp(api2)
    all_stay()

    api.replace("config/api.yaml", CALLER.format('"10.88.0.13:8080"', "{ cookie: at, ttl: 1h }"))
    moved = next(cookie for cookie, name in sessions.items() if name == "api2")
    wait_until(lambda: get(api, moved)[0] == "api3", "the endpoint to be gone", 5)
    for cookie in sessions:
        assert get(api, cookie)[0] == "api3"


def test_sessions_of_http2_go_by_header_or_cookie(lab, binaries):
    api, api2, api3 = world(lab, binaries, "{ header: x-session }")
    for member in (api2, api3):
        server(member)
    keys = [str(number) for number in range(SESSIONS)]
    asks = [{"path": "/name", "headers": {"x-session": key}} for key in keys]

    def names(answers: list[dict]) -> list[str]:
        assert {answer["status"] for answer in answers} == {200}, answers
        return [answer["body"] for answer in answers]

    first = names(ask(api, *asks, name="shop.default"))
    assert set(first) == {"api2", "api3"}, first
    assert names(ask(api, *reversed(asks), name="shop.default")) == first[::-1]
    without = names(ask(api, *([{"path": "/name"}] * 8), name="shop.default"))
    assert set(without) == {"api2", "api3"}, without

    api.replace("config/api.yaml", CALLER.format(BOTH, "{ cookie: at }"))
    applied = lambda: "set-cookie" in ask(api, {"path": "/name"}, name="shop.default")[0]["headers"]
    wait_until(applied, "the cookie", 5)
    answers = ask(api, *([{"path": "/name"}] * SESSIONS), name="shop.default")
    cookies = [answer["headers"]["set-cookie"][0].split(";")[0] for answer in answers]
    asks = [{"path": "/name", "headers": {"cookie": ["a=b", cookie]}} for cookie in cookies]
    again = ask(api, *asks, name="shop.default")
    assert names(again) == names(answers) and set(names(again)) == {"api2", "api3"}
    assert not any("set-cookie" in answer["headers"] for answer in again)


def test_a_pod_is_the_source_of_all_that_it_sends(lab, binaries):
    by = "{ source: true }"
    api, api2, api3 = world(lab, binaries, by)
    others = [
        api.mesh.member(f"web{number}", CALLER.format(BOTH, by)) for number in range(3)
    ]
    apps = [talk_first(member) for member in (api2, api3)]

    def reached(member: Member) -> str:
        with member.call("shop.default", 82) as client:
            return client.fin().rest().decode()

    homes = {}
    for member in (api, *others):
        names = {reached(member) for _ in range(8)}
        assert len(names) == 1, (member.pod.name, names)
        homes[member.pod.name] = names.pop()
    assert set(homes.values()) == {"api2", "api3"}, "pods are not all the same source"
    for app in apps:
        app.close()
    for member in (api2, api3):
        NamedApp(member)
    assert {get(api)[0] for _ in range(8)} == {homes["api"]}, "HTTP goes where tunnels go"
    assert field(get(api)[1], "set-cookie") is None
