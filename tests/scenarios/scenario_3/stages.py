"""The stages that `--break` switches off, how, and which rows must then fail."""

from scenario import Edit, Stage, without_redirect

ALL_ROWS = frozenset({1, 2, 3, 4})
GATEWAYS = frozenset({"gateway-1", "gateway-2"})

STAGES = {
    "dns": Stage(
        ALL_ROWS,
        "the gateways' in-pod DNS listens where no query is diverted to",
        probe="/live",
        edits=(Edit("gateway.yaml", "state:", "listen: { dns: 15054 }\nstate:"),),
    ),
    "redirect": without_redirect(ALL_ROWS),
    "mtls": Stage(
        ALL_ROWS, "the gateways' certificates come from a foreign authority", foreign=GATEWAYS
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
