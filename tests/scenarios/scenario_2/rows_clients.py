"""Row 9: clients that have retries and breakers of their own, as they are."""

from rows_access import encrypted
from rows_failure import GRPC, REST, UNAVAILABLE, get, requests
from scenario import Row
from world import World

FLOOR = 3  # attempts that the mesh may add, however few calls there were
OWN_WAITS_MS = 2500  # 200, 400 and 800 ms of axios-retry, up to a fifth more, and a busy machine's
CALM_MS = 1000


@encrypted
def ready_made(row: Row, world: World) -> None:
    _axios(row, world)
    _axios_retry(row, world)
    _opossum(row, world)
    _grpc_js(row, world)
    world.feel("user")


def _axios(row: Row, world: World) -> None:
    world.renew("order")
    world.feel("user")
    calm = get(world, "/users/2")
    row.check(f"axios: no hidden latency {calm}", calm["status"] == 200 and calm["ms"] < CALM_MS)


def _axios_retry(row: Row, world: World) -> None:
    """Twice: the second time nothing is left of what the mesh may add."""
    world.feel("user", status=503)
    for most in (FLOOR, 0):
        before = requests(world)
        told = world.client("ready_made", "retry", f"{REST}/users/1")
        attempts, made = requests(world) - before, told["retries"] + 1
        row.tries.append(("order$ axios-retry, three times", f"{told}, {attempts} attempts"))
        row.check("axios-retry gives up as it would without a mesh", made == 4 and told["status"] == 503)
        row.check(f"{attempts} attempts of {made}: within the budget", attempts <= made + most)
        if most == 0:
            row.check(f"axios-retry: no hidden latency, {told['ms']} ms", told["ms"] < OWN_WAITS_MS)
    world.feel("user")


def _opossum(row: Row, world: World) -> None:
    world.renew("order")
    told = world.client("ready_made", "breaker", f"{REST}/users/1", "12")
    row.tries.append(("order$ opossum, twelve calls", str(told)))
    row.check("opossum sees a service that is well", told == {"told": [200] * 12, "events": []})
    world.renew("order")
    world.feel("user", status=500, times=5 + FLOOR)  # until its volume of five is reached
    told = world.client("ready_made", "breaker", f"{REST}/users/1", "7")
    row.tries.append(("order$ opossum, of a service that recovers", str(told)))
    row.check(f"opossum opens after five and closes by itself {told}", told["told"] == [500] * 5 + [200] * 2)
    row.check(f"as it would without a mesh {told['events']}", told["events"] == ["open", "halfOpen", "close"])
    world.feel("user")


def _grpc_js(row: Row, world: World) -> None:
    """With retries of its own, three attempts in all."""
    world.renew("order")
    world.feel("user", grpc=UNAVAILABLE)
    before = _grpc_calls(world)
    told = world.client("grpc_client", GRPC, "retrying")
    attempts = _grpc_calls(world) - before
    row.tries.append(("order$ @grpc/grpc-js with a retry policy", f"{told}, {attempts:g} attempts"))
    row.check(f"grpc-js gives up as it would without a mesh {told}", told["code"] == UNAVAILABLE)
    row.check(f"{attempts:g} attempts of 3: within the budget", 3 <= attempts <= 3 + FLOOR)
    row.check(f"grpc-js: no hidden latency, {told['ms']} ms", told["ms"] < OWN_WAITS_MS)
    world.feel("user")
    told = world.client("grpc_client", GRPC, "retrying")
    row.check(f"grpc-js: nor where all is well {told}", told["code"] == 0 and told["ms"] < CALM_MS)


def _grpc_calls(world: World) -> float:
    return world["user"].counter("epaulet_requests_total", direction="inbound", route="grpc")
