"""The stages that `--break` switches off, how, and which rows must then fail."""

from scenario import Edit, Stage, without_redirect

ALL_ROWS = frozenset(range(1, 7))

STAGES = {
    "dns": Stage(
        frozenset({1, 2, 6}),
        "api's in-pod DNS listens where no query is diverted to",
        probe="/live",
        edits=(Edit("api.yaml", "state:", "listen: { dns: 15054 }\nstate:"),),
    ),
    "redirect": without_redirect(ALL_ROWS),
    "mtls": Stage(
        frozenset({2, 6}),
        "api's certificate comes from a foreign authority",
        foreign=frozenset({"api"}),
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
