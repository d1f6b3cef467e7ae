"""Rows 3, 4 and 5: `api2` from outside the mesh, in plain HTTP."""

from evidence import Row, Watch, ask, find_record, note_dns, outcome_of
from lab import Response
from rows_mesh import HELLO
from world import API2_NAME, APP_PORT, World

RULE, RULE_FILE = "internal", "api2.yaml"
AUDIENCE = "api2"
AN_HOUR_AGO = -3600  # beyond any leeway for clocks
FORGED_IDENTITY = "spiffe://cluster.local/ns/default/sa/forged"
FORGED_ROLES = "admin, forged"  # not `admin` alone, which the sidecar itself may tell the app

# Each a way to claim to be somebody; the last two attack how such claims are removed.
FORGERIES: dict[str, list[tuple[str, str]]] = {
    "x-hasura-role": [("x-hasura-role", "admin"), ("x-hasura-user-id", "1")],
    "x-epaulet-*": [
        ("x-epaulet-identity", FORGED_IDENTITY),
        ("x-epaulet-principal", FORGED_IDENTITY),
        ("x-epaulet-roles", FORGED_ROLES),
    ],
    "x-forwarded-client-cert": [("x-forwarded-client-cert", f"Hash=00;URI={FORGED_IDENTITY}")],
    "underscores": [
        ("x_hasura_role", "admin"),
        ("X_Epaulet_Identity", FORGED_IDENTITY),
        ("x-epaulet_roles", FORGED_ROLES),
        ("x_forwarded_client_cert", f"URI={FORGED_IDENTITY}"),
    ],
    "doubled": [
        ("X-EPAULET-ROLES", "forged"),
        ("x-epaulet-roles", FORGED_ROLES),
        ("x-epaulet-identity", FORGED_IDENTITY),
        ("x-epaulet-identity", ""),
    ],
}
# Connection may not nominate what says who somebody is: such a head is no honest message (RFC 9110 section 7.6.1).
NOMINATED = [
    ("Connection", "x-epaulet-identity, x-forwarded-client-cert, x-request-id"),
    ("x-epaulet-identity", FORGED_IDENTITY),
    ("x-forwarded-client-cert", f"URI={FORGED_IDENTITY}"),
]
ALL_FORGERIES = [field for fields in FORGERIES.values() for field in fields]


class Refusals:
    """Requests that must not get in, each with the record that explains it, collected in a row."""

    def __init__(self, row: Row, world: World):
        self._row, self._world = row, world
        row.evidence["http_status"], row.evidence["explain"] = [], []

    def expect(self, label: str, fields, status: int, outcome: str, address=None, by_rule=True) -> int:
        """Checks one; returns the status that came. `by_rule`: an access rule decided, not an earlier stage."""
        row = self._row
        response = self._world.get_respond(fields, address)
        record = self._record_of(response)
        row.check(f"{label}: {status}, not {response.status}", response.status == status)
        leaks = sorted({name for name, _ in response.headers if _tells_reason(name)})
        row.check(f"{label}: nothing but a request id for an outsider {leaks}", not leaks)
        row.check(f"{label}: explained by its x-request-id", record is not None)
        record = record or {}
        row.check(f"{label}: for the reason {outcome}", record.get("outcome") == outcome)
        rule = record.get("rule") or {"name": "", "source": ""}
        is_ours = rule["name"] == RULE and RULE_FILE in rule["source"]
        row.check(f"{label}: by rule {RULE} of {RULE_FILE}", is_ours or not by_rule)

        row.give_reason(record or None)
        row.evidence["http_status"].append(response.status)
        row.evidence["explain"].append(record or None)
        row.evidence["body"] = response.body
        row.evidence["rule"] = row.evidence["rule"] or record.get("rule")
        return response.status

    def _record_of(self, response: Response) -> dict | None:
        identifier = response.header("x-request-id")
        if identifier is None:
            return None
        return find_record(self._world.api2_sidecar, lambda record: True, identifier)


def _tells_reason(name: str) -> bool:
    return name.lower() == "proxy-status" or name.lower().startswith("x-epaulet-")


def _bearer(token: str) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {token}")]


def _url(address: str) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{APP_PORT}/respond"


def _finish(row: Row, watch: Watch, admitted: int) -> None:
    watch.finish(row)
    got_in = len(watch.new_requests())
    row.check(f"api2's app saw {admitted}, not {got_in}", got_in == admitted)


def without_credentials(row: Row, world: World) -> None:
    watch = Watch(world, world.capture_api2, (world.outside, world.api2))
    refusals = Refusals(row, world)
    note_dns(row, ask(world.outside, API2_NAME))
    for address in world.api2.addresses:
        status = refusals.expect(f"to {address}", [], 401, "unauthenticated", address)
        row.tries.append((f"outside$ curl {_url(address)}", str(status)))
    _finish(row, watch, admitted=0)


def with_a_token(row: Row, world: World) -> None:
    watch = Watch(world, world.capture_api2, (world.outside, world.api2))
    refusals = Refusals(row, world)
    portal, forger, command = world.portal, world.forger, f"outside$ curl {_url(world.api2.ipv4)}"
    for label, token, status, outcome in (
        ("role user", portal.token(AUDIENCE, "u", role="user"), 403, "forbidden"),
        (
            "role admin, expired",
            portal.token(AUDIENCE, "a", lifetime=AN_HOUR_AGO, role="admin"),
            401,
            "token_invalid",
        ),
        ("role admin, wrong key", forger.token(AUDIENCE, "a", role="admin"), 401, "token_invalid"),
    ):
        # A token that does not verify is refused before any rule is asked.
        by_rule = outcome != "token_invalid"
        got = refusals.expect(f"token of {label}", _bearer(token), status, outcome, by_rule=by_rule)
        row.tries.append((f"{command}  # token of {label}", str(got)))

    response = world.get_respond(_bearer(portal.token(AUDIENCE, "a", role="admin")))
    row.tries.append((f"{command}  # token of role admin", outcome_of(response)))
    row.check(f"token of role admin: 200, not {response.status}", response.status == 200)
    row.check(f"token of role admin: body {HELLO!r}", response.body == HELLO)
    row.evidence["http_status"].append(response.status)
    row.evidence["body"] = response.body
    row.evidence["admitted_by"] = watch.admitted_by()
    _finish(row, watch, admitted=1)


def with_forged_headers(row: Row, world: World) -> None:
    watch = Watch(world, world.capture_api2, (world.outside, world.api2))
    refusals = Refusals(row, world)
    statuses = {
        refusals.expect(f"forged {name}", fields, 401, "unauthenticated")
        for name, fields in FORGERIES.items()
    }
    statuses.add(
        refusals.expect("forged, nominated by Connection", NOMINATED, 400, "head_malformed", by_rule=False)
    )
    command = f"outside$ curl -H 'x-hasura-role: admin' {_url(world.api2.ipv4)}"
    outcome = ", ".join(map(str, sorted(statuses)))
    row.tries.append((f"{command}  # and {len(FORGERIES)} other forgeries", outcome))

    user = _bearer(world.portal.token(AUDIENCE, "u", role="user"))
    status = refusals.expect("beside a token of role user", user + ALL_FORGERIES, 403, "forbidden")
    row.tries.append(("   all of them beside a token of role user", str(status)))

    # Whoever may come in is no one else for it either: the same answer, and no forgery in the app.
    admin = _bearer(world.portal.token(AUDIENCE, "a", role="admin"))
    honest, response = world.get_respond(admin), world.get_respond(admin + ALL_FORGERIES)
    row.check("beside a token of role admin: as without", response.status == honest.status)
    headers = [tuple(field) for request in watch.new_requests() for field in request["headers"]]
    row.evidence["headers_seen_by_app"] = headers
    forged = {(name.lower(), value) for name, value in ALL_FORGERIES}
    seen = sorted({name for name, value in headers if (name.lower(), value) in forged})
    row.check(f"the app sees no forged header {seen}", not seen)
    outcome = f"{response.status}, as without; the app saw {', '.join(seen) or 'none of them'}"
    row.tries.append(("   all of them beside a token of role admin", outcome))
    _finish(row, watch, admitted=[honest.status, response.status].count(200))
