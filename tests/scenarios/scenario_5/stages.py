"""The stages that `--break` switches off, how, and which rows must then fail."""

from dataclasses import dataclass

from scenario import Edit

ALL_ROWS = frozenset(range(1, 6))


@dataclass(frozen=True)
class Stage:
    """`fails`: the rows that must fail, and no others."""

    fails: frozenset[int]
    what: str
    edits: tuple[Edit, ...] = ()
    redirects: bool = True
    probe: str = "/ready"  # what says that a sidecar is up, as far as it can be
    foreign: str = ""  # the pod whose certificate comes from a foreign authority


STAGES = {
    "dns": Stage(
        ALL_ROWS,
        "the client's in-pod DNS listens where no query is diverted to",
        probe="/live",
        edits=(Edit("client.yaml", "state:", "listen: { dns: 15054 }\nstate:"),),
    ),
    "redirect": Stage(
        ALL_ROWS, "`epaulet redirect install` is left out", redirects=False, probe="/live"
    ),
    "mtls": Stage(
        frozenset({3, 4}),  # row 3 wants it refused by a rule, not at the handshake
        "the browser's certificate comes from a foreign authority",
        foreign="browser",
    ),
    "access": Stage(
        frozenset({3}),
        "NATS takes anyone of the mesh for a client",
        edits=(Edit("nats.yaml", "allow: [api, app, client]", "allow: [anyone]"),),
    ),
    "detection": Stage(
        frozenset({3}),
        "the client's NATS port is declared HTTP, so that the server may not begin",
        edits=(Edit("client.yaml", "4222: auto", "4222: http"),),
    ),
    "replicas": Stage(
        frozenset({5}),
        "the client knows one HTTP API of the two",
        edits=(Edit("client.yaml", "dns: http-api.default", "dns: api-1.default"),),
    ),
}
NOTHING_BROKEN = Stage(frozenset(), "nothing is broken")
