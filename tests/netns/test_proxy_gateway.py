"""Routes written as Gateway API documents, between real sidecars."""

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
    bad = HTTP.replace("type: Exact", "type: RegularExpression")
    api.replace(f"config/{api.pod.name}.yaml", CALLER + bad)
    record = api.wait_logged(event="config_rejected")
    assert "type RegularExpression is not supported" in record["errors"], record
    assert app_of(get(api, "/exact")) == "api3"
    applied(api, CALLER)
    assert app_of(get(api, "/exact")) == "api2"
    shown = api.sidecar.admin("/config")["settings"]["services"]["api2.default"]
    assert "routes" not in shown, shown
