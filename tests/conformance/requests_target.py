"""Request lines, targets, and who is asked: absolute form, authority, Host."""

from rows import SMUGGLED, Row, denied, forwarded, get, refused, reset, row

MALFORMED = refused("head_malformed")
VERSION = refused("version_unsupported", 505)
AMBIGUOUS_PATH = refused("path_ambiguous", by_app_side=True)
GOOD = forwarded("GET")


def start(name: str, line: bytes, outcome=MALFORMED, source: str = "9112 3") -> Row:
    """`line`, with its end, is the request line."""
    return row(f"start-{name}", source, line + b"Host: h\r\n\r\n", outcome)


def target(name: str, text: bytes, outcome=MALFORMED, source="9112 3.2", host=b"h", **more) -> Row:
    message = b"GET " + text + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
    return row(f"target-{name}", source, message, outcome, **more)


def host(name: str, lines: bytes, outcome=MALFORMED, source: str = "9112 3.2", **more) -> Row:
    """`lines`, with their ends, stand for the Host line."""
    message = b"GET <path> HTTP/1.1\r\n" + lines + b"\r\n"
    return row(f"host-{name}", source, message, outcome, **more)


def method(name: str, text: bytes, outcome, source: str = "9110 9.1") -> Row:
    return row(f"method-{name}", source, get(method=text), outcome)


ROWS = [
    # The request line.
    start("two-spaces-before-target", b"GET  <path> HTTP/1.1\r\n", reset()),
    start("two-spaces-behind-target", b"GET <path>  HTTP/1.1\r\n"),
    start("tab-before-target", b"GET\t<path> HTTP/1.1\r\n", reset()),
    start("tab-behind-target", b"GET <path>\tHTTP/1.1\r\n"),
    start("space-at-the-end", b"GET <path> HTTP/1.1 \r\n"),
    start("tab-at-the-end", b"GET <path> HTTP/1.1\t\r\n"),
    start("vertical-tab", b"GET <path>\x0bHTTP/1.1\r\n"),
    start("no-break-space", b"GET <path>\xa0HTTP/1.1\r\n"),
    start("two-targets", b"GET <path> /smuggled HTTP/1.1\r\n"),
    start("two-versions", b"GET <path> HTTP/1.1 HTTP/1.1\r\n"),
    start("nothing-else", b"GET <path>\r\n", VERSION, "1945 3.1"),
    start("http-0.9", b"GET <path> HTTP/0.9\r\n", VERSION, "9110 2.5"),
    start("http-2.0", b"GET <path> HTTP/2.0\r\n", VERSION, "9110 2.5"),
    start("http-1.2", b"GET <path> HTTP/1.2\r\n", GOOD, "9110 2.5"),
    start("http-1.10", b"GET <path> HTTP/1.10\r\n", source="9112 2.3"),
    start("http-01.1", b"GET <path> HTTP/01.1\r\n", source="9112 2.3"),
    start("http-1", b"GET <path> HTTP/1\r\n", source="9112 2.3"),
    start("http-1.", b"GET <path> HTTP/1.\r\n", source="9112 2.3"),
    start("http-in-lower-case", b"GET <path> http/1.1\r\n", source="9112 2.3"),
    start("http-with-space", b"GET <path> HTTP /1.1\r\n", source="9112 2.3"),
    start("http-with-minus", b"GET <path> HTTP/-1.1\r\n", source="9112 2.3"),
    start("another-protocol", b"GET <path> ICAP/1.1\r\n", source="9112 2.3"),
    start("nul", b"GET <path>\x00 HTTP/1.1\r\n"),
    # Methods.
    method("in-lower-case", b"get", forwarded("get", refused_by=["node", "nginx"])),
    method("unknown", b"BREW", forwarded("BREW", refused_by=["node"])),
    method("with-minus", b"M-SEARCH", forwarded("M-SEARCH")),
    method("of-25-letters", b"A" * 25, reset()),
    method("with-nul", b"GE\x00T", reset()),
    method("with-colon", b"GET:", reset()),
    method("with-bracket", b"GE(T", reset()),
    method("empty", b"", reset()),
    row("method-connect", "9110 9.3.6", b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n",
        refused("upgrade_unsupported", 501)),
    row("method-connect-with-length", "9110 9.3.6",
        b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED)
        + SMUGGLED, refused("framing_ambiguous")),
    row("method-connect-to-a-path", "9112 3.2.3", get(method=b"CONNECT"), MALFORMED),
    # Targets in origin form.
    target("query", b"<path>?a=/../b%2f;c//d", forwarded("GET", target=b"<path>?a=/../b%2f;c//d")),
    target("query-twice", b"<path>?a?b", forwarded("GET", target=b"<path>?a?b")),
    target("quote-and-brackets", b'<path>?{"a"}|[b]<c>^`',
           forwarded("GET", target=b'<path>?{"a"}|[b]<c>^`'), "3986 2"),
    target("fragment", b"<path>#f"),
    target("fragment-in-query", b"<path>?a#f"),
    target("space", b"<path> a"),
    target("nul", b"<path>\x00"),
    target("control", b"<path>\x01"),
    target("delete", b"<path>\x7f"),
    target("latin-1", b"<path>\xe9"),
    target("utf-8", b"<path>\xc3\xa9"),
    target("bare-cr", b"<path>\rX-Injected: 1"),
    target("no-slash", b"smuggled", reset()),
    target("dot-segment", b"/./smuggled", AMBIGUOUS_PATH, "3986 5.2.4"),
    target("dot-dot-segment", b"<path>/../smuggled", AMBIGUOUS_PATH, "3986 5.2.4"),
    target("encoded-dots", b"<path>/%2e%2e/smuggled", AMBIGUOUS_PATH, "3986 6.2.2"),
    target("encoded-slash", b"<path>%2f..%2fsmuggled", AMBIGUOUS_PATH, "3986 2.2"),
    target("encoded-letter", b"/%73muggled", AMBIGUOUS_PATH, "3986 6.2.2.2"),
    target("encoded-nul", b"<path>%00", AMBIGUOUS_PATH, "3986 7.3"),
    target("half-an-encoding", b"<path>%2", AMBIGUOUS_PATH, "3986 2.1"),
    target("backslash", b"<path>\\..\\smuggled", AMBIGUOUS_PATH, "3986 2"),
    target("path-parameter", b"<path>;a", AMBIGUOUS_PATH, "3986 3.3"),
    target("two-slashes", b"//smuggled<path>", AMBIGUOUS_PATH, "3986 4.2"),
    # Other forms.
    target("asterisk", b"*", reset(), "9112 3.2.4"),
    row("target-asterisk-of-options", "9112 3.2.4", b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        forwarded("OPTIONS", target=b"*", refused_by=["nginx"]), rule="asterisk"),
    target("authority", b"h:80", reset(), "9112 3.2.3"),
    target("absolute", b"http://h<path>", GOOD, "9112 3.2.2"),
    target("absolute-in-upper-case", b"HTTP://H<path>", GOOD, "9110 4.2.3"),
    target("absolute-default-port", b"http://h:80<path>", GOOD, "9110 4.2.3"),
    target("absolute-default-port-in-host", b"http://h<path>",
           forwarded("GET", host=b"h:80"), "9110 4.2.3", host=b"h:80"),
    target("absolute-only-query", b"http://h?a", forwarded("GET", target=b"/?a"), "9110 4.2.3",
           path="/"),
    target("absolute-other-host", b"http://evil<path>", source="9112 3.2.2"),
    target("absolute-other-port", b"http://h:81<path>", source="9112 3.2.2"),
    target("absolute-subdomain", b"http://h.evil<path>", source="9112 3.2.2"),
    target("absolute-trailing-dot", b"http://h.<path>", source="9112 3.2.2"),
    target("absolute-empty-host-field", b"http://h<path>", source="9112 3.2.2", host=b""),
    target("absolute-https", b"https://h<path>", source="9110 7.4"),
    target("absolute-ftp", b"ftp://h<path>", reset(), "9110 7.4"),
    target("absolute-userinfo", b"http://evil@h<path>", source="9110 4.2.4"),
    target("absolute-host-as-userinfo", b"http://h@evil<path>", source="9110 4.2.4"),
    target("absolute-without-host", b"http://<path>", source="9110 4.2.1"),
    target("absolute-one-slash", b"http:/h<path>", reset(), "9110 4.2.1"),
    target("absolute-backslash", b"http://h\\@evil<path>", source="9110 4.2.4"),
    target("absolute-encoded-host", b"http://%68<path>", source="9110 7.2"),
    target("absolute-two-ports", b"http://h:80:80<path>", source="9110 7.2"),
    target("absolute-fragment", b"http://h#@evil<path>"),
    target("absolute-dot-dot", b"http://h<path>/../smuggled", AMBIGUOUS_PATH, "3986 5.2.4"),
    row("target-absolute-http-1.0", "9112 3.2.2", b"GET http://h<path> HTTP/1.0\r\n\r\n", GOOD),
    row("target-absolute-and-no-host", "9112 3.2", b"GET http://h<path> HTTP/1.1\r\n\r\n",
        MALFORMED),
    # Host.
    host("missing", b""),
    host("twice-equal", b"Host: h\r\nHost: h\r\n"),
    host("twice-different", b"Host: h\r\nHost: evil\r\n"),
    host("twice-in-two-cases", b"Host: h\r\nhost: evil\r\n"),
    host("twice-first-empty", b"Host:\r\nHost: h\r\n"),
    host("empty", b"Host:\r\n", forwarded("GET", host=b"", refused_by=["nginx"]),
         unsaid="an authority is not empty there"),
    host("list", b"Host: h, evil\r\n", source="9110 7.2"),
    host("two-words", b"Host: h evil\r\n", source="9110 7.2"),
    host("with-path", b"Host: h/smuggled\r\n", source="9110 7.2"),
    host("with-query", b"Host: h?a\r\n", source="9110 7.2"),
    host("with-userinfo", b"Host: h@evil\r\n", source="9110 4.2.4"),
    host("with-scheme", b"Host: http://h\r\n", source="9110 7.2"),
    host("with-port", b"Host: h:8080\r\n", forwarded("GET", host=b"h:8080")),
    host("with-empty-port", b"Host: h:\r\n", source="9110 7.2"),
    host("with-letters-as-port", b"Host: h:x\r\n", source="9110 7.2"),
    host("with-port-too-large", b"Host: h:65536\r\n", source="9110 7.2"),
    host("with-port-and-host", b"Host: h:80@evil\r\n", source="9110 4.2.4"),
    host("with-percent", b"Host: %68\r\n", source="9110 7.2"),
    host("with-nul", b"Host: h\x00evil\r\n", source="9110 5.5"),
    host("with-tab", b"Host: h\tevil\r\n", source="9110 7.2"),
    host("with-latin-1", b"Host: h\xe9\r\n", source="9110 7.2"),
    host("with-space-before-colon", b"Host : h\r\n", source="9112 5.1"),
    host("folded", b"Host:\r\n h\r\n", source="9112 5.2"),
    host("behind-bare-lf", b"X-A: b\nHost: h\r\n", source="9112 2.2"),
    host("ipv6", b"Host: [::1]:80\r\n", forwarded("GET", host=b"[::1]:80"), "9110 7.2"),
    host("ipv6-half", b"Host: [::1\r\n", source="9110 7.2"),
    host("ipv6-and-more", b"Host: [::1]evil\r\n", source="9110 7.2"),
    host("ipv6-zone", b"Host: [fe80::1%25eth0]\r\n", source="9110 7.2"),
    host("nominated", b"Host: h\r\nConnection: host\r\n", source="9110 7.6.1"),
    row("host-missing-in-http-1.0", "9112 3.2", b"GET <path> HTTP/1.0\r\n\r\n",
        forwarded("GET", host=None)),
    row("host-missing-and-more", "9112 3.2",
        b"GET <path> HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + SMUGGLED,
        forwarded("GET", host=None), denied()),
]
