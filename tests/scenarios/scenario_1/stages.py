"""The stages that `--break` switches off, how, and which rows must then fail."""

from dataclasses import dataclass

from scenario import Edit

ALL_ROWS = frozenset(range(1, 7))


@dataclass(frozen=True)
class Stage:
    """`fails`: the rows that must fail, and no others, as the scenario's description names them."""

    fails: frozenset[int]
    what: str
    edits: tuple[Edit, ...] = ()
    redirects: bool = True
    probe: str = "/ready"  # what says that a sidecar is up, as far as it can be
    api_in_mesh: bool = True  # False: its certificate comes from a foreign authority


STAGES = {
    "dns": Stage(
        frozenset({1, 2, 6}),
        "api's in-pod DNS listens where no query is diverted to",
        probe="/live",
        edits=(Edit("api.yaml", "state:", "listen: { dns: 15054 }\nstate:"),),
    ),
    "redirect": Stage(
        ALL_ROWS, "`epaulet redirect install` is left out", redirects=False, probe="/live"
    ),
    "mtls": Stage(
        frozenset({2, 6}),
        "api's certificate comes from a foreign authority",
        api_in_mesh=False,
    ),
    "access": Stage(
        frozenset({3, 4, 5}),
        "api2's access rule allows everyone",
        edits=(Edit("api2.yaml", "allow: [admin]", "allow: [anyone]"),),
    ),
    "roles": Stage(
        frozenset({2, 4, 6}),
        "nobody who calls holds the role admin",
        edits=(
            Edit(
                "api2.yaml",
                "identity: spiffe://cluster.local/ns/default/sa/*",
                "identity: spiffe://cluster.local/ns/default/sa/nobody",
            ),
            Edit("api2.yaml", "value: admin", "value: nobody"),
        ),
    ),
}
NOTHING_BROKEN = Stage(frozenset(), "nothing is broken")
