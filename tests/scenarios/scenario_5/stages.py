"""The stages that `--break` switches off, how, and which rows must then fail."""

from scenario import Edit, Stage, without_redirect

ALL_ROWS = frozenset(range(1, 6))

STAGES = {
    "dns": Stage(
        ALL_ROWS,
        "the client's in-pod DNS listens where no query is diverted to",
        probe="/live",
        edits=(Edit("client.yaml", "state:", "listen: { dns: 15054 }\nstate:"),),
    ),
    "redirect": without_redirect(ALL_ROWS),
    "mtls": Stage(
        frozenset({3, 4}),  # row 3 wants it refused by a rule, not at the handshake
        "the browser's certificate comes from a foreign authority",
        foreign=frozenset({"browser"}),
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
