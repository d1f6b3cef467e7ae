"""Spellings of a path that a rule and an app could read differently, and of method and host."""

from speak import get, plain
from table import Control, Possible, Refused, Row
from world import CLOSED, NORMAL, OPEN

REJECTED, DENIED, BROKEN = "path_ambiguous", "unauthenticated", "head_malformed"


def ambiguous(name: str, target: str | bytes, port: int = OPEN) -> Row:
    """A path that is not in normal form reaches no rule: 400."""
    return Refused(name, get(target, port=port), REJECTED, 400)


def judged(name: str, target: str, port: int = OPEN, rule: str | None = "admin", **more) -> Row:
    """Read as lenient apps would, it is what `rule` is about; without one: default deny."""
    return Refused(name, get(target, port=port, **more), DENIED, 401, rule)


def malformed(name: str, target: str | bytes, **more) -> Row:
    """No request at all."""
    return Refused(name, get(target, **more), BROKEN, 400)


def strange(name: str, target: str) -> Row:
    """Nothing that HTTP/1 begins with, and this port serves nothing else: reset."""
    return Refused(name, get(target), "protocol_unexpected")


ROWS: list[Row] = [
    Control("an open path", get("/open"), b"GET /open HTTP/1.1"),
    Control("a public path", get("/public/x", port=CLOSED), b"GET /public/x HTTP/1.1"),
    judged("the path itself", "/admin/users"),
    # Where everything else is open.
    ambiguous("an encoded letter", "/%61dmin/users"),
    ambiguous("an encoded capital", "/%41DMIN/users"),
    ambiguous("an encoded slash", "/admin%2fusers"),
    ambiguous("an encoded slash in front", "/%2fadmin/users"),
    ambiguous("two slashes", "//admin/users"),
    ambiguous("slashes within", "/x//../admin/users"),
    ambiguous("a dot segment", "/./admin/users"),
    ambiguous("two dots", "/x/../admin/users"),
    ambiguous("two encoded dots", "/x/%2e%2e/admin/users"),
    ambiguous("a dot and an encoded one", "/x/.%2E/admin/users"),
    ambiguous("dots and an encoded slash", "/x/..%2fadmin/users"),
    ambiguous("dots at the end", "/admin/users/x/.."),
    ambiguous("a parameter", "/admin;v=1/users"),
    ambiguous("a parameter behind dots", "/x/..;/admin/users"),
    ambiguous("an encoded parameter", "/admin%3bv=1/users"),
    ambiguous("a backslash", "/x\\..\\admin\\users"),
    ambiguous("an encoded backslash", "/x%5c..%5cadmin/users"),
    ambiguous("an encoded NUL", "/admin%00/users"),
    ambiguous("an encoded line end", "/admin%0d%0a/users"),
    ambiguous("overlong UTF-8 for a slash", "/admin%c0%afusers"),
    ambiguous("overlong UTF-8 for a letter", "/%c1%a1dmin/users"),
    ambiguous("overlong UTF-8 in three bytes", "/x/%e0%80%ae%e0%80%ae/admin/users"),
    ambiguous("an incomplete encoding", "/admin%2/users"),
    ambiguous("an encoding of four digits", "/%u0061dmin/users"),
    judged("capitals", "/ADMIN/users"),
    judged("a slash at its end", "/admin/"),
    judged("a query", "/admin?/open"),
    judged("a query with a path in it", "/admin/users?x=/../../open"),
    judged("absolute form", "http://h/admin/users"),
    judged("absolute form with a capital scheme", "HTTP://h/admin/users"),
    malformed("absolute form for another host than Host", "http://other/admin/users"),
    malformed("absolute form with https", "https://h/admin/users"),
    malformed("absolute form with userinfo", "http://open@h/admin/users"),
    malformed("a raw NUL", b"/open\0/admin"),
    malformed("a raw tab", "/open\t/admin"),
    malformed("a space", "/open /admin"),
    malformed("a fragment", "/admin/users#/open"),
    strange("no slash in front", "admin/users"),
    strange("an asterisk for GET", "*"),
    strange("a scheme of its own", "file:///admin/users"),
    Refused("HTTP/0.9", plain(b"GET /admin/users\r\n\r\n"), "version_unsupported", 505),
    # Where everything else is closed: what no rule knows is refused.
    judged("encoded twice, closed port", "/%2561dmin/users", CLOSED, rule=None),
    judged("a trailing dot, closed port", "/public./x", CLOSED, rule=None),
    judged("capitals of a public path, closed port", "/PUBLIC/x", CLOSED, rule=None),
    judged("a prefix of a public name, closed port", "/publicity", CLOSED, rule=None),
    judged("an asterisk, closed port", "*", CLOSED, rule=None, method="OPTIONS"),
    ambiguous("out of a public path, closed port", "/public/../admin/users", CLOSED),
    # Normalised first, judged then: what the app gets is what was judged.
    Control(
        "a normal form", get("/x/../public/./a//%62", port=NORMAL), b"GET /public/a/b HTTP/1.1"
    ),
    judged("dots, normalised", "/public/../admin/users", NORMAL),
    judged("encoded dots, normalised", "/public/%2e%2e/admin/users", NORMAL),
    judged("an encoded slash, normalised", "/public/..%2fadmin/users", NORMAL),
    judged("a parameter behind dots, normalised", "/public/..;x/admin/users", NORMAL),
    judged("a backslash, normalised", "/public\\..\\admin\\users", NORMAL),
    judged("two slashes, normalised", "//admin//users", NORMAL),
    judged("above the root, normalised", "/../../admin/users", NORMAL),
    judged("absolute form, normalised", "http://h/public/../admin/users", NORMAL),
    Refused("NUL has no normal form", get("/public/%00", port=NORMAL), REJECTED, 400),
    # Methods.
    Control("a method that no rule names", get("/items/1"), b"GET /items/1"),
    judged("a method", "/items/1", rule="writes", method="DELETE"),
    judged("a method in small letters", "/items/1", rule="writes", method="delete"),
    judged("a method in mixed letters", "/items/1", rule="writes", method="Delete"),
    judged("HEAD for GET", "/reports/1", rule="reports", method="HEAD"),
    judged("get for GET", "/reports/1", rule="reports", method="get"),
    judged("head for GET", "/reports/1", rule="reports", method="head"),
    # Hosts.
    judged("a host", "/x", rule="internal", host="internal.example"),
    judged("a host in capitals", "/x", rule="internal", host="INTERNAL.example"),
    judged("a host with a dot at its end", "/x", rule="internal", host="internal.example."),
    judged("a host with a port", "/x", rule="internal", host="internal.example:8081"),
    judged(
        "a host in absolute form",
        "http://internal.example/",
        rule="internal",
        host="internal.example",
    ),
    malformed("a host behind userinfo", "/x", host="x@internal.example"),
    malformed("an encoded host", "/x", host="internal%2eexample"),
    Refused("two hosts", get("/x", "Host: internal.example"), BROKEN, 400),
    Refused(
        "white space before the colon", get("/x", "Host : internal.example", host=""), BROKEN, 400
    ),
    Refused(
        "an absolute host without Host",
        plain(b"GET http://internal.example/ HTTP/1.0\r\n\r\n"),
        DENIED,
        401,
        "internal",
    ),
    # What an app makes of bytes that are in normal form is its own.
    Possible(
        "an app that decodes twice is on its own",
        get("/%2561dmin/users"),
        b"GET /%2561dmin/users HTTP/1.1",
    ),
    Possible(
        "so is one that drops trailing dots", get("/admin./users"), b"GET /admin./users HTTP/1.1"
    ),
    Possible(
        "a caller may name any host", get("/x", host="anything.example"), b"Host: anything.example"
    ),
]
