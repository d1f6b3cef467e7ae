"""The stages that `--break` switches off, how, and which rows must then fail."""

from scenario import Edit, Stage, without_redirect

ALL_ROWS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9})

STAGES = {
    "redirect": without_redirect(ALL_ROWS),
    "keys": Stage(
        frozenset({1}),
        "the User Service looks for keys elsewhere",
        edits=(Edit("user.yaml", "header: X-API-Key\n  owner", "header: X-Other-Key\n  owner"),),
    ),
    "mtls": Stage(
        frozenset({3}),  # which leaves good ones behind
        "the User Service's next certificates come from a foreign authority",
        renewed_foreign=frozenset({"user"}),
    ),
    "minting": Stage(
        frozenset({2, 3, 4, 5, 6, 7, 9}),
        "the Order Service's sidecar signs for another audience",
        edits=(Edit("order.yaml", "audiences: [user-service]", "audiences: [product-service]"),),
    ),
    "breaker": Stage(
        frozenset({4}),
        "the User Service has no breaker",
        edits=(
            Edit(
                "order.yaml",
                "    breaker: { error_ratio: 50%, min_requests: 10, window: 10s, open_for: 30s }\n    routes",
                "    routes",
            ),
        ),
    ),
    "retries": Stage(
        frozenset({5, 6, 9}),  # what a GET takes in all is of several attempts, and opossum sees fewer failures
        "nothing is tried again",
        edits=(Edit("order.yaml", "      max: 3\n", "      max: 0\n"),),
    ),
    "backoff": Stage(
        frozenset({5}),
        "retries wait for next to nothing",
        only=frozenset({5}),
        edits=(Edit("order.yaml", "      backoff: { initial: 1s, jitter: full }\n", ""),),
    ),
    "budget": Stage(
        frozenset({9}),
        "the mesh may add as many retries as it likes, and loses no time",
        only=frozenset({9}),
        edits=(
            Edit(
                "order.yaml",
                "      backoff: { initial: 1s, jitter: full }\n",
                "      backoff: { initial: 10ms }\n      budget: 100%\n      budget_floor: 1000\n",
            ),
        ),
    ),
    "grpc": Stage(
        frozenset({8}),
        "no call is tried again by its status",
        only=frozenset({8}),
        edits=(Edit("order.yaml", "100ms }, grpc_statuses: [unavailable] }", "100ms } }"),),
    ),
    "background": Stage(
        frozenset({7}),
        "an order waits until its notification has an answer",
        edits=(
            Edit(
                "order.yaml",
                "        background: { tries: 50, give_up_after: 5m, backoff: { initial: 500ms, max: 2s } }\n",
                "",
            ),
        ),
    ),
    "timeouts": Stage(
        frozenset({6}),
        "writes have a fifth of their time",
        edits=(
            Edit(
                "order.yaml",
                "methods: [POST, PUT], timeouts: { request: 10s, attempt: 10s }",
                "methods: [POST, PUT], timeouts: { request: 2s, attempt: 2s }",
            ),
        ),
    ),
    "attempts": Stage(
        frozenset({6}),
        "an attempt may take as long as its request",
        only=frozenset({6}),
        edits=(Edit("order.yaml", "timeouts: { request: 10s, attempt: 3s }", "timeouts: { request: 10s }"),),
    ),
}
