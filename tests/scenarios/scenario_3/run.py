#!/usr/bin/env python3
"""Runs scenario 3 (tests/scenarios/README.md) and shows its four rows as they happen."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(TESTS / "support"), str(TESTS / "netns")]

import rows_browser  # noqa: E402  (the paths above first)
import rows_rest  # noqa: E402
from scenario import Scenario  # noqa: E402
from stages import STAGES  # noqa: E402
from world import APP_PORT, World  # noqa: E402

ROWS = (
    ("every REST call of the document, bytes and query untouched", rows_rest.calls),
    ("Socket.io in a browser: polling, upgrade, sessions that stay", rows_browser.sessions),
    ("only the gateway calls the event service, only with www.", rows_rest.nobody_else),
    ("a WebSocket lives through reload, rotation and drain", rows_browser.long_life),
)


def introduce(world: World) -> str:
    pods = ", ".join(f"{pod.name} {pod.ipv4}" for pod in world.lab.pods.values())
    return f"pods {pods} (outside has no sidecar)"


def to_try(world: World):
    host = world.lab.join_host()
    outside = "" if host else f"nsenter --net=/run/netns/{world.outside.netns} "
    inside = f"nsenter --net=/run/netns/{world.web.pod.netns} "
    gateway, events = world.gateways[1].pod.ipv4, world.events.pod.ipv4
    return (
        (f"{outside}curl 'http://{gateway}:{APP_PORT}/external/mirror?a=1'", "a call as an event"),
        (f"{outside}curl -i -d{{}} http://{events}:{APP_PORT}/event", "refused"),
        (f"{inside}{world.binaries.epaulet} explain", "what web's sidecar refused, and why"),
    )


SCENARIO = Scenario(
    number=3,
    what="an API gateway in two replicas, an event service, a browser",
    directory=HERE,
    rows=dict(enumerate(ROWS, 1)),
    stages=STAGES,
    make_world=World,
    introduce=introduce,
    to_try=to_try,
)

if __name__ == "__main__":
    sys.exit(SCENARIO.main())
