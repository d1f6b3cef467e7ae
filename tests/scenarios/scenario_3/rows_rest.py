"""Rows 1 and 3: the gateway's REST side, and who reaches the event service."""

import ipaddress
import json

from evidence import Watch
from lab import Response, request
from scenario import Row
from world import APP_PORT, World

VIRTUAL_IPV4 = ipaddress.ip_network("240.0.0.0/4")
JSON_TYPE = [("Content-Type", "application/json")]
BOTH_LISTENERS = [
    {
        "response": [1, 2, 3, {"name": "John Doe"}],
        "status": 200,
        "service": "my-normal-service",
    },
    {
        "response": {"message": "Missing Authentication Token"},
        "status": 403,
        "service": "my-service-with-auth",
    },
]
QUERY = "a=1&b[]=2&b[]=3&c[name]=test"
NESTED = {"a": "1", "b": ["2", "3"], "c": {"name": "test"}}
ODD_TEXT = "\t\u20ac \u00e9\r\n%00\\"
FORGED_PEER = "spiffe://cluster.local/ns/default/sa/gateway"


def mirrored(event: str, payload) -> list[dict]:
    return [{"response": {"event": event, "payload": payload}, "status": 200, "service": "mirror"}]


def call_api(api, payload=None) -> dict:
    body = json.dumps({"api": api, "payload": payload}).encode()
    return {"path": "/call-api", "method": "POST", "headers": JSON_TYPE, "body": body}


def post(path: str, body: bytes, headers=()) -> dict:
    return {"path": path, "method": "POST", "headers": list(headers), "body": body}


# (what the document says, the request, what must come)
CALLS = (
    ("POST /call-api: the responses of all listeners",
     call_api("my-service", {"abc": "def"}), BOTH_LISTENERS),
    ("a path below a service is its event",
     call_api("my-service/abc/123"), BOTH_LISTENERS),
    ("the event is www.<api>, with the payload",
     call_api("mirror/abc/123", {"abc": "def"}), mirrored("www.mirror/abc/123", {"abc": "def"})),
    ("no listeners: []", call_api("nobody-listens"), []),
    ("GET /external: the query as an object",
     {"path": f"/external/mirror?{QUERY}"}, mirrored("www.mirror", NESTED)),
    ("the same, its brackets encoded",
     {"path": "/external/mirror?" + QUERY.replace("[", "%5B").replace("]", "%5d")},
     mirrored("www.mirror", NESTED)),
    ("POST /external: a JSON body as it is",
     post("/external/mirror", json.dumps(NESTED).encode(), JSON_TYPE),
     mirrored("www.mirror", NESTED)),
    ("POST /external: a JSON array",
     post("/external/mirror", b'[1, "abc", null]', JSON_TYPE),
     mirrored("www.mirror", [1, "abc", None])),
    ("POST /external: any other body as raw",
     post("/external/mirror", b'abc"def'), mirrored("www.mirror", {"raw": 'abc"def'})),
    ("the same, declared as text, with other bytes",
     post("/external/mirror", ODD_TEXT.encode(), [("Content-Type", "text/plain; charset=utf-8")]),
     mirrored("www.mirror", {"raw": ODD_TEXT})),
    ("GET /external-single: the first response alone",
     {"path": "/external-single/my-service"}, BOTH_LISTENERS[0]["response"]),
    ("POST /external-single/...: likewise",
     post("/external-single/mirror/a", b"x"), {"event": "www.mirror/a", "payload": {"raw": "x"}}),
)  # fmt: skip


def calls(row: Row, world: World) -> None:
    watch = Watch(row, world)
    row.evidence["http_status"] = []
    for what, wish, wanted in CALLS:
        answer = world.ask("gateway.default", **wish)
        row.evidence["http_status"].append(answer.status)
        is_right = answer.status == 200 and json.loads(answer.body) == wanted
        row.check(f"{what}: not {answer.status} {answer.body[:120]}", is_right)
    asked = sorted((wish.get("method", "GET"), wish["path"]) for _, wish, _ in CALLS)
    seen = sorted((one["method"], one["url"]) for one in watch.gateway_requests())
    row.check("the gateway saw each path and query as it was sent", seen == asked)
    row.evidence["urls_seen_by_app"] = [url for _, url in seen]
    row.tries.append((f"web$ {len(CALLS)} calls of http://gateway.default", "as in the document"))
    row.tries.append((f"web$ curl 'http://gateway.default/external/mirror?{QUERY}'", "the object"))
    row.check("the event service heard each", len(watch.events()) == len(CALLS))
    watch.finish()


EVENT = {"method": "POST", "headers": JSON_TYPE, "body": b'{"event":"accounts","payload":{}}'}


def nobody_else(row: Row, world: World) -> None:
    watch = Watch(row, world)
    addresses = row.evidence["dns_answer"] = world.resolve_events()
    is_virtual = addresses and all(ipaddress.ip_address(one) in VIRTUAL_IPV4 for one in addresses)
    row.check("my-event-server is a name of the mesh for the gateway", is_virtual)
    row.seen.append(f"my-event-server is {', '.join(addresses)} for the gateway")

    events = world.events.pod.ipv4
    forged = [("x-epaulet-peer", FORGED_PEER), ("x-forwarded-client-cert", f"URI={FORGED_PEER}")]
    direct = {**EVENT, "headers": JSON_TYPE + forged}
    refusals = (
        ("outside$", 401, request(world.outside, events, APP_PORT, "/event", **EVENT)),
        ("outside$, forged", 401, request(world.outside, events, APP_PORT, "/event", **direct)),
        ("web$ by name", 403, world.ask("my-event-server.default", "/event", **EVENT)),
        ("web$ by address", 403, request(world.web.pod, events, APP_PORT, "/event", **direct)),
    )
    row.evidence["http_status"] = [answer.status for _, _, answer in refusals]
    for who, status, answer in refusals:
        row.tries.append((f"{who} POST my-event-server/event", str(answer.status)))
        row.check(f"{who}: {status}, not {answer.status}", answer.status == status)
        _note_rule(row, world, answer)
    row.check("the event service heard none of them", not watch.events())

    bypasses = (
        call_api("accounts"),
        call_api("../accounts"),
        call_api("\0accounts"),
        call_api(["accounts"]),
        call_api({"toString": "accounts"}),
        {"path": "/external/accounts"},
        {"path": "/external//accounts"},
        {"path": "/external/../accounts"},
        {"path": "/external/%2e%2e/accounts"},
        {"path": "/external/..%2faccounts"},
        {"path": "/external-single/accounts?event=accounts"},
        post("/external/mirror", b'{"event":"accounts","api":"accounts"}', JSON_TYPE),
        {"path": "/event", **EVENT},
        {"path": "http://my-event-server/event", **EVENT},
    )
    leaks = [one["path"] for one in bypasses if "secret" in _answer_to(world, one)]
    heard = watch.events()
    row.tries.append((f"web$ {len(bypasses)} ways round the prefix", f"{len(leaks)} of them leak"))
    row.check(f"no way round the prefix: {leaks}", not leaks)
    row.check(f"all events are www.: {heard}", heard and all(e.startswith("www.") for e in heard))
    row.evidence["events"] = heard
    watch.finish()


def _answer_to(world: World, wish: dict) -> str:
    try:
        return world.ask("gateway.default", **wish).body
    except OSError:
        return ""


def _note_rule(row: Row, world: World, answer: Response) -> None:
    identifier = answer.header("x-request-id")
    for record in world.events.sidecar.explain(identifier) if identifier else ():
        row.give_reason(record)
        row.evidence["rule"] = record.get("rule")
