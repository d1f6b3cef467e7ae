"""Tokens that somebody made himself, found, or kept for too long."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable

from lab import Issuer
from lab.tokens import base64url, unsigned
from speak import good_token, outlive, with_token
from table import Control, Possible, Refused, Row, Told
from world import AUDIENCE, CLOSED, World

AN_HOUR = 3600
LEEWAY = 60  # behind `exp`, as `issuers` has it by default
Make = Callable[[World], str]


def header(**more) -> dict:
    return {"alg": "RS256", "typ": "JWT", "kid": "k1", **more}


def claims(**more) -> dict:
    now = int(time.time())
    return {
        "iss": "https://portal.example",
        "aud": AUDIENCE,
        "sub": "somebody",
        "exp": now + 300,
        "role": "admin",
        **more,
    }


def without(name: str) -> dict:
    return {key: value for key, value in claims().items() if key != name}


def signed(head: dict | str | None = None, body: dict | str | None = None) -> Make:
    """By the right key, whatever it says."""
    return lambda world: world.portal.sign(
        header() if head is None else head, claims() if body is None else body
    )


def with_signature(signature: bytes, head: dict) -> Make:
    return lambda world: f"{unsigned(head, claims())}.{base64url(signature)}"


def hmac_with_public_key(algorithm: str) -> Make:
    """For a verifier that lets the token choose: the public key is then an HMAC secret."""

    def make(world: World) -> str:
        text = unsigned(header(alg=algorithm), claims())
        key = world.portal.public_key()
        digest = hmac.new(key, text.encode(), getattr(hashlib, algorithm.replace("HS", "sha")))
        return f"{text}.{base64url(digest.digest())}"

    return make


def by_somebody_else(**more) -> Make:
    """A real signature, of a key that is nobody's here."""

    def make(world: World) -> str:
        directory = world.lab.directory / "forger"
        directory.mkdir(exist_ok=True)
        forger = Issuer(directory, "https://portal.example")
        extra = {"jwk": json.loads(forger.jwks())["keys"][0]} if more.pop("own_key", False) else {}
        return forger.sign(header(**extra, **more), claims())

    return make


def changed(world: World) -> str:
    """A user's token whose role was rewritten."""
    token = world.portal.token(AUDIENCE, "somebody", role="user")
    return f"{unsigned(header(), claims())}.{token.split('.')[2]}"


def beyond_its_end(world: World) -> Told:
    token = world.portal.sign(header(), claims(exp=int(time.time()) - LEEWAY + 15))
    return outlive(
        world, CLOSED, "/admin/socket", (f"Authorization: Bearer {token}",), lambda: None
    )


def cut(world: World) -> str:
    return good_token(world).rsplit(".", 1)[0] + "."


def duplicate(text: dict, name: str, value: str) -> str:
    """JSON with a member twice: readers differ on which one counts."""
    return json.dumps(text)[:-1] + f', "{name}": "{value}"}}'


def invalid(name: str, make: Make, failure: str) -> Row:
    attempt = with_token(make, "/admin/x", CLOSED)
    return Refused(name, attempt, "token_invalid", 401, says=failure)


ROWS: list[Row] = [
    Control("a good token", with_token(good_token, "/admin/x", CLOSED), b"x-epaulet-roles: admin"),
    invalid("alg none", with_signature(b"", header(alg="none")), "algorithm_refused"),
    invalid("alg nOnE", with_signature(b"", header(alg="nOnE")), "algorithm_refused"),
    invalid("alg none with a signature", signed(header(alg="none")), "algorithm_refused"),
    invalid("no alg", signed({"typ": "JWT", "kid": "k1"}), "header_malformed"),
    invalid("HS256 with the public key", hmac_with_public_key("HS256"), "algorithm_refused"),
    invalid("HS512 with the public key", hmac_with_public_key("HS512"), "algorithm_refused"),
    invalid(
        "ES256 with zeros", with_signature(b"\0" * 64, header(alg="ES256")), "algorithm_refused"
    ),
    invalid("RS256 with zeros", with_signature(b"\0" * 256, header()), "signature_wrong"),
    invalid("RS256 without signature", cut, "signature_wrong"),
    invalid("another's signature", by_somebody_else(), "signature_wrong"),
    invalid("another's key, brought along", by_somebody_else(own_key=True), "signature_wrong"),
    invalid(
        "another's key, by address", by_somebody_else(jku="http://10.88.0.13/k"), "signature_wrong"
    ),
    invalid("a key id that is a path", signed(header(kid="../../../dev/null")), "key_unknown"),
    invalid("a role rewritten", changed, "signature_wrong"),
    invalid("expired", signed(body=claims(exp=int(time.time()) - AN_HOUR)), "expired"),
    invalid("no expiry", signed(body=without("exp")), "expiry_missing"),
    invalid("an expiry that is text", signed(body=claims(exp="9999999999")), "claims_malformed"),
    invalid("not yet valid", signed(body=claims(nbf=int(time.time()) + AN_HOUR)), "not_yet_valid"),
    invalid(
        "issued tomorrow", signed(body=claims(iat=int(time.time()) + AN_HOUR)), "issued_in_future"
    ),
    invalid("another audience", signed(body=claims(aud="api3")), "audience_wrong"),
    invalid("no audience", signed(body=without("aud")), "audience_wrong"),
    invalid("an audience with ours within", signed(body=claims(aud="xapi2")), "audience_wrong"),
    invalid("another issuer", signed(body=claims(iss="https://evil.example")), "issuer_unknown"),
    invalid("no issuer", signed(body=without("iss")), "issuer_unknown"),
    invalid(
        "an issuer in capitals", signed(body=claims(iss="HTTPS://PORTAL.EXAMPLE")), "issuer_unknown"
    ),
    invalid(
        "a role twice",
        signed(body=duplicate(claims(role="user"), "role", "admin")),
        "claims_malformed",
    ),
    invalid("alg twice", signed(duplicate(header(), "alg", "none")), "header_malformed"),
    invalid("a critical extension", signed(header(crit=["exp"])), "critical_extension"),
    invalid("made for another purpose", signed(header(typ="logout+jwt")), "type_refused"),
    invalid("five parts", lambda world: good_token(world) + ".x.y", "not_three_parts"),
    invalid("padding", lambda world: good_token(world) + "=", "encoding_broken"),
    invalid("opaque", lambda world: "0123456789abcdef", "not_three_parts"),
    invalid("nothing", lambda world: "", "not_three_parts"),
    invalid("too large", signed(body=claims(pad="x" * 40000)), "too_large"),
    Refused(
        "another role",
        with_token(signed(body=claims(role="user")), "/admin/x", CLOSED),
        "forbidden",
        403,
        "admin",
    ),
    Refused(
        "a role in another case",
        with_token(signed(body=claims(role="Admin")), "/admin/x", CLOSED),
        "forbidden",
        403,
        "admin",
    ),
    Refused(
        "a role that is an object",
        with_token(signed(body=claims(role={"admin": True})), "/admin/x", CLOSED),
        "forbidden",
        403,
        "admin",
    ),
    Control(
        "a role in a list", with_token(signed(body=claims(role=["x", "admin"])), "/admin/x", CLOSED)
    ),
    Possible("a stolen token works until it expires", with_token(good_token, "/admin/x", CLOSED)),
    Possible("what a token has opened goes on behind its end", beyond_its_end, b"still here"),
]
