"""Callers who have no API key, have somebody else's, or keep one where it does not count; and what
other proofs do not give: a permission that is not there, an address that a header only claims.
"""

import hashlib

from lab.tokens import base64url, unsigned
from speak import get, good_token, head, http2, leaf, outlive, plain, with_token
from table import Control, Possible, Refused, Row, Stripped, Told
from world import (
    AUDIENCE,
    KEYED,
    NEW_KEY,
    OLD_KEY,
    OTHER_KEY,
    SESSION_SECRET,
    World,
    hs256,
)

OWN = "X-Service-Name: user-service"


def ask(*fields: str, target: str = "/orders/1", **more):
    return get(target, *fields, port=KEYED, **more)


def invalid(name: str, says: str, *fields: str, **more) -> Row:
    return Refused(name, ask(*fields, **more), "key_invalid", 401, says=says)


def required(name: str, *fields: str, **more) -> Row:
    return Refused(name, ask(*fields, **more), "key_required", 401, "keyed")


def permitted(**claims):
    return lambda world: world.portal.token(AUDIENCE, "somebody", role="user", **claims)


def session(world: World, **claims) -> str:
    body = {"iss": "https://session.example", "aud": AUDIENCE, "sub": "s", **claims}
    return hs256(SESSION_SECRET, body)


def in_cookie(make, *more: str):
    def attempt(world: World):
        return get("/session/1", f"Cookie: a=1; sid={make(world)}", *more, port=KEYED)(world)

    return attempt


def in_authorization(make):
    return with_token(make, "/session/1", KEYED)


def forged_session(world: World) -> str:
    """By the public key of another issuer as the secret."""
    return hs256(
        world.portal.public_key(), {"iss": "https://session.example", "aud": AUDIENCE, "tier": "7"}
    )


def unsigned_session(world: World) -> str:
    text = unsigned(
        {"alg": "none"}, {"iss": "https://session.example", "aud": AUDIENCE, "tier": "7"}
    )
    return f"{text}.{base64url(b'')}"


def with_trailer(world: World):
    raw = head("/orders/1", ("Transfer-Encoding: chunked", "Trailer: X-API-Key"), method="POST")
    raw += f"0\r\nX-API-Key: {OLD_KEY}\r\n{OWN}\r\n\r\n".encode()
    return plain(raw, KEYED, method="POST")(world)


def with_body_trailer(world: World):
    raw = head("/public/1", ("Transfer-Encoding: chunked",), method="POST")
    raw += f"0\r\nX_Service_Name: nobody\r\nX-API-Key: {OLD_KEY}\r\n\r\n".encode()
    return plain(raw, KEYED, method="POST")(world)


def beyond_its_key(world: World) -> Told:
    """A key that its owner takes out of the file."""
    name, key = "config/user-service.keys", "epk_leaked-key-0123456789"
    without = (world.api2.sidecar.home / name).read_text()
    world.api2.replace(name, f"{without}{key}\n")
    proof = (f"X-API-Key: {key}", OWN)
    return outlive(
        world, KEYED, "/orders/socket", proof, lambda: world.api2.replace(name, without)
    )


LAN = "/lan/x"
ROWS: list[Row] = [
    Control("a good key", ask(f"X-API-Key: {OLD_KEY}", OWN), b"x-epaulet-key-owner: user-service"),
    Control("the key that replaces it", ask(f"x-api-key: {NEW_KEY}", OWN), OWN.encode()),
    Stripped("the app does not see the key", ask(f"X-API-Key: {OLD_KEY}", OWN), OLD_KEY.encode()),
    Stripped(
        "nor in another spelling",
        ask(f"X-API-Key: {OLD_KEY}", OWN, f"X_Api_Key: {OLD_KEY}"),
        OLD_KEY.encode(),
    ),
    Stripped("nor a name without a key", ask(OWN, target="/public/1"), b"x-service-name"),
    Stripped("nor either in a trailer", with_body_trailer, OLD_KEY.encode()),
    required("no key"),
    required("a name alone", OWN),
    required("an empty key", "X-API-Key:", OWN),
    required("the key with underscores", f"X_API_Key: {OLD_KEY}", OWN),
    required("the key in the query", OWN, target=f"/orders/1?X-API-Key={OLD_KEY}"),
    required("the key as a cookie", f"Cookie: X-API-Key={OLD_KEY}", OWN),
    required(
        "a key that Connection takes away",
        f"X-API-Key: {OLD_KEY}",
        OWN,
        "Connection: X-API-Key",
    ),
    Refused("the key in a trailer", with_trailer, "key_required", 401, "keyed"),
    Refused(
        "a mesh peer without a key",
        leaf(head("/orders/1"), "api", port=KEYED),
        "key_required",
        401,
        "keyed",
    ),
    invalid("a wrong key", "unknown", f"X-API-Key: {OLD_KEY}x", OWN),
    invalid("a key cut short", "unknown", f"X-API-Key: {OLD_KEY[:-1]}", OWN),
    invalid("a key in capitals", "unknown", f"X-API-Key: {OLD_KEY.upper()}", OWN),
    invalid("a wrong key where none is needed", "unknown", "X-API-Key: x", target="/public/1"),
    invalid(
        "the hash instead of the key",
        "unknown",
        "X-API-Key: sha256:" + hashlib.sha256(OLD_KEY.encode()).hexdigest(),
        OWN,
    ),
    invalid("two keys", "several", f"X-API-Key: {OLD_KEY}", f"X-API-Key: {OLD_KEY}", OWN),
    invalid("a key without its owner's name", "owner_missing", f"X-API-Key: {OLD_KEY}"),
    invalid(
        "under another's name", "owner_wrong", f"X-API-Key: {OLD_KEY}", "X-Service-Name: other"
    ),
    invalid(
        "under two names", "several", f"X-API-Key: {OLD_KEY}", OWN, "X-Service-Name: other-service"
    ),
    Refused(
        "a wrong key over HTTP/2",
        http2("/orders/1", KEYED, x_api_key="wrong-wrong-wrong-wrong", x_service_name="user-service"),
        "key_invalid",
        401,
        says="unknown",
    ),
    Refused(
        "a key of an owner without the role",
        ask(f"X-API-Key: {OTHER_KEY}", "X-Service-Name: other-service"),
        "forbidden",
        403,
        "keyed",
    ),
    # Permissions.
    Control(
        "a token with the permission",
        with_token(permitted(scope="write:x read:orders"), "/scoped/1", KEYED),
    ),
    Refused("no token for it", ask(target="/scoped/1"), "token_required", 401, "scoped"),
    Refused(
        "a token without the permission",
        with_token(permitted(scope="read:orders2 xread:orders"), "/scoped/1", KEYED),
        "forbidden",
        403,
        "scoped",
    ),
    Refused(
        "a permission as one text of a list",
        with_token(permitted(permissions=["read:orders write:orders"]), "/scoped/1", KEYED),
        "forbidden",
        403,
        "scoped",
    ),
    Refused(
        "a key instead of a token",
        ask(f"X-API-Key: {OLD_KEY}", OWN, target="/scoped/1"),
        "token_required",
        401,
        "scoped",
    ),
    # Networks.
    Refused(
        "an address in a header",
        ask("X-Forwarded-For: 10.88.0.11", "Forwarded: for=10.88.0.11", target=LAN),
        "unauthenticated",
        401,
        "lan",
    ),
    Refused(
        "an address in other headers",
        ask("X-Real-IP: 10.88.0.11", "True-Client-IP: 10.88.0.11", target=LAN),
        "unauthenticated",
        401,
        "lan",
    ),
    Refused(
        "over the other family",
        ask(target=LAN, v6=True),
        "unauthenticated",
        401,
        "lan",
    ),
    # gRPC methods are paths.
    Control("a gRPC method", ask(target="/orders.Orders/Get", method="POST"), b"/orders.Orders/Get"),
    Refused(
        "a gRPC method that is denied",
        ask("Content-Type: application/grpc", target="/orders.Orders/Delete", method="POST"),
        "unauthenticated",
        401,
        "rpc-delete",
    ),
    Refused(
        "the same under another content type",
        ask("Content-Type: text/plain", target="/orders.Orders/Delete", method="GET"),
        "unauthenticated",
        401,
        "rpc-delete",
    ),
    Refused(
        "the same in another case",
        ask(target="/orders.Orders/delete", method="POST"),
        "unauthenticated",
        401,
        "rpc-delete",
    ),
    # Tokens in a cookie, with a secret, and claims that they must have.
    Control("a session", in_cookie(lambda world: session(world, tier=7))),
    Stripped(
        "the app does not see the session", in_cookie(lambda world: session(world, tier=7)), b"sid="
    ),
    Refused(
        "a session without the claim", in_cookie(session), "token_invalid", 401, says="claim_missing"
    ),
    Refused(
        "a session with another value",
        in_cookie(lambda world: session(world, tier=8)),
        "token_invalid",
        401,
        says="claim_missing",
    ),
    Refused(
        "a session where its issuer does not look",
        in_authorization(lambda world: session(world, tier=7)),
        "token_invalid",
        401,
        says="issuer_unknown",
    ),
    Refused(
        "a portal's token as a session",
        in_cookie(good_token),
        "token_invalid",
        401,
        says="issuer_unknown",
    ),
    Refused(
        "a session and a token",
        in_cookie(lambda world: session(world, tier=7), "Authorization: Bearer x.y.z"),
        "token_invalid",
        401,
        says="several",
    ),
    Refused(
        "a session signed with a public key",
        in_cookie(forged_session),
        "token_invalid",
        401,
        says="signature_wrong",
    ),
    Refused(
        "a session without signature",
        in_cookie(unsigned_session),
        "token_invalid",
        401,
        says="algorithm_refused",
    ),
    Refused("no session", ask(target="/session/1"), "token_required", 401, "session"),
    Possible("what a key has opened goes on without it", beyond_its_key, b"still here"),
]
