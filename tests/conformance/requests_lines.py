"""Line ends, folds, NUL and other control characters, field names, sizes of heads."""

from rows import SMUGGLED, Row, denied, forwarded, get, refused, reset, row

MALFORMED = refused("head_malformed")
LARGE = refused("head_too_large", 431)
GOOD = forwarded("GET")


def line(name: str, text: bytes, *outcomes, source: str = "9112 5") -> Row:
    """`text`, with its end, is a field line of its own."""
    return row(f"line-{name}", source, get(text), *outcomes or (MALFORMED,))


def head(name: str, message: bytes, *outcomes, source: str = "9112 2.2", **more) -> Row:
    return row(f"line-{name}", source, message, *outcomes or (MALFORMED,), **more)


def probe(name: str, text: bytes, source: str = "9110 5.5") -> Row:
    """A value that passes as it is, whatever a reader of lines thinks of its characters."""
    outcome = forwarded("GET", probe=text.strip(b" \t"))
    return row(f"line-{name}", source, get(b"X-Probe:" + text + b"\r\n"), outcome)


ROWS = [
    # Ends of lines.
    head("all-bare-lf", b"GET <path> HTTP/1.1\nHost: h\n\n"),
    head("all-bare-cr", b"GET <path> HTTP/1.1\rHost: h\r\r"),
    head("bare-lf-behind-the-request-line", b"GET <path> HTTP/1.1\nHost: h\r\n\r\n"),
    head("bare-cr-behind-the-request-line", b"GET <path> HTTP/1.1\rHost: h\r\n\r\n"),
    head("bare-lf-behind-a-field", b"GET <path> HTTP/1.1\r\nHost: h\nX-A: b\r\n\r\n"),
    head("bare-lf-as-the-empty-line", b"GET <path> HTTP/1.1\r\nHost: h\r\n\n"),
    head("bare-lf-before-the-empty-line", b"GET <path> HTTP/1.1\r\nHost: h\n\r\n"),
    head("bare-cr-as-the-empty-line", b"GET <path> HTTP/1.1\r\nHost: h\r\n\r" + SMUGGLED),
    head("two-bare-cr", b"GET <path> HTTP/1.1\r\nHost: h\r\r\n\r\n"),
    head("lf-cr", b"GET <path> HTTP/1.1\r\nHost: h\n\r\n\r"),
    head("request-line-cr-cr-lf", b"GET <path> HTTP/1.1\r\r\nHost: h\r\n\r\n"),
    line("bare-cr-in-a-value", b"X-A: b\rX-Injected: 1\r\n", source="9112 2.2"),
    line("bare-lf-in-a-value", b"X-A: b\nX-Injected: 1\r\n", source="9112 2.2"),
    line("bare-lf-ends-the-head", b"X-A: b\n\n" + SMUGGLED, source="9112 2.2"),
    line("bare-lf-and-crlf", b"X-A: b\n\r\n" + SMUGGLED, source="9112 2.2"),
    line("nul-behind-cr", b"X-A: b\r\x00\n", source="9112 2.2"),
    # Empty lines before a request.
    head("one-empty-before", b"\r\n" + get(), GOOD),
    head("four-empty-before", b"\r\n" * 4 + get(), GOOD),
    head("five-empty-before", b"\r\n" * 5 + get(), reset()),
    head("bare-lf-before", b"\n" + get(), reset()),
    head("bare-cr-before", b"\r" + get(), reset()),
    head("space-before", b" " + get(), reset(), source="9112 2.2"),
    head("nul-before", b"\x00" + get(), reset()),
    head("byte-order-mark-before", b"\xef\xbb\xbf" + get(), reset(), source="9112 3"),
    head("white-line-before", b" \r\n" + get(), reset()),
    # Folds, and lines of white space.
    line("folded-by-space", b"X-A: b\r\n X-Injected: 1\r\n", source="9112 5.2"),
    line("folded-by-tab", b"X-A: b\r\n\tX-Injected: 1\r\n", source="9112 5.2"),
    line("folded-onto-nothing", b"X-A:\r\n b\r\n", source="9112 5.2"),
    line("folded-white-space-only", b"X-A: b\r\n \r\n", source="9112 5.2"),
    line("folded-host", b" .evil\r\n", source="9112 5.2"),
    line("folded-with-bare-lf", b"X-A: b\n X-Injected: 1\r\n", source="9112 2.2"),
    head("folded-request-line", b"GET <path> HTTP/1.1\r\n Host: h\r\nHost: h\r\n\r\n",
         source="9112 2.2"),
    head("tabbed-first-field", b"GET <path> HTTP/1.1\r\n\tX-Injected: 1\r\nHost: h\r\n\r\n",
         source="9112 2.2"),
    # Names.
    line("name-with-space", b"X A: b\r\n", source="9112 5.1"),
    line("name-with-space-before-colon", b"X-A : b\r\n", source="9112 5.1"),
    line("name-empty", b": b\r\n", source="9110 5.1"),
    line("name-only", b"X-A\r\n"),
    line("name-only-colon", b":\r\n", source="9110 5.1"),
    line("name-a-request-line", b"GET /smuggled HTTP/1.1\r\n", source="9112 5.1"),
    line("name-with-nul", b"X\x00-A: b\r\n", source="9110 5.1"),
    line("name-with-control", b"X\x01-A: b\r\n", source="9110 5.1"),
    line("name-with-delete", b"X\x7f: b\r\n", source="9110 5.1"),
    line("name-with-obs-text", b"X-\xe9: b\r\n", source="9110 5.1"),
    line("name-with-parenthesis", b"X(A): b\r\n", source="9110 5.1"),
    line("name-with-quote", b'"X-A": b\r\n', source="9110 5.1"),
    line("name-with-slash", b"X/A: b\r\n", source="9110 5.1"),
    line("name-with-at", b"X@A: b\r\n", source="9110 5.1"),
    line("name-with-equals", b"X=A: b\r\n", source="9110 5.1"),
    # Values.
    line("nul-in-a-value", b"X-A: a\x00b\r\n", source="9110 5.5"),
    line("nul-ends-a-value", b"X-A: a\x00\r\n", source="9110 5.5"),
    line("control-in-a-value", b"X-A: a\x01b\r\n", source="9110 5.5"),
    line("backspace-in-a-value", b"X-A: a\x08b\r\n", source="9110 5.5"),
    line("vertical-tab-in-a-value", b"X-A: a\x0bX-Injected: 1\r\n", source="9110 5.5"),
    line("form-feed-in-a-value", b"X-A: a\x0cX-Injected: 1\r\n", source="9110 5.5"),
    line("file-separator-in-a-value", b"X-A: a\x1cX-Injected: 1\r\n", source="9110 5.5"),
    line("escape-in-a-value", b"X-A: a\x1b[0m\r\n", source="9110 5.5"),
    line("delete-in-a-value", b"X-A: a\x7fb\r\n", source="9110 5.5"),
    probe("tab-in-a-value", b" a\tb"),
    probe("latin-1-in-a-value", b" caf\xe9"),
    probe("next-line-in-a-value", b" a\x85X-Injected: 1"),
    probe("line-separator-in-a-value", b" a\xe2\x80\xa8X-Injected: 1"),
    probe("overlong-crlf-in-a-value", b" a\xc0\x8d\xc0\x8aX-Injected: 1"),
    probe("wide-crlf-in-a-value", b" a\xc4\x8d\xc4\x8aX-Injected: 1"),
    probe("escaped-crlf-in-a-value", b" a%0d%0aX-Injected: 1"),
    probe("literal-crlf-in-a-value", b" a\\r\\nX-Injected: 1"),
    probe("encoded-word-in-a-value", b" =?utf-8?q?a=0D=0AX-Injected:_1?="),
    probe("colons-in-a-value", b" X-Injected: 1: 2"),
    probe("spaces-before-a-value", b"   a"),
    # Sizes.
    line("field-two-hundred-and-one", b"".join(b"X-%d: a\r\n" % n for n in range(201)), LARGE,
         source="6585 5"),
    line("head-of-70-kib", b"X-A: " + b"a" * 70000 + b"\r\n", LARGE, source="6585 5"),
    head("request-line-of-70-kib",
         b"GET <path>?" + b"a" * 70000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", LARGE, source="9112 3"),
    # A head that never ends, and one that is followed by another.
    head("head-not-ended", b"GET <path> HTTP/1.1\r\nHost: h\r\nX-A: b",
         refused("downstream_aborted", 0), source="9112 8", fin=True),
    head("and-another-head", get() + SMUGGLED, GOOD, denied(), source="9112 9.3.2"),
    head("and-another-malformed", get() + b"GET /smuggled\x00 HTTP/1.1\r\n\r\n", GOOD, MALFORMED,
         source="9112 9.3.2"),
]
