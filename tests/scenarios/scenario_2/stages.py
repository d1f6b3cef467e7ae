"""The stages that `--break` switches off, how, and which rows must then fail."""

from scenario import Edit, Stage, without_redirect

ALL_ROWS = frozenset({1, 2, 3, 4, 5, 6, 8, 9})

STAGES = {
    "redirect": without_redirect(ALL_ROWS),
    "keys": Stage(
        frozenset({1}),
        "no key of the Order Service is known to the User Service",
        edits=(Edit("user.yaml", "order-service: { file: order-service.keys }", "nobody: { file: order-service.keys }"),),
    ),
    "retries": Stage(
        frozenset({5}),
        "no retries",
        edits=(Edit("order.yaml", "max: 3\n", "max: 0\n"),),
    ),
}
