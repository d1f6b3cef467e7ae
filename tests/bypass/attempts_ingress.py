"""What is said of clients outside of the mesh: by the ingress that is trusted, and by others."""

from attempts_headers import FORGED, ORIGIN_FIELDS, all_spellings, claim, trailers
from speak import get, head, leaf, plain
from table import Control, Possible, Refused, Row, Stripped
from world import KEYED, TRUST

LAN = "/lan/x"  # for clients of 10.88.0.11 and fd88::b
NAMED = "X-Forwarded-For: 10.88.0.11"
ELSEWHERE = "10.88.0.99"


def by(who: str, *fields: str, target: str = LAN, v6: bool = False):
    return leaf(head(target, fields), who, port=KEYED, v6=v6)


def gateway(*fields: str, **more):
    return by("gateway", *fields, **more)


def elsewhere(name: str, *fields: str, rule: str = "lan") -> Row:
    return Refused(name, gateway(*fields), "forbidden", 403, rule)


def nobody(name: str, *fields: str, target: str = LAN) -> Row:
    """Also where no rule asks for a network: one that denies some could not be kept."""
    return Refused(
        name, gateway(*fields, target=target), "forbidden", 403, says="names no client"
    )


ROWS: list[Row] = [
    Control("the client that the ingress has seen", gateway(NAMED), NAMED.encode()),
    Control("over IPv6", gateway("X-Forwarded-For: fd88::b", v6=True), b"fd88::b"),
    Control("with its port", gateway("X-Forwarded-For: [fd88::b]:4711"), b"fd88::b"),
    elsewhere("a client of elsewhere", f"X-Forwarded-For: {ELSEWHERE}"),
    elsewhere("what the client says before it", f"{NAMED}, {ELSEWHERE}"),
    elsewhere("in a field before it", NAMED, f"X-Forwarded-For: {ELSEWHERE}"),
    elsewhere("in another spelling behind it", f"X-Forwarded-For: {ELSEWHERE}", "X_Forwarded_For: 10.88.0.11"),
    elsewhere("in other fields", f"X-Forwarded-For: {ELSEWHERE}", "Forwarded: for=10.88.0.11", "X-Real-IP: 10.88.0.11"),
    elsewhere("a network that is denied", "X-Forwarded-For: 192.0.2.7", rule="blocked"),
    elsewhere("denied as an IPv4 address in IPv6", "X-Forwarded-For: ::ffff:192.0.2.7", rule="blocked"),
    nobody("nothing"),
    nobody("nothing, where every client may come", target="/public/x"),
    nobody("no address", "X-Forwarded-For: unknown"),
    nobody("an empty one", "X-Forwarded-For:"),
    nobody("one with something behind it", "X-Forwarded-For: 10.88.0.11 x"),
    nobody("with underscores", "X_Forwarded_For: 10.88.0.11"),
    nobody("in a field that it does not write", "Forwarded: for=10.88.0.11"),
    nobody("nominated by Connection", "Connection: X-Forwarded-For", NAMED),
    Refused("by another peer", by("other", NAMED), "forbidden", 403, "lan"),
    Refused("by a peer whose name begins like it", by("gateway2", NAMED), "forbidden", 403, "lan"),
    Refused(
        "by a stranger who says that he is it",
        get(LAN, NAMED, claim("x-epaulet-peer"), f"x-forwarded-client-cert: URI={TRUST}gateway", port=KEYED),
        "unauthenticated",
        401,
        "lan",
    ),
    # A rule that asks for a field of identity.
    Control("a role of the ingress's", gateway(NAMED, "x-hasura-role: admin", target="/by-field/x"), b"x-hasura-role: admin"),
    Refused(
        "a role of another peer's",
        by("other", "x-hasura-role: admin", target="/by-field/x"),
        "forbidden",
        403,
    ),
    # What the app reads.
    Control(
        "the identity that it may tell",
        gateway(NAMED, "X-Hasura-Role: user", target="/public/x"),
        b"X-Hasura-Role: user",
    ),
    Stripped(
        "the app never reads another identity of it",
        gateway(NAMED, claim("x-hasura-user-id"), claim("x-epaulet-roles"), claim("x-spiffe-id"), target="/public/x"),
        FORGED,
    ),
    Stripped(
        "nor that one in another spelling",
        gateway(NAMED, claim("x_hasura_role"), claim("X.Hasura.Role"), target="/public/x"),
        FORGED,
    ),
    Stripped(
        "nor that one from another peer",
        by("other", claim("x-hasura-role"), target="/public/x"),
        FORGED,
    ),
    Stripped(
        "nor its word about the way in another spelling",
        gateway(NAMED, *(claim(n) for n in all_spellings(ORIGIN_FIELDS) if "_" in n or "." in n), target="/public/x"),
        FORGED,
    ),
    Stripped(
        "nor in a trailer",
        leaf(
            trailers(*all_spellings(ORIGIN_FIELDS + ("x-hasura-role",))).replace(
                b"Host: h\r\n", b"Host: h\r\n" + NAMED.encode() + b"\r\n"
            ),
            "gateway",
            port=KEYED,
        ),
        FORGED,
    ),
    *(
        Stripped(
            f"nor {name} from {who}",
            attempt(*map(claim, all_spellings((name,)))),
            FORGED,
        )
        for name in (*ORIGIN_FIELDS, "x-forwarded-proto", "x-forwarded-port")
        for who, attempt in (
            ("another peer", lambda *fields: by("other", *fields, target="/public/x")),
            ("a stranger", lambda *fields: plain(head("/public/x", fields), KEYED)),
        )
    ),
    Possible(
        "whatever the ingress says of its client", gateway(NAMED, "X-Forwarded-Host: any.example"), b"any.example"
    ),
]
