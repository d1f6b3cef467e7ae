#!/usr/bin/env python3
"""Runs scenario 2 (tests/scenarios/README.md) and shows its rows as they happen."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(TESTS / "support"), str(TESTS / "netns")]

import rows_access  # noqa: E402  (the paths above first)
import rows_clients  # noqa: E402
import rows_failure  # noqa: E402
import rows_later  # noqa: E402
from scenario import Scenario  # noqa: E402
from stages import STAGES  # noqa: E402
from world import PORTS, World  # noqa: E402

ROWS = {
    1: ("API keys, two of them valid while one is changed", rows_access.api_keys),
    2: ("service tokens, which the caller's sidecar signs", rows_access.service_tokens),
    3: ("certificates that change under load", rows_access.rotation),
    4: ("a breaker: closed, open, half open, closed", rows_failure.breaker),
    5: ("retries, three at most, and never of what the caller got wrong", rows_failure.retries),
    6: ("time-outs, by method and by route", rows_failure.timeouts),
    7: ("notifications that no order waits for", rows_later.background),
    8: ("gRPC: every kind of call, its statuses, a breaker by them", rows_failure.grpc),
    9: ("axios, axios-retry, opossum and grpc-js, as they are", rows_clients.ready_made),
}


def introduce(world: World) -> str:
    pods = ", ".join(f"{name} {member.pod.ipv4}" for name, member in world.members.items())
    return f"pods: {pods}, outside {world.outside.ipv4}"


def to_try(world: World):
    inside = f"nsenter --net=/run/netns/{world['order'].pod.netns} "
    url = f"http://{world['order'].pod.ipv4}:{PORTS['order']}/orders"
    order = f"curl -i -H 'Content-Type: application/json' -d '{{\"userId\": 1}}' {url}"
    mood = "curl -X PUT -H 'Content-Type: application/json' -d '{\"status\": 500}' http://127.0.0.1:3099/mood"
    user = f"nsenter --net=/run/netns/{world['user'].pod.netns} "
    return (
        (f"nsenter --net=/run/netns/{world.outside.netns} {order}", "an order"),
        (f"{user}{mood}", "the User Service is out of order from now on"),
        (f"{inside}{world.binaries.epaulet} explain", "what the Order Service's sidecar saw of it"),
    )


SCENARIO = Scenario(
    number=2,
    what="users, orders and notifications, resilient without a line of theirs",
    directory=HERE,
    rows=ROWS,
    stages=STAGES,
    make_world=World,
    introduce=introduce,
    to_try=to_try,
)

if __name__ == "__main__":
    sys.exit(SCENARIO.main())
