"""Row 7: what is accepted at once and delivered later."""

import time
from concurrent.futures import ThreadPoolExecutor

from lab import wait_until
from rows_access import encrypted
from scenario import Row
from world import LISTENING, World

ORDERS = 3  # in each mood
NOTIFY = "http://notification-service:3003/notifications"


def _order(row: Row, world: World, what: str) -> None:
    """Orders are made although the Notification Service is like that, and take no longer."""
    for _ in range(ORDERS):
        begin = time.monotonic()
        answer = world.order(1)
        seconds = time.monotonic() - begin
        row.check(f"{what}: 201, not {answer.status}", answer.status == 201)
        row.check(f"{what}: at once, not after {seconds:.2f} s", seconds < 1.0)
    row.tries.append((f"outside$ curl -d ... /orders  # notifications: {what}", f"{ORDERS} x 201"))


@encrypted
def background(row: Row, world: World) -> None:
    order, app = world["order"], world.apps["notification"]
    before = len(app.requests())
    _order(row, world, "well")
    wait_until(lambda: len(app.requests()) == before + ORDERS, "the notifications", 10)
    world.feel("notification", delay=4000)
    _order(row, world, "slow")
    world.feel("notification", status=503)
    _order(row, world, "refusing")
    world.feel("notification")

    app.process.stop()
    _order(row, world, "down")
    waiting = order.counter("epaulet_background_waiting")
    row.check(f"{waiting:g} notifications wait", waiting >= ORDERS)
    app.start()
    for line in LISTENING["notification"]:
        app.process.wait_for_line(line, 30)
    wait_until(lambda: order.counter("epaulet_background_waiting") == 0, "the deliveries", 30)
    told = {value for one in app.requests() for name, value in one["headers"] if name == "Idempotency-Key"}
    row.check(f"once it is up again it is told of {len(told)} orders", len(told) >= ORDERS)
    accepted = order.counter("epaulet_background_accepted_total")
    delivered = order.counter("epaulet_background_delivered_total")
    dropped = order.counter("epaulet_background_dropped_total")
    row.seen.append(f"accepted {accepted:g}, delivered {delivered:g}, dropped {dropped:g}")
    row.check(f"all {accepted:g} are delivered, not {delivered:g}", accepted == delivered)
    row.check("none is dropped", dropped == 0)
    _bounded(row, world)


def _bounded(row: Row, world: World) -> None:
    """Two may wait, and each is tried twice: what is beyond is refused, or given up, and counted."""
    order = world["order"]
    text = order.sidecar.config_file.read_text()
    few = "background: { queue: 2, tries: 2, backoff: { initial: 100ms, max: 100ms } }"
    bounded = text.replace("background: { tries: 50, give_up_after: 5m, backoff: { initial: 500ms, max: 2s } }", few)
    row.check("the configuration has a bound of two", bounded != text)
    applied = len(order.logged(event="config_applied"))
    order.replace("config/order.yaml", bounded)
    wait_until(lambda: len(order.logged(event="config_applied")) > applied, "the reload", 10)
    world.feel("notification", status=503, delay=1500)
    # All at once: node may take longer to start than the first one takes to be given up.
    with ThreadPoolExecutor(3) as pool:
        asked = pool.map(lambda _: world.client("ready_made", "post", NOTIFY)["status"], range(3))
        statuses = sorted(asked)
    row.tries.append(("order$ three notifications, of which two may wait", str(statuses)))
    row.check(f"the third is refused {statuses}", statuses == [202, 202, 503])
    row.check("which the log says", order.logged(outcome="background_full"))
    wait_until(lambda: len(order.logged(event="background_dropped")) == 2, "both to be given up", 15)
    reasons = [one["reason"] for one in order.logged(event="background_dropped")]
    counted = order.counter("epaulet_background_dropped_total", reason="tries")
    row.seen.append(f"given up: {reasons}, counted: {counted:g}")
    row.check("given up after two tries each, counted and logged", reasons == ["tries"] * 2 and counted == 2)
    world.feel("notification")
