"""Fields that claim who somebody is, and tricks with how fields are read and removed."""

from speak import get, good_token, head, leaf, own_app, plain, with_token
from table import Control, Possible, Refused, Row, Stripped
from world import CLOSED, TRUST

FORGED = b"forged-by-the-caller"
IDENTITY_FIELDS = (
    "x-epaulet-peer",
    "x-epaulet-roles",
    "x-epaulet-anything",
    "x-forwarded-client-cert",
    "l5d-client-id",
    "x-spiffe-id",
    "x-client-identity",
    "x-hasura-role",
    "x-hasura-user-id",
    "proxy-status",
)
ORIGIN_FIELDS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def spellings(name: str) -> dict[str, str]:
    return {
        "": name,
        " in capitals": name.upper(),
        " with underscores": name.replace("-", "_"),
        " with dots": name.replace("-", "."),
    }


def claim(name: str) -> str:
    return f"{name}: admin, {TRUST}api; {FORGED.decode()}"


def trailers(*names: str) -> bytes:
    """A chunked request that makes its claims behind the body."""
    lines = "".join(claim(name) + "\r\n" for name in names)
    fields = ("Transfer-Encoding: chunked", "TE: trailers", "Connection: TE", "Trailer: x-good")
    return head("/public/x", fields, "POST") + f"0\r\nx-good: yes\r\n{lines}\r\n".encode()


def all_spellings(names: tuple[str, ...]) -> list[str]:
    return [one for name in names for one in dict.fromkeys(spellings(name).values())]


def nominated(name: str, *fields: str) -> Row:
    """Connection may not take away what says who somebody is, or where the message ends."""
    return Refused(
        f"Connection: {name}",
        get("/public/x", f"Connection: {name}", *fields, port=CLOSED),
        "head_malformed",
        400,
    )


def override(name: str, *fields: str, target: str = "/x") -> Row:
    return Refused(name, get(target, *fields), "unauthenticated", 401, "no-override")


def several(name: str, *fields: str) -> Row:
    attempt = with_token(good_token, "/admin/x", CLOSED, *fields)
    return Refused(name, attempt, "token_invalid", 401)


ROWS: list[Row] = [
    Control("a field of the app's own", get("/open", "X-User: somebody"), b"X-User: somebody"),
    Control("a trailer of the app's own", plain(trailers(), CLOSED), b"x-good: yes"),
    # Claims do not open a door.
    *(
        Refused(
            f"{name}{how}",
            get("/admin/x", claim(spelt), port=CLOSED),
            "unauthenticated",
            401,
            "admin",
        )
        for name in IDENTITY_FIELDS[:4]
        for how, spelt in spellings(name).items()
    ),
    Refused(
        "all claims at once",
        get("/admin/x", *map(claim, all_spellings(IDENTITY_FIELDS + ORIGIN_FIELDS)), port=CLOSED),
        "unauthenticated",
        401,
        "admin",
    ),
    Refused(
        "a role without the peer's",
        leaf(head("/x", (claim("x-epaulet-roles"),)), "other"),
        "forbidden",
        403,
        "peers",
    ),
    # Not even where a rule asks for one: nobody but a trusted ingress says it.
    *(
        Refused(
            f"a rule by x-hasura-role{how}",
            get("/by-field/x", f"{spelt}: admin", port=CLOSED),
            "unauthenticated",
            401,
        )
        for how, spelt in spellings("X-Hasura-Role").items()
    ),
    Refused(
        "a rule by X-Forwarded-Proto",
        get("/by-origin/x", "X-Forwarded-Proto: https", port=CLOSED),
        "unauthenticated",
        401,
    ),
    Refused(
        "a rule by x-hasura-role, from the app of a mesh peer",
        own_app(head("/by-field/x", ("x-hasura-role: admin",))),
        "forbidden",
        403,
    ),
    # And the app never reads them.
    *(
        Stripped(
            f"the app never reads {name}",
            get("/public/x", *map(claim, all_spellings((name,))), port=CLOSED),
            FORGED,
        )
        for name in IDENTITY_FIELDS + ORIGIN_FIELDS
    ),
    *(
        Stripped(
            f"nor {name} in a trailer", plain(trailers(*all_spellings((name,))), CLOSED), FORGED
        )
        for name in IDENTITY_FIELDS + ORIGIN_FIELDS
    ),
    Stripped(
        "nor does it from the app of a mesh peer",
        own_app(head("/public/x", tuple(map(claim, all_spellings(IDENTITY_FIELDS))))),
        FORGED,
    ),
    Stripped(
        "nor from a sidecar under somebody's control",
        leaf(head("/x", tuple(map(claim, all_spellings(IDENTITY_FIELDS)))), "api"),
        FORGED,
    ),
    Stripped(
        "nor what Connection nominates, ours aside",
        get(
            "/public/x",
            "Connection: x-forwarded-client-cert, x-hasura-role, x_spiffe_id",
            *map(claim, ("x-forwarded-client-cert", "x-hasura-role", "x_spiffe_id")),
            port=CLOSED,
        ),
        FORGED,
    ),
    Control(
        "what a peer has proven, the app does read",
        own_app(head("/public/x")),
        f"x-epaulet-peer: {TRUST}api\r\n".encode(),
    ),
    # Connection.
    nominated("x-epaulet-peer", claim("x-epaulet-peer")),
    nominated("close, X-Epaulet-Roles"),
    nominated("authorization", "Authorization: Bearer x"),
    nominated("host"),
    nominated("content-length", "Content-Length: 0"),
    nominated("transfer-encoding"),
    nominated("cookie", "Cookie: session=1"),
    nominated("x-request-id"),
    nominated("expect"),
    Refused(
        "Connection takes a good token away",
        with_token(good_token, "/admin/x", CLOSED, "Connection: Authorization"),
        "head_malformed",
        400,
    ),
    Refused(
        "it is nominated in a second Connection",
        with_token(
            good_token, "/admin/x", CLOSED, "Connection: close", "Connection: authorization"
        ),
        "head_malformed",
        400,
    ),
    Refused(
        "Connection nominates what a peer's sidecar says",
        leaf(head("/x", ("Connection: x-epaulet-peer",)), "api"),
        "head_malformed",
        400,
    ),
    # Where a rule looks at a field.
    override("the field that a rule denies", "X-HTTP-Method-Override: DELETE"),
    override("the field in capitals", "X-HTTP-METHOD-OVERRIDE: DELETE"),
    override("the field with underscores", "X_HTTP_Method_Override: DELETE"),
    override("the field with dots", "X.HTTP.Method.Override: DELETE"),
    override("the field without a value", "X-HTTP-Method-Override:"),
    override("the field twice", "X-HTTP-Method-Override: GET", "x-http-method-override: DELETE"),
    Refused(
        "the field on a folded line",
        get("/x", "X-A: b", " X-HTTP-Method-Override: DELETE"),
        "head_malformed",
        400,
    ),
    Refused(
        "white space before its colon",
        get("/x", "X-HTTP-Method-Override : DELETE"),
        "head_malformed",
        400,
    ),
    Refused(
        "a NUL in its name", get("/x", b"X-HTTP-Method-Override\0: DELETE"), "head_malformed", 400
    ),
    Stripped(
        "the field, nominated: the app does not read it either",
        get(
            "/x", "Connection: x-http-method-override", f"X-HTTP-Method-Override: {FORGED.decode()}"
        ),
        FORGED,
    ),
    # Authorization.
    Control("a good token", with_token(good_token, "/admin/x", CLOSED), b"x-epaulet-roles: admin"),
    Control(
        "its scheme in any case",
        lambda world: get("/admin/x", f"authorization: bEARER {good_token(world)}", port=CLOSED)(
            world
        ),
        b"x-epaulet-roles: admin",
    ),
    several("a second Authorization", "Authorization: Basic eDp5"),
    several("the same twice, differently spelt", "AUTHORIZATION: Bearer x"),
    *(
        Refused(
            f"a good token {where}",
            lambda world, make=make: get(
                make(good_token(world))[0], *make(good_token(world))[1:], port=CLOSED
            )(world),
            "unauthenticated",
            401,
            "admin",
        )
        for where, make in {
            "in the query": lambda token: (f"/admin/x?access_token={token}",),
            "in a cookie": lambda token: ("/admin/x", f"Cookie: access_token={token}"),
            "in Proxy-Authorization": lambda token: (
                "/admin/x",
                f"Proxy-Authorization: Bearer {token}",
            ),
            "in X-Authorization": lambda token: ("/admin/x", f"X-Authorization: Bearer {token}"),
            "of another scheme": lambda token: ("/admin/x", f"Authorization: Basic {token}"),
        }.items()
    ),
    Refused(
        "a good token in a trailer",
        lambda world: plain(
            head("/admin/x", ("Transfer-Encoding: chunked",), "POST")
            + f"0\r\nAuthorization: Bearer {good_token(world)}\r\n\r\n".encode(),
            CLOSED,
        )(world),
        "unauthenticated",
        401,
        "admin",
    ),
    # What nobody can tell a lie from.
    Possible(
        "a field that the app itself defines",
        get("/open", "X-Original-URL: /admin/users"),
        b"X-Original-URL: /admin/users",
    ),
    Stripped(
        "a mesh peer's word about where a request came from",
        own_app(head("/public/x", tuple(map(claim, all_spellings(ORIGIN_FIELDS))))),
        FORGED,
    ),
]
