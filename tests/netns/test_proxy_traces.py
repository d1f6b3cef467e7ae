"""Spans at a collector: one trace for a request through several services, whatever the apps pass on."""

import re
import signal
import time

from collector import CLIENT, SERVER, Collector, Span
from http2_peer import END_HEADERS, HEADERS, hello, request, until
from key_server import Authority
from lab import wait_until
from mesh import CALLEE, CALLER, Member, Mesh, field

AT = "10.88.0.20"
TRACE, PARENT = "80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1"
DROPPED = "epaulet_spans_dropped_total"
# Which is called, and calls.
MIDDLE = CALLEE + """
services:
  api3.default:
    ports: { 80: http }
    endpoints: { addresses: ["10.88.0.13:8080"] }
    tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api3] }
"""


def tracing(url: str = f"http://{AT}:4318", sample: str = "100%", more: str = "", otlp: str = "") -> str:
    return (
        f"\ntracing: {{ sample: {sample}, {more}\n"
        f'  otlp: {{ url: "{url}", interval: 100ms, {otlp} }} }}\n'
    )


class World:
    """api calls api2, which may call api3; the spans of all go to one collector."""

    def __init__(self, lab, binaries, callee: str = CALLEE, **more):
        self.collector = Collector(lab.pod("collector", 20))
        self.mesh = Mesh(lab, binaries)
        said = tracing(**more)
        self.api = self.mesh.member("api", CALLER + "workload: { service: api.default }\n" + said)
        self.api2 = self.mesh.member("api2", callee + said)
        self.app = self.api2.app()


def get(member: Member, name: str, path: str = "/", lines: str = ""):
    wire = member.call(name)
    return wire.send(f"GET {path} HTTP/1.1\r\nHost: {name}\r\n{lines}\r\n")


def answer(server, status: int = 200) -> None:
    server.send(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok")


def context(head: bytes) -> tuple[str, str, str]:
    return re.fullmatch("00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])", field(head, "traceparent")).groups()


def ask(world: World, path: str = "/", lines: str = "", status: int = 200) -> tuple[str, str, str]:
    """The context that the app was told."""
    with get(world.api, "api2.default", path, lines) as client:
        server, head = world.app.take_head()
        answer(server, status)
        client.response()
    return context(head)


def pair_of(spans: list[Span]) -> tuple[Span, Span]:
    (client,) = [span for span in spans if span.kind == CLIENT]
    (server,) = [span for span in spans if span.kind == SERVER]
    return client, server


def test_a_request_through_two_sidecars_is_one_trace(lab, binaries):
    world = World(lab, binaries)
    trace, parent, flags = ask(world, "/orders/7?token=secret")
    client, server = pair_of(world.collector.wait(2))
    assert (trace, parent, flags) == (server.trace, server.id, "01")
    assert client.trace == trace and client.parent is None and server.parent == client.id
    assert (client.service, server.service) == ("api.default", "api2.default")
    for span in (client, server):
        said = span.said
        assert said["http.request.method"] == "GET" and said["url.path"] == "/orders/7", said
        assert said["http.response.status_code"] == 200 and said["epaulet.outcome"] == "ok", said
        assert said["server.address"] == "api2.default", said
        assert "secret" not in str(span.raw), "query strings stay here"
        assert "error.type" not in said and not span.raw["status"], said
    assert client.said["epaulet.peer"] == "spiffe://cluster.local/ns/default/sa/api2"
    assert server.said["epaulet.peer"] == "spiffe://cluster.local/ns/default/sa/api"
    assert client.said["network.peer.address"] == world.api2.pod.ipv4, client.said
    assert server.said["epaulet.rule"] == "all", server.said
    logged = world.api.wait_logged(kind="exchange", trace_id=trace)
    assert client.said["epaulet.request_id"] == logged["id"]
    # A caller that has a span of its own is the parent.
    ask(world, lines=f"traceparent: 00-{TRACE}-{PARENT}-01\r\n")
    client, server = pair_of([one for one in world.collector.wait(4) if one.trace == TRACE])
    assert client.parent == PARENT and server.parent == client.id
    assert world.api.counter("epaulet_spans_total") == 2
    wait_until(lambda: world.api.counter("epaulet_spans_exported_total") == 2, "the count", 5)
    assert world.api.counter(DROPPED) == 0


def test_what_is_not_sampled_is_no_span_and_passes_unchanged(lab, binaries):
    world = World(lab, binaries, sample="0%")
    assert ask(world, lines=f"traceparent: 00-{TRACE}-{PARENT}-00\r\n") == (TRACE, PARENT, "00")
    assert ask(world)[2] == "00"
    assert ask(world, lines=f"b3: {TRACE}-{PARENT}-1\r\n")[0] == TRACE
    client, server = pair_of(world.collector.wait(2))
    assert client.parent == PARENT and server.parent == client.id
    time.sleep(0.5)
    assert len(world.collector.all()) == 2


def test_failures_and_retries_are_told(lab, binaries):
    world = World(lab, binaries)
    with get(world.api, "api2.default") as client:
        for _ in range(2):
            server, _ = world.app.take_head()
            server.reset()
        server, _ = world.app.take_head()
        answer(server, 503)
        client.response()
    (span,) = world.collector.wait(1, epaulet__service="api2.default", http__response__status_code=503, epaulet__attempts=3)
    assert span.kind == CLIENT and span.said["http.request.resend_count"] == 2, span.said
    assert span.events.count("attempt_failed") == 2 and "retry_decided" in span.events, span.events
    assert span.said["error.type"] == "503" and span.raw["status"]["code"] == 2, span.raw
    servers = [one for one in world.collector.wait(4) if one.kind == SERVER]
    assert {one.parent for one in servers} == {span.id}, "each try of it"
    # Of its last try the app said so; of the others it said nothing.
    assert sorted(one.said["error.type"] for one in servers)[0] == "503", servers


def test_a_refusal_is_a_span_that_names_its_outcome(lab, binaries):
    refusing = CALLEE.replace("allow: [mesh]", "paths: [/open], allow: [mesh]")
    world = World(lab, binaries, callee=refusing)
    with get(world.api, "api2.default", "/shut") as client:
        assert client.response()[0] == 403
    client, server = pair_of(world.collector.wait(2))
    assert server.said["epaulet.outcome"] == "forbidden" and server.parent == client.id
    assert not server.raw["status"] and client.raw["status"]["code"] == 2
    (explained,) = world.api2.sidecar.explain(server.trace)
    assert explained["id"] == server.said["epaulet.request_id"], explained
    assert explained["span_id"] == server.id and explained["trace_id"] == server.trace


def test_a_grpc_call_is_told_as_one(lab, binaries):
    world = World(lab, binaries)
    world.app.close()  # Nobody answers: the sidecars do.
    with world.api.call("api2.default") as wire:
        wire.send(hello())
        wire.send(request(1, "/shop.v1.Orders/Get", END_HEADERS | 1, method="POST",
                          content_type="application/grpc", te="trailers"))
        until(wire, HEADERS)
    spans = world.collector.wait(4)
    assert [span.kind for span in spans].count(SERVER) == 3, "three tries of one call"
    for span in spans:
        assert span.name == "shop.v1.Orders/Get" and span.said["rpc.system"] == "grpc", span.said
        assert span.said["rpc.method"] == "Get" and span.said["network.protocol.version"] == "2"
        assert span.said["rpc.grpc.status_code"] > 0 and span.said["error.type"], span.said


class Chain(World):
    """api calls api2, whose app passes nothing on and calls api3."""

    def __init__(self, lab, binaries, **more):
        super().__init__(lab, binaries, callee=MIDDLE, **more)
        callee = CALLEE.replace("api2", "api3") + tracing(**more)
        self.api3 = self.mesh.member("api3", callee)
        self.app3 = self.api3.app()

    def call_on(self, lines: str = "") -> tuple[str, str, str]:
        """What the app of api2 does meanwhile."""
        with get(self.api2, "api3.default", "/inner", lines) as client:
            server, head = self.app3.take_head()
            answer(server)
            client.response()
        return context(head)


def test_an_app_that_passes_nothing_on_is_joined_for_certain_when_it_serves_one_request(lab, binaries):
    world = Chain(lab, binaries)
    for number in range(3):
        with get(world.api, "api2.default", f"/outer/{number}") as client:
            server, head = world.app.take_head()
            trace, _, _ = context(head)
            assert world.call_on()[0] == trace
            answer(server)
            client.response()
        spans = [one for one in world.collector.wait(4 * number + 4) if one.trace == trace]
        assert len(spans) == 4, spans
        by_id = {one.id: one for one in spans}
        (last,) = [one for one in spans if one.service == "api3.default"]
        line = [last]
        while line[-1].parent:
            line.append(by_id[line[-1].parent])
        assert [(one.service, one.kind) for one in line] == [
            ("api3.default", SERVER),
            ("api2.default", CLIENT),
            ("api2.default", SERVER),
            ("api.default", CLIENT),
        ], line
        assert line[1].said["epaulet.trace.joined"] and not line[1].links, line[1].said
    assert world.api2.counter("epaulet_trace_joins_total", how="certain") == 3
    # Nothing in flight: a trace of its own.
    alone = world.call_on()[0]
    (span,) = [one for one in world.collector.wait(14) if one.trace == alone and one.kind == CLIENT]
    assert span.parent is None and "epaulet.trace.joined" not in span.said


def test_with_several_requests_in_flight_it_is_a_guess_and_says_so(lab, binaries):
    world = Chain(lab, binaries)
    with get(world.api, "api2.default", "/a") as one, get(world.api, "api2.default", "/b") as two:
        heads = dict(world.app.take_head()[::-1] for _ in range(2))
        told = [context(head) for head in heads]
        trace = world.call_on()[0]
        assert trace not in {context_[0] for context_ in told}
        (span,) = [s for s in world.collector.wait(2, url__path="/inner") if s.kind == CLIENT]
        assert span.parent is None and span.said["epaulet.trace.guess"] is True
        assert set(span.links) == {(context_[0], context_[1]) for context_ in told}, span.links
        # Whoever passes the request id on says which it is.
        head = next(iter(heads))
        line = f"x-request-id: {field(head, 'x-request-id')}\r\n"
        assert world.call_on(line)[0] == context(head)[0]
        for server in heads.values():
            answer(server)
        one.response()
        two.response()
    assert world.api2.counter("epaulet_trace_joins_total", how="guess") == 1


def test_an_open_websocket_is_the_parent_of_nothing(lab, binaries):
    world = Chain(lab, binaries)
    asked = f"Connection: Upgrade\r\nUpgrade: chat\r\ntraceparent: 00-{TRACE}-{PARENT}-01\r\n"
    with get(world.api, "api2.default", "/socket", asked) as client:
        server, _ = world.app.take_head()
        server.send("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
        assert client.head().startswith(b"HTTP/1.1 101 ")
        assert world.call_on()[0] != TRACE
        with get(world.api, "api2.default", "/other") as other:
            inner, head = world.app.take_head()
            line = f"x-request-id: {field(head, 'x-request-id')}\r\n"
            assert world.call_on(line)[0] == context(head)[0]
            answer(inner)
            other.response()
    assert world.api2.counter("epaulet_trace_joins_total", how="certain") == 1


def test_joining_may_be_switched_off(lab, binaries):
    world = Chain(lab, binaries, more="join: false,")
    with get(world.api, "api2.default") as client:
        server, head = world.app.take_head()
        assert world.call_on()[0] != context(head)[0]
        answer(server)
        client.response()


def test_a_collector_that_is_away_costs_spans_and_no_request(lab, binaries):
    world = World(lab, binaries, otlp="queue: 10, timeout: 1s")
    world.collector.status, world.collector.fields = 503, "Retry-After: 3\r\n"
    ask(world)
    said = world.api.wait_logged(event="spans_not_exported")
    assert "answered 503" in said["reason"], said
    asked = len(world.collector.heads)
    for _ in range(30):
        ask(world)
    wait_until(lambda: world.api.counter(DROPPED, reason="queue_full") == 21, "what is too much", 5)
    time.sleep(1.0)
    assert len(world.collector.heads) <= asked + 2, "as it has asked"
    assert world.api.counter("epaulet_span_requests_total", result="busy") >= 1
    world.collector.status, world.collector.fields = 200, ""
    assert world.api.wait_logged(event="spans_exported")
    wait_until(lambda: world.api.counter("epaulet_spans_exported_total") == 10, "the rest", 10)
    world.collector.stop()
    ask(world)
    wait_until(lambda: world.api.counter("epaulet_span_requests_total", result="unreachable") > 0, "it", 5)
    world.collector.start()
    wait_until(lambda: world.api.counter("epaulet_spans_exported_total") == 11, "it to be back", 10)
    assert world.api.counter("epaulet_spans_dropped_total", reason="refused") == 0


def test_over_tls_with_an_own_root_over_ipv6_with_headers_and_a_reload(lab, binaries):
    authority = Authority(lab.directory)
    pod = lab.pod("collector", 20)
    tls = authority.issue(f"IP:{pod.ipv6}")
    collector = Collector(pod, 4319, tls)
    mesh = Mesh(lab, binaries)
    keys = "ca: web-ca.pem, headers_file: vendor.headers"
    url = f"https://[{pod.ipv6}]:4319"
    config = CALLER + tracing(url, otlp=keys)
    api = mesh.member("api", config, start=False)
    api.sidecar.add_config_file("web-ca.pem", authority.roots.read_text())
    api.sidecar.add_config_file("vendor.headers", "# the vendor's\nx-vendor-key: s3cr3t\n")
    api.start()
    api2 = mesh.member("api2", CALLEE)
    app = api2.app()

    def once() -> None:
        with get(api, "api2.default") as client:
            server, _ = app.take_head()
            answer(server)
            client.response()

    once()
    (span,) = collector.wait(1)
    assert span.service == "unknown_service:epaulet", "the workload has no name"
    assert field(collector.heads[0], "x-vendor-key") == "s3cr3t"
    # Another certificate than the roots vouch for: nothing is sent, and what waits is kept.
    collector.tls = Authority(lab.directory, "other-ca").issue(f"IP:{pod.ipv6}")
    once()
    said = api.wait_logged(event="spans_not_exported")
    assert "TLS with" in said["reason"], said
    # A reload names another place.
    plain = Collector(pod, 4318)
    api.replace("config/api.yaml", CALLER + tracing(f"http://{AT}:4318", otlp="query: true"))
    assert plain.wait(1)
    with get(api, "api2.default", "/p?q=1") as client:
        server, _ = app.take_head()
        answer(server)
        client.response()
    (span,) = plain.wait(1, url__query="q=1")
    assert span.said["url.path"] == "/p"
    api.replace("config/api.yaml", CALLER)
    api.wait_logged(event="config_applied", version=3)
    once()
    assert api.counter("epaulet_spans_total") == 3, "no more of them"
    assert "s3cr3t" not in api.process.text() and "s3cr3t" not in str(api.sidecar.admin("/config"))


def test_a_drain_sends_what_waits(lab, binaries):
    world = World(lab, binaries)
    world.api.replace(
        "config/api.yaml",
        CALLER + tracing().replace("100ms", "1h") + "drain: { grace: 0s, timeout: 2s }\n",
    )
    world.api.wait_logged(event="config_applied")
    for _ in range(5):
        ask(world)
    assert not [span for span in world.collector.all() if span.kind == CLIENT]
    with get(world.api, "api2.default", "/held"):
        world.app.take_head()
        world.api.process.signal(signal.SIGTERM)
        wait_until(lambda: world.api.process.exit_status is not None, "the end", 10)
    spans = [span for span in world.collector.all() if span.kind == CLIENT]
    assert len(spans) == 6
    (cut,) = [span for span in spans if span.said["url.path"] == "/held"]
    assert cut.said["epaulet.outcome"] == "drain_timeout", cut.said
