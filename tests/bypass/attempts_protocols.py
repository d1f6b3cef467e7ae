"""A second request behind the first, tunnels, and protocols that no rule can look into."""

from mesh import Wire
from speak import WEBSOCKET, good_token, head, http2, leaf, plain, then
from table import Check, Control, Possible, Refused, Row, Told, tell
from world import CLOSED, OPAQUE, OPEN, STRICT, World

SECRET = head("/admin/users")
PUBLIC = head("/public/x")
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")


def body(fields: tuple[str, ...], content: bytes, method: str = "POST") -> bytes:
    return head("/public/x", fields, method) + content


def length(content: bytes) -> str:
    return f"Content-Length: {len(content)}"


def ambiguous(
    name: str, fields: tuple[str, ...], content: bytes, code: str = "framing_ambiguous"
) -> Row:
    """Where its body ends is anybody's guess, and behind it stands the request for the secret."""
    return Refused(name, plain(body(fields, content), CLOSED), code, 400)


def second(name: str, first: bytes, request: bytes = SECRET) -> Row:
    """A request that may pass, and one on the same connection that may not."""
    return Refused(
        name, then(first, 200, request, CLOSED), "unauthenticated", 401, "admin", admits=1
    )


def pipelined(world: World) -> Told:
    wire = world.dial(world.outside, CLOSED).send(PUBLIC + SECRET)
    status, answer, _ = wire.response()
    assert status == 200, answer
    return tell(wire, b"")


def behind_a_token(world: World) -> Told:
    """What one request has proven does not hold for the next."""
    token = (f"Authorization: Bearer {good_token(world)}",)
    return then(head("/admin/x", token), 200, SECRET, CLOSED)(world)


def in_the_tunnel(world: World) -> Told:
    """The app has agreed to another protocol; what it makes of the bytes is between the two."""
    wire: Wire = world.dial(world.outside, CLOSED).send(head("/public/socket", WEBSOCKET))
    assert wire.head().startswith(b"HTTP/1.1 101"), "the app agreed"
    with wire:
        wire.send("GET /admin/users HTTP/1.1\n")
        return Told(200, body=wire.until(b"\n"))


def rule_is_told(world: World) -> None:
    """To who has proven an identity of the mesh; a stranger reads nothing of it."""
    peer = leaf(head("/x"), "other")(world)
    assert peer.status == 403 and "peers" in peer.header("proxy-status"), peer
    stranger = plain(SECRET, CLOSED)(world)
    assert stranger.status == 401 and stranger.header("proxy-status") is None, stranger


def tunnel_refused(world: World) -> Told:
    """The app did not agree: then it is HTTP/1.1 as before, and every request is judged."""
    return then(head("/public/x", WEBSOCKET), 200, SECRET, CLOSED)(world)


def no_answer(world: World) -> Told:
    """An opaque port: what the caller says reaches nobody, since its identity alone decides."""
    return tell(world.dial(world.outside, OPAQUE), b"hello\n")


ROWS: list[Row] = [
    Control("two requests that may", then(PUBLIC, 200, PUBLIC, CLOSED), reaches_app=2),
    second("a second request", PUBLIC),
    Refused("pipelined behind the first", pipelined, "unauthenticated", 401, "admin", admits=1),
    second("behind a body with its length", body((length(SECRET),), SECRET)),
    second("behind a chunked body", body(("Transfer-Encoding: chunked",), b"0\r\n\r\n")),
    Refused("behind one with a token", behind_a_token, "unauthenticated", 401, "admin", admits=1),
    # Smuggled.
    ambiguous(
        "Content-Length and chunked",
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        b"0\r\n\r\n" + SECRET,
    ),
    ambiguous("two lengths", ("Content-Length: 0", length(SECRET)), SECRET),
    ambiguous("a list of lengths", (f"Content-Length: 0, {len(SECRET)}",), SECRET),
    ambiguous("a length with a sign", (f"Content-Length: +{len(SECRET)}",), SECRET),
    ambiguous("a hexadecimal length", ("Content-Length: 0x0",), SECRET),
    ambiguous("a misspelt length", ("Content_Length: 0",), SECRET),
    ambiguous("a misspelt coding", ("Transfer_Encoding: chunked",), b"0\r\n\r\n" + SECRET),
    ambiguous("a coding that nobody knows", ("Transfer-Encoding: xchunked",), SECRET),
    ambiguous(
        "a coding behind another", ("Transfer-Encoding: gzip, chunked",), b"0\r\n\r\n" + SECRET
    ),
    ambiguous(
        "two codings",
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        b"0\r\n\r\n" + SECRET,
    ),
    ambiguous(
        "a coding with a vertical tab",
        ("Transfer-Encoding: \x0bchunked",),
        b"0\r\n\r\n" + SECRET,
        "head_malformed",
    ),
    ambiguous("a bare line feed", ("X-A: b\nContent-Length: 0",), SECRET, "head_malformed"),
    ambiguous("a bare carriage return", ("X-A: b\rContent-Length: 0",), SECRET, "head_malformed"),
    # Tunnels and upgrades.
    Control("a WebSocket to a public path", in_the_tunnel, b"GET /admin/users HTTP/1.1\n"),
    Refused(
        "a WebSocket to another",
        plain(head("/admin/socket", WEBSOCKET), CLOSED),
        "unauthenticated",
        401,
        "admin",
    ),
    Refused(
        "an upgrade that the app declined",
        tunnel_refused,
        "unauthenticated",
        401,
        "admin",
        admits=1,
    ),
    second("an upgrade to h2c", head("/public/x", H2C)),
    second(
        "an upgrade to h2c, hidden in a list",
        head("/public/x", ("Connection: Upgrade", "Upgrade: foo, h2c/1")),
    ),
    second(
        "an upgrade to HTTP/2.0", head("/public/x", ("Connection: upgrade", "Upgrade: HTTP/2.0"))
    ),
    second("an upgrade to TLS", head("/public/x", ("Connection: upgrade", "Upgrade: TLS/1.2"))),
    second("an upgrade without Connection", head("/public/socketless", ("Upgrade: websocket",))),
    Refused(
        "two upgrades",
        plain(head("/public/socket", (*WEBSOCKET, "Upgrade: h2c")), CLOSED),
        "head_malformed",
        400,
    ),
    Refused(
        "CONNECT",
        plain(b"CONNECT 10.88.0.12:8083 HTTP/1.1\r\nHost: 10.88.0.12:8083\r\n\r\n", OPEN),
        "upgrade_unsupported",
        501,
    ),
    Refused(
        "CONNECT with a path",
        plain(b"CONNECT /open HTTP/1.1\r\nHost: h\r\n\r\n", OPEN),
        "head_malformed",
        400,
    ),
    # HTTP/2: each request is judged, in the words of HTTP/1.
    Refused("HTTP/2", http2("/admin/users", CLOSED), "unauthenticated", 401),
    Refused(
        "HTTP/2 with forged roles",
        http2("/admin/users", CLOSED, x_epaulet_roles="admin", x_epaulet_peer="spiffe://x/y"),
        "unauthenticated",
        401,
    ),
    Refused("HTTP/2 with a path of dots", http2("/public/../admin/users", CLOSED), "path_ambiguous", 400),
    Refused("HTTP/2 with an encoded path", http2("/%61dmin/users", CLOSED), "path_ambiguous", 400),
    Refused(
        "HTTP/2 from a peer that says HTTP/1",
        leaf(H2_PREFACE, "api", port=OPEN),
        "version_unsupported",
        505,
    ),
    Refused("bytes", plain(b"\0\1\2\3", OPEN), "protocol_unexpected"),
    Refused(
        "bytes from a peer", leaf(b"\0\1\2\3", "api", "epaulet/1-any", OPEN), "protocol_unexpected"
    ),
    Refused(
        "HTTP from a peer that says TCP",
        leaf(SECRET, "other", "epaulet/1-tcp", OPEN),
        "protocol_unexpected",
    ),
    Refused(
        "TLS of the app's own",
        plain(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00" + b"\0" * 64, OPEN),
        "protocol_unexpected",
    ),
    # Where identity alone decides, nobody needs to be understood.
    Refused("a stranger on an opaque port", no_answer, "unauthenticated", rule="peers"),
    Refused(
        "a peer without the role on an opaque port",
        leaf(b"hello\n", "other", "epaulet/1-tcp", OPAQUE),
        "forbidden",
        rule="peers",
    ),
    Refused(
        "a peer without the role, as HTTP", leaf(head("/x"), "other"), "forbidden", 403, "peers"
    ),
    Refused(
        "a peer without the role, as bytes",
        leaf(b"\0\1\2", "other", "epaulet/1-tcp", STRICT),
        "forbidden",
        rule="peers",
    ),
    Control("a peer with the role", leaf(head("/x"), "api")),
    Check("a peer reads which rule refused it", rule_is_told, "Possible"),
    Possible(
        "requests inside a tunnel that the app agreed to",
        in_the_tunnel,
        b"GET /admin/users HTTP/1.1\n",
    ),
]
