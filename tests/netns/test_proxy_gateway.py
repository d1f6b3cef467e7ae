"""Routes written as Gateway API documents, between real sidecars."""

import json

from lab import wait_until
from mesh import CALLEE, Mesh, field
from test_proxy_http2 import GRPC, ask, server
from test_proxy_reload import applied
from test_proxy_shaping import Echo, get

CALLER = """
workers: 2
identity: { dir: /var/run/epaulet/identity }
services:
  api2.default:
    ports: { 80: http, 81: http, 82: auto }
    endpoints: { addresses: ["10.88.0.12:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
backends:
  next.default:
    endpoints: { addresses: ["10.88.0.13:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
"""

HTTP = """---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop, creationTimestamp: null }
spec:
  parentRefs:
  - { group: gateway.networking.k8s.io, kind: Gateway, name: edge }
  - { group: "", kind: Service, name: api2, port: 80 }
  rules:
  - matches: [ { path: { value: /split } } ]
    backendRefs: [ { name: api2, port: 80, weight: 70 }, { name: next, port: 80, weight: 30 } ]
  - matches:
    - { path: { value: /split }, headers: [ { name: X-Tester, value: "yes" } ] }
    - { path: { type: Exact, value: /exact } }
    backendRefs: [ { name: next, port: 80 } ]
  - matches: [ { path: { value: /old } } ]
    filters:
    - { type: RequestRedirect, requestRedirect: { hostname: new.example, path: { type: ReplacePrefixMatch, replacePrefixMatch: /new }, statusCode: 301 } }
  - matches: [ { path: { value: /v1 } } ]
    filters:
    - { type: URLRewrite, urlRewrite: { hostname: legacy.internal, path: { type: ReplacePrefixMatch, replacePrefixMatch: / } } }
    - { type: RequestHeaderModifier, requestHeaderModifier: { add: [ { name: X-Seen, value: "1" } ], remove: [ x-debug ] } }
    - { type: ResponseHeaderModifier, responseHeaderModifier: { set: [ { name: X-App, value: hidden } ] } }
    backendRefs: [ { name: api2, port: 80 } ]
  - matches: [ { path: { value: /half } } ]
    backendRefs: [ { name: api2, port: 80 }, { name: gone, port: 80 } ]
  - matches: [ { path: { value: /none } } ]
    backendRefs: [ { name: api2, port: 80, weight: 0 } ]
  - matches: [ { path: { value: /copied } } ]
    filters: [ { type: RequestMirror, requestMirror: { backendRef: { name: next, port: 80 } } } ]
    backendRefs: [ { name: api2, port: 80 } ]
  - matches: [ { path: { value: /parted } } ]
    backendRefs:
    - { name: api2, port: 80, weight: 1 }
    - name: next
      port: 80
      weight: 1
      filters: [ { type: RequestHeaderModifier, requestHeaderModifier: { set: [ { name: X-Part, value: next } ] } } ]
  - matches: [ { path: { value: /late } } ]
    timeouts: { request: 300ms }
    backendRefs: [ { name: api2, port: 80 } ]
"""

CALLS = """---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls, namespace: default }
spec:
  parentRefs: [ { kind: Service, name: api2 } ]
  rules:
  - matches: [ { method: { service: grpc.Test } } ]
    backendRefs: [ { name: api2, port: 80 } ]
  - matches: [ { method: { service: grpc.Test, method: Call } } ]
    backendRefs: [ { name: next, port: 80 } ]
  - matches: [ { method: { method: Lost } } ]
    backendRefs: [ { name: gone, port: 80 } ]
"""


PAGES = """---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: pages }
spec:
  parentRefs: [ { group: "", kind: Service, name: api2, port: 80 } ]
  rules:
  - name: lost
    matches: [ { path: { value: /cors/lost } } ]
    filters: [ { type: CORS, cors: { allowOrigins: [ "https://shop.example" ] } } ]
    backendRefs: [ { name: gone, port: 80 } ]
  - name: pages
    matches: [ { path: { value: /cors }, method: PUT }, { path: { value: /cors }, method: GET } ]
    filters:
    - type: CORS
      cors:
        allowOrigins: [ "https://shop.example", "https://*.shop.example" ]
        allowCredentials: true
        allowMethods: [ PUT ]
        allowHeaders: [ x-tenant, authorization ]
        exposeHeaders: [ x-app ]
        maxAge: 600
    backendRefs: [ { name: api2, port: 80 } ]
  - name: numbers
    matches:
    - path: { type: RegularExpression, value: "/orders/[0-9]+(/.*)?" }
      headers: [ { type: RegularExpression, name: x-tenant, value: "blue|green" } ]
      queryParams: [ { type: RegularExpression, name: page, value: "[1-9][0-9]*" } ]
    backendRefs: [ { name: next, port: 80 } ]
  - name: copied
    matches: [ { path: { value: /copied } } ]
    filters:
    - { type: RequestMirror, requestMirror: { backendRef: { name: next, port: 80 } } }
    - { type: RequestMirror, requestMirror: { backendRef: { name: third, port: 80 } } }
    backendRefs: [ { name: api2, port: 80 } ]
  - backendRefs: [ { name: api2, port: 80 } ]
"""
THIRD = """  third.default:
    endpoints: { addresses: ["10.88.0.14:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }
"""

EXPRESSIONS = """---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls, namespace: default }
spec:
  parentRefs: [ { kind: Service, name: api2 } ]
  rules:
  - matches: [ { method: { type: RegularExpression, service: "grpc[.].*", method: "C.*" } } ]
    backendRefs: [ { name: next, port: 80 } ]
  - matches: [ { method: { type: RegularExpression, service: "grpc[.].*" } } ]
    backendRefs: [ { name: api2, port: 80 } ]
"""


def mesh_of(lab, binaries, text):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", text)
    return api, [mesh.member(name, CALLEE, identity=mesh.issue("api2")) for name in ("api2", "api3")]


def app_of(answer):
    status, head, _ = answer
    assert status == 200, head
    return field(head, "x-app")


def test_an_http_route_shapes_what_the_app_asks(lab, binaries):
    api, members = mesh_of(lab, binaries, CALLER + HTTP)
    apps = [Echo(one, one.pod.name) for one in members]
    left_out = [one["message"] for one in api.logged(event="config_left_out")]
    assert any("is a \"Gateway\" and no Service" in one for one in left_out), left_out
    assert any("no backend for the Service gone.default" in one for one in left_out), left_out

    told = [app_of(get(api, "/split/a")) for _ in range(100)]
    assert 10 <= told.count("api3") <= 55, told.count("api3")
    assert {app_of(get(api, "/split", "x-tester: yes\r\n")) for _ in range(20)} == {"api3"}
    assert app_of(get(api, "/exact")) == "api3"
    status, head, _ = get(api, "/old/a?b")
    assert (status, field(head, "location")) == (301, "http://new.example/new/a?b"), head
    status, head, body = get(api, "/v1/a?b", "X-Debug: 1\r\n")
    assert body.startswith(b"GET /a?b HTTP/1.1\r\nHost: legacy.internal\r\n"), body
    assert field(body, "x-seen") == "1" and field(body, "x-debug") is None, body
    assert field(head, "x-app") == "hidden", head

    asked = sum(one.asked for one in apps)
    for path in ("/", "/exact/", "/splitt", "/older"):
        status, _, text = get(api, path)
        assert status == 404 and b".yaml:" in text, (path, text)
    record = api.wait_logged(kind="exchange", outcome="no_route")
    assert record["status"] == 404, record
    status, _, text = get(api, "/none/a")
    assert status == 500 and b"no route" in text, text
    assert sum(one.asked for one in apps) == asked
    told = [get(api, "/half")[0] for _ in range(100)]
    assert set(told) == {200, 500} and 25 <= told.count(500) <= 75, told.count(500)
    assert api.counter("epaulet_requests_total", route="shop:0") == 100

    told = [(app_of(answer), field(answer[2], "x-part")) for answer in (get(api, "/parted") for _ in range(100))]
    assert set(told) == {("api2", None), ("api3", "next")}, set(told)
    assert 25 <= told.count(("api3", "next")) <= 75, told
    asked = apps[1].asked
    assert app_of(get(api, "/copied")) == "api2"
    wait_until(lambda: apps[1].asked == asked + 1, "the copy", 5)


def test_other_ports_and_other_protocols_stay_as_they_are(lab, binaries):
    api, (api2, _) = mesh_of(lab, binaries, CALLER + HTTP.replace("port: 80 }\n  rules", "port: 82 }\n  rules"))
    Echo(api2)
    assert get(api, "/")[0] == 200, "port 80 has no route"
    with api.call("api2.default", 82) as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.response()[0] == 404
    with api.call("api2.default", 82) as client:
        client.send(b"\x00\x01 no HTTP\r\n\r\n")
        assert client.socket.recv(1) != b"", "bytes that are not HTTP go to the default backend"


def test_a_grpc_route_chooses_by_method(lab, binaries):
    api, members = mesh_of(lab, binaries, CALLER + HTTP + CALLS)
    for one in members:
        server(one)
    call = {"method": "POST", "headers": GRPC}
    paths = ("/grpc.Test/Call", "/grpc.Test/Other", "/any.Service/Lost", "/other.Test/Call")
    answers = ask(api, *({"path": path, **call} for path in paths), {"path": "/exact"})
    assert [one["status"] for one in answers[1:]] == [200, 200, 200, 404], answers
    assert [one["headers"].get("grpc-status") for one in answers[2:4]] == ["14", "12"], answers
    told = [one.counter("epaulet_requests_total") for one in reversed(members)]
    assert told == [1, 1], (told, answers)
    left_out = [one["message"] for one in api.logged(event="config_left_out")]
    assert any("gives way to the GRPCRoute" in one for one in left_out), left_out


def test_documents_are_reloaded_and_bad_ones_leave_what_holds(lab, binaries):
    api, members = mesh_of(lab, binaries, CALLER)
    for one in members:
        Echo(one, one.pod.name)
    assert app_of(get(api, "/exact")) == "api2"
    applied(api, CALLER + HTTP)
    assert app_of(get(api, "/exact")) == "api3"
    bad = HTTP.replace("type: Exact, value: /exact", 'type: RegularExpression, value: "/(exact"')
    api.replace(f"config/{api.pod.name}.yaml", CALLER + bad)
    record = api.wait_logged(event="config_rejected")
    assert "this regular expression cannot be used: missing ): /(exact" in record["errors"], record
    assert app_of(get(api, "/exact")) == "api3"
    applied(api, CALLER)
    assert app_of(get(api, "/exact")) == "api2"
    shown = api.sidecar.admin("/config")["settings"]["services"]["api2.default"]
    assert "routes" not in shown, shown


def curl(member, path, *options):
    """Status, fields in lower case (several of a name joined), body."""
    url = f"http://api2.default{path}"
    told = member.pod.run(["curl", "-sS", "-i", "--max-time", "10", *options, url]).stdout
    head, _, body = told.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.lower()] = ", ".join(filter(None, [fields.get(name.lower()), value.strip()]))
    return int(first.split()[1]), fields, body


def preflight(member, path, origin, method="PUT", *more):
    asks = ("-H", f"Access-Control-Request-Method: {method}", "-H", "Access-Control-Request-Headers: x-tenant")
    return curl(member, path, "-X", "OPTIONS", "-H", f"Origin: {origin}", *asks, *more)


ALLOW = "access-control-allow-"


def test_preflights_are_answered_where_the_route_says_so(lab, binaries):
    api, (api2, _) = mesh_of(lab, binaries, CALLER + PAGES)
    app = Echo(api2, lines="Access-Control-Allow-Origin: *\r\nAccess-Control-Max-Age: 9\r\n")
    for more in ((), ("--http2-prior-knowledge",)):
        status, told, body = preflight(api, "/cors/a", "https://a.shop.example", "PUT", *more)
        assert (status, body) == (204, ""), (told, body)
        assert told[ALLOW + "origin"] == "https://a.shop.example", told
        assert told[ALLOW + "credentials"] == "true", told
        assert told[ALLOW + "methods"] == "PUT" and told[ALLOW + "headers"] == "x-tenant, authorization", told
        assert told["access-control-max-age"] == "600" and told["vary"] == "Origin", told
        assert "content-length" not in told, told
        status, told, body = preflight(api, "/cors/a", "https://evil.example", "PUT", *more)
        assert status == 403 and 'route "pages:pages' in body and told["vary"] == "Origin", (told, body)
        assert not [name for name in told if name.startswith(ALLOW)], told
    assert app.asked == 0
    record = api.wait_logged(kind="exchange", shaped="preflight", status=403)
    assert record["outcome"] == "ok" and record["route"].startswith("pages:pages"), record
    assert api.counter("epaulet_preflights_total", result="allowed") == 2
    assert api.counter("epaulet_preflights_total", result="refused") == 2
    told = json.dumps(api.sidecar.explain())
    assert "answered a CORS preflight with 403: the origin is not allowed by cors of route" in told, told
    assert "preflight with 204" not in told, told

    # Of a route without, and of a method that the route is not for, the app is asked as ever.
    status, told, _ = preflight(api, "/other", "https://shop.example")
    assert status == 200 and told[ALLOW + "origin"] == "*", told
    assert preflight(api, "/cors/a", "https://shop.example", "DELETE")[0] == 200
    assert app.asked == 2


def test_answers_say_what_pages_of_other_origins_may_do(lab, binaries):
    api, (api2, _) = mesh_of(lab, binaries, CALLER + PAGES)
    Echo(api2, lines="Access-Control-Allow-Origin: *\r\nAccess-Control-Max-Age: 9\r\nVary: Accept\r\n")
    shop = ("-H", "Origin: https://shop.example")
    for more in ((), ("-H", "Cookie: a=b"), ("-X", "PUT", "-d", "x")):
        status, told, _ = curl(api, "/cors/a", *shop, *more)
        assert status == 200 and told[ALLOW + "origin"] == "https://shop.example", told
        assert told[ALLOW + "credentials"] == "true" and told["vary"] == "Accept, Origin", told
        assert told["access-control-expose-headers"] == "x-app", told
        assert "access-control-max-age" not in told, "the app's own"
    for more in ((), ("-H", "Origin: https://evil.example")):
        status, told, _ = curl(api, "/cors/a", *more)
        assert status == 200 and told["vary"] == "Accept, Origin" and ALLOW + "origin" not in told, told
    # A failure can be read, too, where the answer could be.
    status, told, body = curl(api, "/cors/lost", *shop)
    assert status == 500 and told[ALLOW + "origin"] == "https://shop.example", (told, body)
    assert ALLOW + "origin" not in curl(api, "/cors/lost", "-H", "Origin: https://evil.example")[1]
    assert preflight(api, "/cors/lost", "https://shop.example")[0] == 204


def test_expressions_choose_the_backend(lab, binaries):
    api, members = mesh_of(lab, binaries, CALLER + PAGES)
    for one in members:
        Echo(one, one.pod.name)
    blue = "X-Tenant: blue\r\n"
    for path, lines, name in (
        ("/orders/17?page=2", blue, "api3"),
        ("/orders/17/a/b?x&p%61ge=%32", "X-Tenant: red\r\n" + blue, "api3"),
        ("/orders/17?page=0", blue, "api2"),
        ("/orders/17?page=0&page=2", blue, "api2"),
        ("/orders/17?page=2", "X-Tenant: blues\r\n", "api2"),
        ("/orders/a?page=2", blue, "api2"),
        ("/orders/17" + "/a" * 2100 + "?page=2", blue, "api2"),
    ):
        assert app_of(get(api, path, lines)) == name, (path[:80], lines)
    assert api.counter("epaulet_requests_total", route="pages:numbers") == 2


def test_a_grpc_route_chooses_by_expressions(lab, binaries):
    api, members = mesh_of(lab, binaries, CALLER + EXPRESSIONS)
    for one in members:
        server(one)
    call = {"method": "POST", "headers": GRPC}
    answers = ask(api, *({"path": path, **call} for path in ("/grpc.Test/Call", "/grpc.Test/Other", "/other.Test/Call")))
    assert answers[2]["headers"].get("grpc-status") == "12", answers
    told = [one.counter("epaulet_requests_total") for one in reversed(members)]
    assert told == [1, 1], (told, answers)


def test_a_request_may_have_several_copies(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", CALLER + THIRD + PAGES)
    members = [mesh.member(name, CALLEE, identity=mesh.issue("api2")) for name in ("api2", "api3", "api4")]
    apps = [Echo(one, one.pod.name) for one in members]
    for _ in range(3):
        assert app_of(get(api, "/copied")) == "api2"
    wait_until(lambda: [one.asked for one in apps] == [3, 3, 3], "the copies", 5)
    wait_until(lambda: api.counter("epaulet_mirrored_requests_total", result="body_differs") == 6, "results", 5)


SESSIONS = """---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: sessions }
spec:
  parentRefs: [ { group: "", kind: Service, name: api2, port: 80 } ]
  rules:
  - backendRefs: [ { name: api2, port: 80 } ]
"""
BY_HEADER = "    sessionPersistence: { type: Header, sessionName: x-session }\n"
COPIED_CALLS = CALLS + """  - matches: [ { method: { service: copied.Test } } ]
    filters: [ { type: RequestMirror, requestMirror: { backendRef: { name: next, port: 80 } } } ]
    backendRefs: [ { name: api2, port: 80 } ]
"""


def test_sessions_by_header_and_copies_of_calls_are_refused_by_name(lab, binaries):
    api, members = mesh_of(lab, binaries, CALLER + SESSIONS)
    for one in members:
        Echo(one, one.pod.name)
    for number, (bad, words) in enumerate(
        (
            (SESSIONS + BY_HEADER, 'sessionPersistence: type "Header" is not supported'),
            (COPIED_CALLS, 'the filter "RequestMirror" is not supported'),
        ),
        start=1,
    ):
        api.replace(f"config/{api.pod.name}.yaml", CALLER + bad)
        wait_until(lambda n=number: len(api.logged(event="config_rejected")) == n, words, 10)
        record = api.logged(event="config_rejected")[-1]
        assert words in record["errors"] and "remedy: " in record["errors"], record
        assert app_of(get(api, "/")) == "api2", "what held holds"


def test_sessions_by_header_are_kept_as_the_remedy_says(lab, binaries):
    both = CALLER.replace('["10.88.0.12:8080"]', '["10.88.0.12:8080", "10.88.0.13:8080"]', 1)
    sticky = "    balance: { policy: sticky, by: { header: x-session } }\nbackends:"
    api, members = mesh_of(lab, binaries, both.replace("backends:", sticky, 1) + SESSIONS)
    for one in members:
        Echo(one, one.pod.name)
    chosen = {}
    for number in range(20):
        told = {app_of(get(api, "/", f"X-Session: {number}\r\n")) for _ in range(5)}
        assert len(told) == 1, (number, told)
        chosen[number] = told.pop()
    assert set(chosen.values()) == {"api2", "api3"}, chosen


def test_a_call_is_not_copied_by_the_route_of_requests_that_it_takes(lab, binaries):
    api, members = mesh_of(lab, binaries, CALLER + HTTP)
    for one in members:
        server(one)
    call, plain = ({"path": "/copied", "method": "POST", "headers": headers} for headers in (GRPC, {}))
    assert [one["status"] for one in ask(api, call, call)] == [200, 200]
    assert members[0].counter("epaulet_requests_total") == 2
    assert ask(api, plain)[0]["status"] == 200
    wait_until(lambda: members[1].counter("epaulet_requests_total") == 1, "the copy of what is no call", 10)
    assert api.counter("epaulet_mirrored_requests_total") == 1
