"""Rows 4, 5, 6 and 8: a service that fails or is slow, and callers that know nothing of it."""

import functools
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from lab import wait_until
from mesh import Member
from rows_access import encrypted
from scenario import Row
from world import World

REST = "http://user-service:3002"
GRPC = "user-grpc:50051"
OPEN_FOR_SECONDS, MIN_REQUESTS = 30.0, 10  # as the document has it
BACKOFF_SECONDS = (1.0, 2.0, 4.0)  # each wait is drawn below these, one after the other
AT_ONCE_MS = 1000  # one wait before a retry, at most; node alone needs some of it on a busy machine
UNAVAILABLE, NOT_FOUND = 14, 5


def get(world: World, path: str) -> dict:
    return world.client("ready_made", "get", f"{REST}{path}")


def requests(world: World) -> int:
    return len(world.apps["user"].requests())


def _exchanges(order: Member) -> list[dict]:
    return order.logged(kind="exchange", service="user-service.default")


def _decided(order: Member, record: dict) -> list[float]:
    """How long it waits before each retry, in seconds, as far as explain has room for them."""
    if record["attempts"] == 1:
        return []
    (explained,) = order.sidecar.explain(record["id"])
    decided = [one for one in explained["events"] if one["code"] == "retry_decided"]
    return [one["backoff_us"] / 1e6 for one in decided]


def _pauses(records: list[dict]) -> list[float]:
    """Between what was asked one after the other, in seconds; a record is written at its end."""
    ends = [datetime.fromisoformat(one["time"].replace("Z", "+00:00")).timestamp() for one in records]
    begins = [end - one["duration_us"] / 1e6 for end, one in zip(ends, records)]
    return [begin - end for begin, end in zip(begins[1:], ends)]


@encrypted
def retries(row: Row, world: World) -> None:
    order = world["order"]
    world.renew("order")
    longest = 0.0
    for mood, wanted, attempts in (
        ({"status": 500}, 500, 4),
        ({"drop": True}, 502, 4),  # behind a pause, so that its sidecar makes a connection for it
        ({"status": 400}, 400, 1),
        ({"status": 404}, 404, 1),
        ({"status": 409}, 409, 1),
        ({"status": 429}, 429, 1),
    ):
        world.feel("user", **mood)
        known = len(_exchanges(order))
        before = requests(world)
        told = get(world, "/users/1")
        seconds, made = told["ms"] / 1000, requests(world) - before
        row.tries.append((f"order$ curl {REST}/users/1  # {mood}", f"{told['status']}, {made} attempts"))
        row.check(f"{mood}: {wanted}, not {told['status']}", told["status"] == wanted)
        row.check(f"{mood}: {attempts} attempts, not {made}", made == attempts)
        wait_until(lambda: len(_exchanges(order)) > known, "its record", 5)
        logged = _exchanges(order)[-1]
        decided = _decided(order, logged)
        within = all(wait <= most for wait, most in zip(decided, BACKOFF_SECONDS))
        row.check(f"{mood}: waits within bounds, {decided}", within and (len(decided) > 1 or attempts == 1))
        most = sum(BACKOFF_SECONDS) if attempts > 1 else 0.0
        row.check(f"{mood}: and in all, {seconds:.1f} s", seconds < most + 2.0)
        row.check(f"{mood}: the log tells of them {logged['attempts']}", logged["attempts"] == attempts)
        came = functools.partial(world["user"].logged, direction="inbound", trace_id=logged["trace_id"])
        wait_until(lambda: len(came()) >= attempts, "the records of where it came", 5)
        each = came()
        row.check(f"{mood}: each is logged where it came, {len(each)}", len(each) == attempts)
        longest = max([longest, *_pauses(each)])
        retried = order.counter("epaulet_retries_total")
        row.check(f"{mood}: and a counter, {retried:g}", retried == attempts - 1)
        if wanted >= 500:
            world.renew("order")
    # Of six that are drawn below 1, 2 and 4 s, twice, all would be shorter once in 4,000 runs.
    row.check(f"they begin at a second: the longest is {longest:.2f} s", longest > 0.5)

    world.feel("user", status=500, times=1)
    before = requests(world)
    told = world.client("ready_made", "put", f"{REST}/users/1")
    made = requests(world) - before
    row.tries.append((f"order$ curl -X PUT {REST}/users/1  # out of order once", f"{told['status']}, {made} attempts"))
    row.check(f"a PUT is made again {told}", (told["status"], made) == (200, 2))

    world.feel("user", status=500)
    before = requests(world)
    told = world.client("ready_made", "post", f"{REST}/reports/generate")
    made = requests(world) - before
    row.tries.append((f"order$ curl -X POST {REST}/reports/generate", f"{told['status']}, {made} attempt"))
    row.check("a POST is made once", (told["status"], made) == (500, 1))
    world.feel("user")


@encrypted
def timeouts(row: Row, world: World) -> None:
    def gets() -> list[dict]:
        return [one for one in world["order"].logged(status=504) if one.get("route") == "default"]

    before = len(gets())
    world.feel("user", delay=11_000)
    wanted = {
        # what: (case, path, status, at least, at most, in seconds). The first is over after its
        # third attempt where the wait for a fourth would last beyond the end.
        "a GET, 3 s an attempt, 10 s in all": ("get", "/users/1", 504, 8.9, 10.9),
        "the profile, 2 s": ("get", "/users/1/profile", 504, 1.9, 2.9),
        "a PUT, 10 s": ("put", "/users/1", 504, 9.5, 10.9),
        "a POST, 10 s": ("post", "/users/1", 504, 9.5, 10.9),
        "the report, 30 s": ("post", "/reports/generate", 201, 10.9, 13.0),
    }
    with ThreadPoolExecutor(len(wanted)) as pool:
        asked = {
            what: pool.submit(world.client, "ready_made", case, f"{REST}{path}")
            for what, (case, path, *_) in wanted.items()
        }
        told = {what: one.result() for what, one in asked.items()}
    world.feel("user")
    for what, (case, path, status, least, most) in wanted.items():
        got, seconds = told[what]["status"], told[what]["ms"] / 1000
        row.tries.append((f"order$ {case.upper()} {path}  # {what}", f"{got} after {seconds:.1f} s"))
        row.check(f"{what}: {status}, not {got}", got == status)
        row.check(f"{what}: after {least} to {most} s, not {seconds:.1f}", least <= seconds <= most)
    wait_until(lambda: len(gets()) > before, "the record of the GET", 5)
    made = gets()[-1]["attempts"]
    # Each wait is drawn below one and two seconds: the third begins within 9 s, and a fourth may.
    row.check(f"the GET was made again every 3 s: {made} attempts", made in (3, 4))
    outcomes = {one["outcome"] for one in world["order"].logged(status=504)}
    row.check("the log names the time-outs", {"request_timeout"} <= outcomes)


def _fail(world: World, times: int) -> None:
    """So many calls that nothing tries again."""
    with ThreadPoolExecutor(times) as pool:
        list(pool.map(lambda _: world.client("ready_made", "post", f"{REST}/reports/generate"), range(times)))


def _breaker(world: World) -> str:
    breakers = world["order"].sidecar.admin("/endpoints")["breakers"]
    return next(one["state"] for one in breakers if one["backend"] == "user-service.default")


@encrypted
def breaker(row: Row, world: World) -> None:
    order = world["order"]
    world.renew("order")
    told = world.client("ready_made", "old", f"{REST}/users/1")
    row.check(f"well: the answer is fresh {told}", told == {"status": 200, "name": "Ada", "cache": ""})
    row.check("closed: which is visible", _breaker(world) == "closed")
    world.feel("user", status=500)
    _fail(world, MIN_REQUESTS - 2)
    row.check("of nine calls eight have failed: still closed", _breaker(world) == "closed")
    _fail(world, 2)
    opened = time.monotonic()
    row.check("open: which is visible", _breaker(world) == "open")
    gauge = order.counter("epaulet_breaker_state", state="open")
    row.check(f"open: and a metric, {gauge:g}", gauge == 1)
    before = requests(world)
    told = get(world, "/users/1")
    row.tries.append((f"order$ curl {REST}/users/1  # after ten failures", str(told["status"])))
    row.check(f"open: 503, not {told['status']}", told["status"] == 503)
    row.check(f"open: at once, not after {told['ms']} ms", told["ms"] < AT_ONCE_MS)
    row.check("open: the service is not asked", requests(world) == before)
    refused = order.logged(outcome="breaker_open")
    row.check("open: the log says why", refused)
    told = world.client("ready_made", "old", f"{REST}/users/1")
    row.tries.append((f"order$ curl -H 'X-May-Be-Old: yes' {REST}/users/1  # open", str(told)))
    row.check(
        f"open: the last good answer, marked as cached {told}",
        told["name"] == "Ada" and told["cache"].startswith("epaulet; hit"),
    )
    told = world.client("ready_made", "old", f"{REST}/users/2")
    row.tries.append((f"order$ curl -H 'X-May-Be-Old: yes' {REST}/users/2  # open", str(told)))
    row.check(f"open: or a fixed one {told}", told["name"] == "somebody" and not told["cache"])
    world.feel("user")
    told = get(world, "/users/1")
    row.check("open: although it is well again", told["status"] == 503)
    time.sleep(max(0.0, opened + OPEN_FOR_SECONDS - 2 - time.monotonic()))
    before = requests(world)
    told = get(world, "/users/1")
    row.check("open: 28 s later, too", told["status"] == 503 and requests(world) == before)
    time.sleep(max(0.0, opened + OPEN_FOR_SECONDS + 0.5 - time.monotonic()))
    before = requests(world)
    told = get(world, "/users/1")
    row.tries.append((f"order$ curl {REST}/users/1  # 30 s later", str(told["status"])))
    row.check("half open: a probe is let through", requests(world) == before + 1)
    row.check("closed: it is answered", told["status"] == 200 and _breaker(world) == "closed")
    changes = [f"breaker_{state}" for state in ("open", "half_open", "closed")]
    said = [one["event"] for one in order.sidecar.log_records() if one.get("event") in changes]
    row.seen.append(f"logged: {', '.join(said)}")
    row.check(f"each change is logged {said}", said == changes)
    counted = order.counter("epaulet_breaker_transitions_total")
    row.check(f"each change is counted, {counted:g}", counted == 3)


def _tried_again_by_status(row: Row, world: World) -> None:
    """It listens on IPv4 alone, and attempts go to its other address, too, which refuses: a call may
    have used up all of its own so. Three do not."""
    for _ in range(3):
        world.renew("order")
        world.feel("user", grpc=UNAVAILABLE, times=1)
        told = world.client("grpc_client", GRPC, "codes", "1")["told"]
        attempts = world["order"].wait_logged(kind="exchange", service="user-grpc.default")["attempts"]
        row.tries.append(("order$ a call of a service that is UNAVAILABLE once", f"{told}, {attempts} attempts"))
        if told == [0]:
            break
    row.check(f"tried again by status {told}, {attempts}", told == [0] and attempts >= 2)


@encrypted
def grpc(row: Row, world: World) -> None:
    told = world.client("grpc_client", GRPC, "all")
    row.tries.append(("order$ a client of user.proto: unary, streaming, both ways", str(told["get"])))
    row.check("unary", told["get"].get("answer", {}).get("name") == "Ada")
    missing = {"code": NOT_FOUND, "details": "User 77 not found"}
    row.check(f"NOT_FOUND passes {told['missing']}", told["missing"] == missing)
    row.check("server streaming", told["list"]["got"] == ["Ada", "Grace"])
    row.check("both ways at once", told["chat"] == {"code": 0, "got": ["ONE", "TWO"]})
    row.check("another unary", told["update"]["answer"]["name"] == "Grace H.")
    _tried_again_by_status(row, world)
    world.feel("user", grpc=UNAVAILABLE)
    calls = "epaulet_requests_total"
    before = world["user"].counter(calls, direction="inbound", route="grpc")
    told = world.client("grpc_client", GRPC, "codes", "20")["told"]
    asked = world["user"].counter(calls, direction="inbound", route="grpc") - before
    row.tries.append(("order$ 20 calls of a service that is UNAVAILABLE", f"{asked:g} reach it"))
    row.check(f"they fail by status {told[:3]}", set(told) == {UNAVAILABLE})
    # Of ten calls in the window, those that went well before included, half have failed then.
    row.check(f"most of them do not: {asked:g} of 20", 5 <= asked <= 13)
    opened = world["order"].logged(event="breaker_open", backend="user-grpc.default")
    row.check("the breaker has opened by status", opened)
    row.check("which the log says", opened and opened[-1].get("grpc_status") == UNAVAILABLE)
    world.feel("user")
