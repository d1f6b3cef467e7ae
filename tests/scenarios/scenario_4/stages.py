"""The stages that `--break` switches off, how, and which rows must then fail."""

from scenario import Edit, Stage, without_redirect

STAGES = {
    "redirect": without_redirect(frozenset({1, 2, 3, 4, 5})),
    "access": Stage(
        frozenset({1}),
        "Delivery's internal API is everybody's",
        edits=(Edit("delivery.yaml", "paths: [/internal/**], allow: [scheduler]", "paths: [/internal/**], allow: [anyone]"),),
    ),
    "strict": Stage(
        frozenset({1}),
        "Accounts lets in whoever comes",
        edits=(
            Edit("accounts.yaml", "tls: strict", "tls: permissive"),
            Edit("accounts.yaml", "allow: [scheduler]", "allow: [anyone]"),
        ),
    ),
    "timeouts": Stage(
        frozenset({2}),
        "a backend may take as long as it likes",
        edits=(Edit("scheduler.yaml", "request: 3s, attempt: 2s", "request: 12s, attempt: 12s"),),
    ),
    "throttle": Stage(
        frozenset({5}),
        "a client may order as much as it likes",
        edits=(Edit("scheduler.yaml", "requests: 4, burst: 40", "requests: 1000, burst: 1000"),),
    ),
    "versions": Stage(
        frozenset({5}),
        "no route looks at the query",
        edits=(Edit("scheduler.yaml", 'query: [ { name: api-version, pattern: "2.*" } ]', "headers: [ { name: api-version } ]"),),
    ),
    "accepted": Stage(
        frozenset({5}),
        "Delivery shows the first order and no other",
        edits=(Edit("delivery.yaml", "paths: [/api/deliveries/*], allow: [anyone]", "paths: [/api/deliveries/1], allow: [anyone]"),),
    ),
    "events": Stage(
        frozenset({4}),
        "the broker lets in publishers alone",
        edits=(Edit("broker.yaml", "allow: [publishers, subscribers]", "allow: [publishers]"),),
    ),
    "broker": Stage(
        frozenset({4}),
        "the broker's certificate is of a foreign authority",
        foreign=frozenset({"broker"}),
    ),
    "open": Stage(
        frozenset({4}),
        "the broker lets in whoever comes",
        edits=(
            Edit("broker.yaml", "tls: strict", "tls: permissive"),
            Edit("broker.yaml", "allow: [publishers, subscribers]", "allow: [anyone]"),
        ),
    ),
    "mtls": Stage(
        frozenset({1, 2, 3, 4, 5}),
        "Drone Management's certificate is of a foreign authority",
        foreign=frozenset({"drone"}),
    ),
}
