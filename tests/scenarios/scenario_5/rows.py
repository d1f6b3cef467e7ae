"""The five rows: what each tries, and what proves it."""

import json
import statistics
import time

from lab import LabError, Pod, query, wait_until
from mesh import APP_UID, Wire, dial
from scenario import Row
from world import APIS, APPS, NATS, NATS_PORT, World

FIRST_BYTE_SECONDS_MAX = 0.050  # above the direct connection
CONNECTIONS = 20
SLEEP_SECONDS = 10.0
LOAD_SECONDS = 5.0
LOAD_PATIENCE = 30.0
CALLS_MIN = 10


def encrypted(fill):
    """The row, and that nothing but TLS crosses between pods meanwhile, however far it gets."""

    def filled(row: Row, world: World) -> None:
        before = world.wire()
        try:
            fill(row, world)
        finally:
            wire = world.wire() - before
            row.evidence["wire"] = wire.as_evidence()
            row.seen.append(f"{wire.tls_records} TLS records, {wire.plaintext_segments} plaintext")
            row.check("TLS between pods", wire.tls_records)
            plain = wire.plaintext_segments or wire.dropped_frames
            row.check("nothing but TLS between pods", not plain)

    return filled


def _note_rules(row: Row, world: World, names: tuple[str, ...]) -> None:
    row.evidence["rule"] = sorted(world.rules(names))


def _note_dns(row: Row, world: World, pod: str, name: str) -> None:
    answer = query(world[pod].pod, name)
    row.evidence["dns_answer"] = {"rcode": answer.rcode, "addresses": answer.addresses}
    row.seen.append(f"DNS {answer}")


@encrypted
def calls_by_http(row: Row, world: World) -> None:
    subject = "greeting_service.hello"
    before = world.calls(subject)
    for body, wanted in (
        ('[["Bob"]]', [["Hello, Bob "], {}]),
        ('[["Bob"], {"last_name": "Ross"}]', [["Hello, Bob Ross"], {}]),
    ):
        status, text = world.post(subject, body)
        row.tries.append((f"curl -X POST http://http-api.default:5000/{subject} -d '{body}'", text))
        row.check(f"{body} is answered", status == 200 and json.loads(text) == wanted)
    after = world.calls(subject)
    row.evidence["app_requests"] = {"before": before, "after": after}
    row.check("the services were called twice", after == before + 2)
    body = '[[], {"name": "Alice"}]'
    status, text = world.post("thing_service.create_thing", body)
    row.tries.append((f"curl ... /thing_service.create_thing -d '{body}'", text))
    created = json.loads(text)[0][0] if status == 200 else {}
    row.check("a thing is created", created.get("name") == "Alice")
    status, text = world.post("thing_service.get_things", "")
    row.tries.append(("curl ... /thing_service.get_things", text))
    things = json.loads(text)[0][0] if status == 200 else []
    row.check("and found, whichever instance is asked", created in things)
    _note_dns(row, world, "client", "http-api.default")
    _note_rules(row, world, APIS)
    row.check("by rule calls", "calls" in row.evidence["rule"])


@encrypted
def calls_at_once(row: Row, world: World) -> None:
    begin = time.monotonic()
    argv = world.curl("greeting_service.hello_sleep", '[[], {"name": "Sleepy Bob"}]')
    sleepy = world["client"].pod.start(argv, uid=APP_UID, name="sleepy")
    wait_until(lambda: world.calls("greeting_service.hello_sleep"), "the call that sleeps", 5.0)
    status, text = world.post("greeting_service.hello", '[["Awake Bob"]]')
    seconds = time.monotonic() - begin
    row.tries.append(("curl ... /greeting_service.hello while hello_sleep sleeps", text))
    row.check("hello is answered", status == 200 and json.loads(text)[0] == ["Hello, Awake Bob "])
    row.check("before the one that sleeps", sleepy.is_running() and seconds < SLEEP_SECONDS / 2)
    wait_until(lambda: not sleepy.is_running(), "the one that sleeps", 15.0)
    slept = time.monotonic() - begin
    text, _, status = sleepy.text().rpartition("\n")
    row.tries.append(("curl ... /greeting_service.hello_sleep", text))
    answered = status == "200" and json.loads(text)[0] == ["Hello, Sleepy Bob "]
    row.check("it is answered, too", answered)
    row.check("after ten seconds", SLEEP_SECONDS <= slept < SLEEP_SECONDS + 3)
    row.evidence["seconds"] = {"hello": round(seconds, 3), "hello_sleep": round(slept, 3)}
    row.seen.append(f"hello after {seconds:.2f} s, hello_sleep after {slept:.2f} s")


@encrypted
def raw_nats(row: Row, world: World) -> None:
    client = world["client"]
    address = client.address_of("nats.default")
    with client.dial(address, NATS_PORT) as wire:
        greeting = json.loads(wire.until(b"\r\n").removeprefix(b"INFO "))
        wire.send('CONNECT {"verbose":false}\r\nSUB answers 1\r\nPING\r\n')
        row.check("CONNECT and PING work", wire.until(b"\r\n") == b"PONG\r\n")
        call = '[["Bob"], {"last_name": "Ross"}]'
        wire.send(f"PUB greeting_service.hello answers {len(call)}\r\n{call}\r\n")
        head = wire.until(b"\r\n").split()
        answer = wire.take(int(head[-1])).decode()
    row.tries.append((f"PUB greeting_service.hello answers: {call}", answer))
    row.check("the service answers", json.loads(answer) == [["Hello, Bob Ross"], {}])
    server = world[greeting["server_name"]]

    ways = {"direct": (server.pod, "127.0.0.1"), "meshed": (client.pod, address)}
    taken = _first_bytes(ways)
    said = {
        way: {
            "fastest_ms": round(min(seconds) * 1e3, 1),
            "median_ms": round(statistics.median(seconds) * 1e3, 1),
            "worst_ms": round(max(seconds) * 1e3, 1),
        }
        for way, seconds in taken.items()
    }
    row.evidence["first_byte"] = said
    row.seen.append(f"first byte {said}")
    # Waiting for the client would delay every one; a busy machine delays some.
    above = min(taken["meshed"]) - min(taken["direct"])
    row.check(f"its first byte is not late: {said}", above <= FIRST_BYTE_SECONDS_MAX)

    with Wire(dial(world["browser"].pod, server.pod.ipv4, NATS_PORT)) as stranger:
        stranger.send("CONNECT {}\r\n")
        row.check("who is no client of NATS is reset", stranger.ends() == "reset")
    record = server.wait_logged(direction="inbound", outcome="forbidden")
    row.give_reason(record)
    row.evidence["rule"] = rule = record.get("rule") or {}
    row.check("by rule clients", rule.get("name") == "clients")


def _first_bytes(ways: dict[str, tuple[Pod, str]]) -> dict[str, list[float]]:
    """How long NATS' first bytes take from dialling, each way, in turn."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(CONNECTIONS):
        for way, (pod, to) in ways.items():
            begin = time.monotonic()
            with dial(pod, to, NATS_PORT) as channel:
                if channel.recv(5) != b"INFO ":
                    raise LabError(f"NATS did not begin, {way}")
                taken[way].append(time.monotonic() - begin)
    return taken


@encrypted
def page_over_wamp(row: Row, world: World) -> None:
    browser = world.open_browser()
    page = browser.open("http://frontend.default/")

    def text_of(identifier: str) -> str:
        return page.run(f"document.getElementById('{identifier}').textContent")

    def messages() -> list:
        items = page.run("[...document.querySelectorAll('#messages li')].map(i => i.textContent)")
        return [json.loads(item) for item in items]

    def click(identifier: str) -> None:
        page.run(f"document.getElementById('{identifier}').click()")

    wait_until(lambda: text_of("state") == "open", "the page's session", 10.0)
    click("subscribe")
    wait_until(lambda: text_of("state") == "subscribed", "the page's subscription", 10.0)
    body = '[["websockets"], {"are": "awesome"}]'
    status, text = world.post("websocket_test.hello_websocket", body)
    row.tries.append((f"curl ... /websocket_test.hello_websocket -d '{body}'", text))
    row.check("published over HTTP", status == 200)
    wait_until(lambda: len(messages()) == 1, "the message in the page", 10.0)
    row.check("the page shows it", messages() == [[["websockets"], {"are": "awesome"}]])
    page.run("""document.getElementById('args').value = '[["from"], {"the": "page"}]'""")
    click("publish")
    wait_until(lambda: len(messages()) == 2, "the page's own message", 10.0)
    row.check("and what it publishes itself", messages()[1] == [["from"], {"the": "page"}])
    row.tries.append(("the page, headless Chromium", json.dumps(messages())))
    sockets = [one["websocket"] for one in page.told("websocket")]
    row.check(f"by one WebSocket {sockets}", sockets == ["ws://http-api.default:5000/ws"])
    status, _ = world.post("greeting_service.hello", "[]", pod="browser")
    row.check("the browser's pod may not call itself", status == 403)
    _note_dns(row, world, "browser", "http-api.default")
    _note_rules(row, world, (*APIS, "frontend"))


@encrypted
def one_of_each_dies(row: Row, world: World) -> None:
    def clients_of(name: str) -> float:
        return world[name].counter("epaulet_connections_active", direction="inbound")

    loads = {}
    for victim in (max(NATS, key=clients_of), APPS[0], APIS[0]):
        loads[victim] = load = _die_under_load(world, victim)
        outcome = f"{load['calls']} calls, {len(load['again'])} of them made again by their caller,"
        outcome += f" {len(load['failed'])} failed, the slowest took {load['slowest_ms']} ms"
        row.tries.append((f"kill {victim}: app and sidecar", outcome))
        row.check(f"there was load when {victim} died", load["calls"] > CALLS_MIN)
        what = f"no call failed after the retry when {victim} died {load['failed'][:3]}"
        row.check(what, not load["failed"])
    disconnected = sum(
        world.apps[name].text().count("nats: disconnected") for name in (*APPS, *APIS)
    )
    again = world["client"].counter("epaulet_retries_total")
    row.evidence["load"] = {**loads, "lost_their_nats": disconnected, "retries_of_the_mesh": again}
    row.seen.append(
        f"{disconnected} apps lost their NATS server; the client's sidecar made {again:.0f} calls"
        " again"
    )
    row.check("the NATS server that died had clients", disconnected > 0)
    status, _ = world.post("greeting_service.hello", '[["Bob"]]')
    row.check("and it goes on", status == 200)


def _die_under_load(world: World, victim: str) -> dict:
    """What load.py says once all of its calls have ended: none meets two deaths."""
    argv = world.python("client", "load.py", str(LOAD_SECONDS))
    load = world["client"].pod.start(argv, uid=APP_UID, name=f"load-{victim}")
    load.wait_for_line("calling", LOAD_PATIENCE)
    time.sleep(LOAD_SECONDS / 3)
    world.die(victim)
    load.wait_for(lambda: not load.is_running(), "the callers", LOAD_SECONDS + LOAD_PATIENCE)
    return next(line["load"] for line in load.json_lines() if "load" in line)


ROWS = (
    ("calls over HTTP, by way of NATS, and things in a database", calls_by_http),
    ("a call that sleeps holds up no other", calls_at_once),
    ("a raw NATS client through both sidecars, greeted without delay", raw_nats),
    ("a page in a real browser: WAMP over WebSocket", page_over_wamp),
    ("one NATS server, one service and one HTTP API die under load", one_of_each_dies),
)
