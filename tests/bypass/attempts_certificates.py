"""Certificates that prove nobody, somebody else, or too little, on either side of the handshake."""

import time
from collections.abc import Callable
from pathlib import Path

from lab import wait_until
from speak import head, leaf, own_app, with_identity
from table import Check, Control, Possible, Refused, Row, Told
from world import OPAQUE, STRICT, TRUST, Impostor, World, openssl

ASK = head("/x")
MESH = ["epaulet/1-h1"]
UNTRUSTED, NO_IDENTITY, UNEXPECTED = (
    "tls_peer_untrusted",
    "tls_identity_missing",
    "tls_identity_unexpected",
)
Make = Callable[[World], Path]


def shown(name: str, make: Make, code: str, says: str = "", port: int = STRICT) -> Row:
    """A client that shows this certificate and has its key."""
    return Refused(
        name, lambda world: with_identity(ASK, make(world), MESH, port)(world), code, says=says
    )


def careless(sans: str, **more: str) -> Make:
    return lambda world: world.careless_identity(sans, **more)


def signed_by_a_leaf(world: World) -> Path:
    """Who steals a leaf cannot make more of them."""
    return world.careless_identity(f"URI:{TRUST}api", signer=world.identity("other"))


def self_signed(world: World) -> Path:
    """Its issuer has the trusted one's name, not its key."""
    return world.careless_identity(f"URI:{TRUST}api", signer=world.identity("other", "foreign"))


def name_that_the_root_forbids(world: World) -> Path:
    """The mesh's own root binds itself to one trust domain; its key was stolen nevertheless."""
    return world.careless_identity(
        "URI:spiffe://other.example/ns/default/sa/api", signer=world.mesh.authority("ca")
    )


def expired(world: World) -> Path:
    wait_until(lambda: time.time() > world.expires_at, "its end", 5)
    return world.expiring


def not_yet_valid(name: str) -> Make:
    """Of the mesh's own authority, for a time to come."""

    def make(world: World) -> Path:
        ca = world.mesh.authority("ca")
        out = world.careless_identity(f"URI:{TRUST}{name}", signer=ca)
        (out / "index").touch()
        (out / "ca.cnf").write_text(
            f"[ca]\ndefault_ca = one\n[one]\ndatabase = {out}/index\nnew_certs_dir = {out}\n"
            "rand_serial = yes\ndefault_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n"
        )
        openssl(
            *("ca", "-batch", "-notext", "-config", f"{out}/ca.cnf", "-in", f"{out}/request.pem"),
            *("-cert", f"{ca}/ca.pem", "-keyfile", f"{ca}/ca.key", "-out", f"{out}/cert.pem"),
            *("-startdate", "20400101000000Z", "-enddate", "20410101000000Z"),
            *("-extfile", f"{out}/extensions"),
        )
        return out

    return make


def impostor(
    name: str, make: Callable[[World], Path | None], code: str, tls12: bool = False
) -> Row:
    """Somebody stands at a service's address. He hears nothing of what the app of `api` says."""

    def attempt(world: World) -> Told:
        with Impostor(world.outside, make(world), tls12) as there:
            told = own_app(head("/secret"), "impostor.default")(world)
            assert not there.heard, there.heard
        return told

    return Refused(name, attempt, code, 502, by="api")


def a_true_one(world: World) -> None:
    """The counterpart of the impostors: the same server with the right certificate is believed."""
    with Impostor(world.outside, world.identity("api2")) as there:
        wire = world.api.call("impostor.default")
        wire.send(head("/secret"))
        wait_until(lambda: b"GET /secret" in there.heard, "the request", 5)
        wire.close()


def without_certificate(world: World) -> Told:
    return with_identity(ASK, None, MESH, STRICT)(world)


def in_tls_1_2(world: World) -> Told:
    return with_identity(ASK, world.identity("api"), MESH, STRICT, tls12=True)(world)


ROWS: list[Row] = [
    Control("a peer with the role", leaf(ASK, "api"), f"x-epaulet-peer: {TRUST}api".encode()),
    Control("a peer with the role, IPv6", leaf(ASK, "api", v6=True)),
    Control("another root that is trusted", leaf(ASK, "api", authority="old")),
    Control(
        "a careless root that is trusted",
        lambda world: with_identity(ASK, world.careless_identity(f"URI:{TRUST}api"), MESH, STRICT)(
            world
        ),
    ),
    Refused("no certificate", without_certificate, NO_IDENTITY),
    Refused("TLS 1.2", in_tls_1_2, "tls_protocol_error"),
    shown(
        "a foreign authority",
        lambda world: world.identity("api", "foreign"),
        UNTRUSTED,
        f"presented: {TRUST}api",
    ),
    shown(
        "a foreign authority, on an opaque port",
        lambda world: world.identity("api", "foreign"),
        UNTRUSTED,
        port=OPAQUE,
    ),
    shown("its own authority", self_signed, UNTRUSTED),
    shown("made with a stolen leaf", signed_by_a_leaf, UNTRUSTED),
    shown("expired", expired, "tls_peer_expired", "our clock: "),
    shown("not yet valid", not_yet_valid("api"), "tls_peer_expired", "too early"),
    shown(
        "of another trust domain",
        careless("URI:spiffe://other.example/ns/default/sa/api"),
        UNEXPECTED,
        "the trust domain other.example",
    ),
    shown(
        "of a trust domain with ours in front",
        careless("URI:spiffe://cluster.local.evil.example/ns/default/sa/api"),
        UNEXPECTED,
    ),
    shown("of a trust domain that the root forbids", name_that_the_root_forbids, UNEXPECTED),
    shown("two identities", careless(f"URI:{TRUST}api,URI:{TRUST}other"), NO_IDENTITY),
    shown("no identity but a DNS name", careless("DNS:api.default"), NO_IDENTITY),
    shown("a common name alone", careless(""), NO_IDENTITY),
    shown(
        "an identity with another scheme",
        careless("URI:https://cluster.local/ns/default/sa/api"),
        NO_IDENTITY,
    ),
    shown("an identity with dots", careless(f"URI:{TRUST}x/../api"), NO_IDENTITY),
    shown("an identity with an encoding", careless(f"URI:{TRUST}%61pi"), NO_IDENTITY),
    shown(
        "an identity with a port",
        careless("URI:spiffe://cluster.local:80/ns/default/sa/api"),
        NO_IDENTITY,
    ),
    shown(
        "a trust domain in capitals",
        careless("URI:spiffe://CLUSTER.LOCAL/ns/default/sa/api"),
        NO_IDENTITY,
    ),
    shown("for servers only", careless(f"URI:{TRUST}api", usage="serverAuth"), UNTRUSTED),
    Refused("another identity", leaf(ASK, "other"), "forbidden", 403, "peers"),
    Refused(
        "an identity in capitals",
        lambda world: with_identity(ASK, world.careless_identity(f"URI:{TRUST}API"), MESH, STRICT)(
            world
        ),
        "forbidden",
        403,
        "peers",
    ),
    Refused(
        "an identity with ours at its end",
        lambda world: with_identity(
            ASK, world.careless_identity(f"URI:{TRUST}other/sa/api"), MESH, STRICT
        )(world),
        "forbidden",
        403,
        "peers",
    ),
    Refused(
        "an identity that begins with ours", leaf(ASK, "api-but-not-it"), "forbidden", 403, "peers"
    ),
    # The other way round: who answers in the name of a service.
    Check("the right certificate is believed", a_true_one, "Control"),
    impostor("another identity answers", lambda world: world.identity("other"), UNEXPECTED),
    impostor(
        "a foreign authority's answers", lambda world: world.identity("api2", "foreign"), UNTRUSTED
    ),
    impostor("an expired one answers", expired, "tls_peer_expired"),
    impostor("one that is not yet valid answers", not_yet_valid("api2"), "tls_peer_expired"),
    impostor("plaintext answers", lambda world: None, "tls_protocol_error"),
    impostor(
        "TLS 1.2 answers", lambda world: world.identity("api2"), "tls_handshake_failed", tls12=True
    ),
    # A stolen leaf is its owner, for as long as it is valid.
    Possible(
        "a stolen leaf with its key", leaf(ASK, "api"), f"x-epaulet-peer: {TRUST}api".encode()
    ),
]
