"""What a route does to its requests, with real sidecars, in HTTP/1.1 and HTTP/2."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from answering import AnsweringApp, KeepingApp
from mesh import CALLEE, Member, Mesh, field
from test_proxy_http2 import GRPC, ask, server

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


class Echo(AnsweringApp):
    """Answers with the head that reached it."""

    def __init__(self, member: Member, name: str = "first", lines: str = ""):
        self.lines, self.asked = f"X-App: {name}\r\n{lines}", 0
        super().__init__(member.pod)

    def answer(self, head: bytes, _: bytes):
        self.asked += 1
        return 200, self.lines, head


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


EDITS = """name: old, paths: [/v1/**],
        request_header_modifier: { set: { X-Tenant: blue }, add: { Via: mesh }, remove: [x-debug] },
        response_header_modifier: { set: { Cache-Control: no-store }, add: { Vary: X-Tenant }, remove: [x-app] },
        url_rewrite: { hostname: legacy.internal, replace_prefix_match: /headers }"""


def test_fields_host_and_path_are_changed_and_nothing_else(lab, binaries):
    api, api2 = pair(lab, binaries, EDITS, 'name: whole, paths: [/x], url_rewrite: { replace_full_path: "/y" }')
    Echo(api2, lines="cache-control: max-age=9\r\nVary: Accept\r\nX-Odd:  kept\r\n")
    lines = "X-Debug: 1\r\nx-tenant: red\r\nX-Spelt:  As-It-Was\r\nvia: one\r\n"
    for _ in range(2):
        status, head, body = get(api, "/v1/a%3d/b?q=%20+&v1", lines)
        assert status == 200, head
        assert body.startswith(b"GET /headers/a%3d/b?q=%20+&v1 HTTP/1.1\r\nHost: legacy.internal\r\n"), body
        assert b"X-Spelt:  As-It-Was\r\nvia: one\r\n" in body, body
        assert b"X-Tenant: blue\r\nVia: mesh\r\n" in body and b"red" not in body, body
        assert field(body, "x-debug") is None and field(body, "x-request-id"), body
        assert field(head, "x-app") is None and b"X-Odd:  kept\r\n" in head, head
        assert b"Cache-Control: no-store\r\nVary: X-Tenant\r\n" in head and b"max-age" not in head, head
        assert b"Vary: Accept\r\n" in head, head
    assert get(api, "/v1")[2].startswith(b"GET /headers HTTP/1.1\r\n")
    status, head, body = get(api, "/x?a")
    assert body.startswith(b"GET /y?a HTTP/1.1\r\nHost: shop:80\r\n"), body
    assert field(head, "x-app") == "first", "another route's edits are its own"


def test_nothing_leads_out_of_what_a_prefix_was_replaced_by(lab, binaries):
    api, api2 = pair(lab, binaries, 'name: v1, paths: [/v1/**], url_rewrite: { replace_prefix_match: /tenants/blue }')
    app = Echo(api2)
    assert get(api, "/v1/a%3d;b/")[2].startswith(b"GET /tenants/blue/a%3d;b/ HTTP/1.1\r\n")
    for rest in ("../red", "%2e%2e/red", "a/%2E./../red", "/evil.example/x", "..%2fred", "..\\red", "a%2fb"):
        status, head, _ = get(api, f"/v1/{rest}")
        assert status == 400, (rest, head)
        record = api.wait_logged(kind="exchange", id=field(head, "x-request-id"))
        assert record["outcome"] == "path_ambiguous", record
    assert app.asked == 1


def test_heads_at_their_limit_may_grow(lab, binaries):
    """64 KiB are let in; fields of ours, of a route or a Location make more of them."""
    more = "x" * 4000
    api, api2 = pair(
        lab,
        binaries,
        "name: old, paths: [/old/**], request_redirect: { hostname: new.example }",
        f"name: all, request_header_modifier: {{ set: {{ X-More: {more} }} }}, response_header_modifier: {{ set: {{ X-More: {more} }} }}",
    )
    most = 64 * 1024
    app = api2.app()

    def padded(line: str, lines: str) -> str:
        begin = f"{line}\r\n{lines}X-Pad: "
        return begin + "p" * (most - len(begin) - 4) + "\r\n\r\n"

    with api.call("api2.default") as client:
        client.send(padded("GET / HTTP/1.1", "Host: h\r\n"))
        status, head, _ = client.response()
        # The callee has the same limit: what grew beyond it is refused there, and nobody dies.
        assert status == 431, head
    with api.call("api2.default") as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        wire, _ = app.take_head()
        wire.send(padded("HTTP/1.1 200 OK", "Content-Length: 0\r\n"))
        status, head, _ = client.response()
        assert status in (200, 502), head
    with api.call("api2.default") as client:
        target = "/old/" + "a" * (most - 100)
        client.send(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
        status, head, _ = client.response()
        assert status == 302 and len(head) > most, head[:100]
        assert field(head, "location").endswith("a" * 1000)
    for member in (api, api2):
        assert member.process.is_running(), "it died of a head"


def test_the_same_in_http2(lab, binaries):
    api, api2 = pair(lab, binaries, EDITS.replace("remove: [x-app]", "remove: [server]"))
    server(api2)
    headers = {"x-debug": "1", "x-tenant": "red", "via": "one"}
    (answer,) = ask(api, {"path": "/v1/b?q=%20", "headers": headers})
    head = json.loads(answer["body"])
    assert (head[":path"], head[":authority"]) == ("/headers/b?q=%20", "legacy.internal"), head
    assert head["x-tenant"] == "blue" and "x-debug" not in head, head
    assert head["via"] in ("one, mesh", ["one", "mesh"]), head
    assert answer["headers"]["cache-control"] == "no-store", answer
    assert answer["headers"]["vary"] == "X-Tenant", answer


def test_the_callees_rules_judge_what_arrives(lab, binaries):
    callee = CALLEE.replace("{ name: all, allow: [mesh] }", "{ name: open, paths: [/open/**], hosts: [legacy.internal], allow: [mesh] }")
    rewrite = "url_rewrite: { hostname: legacy.internal, replace_prefix_match: /%s }"
    api, api2 = Mesh(lab, binaries).pair(
        caller(
            "name: let, paths: [/secret/**], " + rewrite % "open",
            "name: kept, paths: [/open/**], " + rewrite % "secret",
        ),
        callee,
    )
    app = Echo(api2)
    assert get(api, "/secret/a")[0] == 200
    assert get(api, "/open/a")[0] == 403
    assert app.asked == 1


REDIRECTS = (
    "name: safe, paths: [/safe/**], request_redirect: { scheme: https, status: 301 }",
    "name: moved, paths: [/old/**], request_redirect: { hostname: new.example, port: 8443, replace_prefix_match: /new, status: 308 }",
    "name: home, paths: [/], request_redirect: { replace_full_path: /home }",
)
LOCATIONS = {
    "/safe/a?b=%20": (301, "https://shop/safe/a?b=%20"),
    "/old/a/b?c": (308, "http://new.example:8443/new/a/b?c"),
    "/": (302, "http://shop/home"),
}


def test_redirects_are_answered_by_the_sidecar(lab, binaries):
    api, api2 = pair(lab, binaries, *REDIRECTS)
    app = Echo(api2)
    with api.call("api2.default") as client:
        for path, (wanted, location) in LOCATIONS.items():
            for method, body in (("GET", ""), ("HEAD", ""), ("POST", "Content-Length: 4\r\n\r\nbody")):
                client.send(f"{method} {path} HTTP/1.1\r\nHost: shop\r\n{body or chr(13) + chr(10)}")
                status, head, text = client.response(method)
                assert (status, field(head, "location")) == (wanted, location), head
                assert field(head, "x-request-id") and (method == "HEAD" or location.encode() in text)
        client.send("GET /else HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert client.response()[0] == 200, "the connection goes on"
    assert app.asked == 1
    assert api.counter("epaulet_redirects_total") == 9
    assert api.counter("epaulet_requests_total", route="moved", status="3xx", outcome="ok") == 3
    record = api.wait_logged(kind="exchange", route="safe", shaped="redirected")
    assert (record["status"], record["attempts"], record["level"]) == (301, 0, "info"), record
    first = api.logged(kind="exchange", shaped="redirected")[0]
    (explained,) = api.sidecar.explain(first["id"])
    assert "redirected GET with 301" in explained["summary"], explained
    (event,) = [one for one in explained["events"] if one["code"] == "redirected"]
    assert event["status"] == 301 and ".yaml:" in event["source"], event


def test_redirects_in_http2_and_nobody_to_ask(lab, binaries):
    alone = caller(*REDIRECTS).replace('    endpoints: { addresses: ["10.88.0.12:8080"] }\n', "")
    alone = alone.replace("    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }\n    routes", "    routes")
    api = Mesh(lab, binaries).member("api", alone)
    answers = ask(api, {"path": "/old/a?b", "bytes": 100}, {"path": "/none"})
    assert [one["status"] for one in answers] == [308, 404], answers
    assert answers[0]["headers"]["location"] == "http://new.example:8443/new/a?b", answers


FAULTS = (
    'name: slow, paths: [/slow/**], timeouts: { request: 1s }, fault: { headers: [ { name: x-chaos } ], delay: { time: 300ms } }, request_header_modifier: { remove: [x-chaos] }',
    "name: late, paths: [/late/**], timeouts: { request: 300ms }, fault: { delay: { time: 10s } }",
    "name: broken, paths: [/broken/**], fault: { abort: { status: 503 } }, breaker: { consecutive: 1 }, retries: { max: 3, statuses: [503] }",
    "name: some, paths: [/some/**], fault: { abort: { status: 429, share: 30% } }",
    'name: mended, paths: [/mended/**], fault: { abort: { status: 500 } }, fallback: { answer: { body: "sorry" } }',
    "name: grpc, paths: [/grpc.Test/**], fault: { abort: { grpc_status: resource_exhausted } }",
)
INJECTED = "epaulet_faults_injected_total"


def test_faults_are_injected_and_said(lab, binaries):
    api, api2 = pair(lab, binaries, *FAULTS)
    app = Echo(api2)
    began = time.monotonic()
    status, _, body = get(api, "/slow/a", "X-Chaos: 1\r\n")
    took = time.monotonic() - began
    assert status == 200 and 0.3 <= took < 1.0 and field(body, "x-chaos") is None, (took, body)
    began = time.monotonic()
    assert get(api, "/slow/a")[0] == 200 and time.monotonic() - began < 0.25
    record = api.wait_logged(kind="exchange", shaped="delayed", status=200)
    assert record["outcome"] == "ok" and record["duration_us"] >= 300_000, record
    (explained,) = api.sidecar.explain(record["id"])
    assert "held GET up for 0.300 s" in explained["summary"], explained

    began = time.monotonic()
    assert get(api, "/late/a")[0] == 504 and time.monotonic() - began < 2
    record = api.wait_logged(kind="exchange", outcome="request_timeout")
    assert record["shaped"] == "delayed" and record["attempts"] == 0, record

    asked = app.asked
    for _ in range(5):
        status, head, text = get(api, "/broken/a")
        assert status == 503 and b"a fault was injected" not in head and b"injected" in text, text
    assert app.asked == asked, "and nothing was asked again"
    record = api.wait_logged(kind="exchange", outcome="fault_injected")
    assert record["shaped"] == "aborted" and record["flag"] == "FI", record
    (explained,) = api.sidecar.explain(record["id"])
    assert ".yaml:" in explained["summary"] and "remove `fault`" in explained["remedy"], explained
    assert not api.logged(event="breaker_open"), "nobody is to blame"
    assert api.counter("epaulet_retries_total") == 0
    assert get(api, "/mended/a")[2] == b"sorry"
    assert api.counter(INJECTED, kind="delay") == 2 and api.counter(INJECTED, kind="abort") == 6

    with api.call("api2.default") as client:
        statuses = []
        for _ in range(200):
            client.send("GET /some/a HTTP/1.1\r\nHost: h\r\n\r\n")
            statuses.append(client.response()[0])
    assert set(statuses) == {200, 429} and 25 <= statuses.count(429) <= 100, statuses.count(429)


def test_faults_reach_calls_of_grpc_in_their_words(lab, binaries):
    api, api2 = pair(lab, binaries, *FAULTS)
    server(api2)
    call = {"method": "POST", "headers": GRPC}
    answers = ask(
        api,
        {"path": "/grpc.Test/Call", **call},
        {"path": "/broken/Call", **call},
        {"path": "/grpc.Test/Plain"},
        {"path": "/broken/a"},
    )
    assert [one["status"] for one in answers] == [200, 200, 200, 503], answers
    told = [one["headers"].get("grpc-status") for one in answers]
    assert told == ["8", "14", None, None], answers
    assert "injected" in answers[0]["headers"]["grpc-message"], answers
    (late,) = ask(api, {"path": "/late/Call", **call})
    assert late["headers"]["grpc-status"] == "4", late
    assert api.counter(INJECTED, kind="abort") == 3
    assert api2.counter("epaulet_requests_total") == 1


MIRROR = "name: twice, paths: [/twice/**], request_header_modifier: { set: { x-a: b } }, request_mirror: { backend: next, share: %s, at_once: %s }"
MIRRORED = "epaulet_mirrored_requests_total"


def three(lab, binaries, *routes: str) -> tuple[Member, Member, Member]:
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", caller(*routes))
    return api, *(mesh.member(name, CALLEE, identity=mesh.issue("api2")) for name in ("api2", "api3"))


def recorder(member: Member) -> KeepingApp:
    return KeepingApp(member.pod, body="same")


def compared(api: Member, **results: int) -> None:
    """Waits until the counters say so."""
    api.process.wait_for(
        lambda: all(api.counter(MIRRORED, result=name) == count for name, count in results.items()),
        f"{results}",
    )


def test_a_copy_goes_to_another_backend_and_is_compared(lab, binaries):
    api, api2, api3 = three(lab, binaries, MIRROR % ("100%", 2))
    first, second = recorder(api2), recorder(api3)
    post = "POST /twice/a?b=%20 HTTP/1.1\r\nHost: shop\r\nX-Spelt:  As-It-Was\r\n"
    with api.call("api2.default") as client:
        client.send(post + "Content-Length: 4\r\n\r\nbody")
        assert client.response()[2] == b"same"
        compared(api, same=1)
        client.send(post + "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n")
        client.response()
        compared(api, same=2)
        client.send("GET /twice/b HTTP/1.1\r\nHost: shop\r\n\r\n")
        client.response()
        compared(api, same=3)
        for head, copy in zip(first.requests, second.requests):
            assert copy.split(b"\r\n")[0] == head.split(b"\r\n")[0], copy
            assert copy.endswith(head.rpartition(b"\r\n\r\n")[2][:4]) and field(copy, "x-a") == "b"
            for name in ("host", "x-request-id", "traceparent", "x-spelt"):
                assert field(copy, name) == field(head, name), (name, copy)
            assert field(copy, "x-epaulet-mirrored") == "1" and not field(head, "x-epaulet-mirrored")
        second.body = "other"
        client.send(post + "Content-Length: 4\r\n\r\nbody")
        assert client.response()[2] == b"same", "the caller hears the first alone"
        compared(api, body_differs=1)
        told = api.wait_logged(event="mirror_differs")
        assert told["reason"] == "body" and told["backend"] == "next" and told["route"] == "twice", told
        (known,) = api.logged(kind="exchange", id=told["id"], direction="outbound")
        assert known["mirrored"] is True and known["status"] == 200, known
        second.status = 500
        client.send(post + "Content-Length: 4\r\n\r\nbody")
        assert client.response()[0] == 200
        compared(api, status_differs=1)
        client.send("GET /else HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert client.response()[0] == 200 and len(second.requests) == 5
        client.send(post + f"Content-Length: 200000\r\n\r\n{'x' * 200_000}")
        assert client.response()[0] == 200
        compared(api, too_large=1)
    assert api.counter("epaulet_requests_total", route="twice") == 6, "copies are no requests"


def test_a_copy_carries_the_same_credentials_and_the_host_that_the_route_writes(lab, binaries):
    """As the documentation says: whoever gets copies is trusted like the backend."""
    secret, key = "0123456789abcdef0123456789abcdef", "epk_own-0123456789abcdefghij"
    credentials = """    credentials:
      token: { key_file: signing.key, algorithm: HS256, issuer: "https://api.example", subject: api, audiences: [api2] }
      key: { file: own.key }
    routes:"""
    route = MIRROR.replace("request_mirror", "url_rewrite: { hostname: legacy.internal }, request_mirror")
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", caller(route % ("100%", 9)).replace("    routes:", credentials), start=False)
    api.sidecar.add_config_file("signing.key", secret)
    api.sidecar.add_config_file("own.key", key + "\n")
    api.sidecar.start()
    api.sidecar.wait_ready()
    api2, api3 = (mesh.member(name, CALLEE, identity=mesh.issue("api2")) for name in ("api2", "api3"))
    first, second = recorder(api2), recorder(api3)
    cookie = "Cookie: session=1\r\n"
    own = f"Authorization: Bearer own\r\nX-Api-Key: mine\r\n{cookie}"
    get(api, "/twice/a", cookie)
    compared(api, same=1)
    get(api, "/twice/a", own)
    compared(api, same=2)
    for head, copy in zip(first.requests, second.requests, strict=True):
        for name in ("authorization", "x-api-key", "cookie", "host"):
            assert copy.lower().count(f"\r\n{name}:".encode()) == 1, copy
            assert field(copy, name) == field(head, name), (name, head, copy)
        assert field(copy, "host") == "legacy.internal" and field(copy, "cookie") == "session=1"
    minted, given = second.requests
    assert field(minted, "authorization").startswith("Bearer ey") and field(minted, "x-api-key") == key
    assert field(given, "authorization") == "Bearer own" and field(given, "x-api-key") == "mine"
    shown = json.dumps([api.sidecar.admin("/config"), api.sidecar.log_records()])
    assert key not in shown and field(minted, "authorization") not in shown and secret not in shown


def test_a_mirror_holds_up_nobody_and_has_its_bounds(lab, binaries):
    api, api2, api3 = three(lab, binaries, MIRROR % ("100%", 2))
    recorder(api2)
    slow = recorder(api3)
    slow.delay = 1.0
    with api.call("api2.default") as client:
        began = time.monotonic()
        for _ in range(20):
            client.send("GET /twice/a HTTP/1.1\r\nHost: shop\r\n\r\n")
            assert client.response()[0] == 200
        assert time.monotonic() - began < 0.9
        compared(api, same=2, full=18)
        slow.die()
        client.send("GET /twice/a HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert client.response()[0] == 200
        compared(api, failed=1)
    assert not api.logged(kind="exchange", level="warning"), "nobody was failed"


def test_a_share_of_streams_is_mirrored(lab, binaries):
    api, api2, api3 = three(lab, binaries, (MIRROR % ("30%", 200)).replace("/twice/", "/headers/"))
    server(api2)
    server(api3)
    answers = ask(api, *({"path": "/headers/a"} for _ in range(100)), {"path": "/headers/b", "bytes": 9})
    assert [one["status"] for one in answers] == [200] * 101, answers

    def have_all_ended() -> bool:
        """Of every copy both sides have said so, and none is under way anymore."""
        copies, results = api3.counter("epaulet_requests_total"), api.counter(MIRRORED)
        return copies == results == len(api.logged(kind="exchange", mirrored=True))

    api.process.wait_for(have_all_ended, "the ends of all copies")
    copies = api3.counter("epaulet_requests_total")
    assert 10 <= copies <= 55, copies
    # The head that comes back tells the connection's sidecar apart by nothing: the same bytes.
    assert api.counter(MIRRORED, result="failed") == 0


ONCE = "name: once, paths: [/once/**], single_flight: {}"
FOLLOWERS = "epaulet_single_flight_followers_total"


def at_once(api: Member, count: int, lines: str = "", path: str = "/once/a") -> list[tuple[int, bytes, bytes]]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: get(api, path, lines), range(count)))


def test_what_many_ask_at_once_is_asked_once(lab, binaries):
    api, api2 = pair(lab, binaries, ONCE)
    app = recorder(api2)
    app.delay, app.body = 1.0, "x" * 100_000
    answers = at_once(api, 30)
    assert {(status, body) for status, _, body in answers} == {(200, app.body.encode())}, answers
    # Each worker asks for itself.
    assert 1 <= len(app.heads) <= 2, len(app.heads)
    assert api.counter(FOLLOWERS, result="shared") == 30 - len(app.heads)
    api.process.wait_for(
        lambda: len(api.logged(kind="exchange", shared=True, status=200)) == 30 - len(app.heads), "the log"
    )
    app.heads.clear()
    at_once(api, 6, "Authorization: Bearer a\r\n")
    assert len(app.heads) == 6, "whoever says who it is asks itself"
    app.heads.clear()
    app.delay = 0.0
    for _ in range(3):
        assert get(api, "/once/a")[0] == 200
    assert len(app.heads) == 3, "nothing is kept"


def test_streams_in_http2_are_asked_once(lab, binaries):
    api, api2 = pair(lab, binaries, ONCE.replace("/once/", "/slow/"))
    server(api2)
    answers = ask(api, *({"path": "/slow/500"} for _ in range(20)))
    assert [one["status"] for one in answers] == [200] * 20, answers
    assert api2.counter("epaulet_requests_total") == 1
    assert api.counter(FOLLOWERS, result="shared") == 19
