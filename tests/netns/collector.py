"""A collector of OTLP over HTTP as JSON, in a pod, that takes nothing that the specification does not allow."""

import json
import re
import threading
import time

from lab import Pod, wait_until
from mesh import App, Wire, field

SERVER, CLIENT = 2, 3
TEXT_KINDS = {"stringValue": str, "intValue": str, "boolValue": bool, "doubleValue": float}
SPAN_KEYS = {
    *("traceId", "spanId", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano"),
    *("endTimeUnixNano", "attributes", "events", "links", "status"),
}


def attributes(of: dict) -> dict:
    """Of a span, an event, a link or a resource, as plain values."""
    found = {}
    for one in of.get("attributes", []):
        assert set(one) == {"key", "value"} and len(one["value"]) == 1, one
        ((kind, value),) = one["value"].items()
        assert isinstance(value, TEXT_KINDS[kind]), one
        assert one["key"] not in found, f"{one['key']} twice"
        found[one["key"]] = int(value) if kind == "intValue" else value
    return found


def check_ids(of: dict) -> None:
    assert re.fullmatch("[0-9a-f]{32}", of["traceId"]) and int(of["traceId"], 16), of
    assert re.fullmatch("[0-9a-f]{16}", of["spanId"]) and int(of["spanId"], 16), of


def check_span(span: dict) -> None:
    assert set(span) <= SPAN_KEYS, set(span) - SPAN_KEYS
    check_ids(span)
    if "parentSpanId" in span:
        assert re.fullmatch("[0-9a-f]{16}", span["parentSpanId"]) and int(span["parentSpanId"], 16)
    assert span["kind"] in (SERVER, CLIENT) and isinstance(span["flags"], int), span
    begin, end = (span[name] for name in ("startTimeUnixNano", "endTimeUnixNano"))
    assert isinstance(begin, str) and isinstance(end, str), "64 bits are text in JSON"
    assert abs(int(end) / 1e9 - time.time()) < 600 and int(begin) <= int(end), span
    assert span["name"] and set(span["status"]) <= {"code", "message"}, span
    for event in span.get("events", []):
        assert set(event) <= {"timeUnixNano", "name", "attributes"}, event
        assert int(begin) <= int(event["timeUnixNano"]) <= int(end) + 1000, event
        attributes(event)
    for link in span.get("links", []):
        check_ids(link)
        attributes(link)
    attributes(span)


class Span:
    def __init__(self, raw: dict, resource: dict):
        self.raw, self.resource, self.said = raw, resource, attributes(raw)
        self.trace, self.id, self.parent = raw["traceId"], raw["spanId"], raw.get("parentSpanId")
        self.kind, self.name = raw["kind"], raw["name"]
        self.service = resource["service.name"]
        self.links = [(link["traceId"], link["spanId"]) for link in raw.get("links", [])]
        self.events = [event["name"] for event in raw.get("events", [])]

    def __repr__(self) -> str:
        return f"<{self.service} {self.kind} {self.name} {self.id} of {self.parent} in {self.trace}>"


class Collector:
    """Answers with `status` and `fields`; keeps the spans of what it has taken."""

    def __init__(self, pod: Pod, port: int = 4318, tls=None):
        self.pod, self.port, self.tls = pod, port, tls
        self.status, self.fields, self.body = 200, "", "{}"
        self.pause = 0.0
        self.heads: list[bytes] = []
        self.spans: list[Span] = []
        self.wrong: list[str] = []
        self._lock = threading.Lock()
        self.start()

    def start(self) -> None:
        self.app = App(self.pod, self.port)
        self.app.serve(self._answer)

    def stop(self) -> None:
        self.app.close()

    def _take(self, head: bytes, body: bytes) -> None:
        assert re.match(rb"POST /v1/traces HTTP/1\.1\r\n", head), head
        assert field(head, "content-type") == "application/json", head
        request = json.loads(body)
        assert set(request) == {"resourceSpans"}, set(request)
        for of_resource in request["resourceSpans"]:
            assert set(of_resource) == {"resource", "scopeSpans"}, set(of_resource)
            resource = attributes(of_resource["resource"])
            for of_scope in of_resource["scopeSpans"]:
                assert set(of_scope) == {"scope", "spans"}, set(of_scope)
                assert of_scope["scope"]["name"] == "epaulet", of_scope["scope"]
                for span in of_scope["spans"]:
                    check_span(span)
                    self.spans.append(Span(span, resource))

    def _answer(self, wire: Wire) -> None:
        if self.tls is not None:
            wire.socket = self.tls.wrap_socket(wire.socket, server_side=True)
        head = wire.head()
        body = wire.take(int(field(head, "content-length")))
        with self._lock:
            self.heads.append(head)
            status, fields = self.status, self.fields
            if status == 200:
                try:
                    self._take(head, body)
                except (AssertionError, KeyError, ValueError) as error:
                    self.wrong.append(f"{error!r} in {body!r}")
        time.sleep(self.pause)
        wire.send(
            f"HTTP/1.1 {status} X\r\n{fields}Content-Type: application/json\r\n"
            f"Content-Length: {len(self.body)}\r\nConnection: close\r\n\r\n{self.body}"
        )
        wire.socket.unwrap() if self.tls is not None else None

    def all(self) -> list[Span]:
        with self._lock:
            assert not self.wrong, self.wrong[:3]
            return list(self.spans)

    def wait(self, count: int, **said) -> list[Span]:
        """So many spans with these attributes (dots as two underscores), or more."""
        wanted = {name.replace("__", "."): value for name, value in said.items()}

        def matching() -> list[Span]:
            return [span for span in self.all() if wanted.items() <= span.said.items()]

        wait_until(lambda: len(matching()) >= count, f"{count} spans with {wanted}", 10)
        return matching()
