"""The stages that `--break` switches off, how, and which rows must then fail."""

from scenario import Edit, Stage, without_redirect

STAGES = {
    "redirect": without_redirect(frozenset({1})),
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
    "mtls": Stage(
        frozenset({1}),
        "Drone Management's certificate is of a foreign authority",
        foreign=frozenset({"drone"}),
    ),
}
