#!/usr/bin/env python3
"""Runs scenario 1 (tests/scenarios/README.md) and shows its six rows as they happen."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "support")]

import rows_mesh  # noqa: E402  (the paths above first)
import rows_outside  # noqa: E402
from scenario import Scenario  # noqa: E402
from stages import STAGES  # noqa: E402
from world import APP_PORT, World  # noqa: E402

ROWS = (
    ("before api2 exists: an error that says why", rows_mesh.before_api2_exists),
    ("with api2 up, and no configuration changed", rows_mesh.with_api2_up),
    ("api2 from outside, no credentials: refused", rows_outside.without_credentials),
    ("from outside with a token: role user refused, role admin allowed", rows_outside.with_a_token),
    (
        "forged role and identity headers from outside change nothing",
        rows_outside.with_forged_headers,
    ),
    ("port 80 by name reaches the app on 8080; an unknown name does not exist", rows_mesh.names),
)


def introduce(world: World) -> str:
    return (
        f"pods api {world.api.ipv4}, api2 {world.api2.ipv4}, outside {world.outside.ipv4} (no"
        f" sidecar), dns {world.dns_pod.ipv4}"
    )


def to_try(world: World):
    host = world.lab.join_host()
    outside = "" if host else f"nsenter --net=/run/netns/{world.outside.netns} "
    inside = f"nsenter --net=/run/netns/{world.api.netns} "
    api, api2 = world.api.ipv4, world.api2.ipv4
    return (
        (f"{outside}curl http://{api}:{APP_PORT}/hello", "api, and api2 through both sidecars"),
        (f"{outside}curl -i http://{api2}:{APP_PORT}/respond", "api2 without credentials"),
        (f"{outside}curl http://{api}:15020/metrics", "what api's sidecar counts"),
        (
            f"{inside}curl http://127.0.0.1:15000/services",
            "what it routes: /endpoints /config /certs",
        ),
        (f"{inside}{world.binaries.epaulet} explain", "what it refused, and why"),
    )


SCENARIO = Scenario(
    number=1,
    what="two unmodified express apps, a sidecar beside each",
    directory=HERE,
    rows=dict(enumerate(ROWS, 1)),
    stages=STAGES,
    make_world=World,
    introduce=introduce,
    to_try=to_try,
)

if __name__ == "__main__":
    sys.exit(SCENARIO.main())
