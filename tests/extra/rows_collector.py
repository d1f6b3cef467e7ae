"""The OpenTelemetry Collector, between our spans and a look at what it has understood."""

import json
import threading

from collector import CLIENT, SERVER, attributes
from lab import wait_until
from mesh import APP_UID, App, field
from world import World

RECEIVED_ON, LOOKED_AT_ON = 4318, 4400
SETTINGS = f"""
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: "0.0.0.0:{RECEIVED_ON}" }} }} }} }}
exporters:
  otlp_http:
    endpoint: "http://127.0.0.1:{LOOKED_AT_ON}"
    encoding: json
    compression: none
    sending_queue: {{ enabled: false }}
service:
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines: {{ traces: {{ receivers: [otlp], exporters: [otlp_http] }} }}
"""
CONFIG = """
workload: {{ service: {name}.default, ports: {{ 8080: {{ tls: strict }} }} }}
identity: {{ dir: /var/run/epaulet/identity }}
roles: {{ mesh: [ {{ identity: "spiffe://cluster.local/ns/default/sa/*" }} ] }}
access: [ {{ name: all, allow: [mesh] }} ]
services:
  other.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["{other}:8080"] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/{peer}] }}
tracing: {{ sample: 100%, otlp: {{ url: "http://{collector}:4318", interval: 100ms }} }}
"""
ROWS = []


def row(claim):
    ROWS.append(claim)
    return claim


class Understood:
    """What the collector passes on, in its own words."""

    def __init__(self, pod):
        self.spans: list[dict] = []
        self.resources: set[str] = set()
        self._lock = threading.Lock()
        App(pod, LOOKED_AT_ON).serve(self._take)

    def _take(self, wire) -> None:
        head = wire.head()
        request = json.loads(wire.take(int(field(head, "content-length"))))
        with self._lock:
            for of_resource in request["resourceSpans"]:
                self.resources.add(attributes(of_resource["resource"])["service.name"])
                for of_scope in of_resource["scopeSpans"]:
                    assert of_scope["scope"]["name"] == "epaulet", of_scope
                    self.spans += of_scope["spans"]
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                  "Connection: close\r\n\r\n{}")

    def wait(self, count: int) -> list[dict]:
        wait_until(lambda: len(self.spans) >= count, f"{count} spans", 20)
        with self._lock:
            return list(self.spans)


def ask(member, path: str):
    return member.call("other.default").send(f"GET {path} HTTP/1.1\r\nHost: other.default\r\n\r\n")


def answer(server, status: int = 200) -> None:
    server.send(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok")


@row
def collector_understands_every_span(world: World) -> str:
    """the Collector takes the spans of two sidecars and passes the same ones on"""
    settings = world.mesh.lab.directory / "collector"
    settings.mkdir()
    (settings / "c.yaml").write_text(SETTINGS)
    understood = Understood(world.out)
    process = world.out.start(
        [f"{world._tools}/otelcol", "--config", f"file:{world.out.bind(settings, 'collector')}/c.yaml"],
        uid=APP_UID,
    )
    process.wait_for_line("Everything is ready", 30)
    pods = [world.mesh.lab.pod(name) for name in ("first", "second")]
    first, second = (
        world.mesh.member(
            pod.name,
            CONFIG.format(
                name=pod.name, peer=other.name, other=other.ipv4, collector=world.out.ipv4
            ),
            pod=pod,
        )
        for pod, other in (pods, pods[::-1])
    )
    app, other_app = second.app(), first.app()
    with ask(first, "/fails") as client:
        for _ in range(2):
            app.take_head()[0].reset()
        answer(app.take_head()[0], 503)
        client.response()
    with ask(first, "/one") as one, ask(first, "/two") as two:
        servers = [app.take_head()[0] for _ in range(2)]
        with ask(second, "/meanwhile") as back:
            answer(other_app.take_head()[0])
            back.response()
        for server in servers:
            answer(server)
        one.response()
        two.response()
    # /fails: one of the client, three of the server; three more requests with two each.
    spans = understood.wait(10)
    assert len(spans) == 10 and understood.resources == {"first.default", "second.default"}
    by_id = {span["spanId"]: span for span in spans}
    assert len(by_id) == 10
    for span in spans:
        said = attributes(span)
        assert span["kind"] in (CLIENT, SERVER) and span["name"].startswith("GET "), span
        assert said["http.request.method"] == "GET" and said["server.port"] in (80, 8080), said
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]), span
        if span["kind"] == SERVER:
            parent = by_id[span["parentSpanId"]]
            assert parent["traceId"] == span["traceId"] and parent["kind"] == CLIENT
            assert attributes(parent)["url.path"] == said["url.path"]
    (failed,) = [s for s in spans if attributes(s)["url.path"] == "/fails" and s["kind"] == CLIENT]
    assert failed["status"]["code"] == 2 and attributes(failed)["http.request.resend_count"] == 2
    events = [event["name"] for event in failed["events"]]
    assert events.count("attempt_failed") == 2 and events.count("retry_decided") == 2, events
    (guess,) = [s for s in spans if attributes(s)["url.path"] == "/meanwhile" and s["kind"] == CLIENT]
    linked = {link["spanId"] for link in guess["links"]}
    assert {attributes(by_id[one])["url.path"] for one in linked} == {"/one", "/two"}, guess
    return f"{len(spans)} spans"
