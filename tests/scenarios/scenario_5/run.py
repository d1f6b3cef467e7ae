#!/usr/bin/env python3
"""Runs scenario 5 (tests/scenarios/README.md) and shows its five rows as they happen."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(TESTS / "support"), str(TESTS / "netns")]

import rows  # noqa: E402  (the paths above first)
from scenario import Scenario  # noqa: E402
from stages import STAGES  # noqa: E402
from world import API_PORT, NATS_PORT, World  # noqa: E402


def introduce(world: World) -> str:
    return f"{len(world.members)} pods, each with a sidecar: {', '.join(world.members)}"


def to_try(world: World):
    inside = f"nsenter --target {world['client'].process.pid} --net --mount "
    nats = f"nsenter --net=/run/netns/{world['nats-1'].pod.netns} "
    call = f"http://http-api.default:{API_PORT}/greeting_service.hello"
    return (
        (f"{inside}curl -i -d '[[\"Bob\"]]' {call}", "a call, by way of NATS"),
        (f"{inside}bash -c 'head -1 </dev/tcp/nats.default/{NATS_PORT}'", "NATS greets the client"),
        (f"{nats}{world.binaries.epaulet} explain", "whom a NATS server refused, and why"),
    )


SCENARIO = Scenario(
    number=5,
    what="RPC over NATS with asyncio and aiohttp, and pages over WebSocket",
    directory=HERE,
    rows=dict(enumerate(rows.ROWS, 1)),
    stages=STAGES,
    make_world=World,
    introduce=introduce,
    to_try=to_try,
)

if __name__ == "__main__":
    sys.exit(SCENARIO.main())
