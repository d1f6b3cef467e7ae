"""Row 5: what the public API promises its clients."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from scenario import Row
from world import World

FIRST = ("", "?api-version=1.0", "?API-VERSION=2.0")
SECOND = ("?api-version=2.0", "?api-version=2.1-beta")
ORDERS = 80


def public_manners(row: Row, world: World) -> None:
    versions(row, world)
    accepted(row, world)
    throttled(row, world)


def versions(row: Row, world: World) -> None:
    """The URL of a package is the same in both; its query says which it is."""
    for query, wanted in [(one, "package") for one in FIRST] + [(one, "package2") for one in SECOND]:
        before = {name: len(world.apps[name].requests()) for name in ("package", "package2")}
        told = world.order(query=query)
        heard = {name: [one["url"] for one in world.apps[name].requests()[before[name] :]] for name in before}
        row.tries.append((f"outside$ curl -X POST scheduler/api/deliveryrequests{query}", str(told.status)))
        row.check(f"{query or 'no version'}: 202, not {told.status}", told.status == 202)
        asked = query if query.startswith("?api-version") else ""
        number = (told.header("location") or "").rpartition("/")[2]
        url = f"/packages/{number}{asked}"
        right = {name: [url] if name == wanted else [] for name in heard}
        row.check(f"{query or 'no version'}: {wanted} alone hears PUT {url} {heard}", heard == right)
    record = world["scheduler"].wait_logged(kind="exchange", direction="outbound", route="second")
    row.seen.append(f"route {record['route']} to backend {record['backend']}")
    row.check("the log names route and backend", record["backend"] == "package2")


def accepted(row: Row, world: World) -> None:
    """202 is the app's own word, and what it says of where to look is true."""
    told = world.order()
    body = json.loads(told.body or "{}")
    location = told.header("location") or ""
    row.check(f"202 with its Location, not {told.status}", told.status == 202)
    row.check(f"the app's own body {body}", location == f"/api/deliveries/{body.get('id')}")
    row.check("and the app's own server", told.header("x-powered-by") == "Express")
    status = world.ask("delivery", "GET", location).status
    row.tries.append((f"outside$ curl delivery{location}", str(status)))
    row.check(f"where it says there is a delivery: 200, not {status}", status == 200)


def throttled(row: Row, world: World) -> None:
    """A client that orders too much hears when to come back; its work is nobody's, and another's
    goes on."""
    before = len(world.apps["scheduler"].requests())
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: world.order(), range(ORDERS)))
    statuses = Counter(one.status for one in answers)
    heard = len(world.apps["scheduler"].requests()) - before
    row.tries.append((f"{ORDERS} orders as fast as they go", str(dict(statuses))))
    row.check(f"202 or 429, and both {dict(statuses)}", set(statuses) == {202, 429})
    row.check(f"the app heard those alone that were taken ({heard})", heard == statuses[202])
    told = next((one for one in answers if one.status == 429), answers[-1])
    after = int(told.header("retry-after") or 0)
    limit, left = told.header("ratelimit-limit"), told.header("ratelimit-remaining")
    row.seen.append(f"Retry-After: {after}, RateLimit-Limit: {limit}, RateLimit-Remaining: {left}")
    row.check("it is told when to come back, and what the limit is", after >= 1 and left == "0")
    other = world.order(v6=True).status
    row.tries.append(("another client's order, at the same time", str(other)))
    row.check(f"another client is not throttled: 202, not {other}", other == 202)
    identifier = told.header("x-request-id")
    records = world["scheduler"].sidecar.explain(identifier) if identifier else []
    row.check("explained by its id", bool(records) and "limit orders" in records[-1]["summary"])
    row.give_reason(records[-1] if records else None)
    time.sleep(after)
    again = world.order().status
    row.tries.append((f"the same client's, {after} s later", str(again)))
    row.check(f"then it goes on: 202, not {again}", again == 202)
