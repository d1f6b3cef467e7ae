#!/usr/bin/env python3
"""Runs scenario 4 (tests/scenarios/README.md) and shows its rows as they happen."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(TESTS / "support"), str(TESTS / "netns")]

import rows  # noqa: E402  (the paths above first)
import rows_events  # noqa: E402
import rows_public  # noqa: E402
from scenario import Scenario  # noqa: E402
from stages import STAGES  # noqa: E402
from world import PORT, World  # noqa: E402

ROWS = {
    1: ("public and backend APIs, separated by access rules", rows.public_and_backend),
    2: ("one backend fails, and nothing else does", rows.no_cascade),
    3: ("REST and gRPC backends, found out by themselves", rows.two_protocols),
    4: ("events through a broker: what it has kept is lost to nobody who was down", rows_events.events),
    5: ("throttling, versions by query string, 202", rows_public.public_manners),
}


def introduce(world: World) -> str:
    pods = ", ".join(f"{name} {member.pod.ipv4}" for name, member in world.members.items())
    return f"pods: {pods}, outside {world.outside.ipv4}"


def to_try(world: World):
    outside = f"nsenter --net=/run/netns/{world.outside.netns} "
    url = {name: f"http://{member.pod.ipv4}:{PORT}" for name, member in world.members.items()}
    order = f"curl -i -H 'Content-Type: application/json' -d '{{\"account\": 7}}'"
    inside = f"nsenter --net=/run/netns/{world['delivery'].pod.netns} "
    return (
        (f"{outside}{order} {url['scheduler']}/api/deliveryrequests", "a delivery"),
        (f"{outside}curl -i {url['delivery']}/internal/deliveries", "what is nobody's outside"),
        (f"{inside}{world.binaries.epaulet} explain", "why"),
    )


SCENARIO = Scenario(
    number=4,
    what="drone delivery, a public API, four backends and a broker of events",
    directory=HERE,
    rows=ROWS,
    stages=STAGES,
    make_world=World,
    introduce=introduce,
    to_try=to_try,
)

if __name__ == "__main__":
    sys.exit(SCENARIO.main())
