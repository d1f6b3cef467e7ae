"""Chunked bodies: sizes, line ends, extensions, the last chunk, trailers.

The head is sound, so it may be on its way to the app before the fault is read: `cut`.
"""

from rows import HELLO_CHUNK, SMUGGLED, Row, chunked, cut, denied, forwarded, row

MALFORMED = cut("chunk_malformed")
HELLO = forwarded(body=b"hello")


def size(name: str, line: bytes, outcome=MALFORMED, source: str = "9112 7.1") -> Row:
    """`line`, with its end, stands for the size of a chunk of five bytes."""
    body = line + b"hello\r\n0\r\n\r\n"
    return row(f"chunk-size-{name}", source, chunked(body), outcome)


def extension(name: str, text: bytes, outcome=HELLO) -> Row:
    body = b"5" + text + b"\r\nhello\r\n0\r\n\r\n"
    return row(f"chunk-extension-{name}", "9112 7.1.1", chunked(body), outcome)


def data(name: str, body: bytes, outcome=MALFORMED) -> Row:
    return row(f"chunk-data-{name}", "9112 7.1", chunked(body), outcome)


def end(name: str, text: bytes, outcome=MALFORMED, **more) -> Row:
    """What stands where the last chunk belongs, behind a good one."""
    return row(f"chunk-end-{name}", "9112 7.1", chunked(b"5\r\nhello\r\n" + text), outcome, **more)


def trailer(name: str, lines: bytes, outcome, source: str = "9112 7.1.2") -> Row:
    body = b"5\r\nhello\r\n0\r\n" + lines + b"\r\n"
    return row(f"chunk-trailer-{name}", source, chunked(body, b"TE: trailers\r\n"), outcome)


ROWS = [
    size("leading-zeros", b"0000005\r\n", HELLO),
    size("sixteen-digits", b"0000000000000005\r\n", HELLO),
    row("chunk-size-upper-case", "9112 7.1", chunked(b"A\r\n0123456789\r\n0\r\n\r\n"),
        forwarded(body=b"0123456789")),
    size("seventeen-digits", b"00000000000000005\r\n"),
    size("overflow-64", b"10000000000000005\r\n"),
    size("overflow-63", b"8000000000000005\r\n"),
    size("all-bits", b"ffffffffffffffff\r\n"),
    size("empty", b"\r\n"),
    size("plus", b"+5\r\n"),
    size("minus", b"-5\r\n"),
    size("prefix", b"0x5\r\n"),
    size("underscore", b"0_5\r\n"),
    size("letter", b"g\r\n"),
    size("letter-behind", b"5g\r\n"),
    size("quoted", b'"5"\r\n'),
    size("space-before", b" 5\r\n"),
    size("space-behind", b"5 \r\n"),
    size("tab-behind", b"5\t\r\n"),
    size("comma", b"5,5\r\n"),
    size("two", b"5 5\r\n"),
    size("decimal", b"5.0\r\n"),
    size("no-break-space", b"5\xa0\r\n"),
    size("nul", b"5\x00\r\n"),
    size("vertical-tab", b"5\x0b\r\n"),
    size("bare-lf", b"5\n", source="9112 2.2"),
    size("bare-cr", b"5\rhello\r\n", source="9112 2.2"),
    size("cr-cr-lf", b"5\r\r\n", source="9112 2.2"),
    size("empty-line-before", b"\r\n5\r\n"),
    extension("name", b";a"),
    extension("value", b";a=b;c=d"),
    extension("quoted", b';a="b;c"'),
    extension("white-space", b" \t; a=b"),
    extension("nothing", b";"),
    extension("obs-text", b";a=\xff"),
    extension("a-size", b";5;ffffffff"),
    extension("request-inside", b";x=GET /smuggled HTTP/1.1"),
    extension("bare-lf", b";a\nGET /smuggled HTTP/1.1", MALFORMED),
    extension("bare-cr", b";a\rb", MALFORMED),
    extension("cr-cr-lf", b";a\r", MALFORMED),
    extension("quoted-lf", b';a="\n"', MALFORMED),
    # A line ends where it ends, also within quotes.
    row("chunk-extension-quoted-crlf", "9112 7.1.1",
        chunked(b'5;a="\r\nhello\r\n0\r\n\r\n' + SMUGGLED), HELLO, denied()),
    extension("nul", b";a\x00", MALFORMED),
    extension("escape", b";a=\x1b", MALFORMED),
    extension("without-semicolon", b" a=b", MALFORMED),
    extension("two-words", b" 5;a", MALFORMED),
    extension("too-long", b";" + b"a" * 300, MALFORMED),
    row("chunk-extension-flood", "9112 7.1.1",
        chunked(b"".join(b"1;" + b"a" * 250 + b"\r\nx\r\n" for _ in range(100)) + b"0\r\n\r\n"),
        MALFORMED),
    data("longer", b"3\r\nhello\r\n0\r\n\r\n"),
    data("shorter", b"6\r\nhello\r\n0\r\n\r\n"),
    data("ends-with-lf", b"5\r\nhello\n0\r\n\r\n"),
    data("ends-with-cr", b"5\r\nhello\r0\r\n\r\n"),
    data("ends-with-two-other", b"5\r\nhelloXX0\r\n\r\n"),
    data("ends-with-nothing", b"5\r\nhello0\r\n\r\n"),
    data("second-chunk-wrong", b"5\r\nhello\r\nx\r\nhello\r\n0\r\n\r\n"),
    data("smuggled-behind-zero", b"0\r\n" + SMUGGLED),
    row("chunk-data-binary", "9112 7.1", chunked(b"5\r\n\r\n0\r\n\r\n0\r\n\r\n"),
        forwarded(body=b"\r\n0\r\n")),
    end("zeros", b"000\r\n\r\n", HELLO),
    end("extension", b"0;a=b\r\n\r\n", HELLO),
    end("bare-lf", b"0\n\n"),
    end("bare-lf-behind", b"0\r\n\n"),
    end("cr-cr-lf", b"0\r\n\r\r\n"),
    end("minus", b"-0\r\n\r\n"),
    end("prefix", b"0x0\r\n\r\n"),
    end("missing", b"", cut("body_truncated"), fin=True),
    end("half", b"0\r\n", cut("body_truncated"), fin=True),
    end("almost", b"0\r\n\r", cut("body_truncated"), fin=True),
    row("chunk-end-and-more", "9112 9.3.2", chunked(HELLO_CHUNK + SMUGGLED), HELLO, denied()),
    row("chunk-end-at-once-and-more", "9112 9.3.2", chunked(b"0\r\n\r\n" + SMUGGLED),
        forwarded(), denied()),
    trailer("good", b"X-Sum: 1\r\n", forwarded(body=b"hello", trailers=(b"x-sum",))),
    trailer("content-length", b"Content-Length: 5\r\n", HELLO, "9110 6.5.1"),
    trailer("misspelt", b"Content_Length: 5\r\nX_Forwarded-For: x\r\n", HELLO, "3875 4.1.18"),
    trailer("transfer-encoding", b"Transfer-Encoding: chunked\r\n", HELLO, "9110 6.5.1"),
    trailer("host", b"Host: evil\r\n", HELLO, "9110 6.5.1"),
    trailer("authorization", b"Authorization: Bearer x\r\n", HELLO, "9110 6.5.1"),
    trailer("cookie", b"Cookie: a=b\r\n", HELLO, "9110 6.5.1"),
    trailer("identity", b"X-Epaulet-Roles: admin\r\nX_Epaulet_Peer: x\r\n", HELLO, "9110 6.5.1"),
    trailer("no-colon", b"GET /smuggled HTTP/1.1\r\n", MALFORMED),
    trailer("space-before-colon", b"X-Sum : 1\r\n", MALFORMED, "9112 5.1"),
    trailer("folded", b"X-Sum: 1\r\n 2\r\n", MALFORMED, "9112 5.2"),
    trailer("bare-lf", b"X-Sum: 1\nX-Injected: 1\r\n", MALFORMED, "9112 2.2"),
    trailer("bare-cr", b"X-Sum: 1\rX-Injected: 1\r\n", MALFORMED, "9112 2.2"),
    trailer("nul", b"X-Sum: \x00\r\n", MALFORMED, "9110 5.5"),
    trailer("too-large", b"X-Sum: " + b"a" * 17000 + b"\r\n", MALFORMED),
]
