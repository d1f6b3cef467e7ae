"""Rows 4, 5, 6, 8 and 9: a service that fails or is slow, and callers that know nothing of it."""

import time
from concurrent.futures import ThreadPoolExecutor

from rows_access import encrypted
from scenario import Row
from world import World

REST = "http://user-service:3002"
GRPC = "user-grpc:50051"
OPEN_FOR_SECONDS = 30.0  # as the document has it
UNAVAILABLE, NOT_FOUND = 14, 5


def _get(world: World, path: str) -> dict:
    return world.client("ready_made", "get", f"{REST}{path}")


def _requests(world: World) -> int:
    return len(world.apps["user"].requests())


@encrypted
def retries(row: Row, world: World) -> None:
    order = world["order"]
    world.renew("order")
    for mood, wanted, attempts in (
        ({"status": 500}, 500, 4),
        ({"status": 400}, 400, 1),
        ({"drop": True}, 502, 4),
    ):
        world.feel("user", **mood)
        before, begin = _requests(world), time.monotonic()
        told = _get(world, "/users/1")
        seconds, made = time.monotonic() - begin, _requests(world) - before
        row.tries.append((f"order$ curl {REST}/users/1  # {mood}", f"{told['status']}, {made} attempts"))
        row.check(f"{mood}: {wanted}, not {told['status']}", told["status"] == wanted)
        row.check(f"{mood}: {attempts} attempts, not {made}", made == attempts)
        most = 1.0 + 2.0 + 4.0 if attempts > 1 else 0.5  # each wait is drawn below 1, 2 and 4 s
        row.check(f"{mood}: waits within bounds, {seconds:.1f} s", seconds < most + 2.0)
        logged = [one["attempts"] for one in order.logged(service="user-service.default")]
        row.check(f"{mood}: the log tells of them {logged}", attempts in logged)
        retried = order.counter("epaulet_retries_total")
        row.check(f"{mood}: and a counter, {retried:g}", retried == attempts - 1)
        world.renew("order")

    world.feel("user", status=500)
    before = _requests(world)
    told = world.client("ready_made", "post", f"{REST}/reports/generate")
    made = _requests(world) - before
    row.tries.append((f"order$ curl -X POST {REST}/reports/generate", f"{told['status']}, {made} attempt"))
    row.check("a POST is made once", (told["status"], made) == (500, 1))
    world.feel("user")


@encrypted
def timeouts(row: Row, world: World) -> None:
    world.feel("user", delay=11_000)
    wanted = {
        # what: (case, path, status, at least, at most, in seconds). The first is over after its
        # third attempt where the wait for a fourth would last beyond the end.
        "a GET, 3 s an attempt, 10 s in all": ("get", "/users/1", 504, 8.9, 10.9),
        "the profile, 2 s": ("get", "/users/1/profile", 504, 1.9, 2.9),
        "a PUT or POST, 10 s": ("post", "/users/1", 504, 9.5, 10.9),
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
    outcomes = {one["outcome"] for one in world["order"].logged(status=504)}
    row.check("the log names the time-outs", {"request_timeout"} <= outcomes)


@encrypted
def breaker(row: Row, world: World) -> None:
    order = world["order"]
    world.renew("order")
    told = world.client("ready_made", "old", f"{REST}/users/1")
    row.check(f"well: the answer is fresh {told}", told == {"status": 200, "name": "Ada", "cache": ""})
    world.feel("user", status=500)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: world.client("ready_made", "post", f"{REST}/reports/generate"), range(10)))
    opened = time.monotonic()
    before = _requests(world)
    told = _get(world, "/users/1")
    row.tries.append((f"order$ curl {REST}/users/1  # after ten failures", str(told["status"])))
    row.check(f"open: 503, not {told['status']}", told["status"] == 503)
    row.check(f"open: at once, not after {told['ms']} ms", told["ms"] < 500)
    row.check("open: the service is not asked", _requests(world) == before)
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
    told = _get(world, "/users/1")
    row.check("open: although it is well again", told["status"] == 503)
    time.sleep(max(0.0, opened + OPEN_FOR_SECONDS + 0.5 - time.monotonic()))
    before = _requests(world)
    told = _get(world, "/users/1")
    row.tries.append((f"order$ curl {REST}/users/1  # 30 s later", str(told["status"])))
    row.check("half open: a probe is let through", _requests(world) == before + 1)
    row.check("closed: it is answered", told["status"] == 200)
    changes = [f"breaker_{state}" for state in ("open", "half_open", "closed")]
    said = [one["event"] for one in order.sidecar.log_records() if one.get("event") in changes]
    row.seen.append(f"logged: {', '.join(said)}")
    row.check(f"each change is logged {said}", said == changes)
    counted = order.counter("epaulet_breaker_transitions_total")
    row.check(f"each change is counted, {counted:g}", counted == 3)


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


@encrypted
def ready_made(row: Row, world: World) -> None:
    world.renew("order")
    world.feel("user", status=503)
    before = _requests(world)
    told = world.client("ready_made", "retry", f"{REST}/users/1")
    attempts = _requests(world) - before
    made = told["retries"] + 1
    row.tries.append(("order$ axios-retry, three times", f"{told}, {attempts} attempts"))
    row.check("axios-retry gives up as it would without a mesh", made == 4)
    row.check(f"{attempts} attempts of {made}: within the budget", attempts <= made + 3)
    world.feel("user")
    world.renew("order")
    calm = _get(world, "/users/2")
    row.check(f"no hidden latency: {calm}", calm["status"] == 200 and calm["ms"] < 500)
    told = world.client("ready_made", "breaker", f"{REST}/users/1", "12")
    row.tries.append(("order$ opossum, twelve calls", str(told)))
    row.check("opossum sees a service that is well", told == {"told": [200] * 12, "events": []})
