"""The stages that `--break` switches off, how, and which rows must then fail."""

from scenario import Edit, Stage, without_redirect

STAGES = {
    "redirect": without_redirect(frozenset({1, 2, 3})),
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
    "mtls": Stage(
        frozenset({1, 2, 3}),
        "Drone Management's certificate is of a foreign authority",
        foreign=frozenset({"drone"}),
    ),
}
