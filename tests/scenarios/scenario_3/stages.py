"""The stages that `--break` switches off, how, and which rows must then fail."""

from dataclasses import dataclass

from scenario import Edit

ALL_ROWS = frozenset({1, 2, 3, 4})


@dataclass(frozen=True)
class Stage:
    """`fails`: the rows that must fail, and no others."""

    fails: frozenset[int]
    what: str
    edits: tuple[Edit, ...] = ()
    redirects: bool = True
    probe: str = "/ready"  # what says that a sidecar is up, as far as it can be
    gateways_in_mesh: bool = True  # False: their certificates come from a foreign authority


STAGES = {
    "dns": Stage(
        ALL_ROWS,
        "the gateways' in-pod DNS listens where no query is diverted to",
        probe="/live",
        edits=(Edit("gateway.yaml", "state:", "listen: { dns: 15054 }\nstate:"),),
    ),
    "redirect": Stage(
        ALL_ROWS, "`epaulet redirect install` is left out", redirects=False, probe="/live"
    ),
    "mtls": Stage(
        ALL_ROWS, "the gateways' certificates come from a foreign authority", gateways_in_mesh=False
    ),
    "sticky": Stage(
        frozenset({2}),
        "the gateway's replicas take turns",
        edits=(Edit("web.yaml", "policy: sticky, by: { cookie: agw-at }", "policy: round_robin"),),
    ),
    "access": Stage(
        frozenset({3}),
        "the event service's rule allows everyone",
        edits=(Edit("my-event-server.yaml", "allow: [gateway]", "allow: [anyone]"),),
    ),
    "drain": Stage(
        frozenset({4}),
        "the gateways' sidecars are given no time to drain",
        edits=(Edit("gateway.yaml", "timeout: 4s", "timeout: 100ms"),),
    ),
}
NOTHING_BROKEN = Stage(frozenset(), "nothing is broken")
