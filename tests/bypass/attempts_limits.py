"""Rules that are only on trial, and limits: whom they let through, and whom they still do not."""

from lab import wait_until
from mesh import Wire
from speak import WEBSOCKET, Fields, good_token, head
from table import Control, Possible, Refused, Row, Stripped, Told, Try, dial_and_tell, tell
from trial import TRIAL
from world import CLOSED, STRICT, UNDECLARED, World, client_context

AUDIT = TRIAL + "access_mode: audit\n"
LATER = frozenset({"retry-after"})
RATE = LATER | {f"ratelimit-{what}" for what in ("limit", "remaining", "reset")}


def dial(world: World, port: int = CLOSED, v6: bool = False, pod=None) -> Wire:
    return world.dial(pod or world.outside, port, address=world.trial.pod.addresses[v6])


def ask(target: str, *fields: str | bytes, port: int = CLOSED, method: str = "GET") -> Try:
    """A stranger's request to `trial`."""
    raw = head(target, fields, method)
    return lambda world: dial_and_tell(lambda: dial(world, port), raw)


def refused(
    name: str, attempt: Try, code: str, status: int | None, rule: str | None = None, **more
) -> Row:
    return Refused(name, attempt, code, status, rule, by="trial", **more)


def with_bad_token(target: str) -> Try:
    return lambda world: ask(target, f"Authorization: Bearer {good_token(world)[:-8]}AAAAAAAA")(world)


# Audit mode.


def configure(world: World, text: str) -> None:
    trial = world.trial
    written = trial.sidecar.home / "config" / trial.sidecar.config_file.name
    if written.read_text() == text:
        return
    before = trial.counter("epaulet_config_version")
    trial.replace(f"config/{written.name}", text)
    wait_until(lambda: trial.counter("epaulet_config_version") > before, "the other mode", 10)


def audited(attempt: Try) -> Try:
    """Under `access_mode: audit`."""

    def made(world: World) -> Told:
        configure(world, AUDIT)
        return attempt(world)

    return made


def enforced(attempt: Try) -> Try:
    def made(world: World) -> Told:
        configure(world, TRIAL)
        return attempt(world)

    return made


def foreign_peer(world: World) -> Told:
    def shake() -> Wire:
        identity = world.identity("api", "foreign")
        channel = dial(world, STRICT).socket
        return Wire(
            client_context(["epaulet/1-h1"], identity).wrap_socket(
                channel, server_hostname="trial.default"
            )
        )

    return dial_and_tell(shake, head("/x"))


# Rate limits: each row fills its bucket by a request that may pass.


def second(name: str, *fields: str, first: Fields = (), rest: str = "") -> Try:
    """By another connection."""

    def attempt(world: World) -> Told:
        begun = tell(dial(world), head(f"/limited/{name}/x", first))
        assert begun.status == 200, begun
        return tell(dial(world), head(f"/limited/{name}/x{rest}", fields))

    return attempt


def from_the_same_network(world: World) -> Told:
    """Of IPv6 somebody has 64 bits."""
    raw = head("/limited/network/x")
    assert tell(dial(world, v6=True), raw).status == 200
    return tell(dial(world, v6=True, pod=world.dns.pod), raw)


def limited(name: str, attempt: Try, rule: str) -> Row:
    says = f"limit {rule} "
    return refused(name, attempt, "rate_limited", 429, says=says, admits=1, tells=RATE)


def upgraded(world: World) -> Told:
    """A WebSocket that goes on for as long as it may."""
    wire = dial(world)
    wire.send(head("/trial/socket", WEBSOCKET))
    assert wire.head().startswith(b"HTTP/1.1 101"), "the app agreed"
    return tell(wire, b"")


# Concurrency: the app is asked one thing at a time.


def while_busy(attempt: Try) -> Try:
    """As long as the app has a request to do."""

    def made(world: World) -> Told:
        before = len(world.seen)
        with dial(world) as holder:
            holder.send(head("/busy/hold", ("Content-Length: 1",), "POST"))
            wait_until(lambda: len(world.seen) > before, "the app to be busy", 5)
            told = attempt(world)
            holder.send("x")
            assert holder.response()[0] == 200
        return told

    return made


def overloaded(name: str, attempt: Try) -> Row:
    return refused(name, while_busy(attempt), "overloaded", 503, admits=1, tells=LATER)


ROWS: list[Row] = [
    Control("an open path", ask("/busy/x")),
    # A rule with `mode: audit`.
    Possible("what a rule on trial would refuse", ask("/trial/x")),
    Stripped(
        "and what is claimed there", ask("/trial/x", "X-Epaulet-Roles: root-of-all"), b"root-of-all"
    ),
    refused("a denial beside a rule on trial", ask("/trial/refused/x"), "unauthenticated", 401, "refused"),
    refused("a rule behind a denial on trial", ask("/noted/x"), "unauthenticated", 401, "behind"),
    refused("by dots from a rule on trial", ask("/trial/../admin/x"), "path_ambiguous", 400),
    refused("a path that no rule names", ask("/other"), "unauthenticated", 401),
    refused(
        "a bad token at a rule on trial", with_bad_token("/trial/x"), "token_invalid", 401
    ),
    # access_mode: audit.
    Possible("anything where all is on trial", audited(ask("/admin/x"))),
    Possible("a bad token where all is on trial", audited(with_bad_token("/admin/x"))),
    Stripped(
        "and what is claimed there, too",
        audited(ask("/admin/x", "X-Epaulet-Peer: root-of-all")),
        b"root-of-all",
    ),
    refused(
        "plaintext on a strict port, though all is on trial",
        audited(ask("/x", port=STRICT)),
        "plaintext_on_strict_port",
        403,
    ),
    refused(
        "a foreign authority, though all is on trial",
        audited(foreign_peer),
        "tls_peer_untrusted",
        None,
    ),
    refused(
        "a port that is not declared, though all is on trial",
        audited(ask("/x", port=UNDECLARED)),
        "port_not_declared",
        None,
    ),
    refused("when the trial is over", enforced(ask("/admin/x")), "unauthenticated", 401, "admin"),
    # Rate limits.
    limited("once more than a limit lets", second("again"), "again"),
    limited(
        "once more, claiming another address",
        second("claimed", "X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7", "X-Real-IP: 192.0.2.7"),
        "claimed",
    ),
    limited("once more, with a query", second("spelt", rest="?a=1"), "spelt"),
    limited(
        "once more, from another address of a network",
        from_the_same_network,
        "network",
    ),
    limited(
        "once more, claiming to be somebody",
        second("nobody", "X-Epaulet-Peer: spiffe://cluster.local/ns/default/sa/api"),
        "nobody",
    ),
    Possible(
        "once more, under another value of the field that a limit goes by",
        second("tenant", "X-Tenant: b", first=("X-Tenant: a",)),
        reaches_app=2,
    ),
    refused("an upgrade beyond its longest time", upgraded, "duration_exceeded", None, admits=1),
    # Concurrency.
    overloaded("while the app is busy", ask("/busy/x")),
    overloaded("saying that it is critical", ask("/busy/x", "X-Epaulet-Criticality: critical")),
    overloaded("below the probe's path", ask("/healthz/x")),
    overloaded("the probe's path by another method", ask("/healthz", method="DELETE")),
    Possible("the probe's path, whoever asks", while_busy(ask("/healthz")), reaches_app=2),
]
