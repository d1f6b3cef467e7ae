"""Keys that are fetched by URL: whose are they, and who else could give some."""

import hashlib
import hmac
import time

from attempts_tokens import claims, header
from lab import Issuer, wait_until
from lab.tokens import base64url, unsigned
from speak import with_token
from table import Check, Control, Refused, Row
from world import CLOSED, World

FETCHED = {"iss": "https://fetched.example"}


def of_fetched(world: World, **more) -> str:
    return world.fetched.sign(header(kid="f1", **more), claims(**FETCHED))


def forged(world: World, key_id: str) -> str:
    return forger(world).sign(header(kid=key_id), claims(**FETCHED))


def forger(world: World) -> Issuer:
    directory = world.lab.directory / "issuer-forger"
    if not directory.exists():
        directory.mkdir()
        world.forger = Issuer(directory, FETCHED["iss"], key_id="evil")
    return world.forger


def hmac_with_public_key(world: World) -> str:
    text = unsigned(header(alg="HS256", kid="f1"), claims(**FETCHED))
    digest = hmac.new(world.fetched.public_key(), text.encode(), hashlib.sha256)
    return f"{text}.{base64url(digest.digest())}"


def invalid(name: str, make, failure: str) -> Row:
    return Refused(name, with_token(make, "/admin/x", CLOSED), "token_invalid", 401, says=failure)


def another_server(world: World) -> None:
    """Whoever sits on the way to the issuer offers keys of his own."""
    server = world.key_server
    good = (server.body, server.tls)
    asked = len(server.asked)
    before = world.api2.counter("epaulet_issuer_key_fetches_total", result="untrusted")
    server.body, server.tls = forger(world).jwks(), world.other_web.issue("IP:10.88.0.20")

    def is_refused() -> bool:
        return world.api2.counter("epaulet_issuer_key_fetches_total", result="untrusted") > before

    wait_until(is_refused, "the fetch from somebody else", 15)
    assert len(server.asked) == asked, "he hears no request"
    invalid("", lambda w: forged(w, "evil"), "key_unknown").run(world)
    Control("", with_token(of_fetched, "/public/x", CLOSED)).run(world)
    server.body, server.tls = good


def a_storm(world: World) -> None:
    """Tokens with keys that nobody has make the issuer work once in ten seconds."""
    began, asked = time.monotonic(), len(world.key_server.asked)
    for number in range(30):
        invalid("", lambda w, n=number: forged(w, f"nobody-{n}"), "key_unknown").run(world)
    spent = time.monotonic() - began
    fetches = len(world.key_server.asked) - asked
    assert fetches <= 2 + spent / 8, (fetches, spent)


ROWS: list[Row] = [
    Control("a token of a fetched key", with_token(of_fetched, "/public/x", CLOSED)),
    invalid("a key that the issuer has not published", lambda w: forged(w, "evil"), "key_unknown"),
    invalid("another key under its id", lambda w: forged(w, "f1"), "signature_wrong"),
    invalid(
        "a key of another issuer's set",
        lambda w: w.portal.sign(header(), claims(**FETCHED)),
        "key_unknown",
    ),
    invalid("its key under another issuer's name", lambda w: w.fetched.sign(header(), claims()), "signature_wrong"),
    invalid("HS256 with its public key", hmac_with_public_key, "algorithm_refused"),
    invalid(
        "a key set by address",
        lambda w: forger(w).sign(
            header(kid="evil", jku="http://10.88.0.13/k"), claims(**FETCHED)
        ),
        "key_unknown",
    ),
    Check("keys of whoever sits on the way", another_server),
    Check("a storm of unknown keys", a_storm),
]
