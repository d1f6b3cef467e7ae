"""Rows 2 and 4: Socket.io in a browser."""

import contextlib
import re
import signal
import time

from browser import Page
from evidence import Watch
from lab import LabError, wait_until
from mesh import Member
from rows_rest import BOTH_LISTENERS, mirrored
from scenario import Row
from world import World

SITE = "http://gateway.default/"
SESSIONS_MIN, SESSIONS_MAX = 4, 24
CALLS_EACH = 8
CALL_MS = 4000
GRACE_SECONDS, DRAIN_SECONDS = 1.0, 4.0  # as gateway.yaml says
UPGRADED = "epaulet_upgraded_connections_active"
WITHOUT_WEBSOCKET = "delete window.WebSocket"


def run(page: Page, promise: str):
    """What the promise keeps, if it does so in time."""
    late = f"new Promise((_, no) => setTimeout(() => no(new Error('late')), {CALL_MS}))"
    return page.run(f"Promise.race([{promise}, {late}])")


def sockets(world: World) -> tuple[float, list[float]]:
    """Open WebSockets: of the browser's sidecar, and of each gateway's."""
    gateways = [one.counter(UPGRADED, direction="inbound") for one in world.gateways]
    return world.web.counter(UPGRADED, direction="outbound"), gateways


def sessions(row: Row, world: World) -> None:
    watch = Watch(row, world)
    with world.browser.open(SITE) as page:
        _upgrade(row, world, page)
    with contextlib.ExitStack() as pages:
        _polling(row, world, pages)
    watch.finish()


def _upgrade(row: Row, world: World, page: Page) -> None:
    first = run(
        page,
        """(() => {
          const early = agw('my-service', { some_data: 12345, more_data: [1, 'abc', 3] });
          agw.init('http://gateway.default');
          agw.init('http://gateway.default');
          const queued = !agw.socket.connected;
          return early.then((responses) => ({ queued, responses }));
        })()""",
    )
    row.check("a call made before connecting waits for it", first["queued"])
    row.check("and is answered then", first["responses"] == BOTH_LISTENERS)
    transport = run(
        page,
        """new Promise((done) => {
          const engine = agw.socket.io.engine;
          if (engine.transport.name === 'websocket') return done('websocket');
          engine.once('upgrade', (transport) => done(transport.name));
        })""",
    )
    row.check("the connection is a WebSocket in the end", transport == "websocket")
    polled = [one for one in page.told("response") if "transport=polling" in one["response"]]
    opened = page.told("websocket")
    row.check("it began with long polling", polled)
    row.check("through one WebSocket", len(opened) == 1)
    row.check("which both sidecars count", sockets(world)[0] == sum(sockets(world)[1]) == 1)
    answer = run(page, "agw('mirror/a', { n: [1, 'abc', 3] })")
    row.check("calls go over it", answer == mirrored("www.mirror/a", {"n": [1, "abc", 3]}))
    answer = run(page, "agw('mirror')")
    row.check("a call may have no payload", answer == mirrored("www.mirror", None))
    row.tries.append(
        (f"web$ chromium {SITE}", f"{len(polled)} polls, then {opened[0]['websocket'][:40]}...")
    )


def _polling(row: Row, world: World, open_pages: contextlib.ExitStack) -> None:
    """Browsers without WebSocket, until both replicas have had one."""
    pages: list[Page] = []
    failed = None
    while len(pages) < SESSIONS_MAX and not failed:
        page = open_pages.enter_context(world.browser.open(SITE, before=WITHOUT_WEBSOCKET))
        pages.append(page)
        failed = _calls_by_polling(page)
        used = [count for count in _sessions_by_replica(world) if count]
        if len(pages) >= SESSIONS_MIN and len(used) == len(world.gateways):
            break
    answers = [one for page in pages for one in page.told("response")]
    bad = [one for one in answers if "/socket.io/" in one["response"] and one["status"] >= 400]
    homes = _homes(world)
    row.check(f"each of {len(pages)} polling sessions works ({failed})", not failed)
    row.check(f"no answer is an error: {bad[:2]}", not bad)
    row.check("each stays at one replica", all(len(one) == 1 for one in homes.values()))
    row.check("both replicas have some", len(set().union(*homes.values())) == len(world.gateways))
    row.evidence["polling_sessions"] = {sid: sorted(at) for sid, at in homes.items()}
    row.tries.append(
        (
            f"web$ {len(pages)} browsers without WebSocket, {CALLS_EACH} calls each",
            f"sessions at each replica: {_sessions_by_replica(world)}",
        )
    )


def _calls_by_polling(page: Page) -> str | None:
    """What went wrong, if anything did."""
    try:
        page.run("agw.init('http://gateway.default')")
        for number in range(CALLS_EACH):
            answer = run(page, f"agw('mirror', {{ number: {number} }})")
            if answer != mirrored("www.mirror", {"number": number}):
                return f"call {number}: {answer}"
        transport = page.run("agw.socket.io.engine.transport.name")
    except LabError as error:  # what the page threw
        return str(error).splitlines()[0]
    return None if transport == "polling" else f"it is {transport}"


def _homes(world: World) -> dict[str, set[int]]:
    """Each polling session with the replicas that its requests have reached."""
    homes: dict[str, set[int]] = {}
    for number, requests in enumerate(world.gateway_requests(), start=1):
        for one in requests:
            if found := re.search(r"[?&]sid=([^&]+)", one["url"]):
                homes.setdefault(found[1], set()).add(number)
    return homes


def _sessions_by_replica(world: World) -> list[int]:
    homes = _homes(world).values()
    return [sum(number in at for at in homes) for number in range(1, len(world.gateways) + 1)]


class Socket:
    """One WebSocket of a page, which does not come back once it has ended."""

    def __init__(self, page: Page):
        self.page = page
        self.calls = 0
        run(
            page,
            """new Promise((done, no) => {
              window.one = io({ transports: ['websocket'], reconnection: false });
              one.on('connect', done);
              one.on('connect_error', no);
              one.on('disconnect', (reason) => {
                window.ended = { reason, at: Date.now() / 1000 };
              });
            })""",
        )
        self.session = page.run("one.id")

    def works(self) -> bool:
        """A call over it is answered, and it is still the same."""
        self.calls += 1
        wish = f"one.emitWithAck('call', 'mirror', {{ n: {self.calls} }})"
        said = run(self.page, f"{wish}.then((answer) => ({{ ...answer, id: one.id }}))")
        wanted = {"responses": mirrored("www.mirror", {"n": self.calls}), "id": self.session}
        return said == wanted

    def ended(self) -> dict | None:
        """The `reason`, and `at` which time; None while it is open."""
        return self.page.run("window.ended || null")


def long_life(row: Row, world: World) -> None:
    watch = Watch(row, world)
    wait_until(lambda: sockets(world) == (0, [0, 0]), "other pages' WebSockets to end", 10)
    socket = Socket(world.browser.open(SITE))
    row.check("a call is answered", socket.works())
    at = sockets(world)[1].index(1)
    gateway = world.gateways[at]
    both = (world.web, gateway)

    for member in both:
        _reload(member)
    row.check("it lives through a reload of both sidecars", socket.works())
    for member, account in zip(both, ("web", "gateway")):
        _rotate(world, member, account)
    row.check("it lives through new certificates of both", socket.works())
    row.tries.append(("epaulet: a reload and new certificates on both sides", "the same session"))

    begin = time.time()  # the page's clock
    gateway.process.signal(signal.SIGTERM)
    last = 0.0
    while not (ended := socket.ended()) and time.time() < begin + 20:
        try:
            if socket.works():
                last = time.time() - begin
        except LabError:  # cut in the middle of a call: `ended` says so next
            pass
        time.sleep(0.1)
    ended = ended or {"reason": "never", "at": begin + 20}
    seconds = ended["at"] - begin
    deadline = GRACE_SECONDS + DRAIN_SECONDS
    row.check(f"calls are answered until the deadline, not {last:.1f} s", last > deadline - 1)
    row.check(f"then it is cut, not after {seconds:.1f} s", deadline - 0.3 < seconds < deadline + 2)
    outcome = f"{ended['reason']} after {seconds:.1f} s"
    row.tries.append((f"kill -TERM {gateway.pod.name}'s epaulet", outcome))
    row.evidence["drain"] = {"last_answer": round(last, 2), "end": round(seconds, 2)}

    again = Socket(socket.page)
    row.check("the same browser finds the other replica", again.works())
    row.check("which counts it", world.gateways[1 - at].counter(UPGRADED, direction="inbound") == 1)
    watch.finish()


def _reload(member: Member) -> None:
    applied = len(member.logged(event="config_applied"))
    text = member.sidecar.config_file.read_text() + "explain: { slow: 3s }\n"
    member.replace(f"config/{member.sidecar.config_file.name}", text)
    member.process.wait_for(
        lambda: len(member.logged(event="config_applied")) > applied, "the reload"
    )


def _rotate(world: World, member: Member, account: str) -> None:
    loaded = len(member.logged(event="identity_loaded"))
    member.give_identity(world.mesh.issue(account))
    member.process.wait_for(
        lambda: len(member.logged(event="identity_loaded")) > loaded, "the new certificate"
    )
