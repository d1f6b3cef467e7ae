"""Content-Length: twice, in lists, with signs, spaces, other bases, overflows; and what follows."""

from rows import SMUGGLED, Row, cut, denied, forwarded, get, post, refused, row

AMBIGUOUS = refused("framing_ambiguous")
MALFORMED = refused("head_malformed")


def value(name: str, text: bytes, outcome=AMBIGUOUS, source: str = "9110 8.6") -> Row:
    """One Content-Length with this value, and five bytes of body."""
    message = post(b"Content-Length:" + text + b"\r\n", b"hello")
    return row(f"length-{name}", source, message, outcome)


def fields(name: str, lines: bytes, outcomes, source: str) -> Row:
    """These lines, and a body that is SMUGGLED to whoever finds no length in them."""
    if not isinstance(outcomes, tuple):
        outcomes = (outcomes,)
    return row(f"length-{name}", source, post(lines, SMUGGLED), *outcomes)


N = b"%d" % len(SMUGGLED)
HELLO = forwarded(body=b"hello")
WHOLE = forwarded(body=SMUGGLED)

ROWS = [
    # Spellings that everybody reads alike, and that pass.
    value("plain", b" 5", HELLO),
    value("no-space", b"5", HELLO, "9112 5.1"),
    value("spaces-around", b"  5  ", HELLO, "9112 5.1"),
    value("tab-before", b"\t5", forwarded(body=b"hello", refused_by=["nginx"]), "9112 5.1"),
    value("tab-behind", b" 5 \t", forwarded(body=b"hello", refused_by=["node", "nginx"]),
          "9112 5.1"),
    value("leading-zeros", b" 005", HELLO),
    value("nineteen-digits", b" 0000000000000000005", HELLO),
    fields("mixed-case", b"cOnTeNt-LeNgTh: " + N + b"\r\n", WHOLE, "9110 5.1"),
    # Values that one reader or another makes a number of.
    value("twenty-digits", b" 00000000000000000005"),
    value("empty", b""),
    value("only-space", b"  "),
    value("plus", b" +5"),
    value("minus", b" -5"),
    value("minus-zero", b" -0"),
    value("hexadecimal", b" 0x5"),
    value("hexadecimal-digit", b" a"),
    value("octal", b" 0o5"),
    value("underscore-inside", b" 0_5"),
    value("space-inside", b" 5 5"),
    value("semicolon", b" 5;"),
    value("comment", b" 5 (five)"),
    value("quoted", b' "5"'),
    value("decimal", b" 5.0"),
    value("exponent", b" 5e0"),
    value("letters-behind", b" 5bytes"),
    value("no-break-space", b" \xa05"),
    value("next-line-character", b" \x855"),
    value("superscript", b" \xb2"),
    value("arabic-digit", b" \xd9\xa5"),
    value("fullwidth-digit", b" \xef\xbc\x95"),
    value("vertical-tab", b" \x0b5", MALFORMED, "9110 5.5"),
    value("form-feed", b" 5\x0c", MALFORMED, "9110 5.5"),
    value("nul", b" 5\x00", MALFORMED, "9110 5.5"),
    value("cr-behind", b" 5\r", MALFORMED, "9112 2.2"),
    value("lf-behind", b" 5\n", MALFORMED, "9112 2.2"),
    value("two-to-the-63", b" 9223372036854775808"),
    value("two-to-the-64-and-5", b" 18446744073709551621"),
    value("very-long", b" " + b"9" * 400),
    # Lists and repetitions.
    value("list-equal", b" 5, 5", source="9112 6.3"),
    value("list-different", b" 5, 0", source="9112 6.3"),
    value("list-empty-first", b" ,5", source="9110 5.6.1"),
    value("list-empty-last", b" 5,", source="9110 5.6.1"),
    value("twice-equal", b" 5\r\nContent-Length: 5", source="9112 6.3"),
    value("twice-zero-first", b" 0\r\nContent-Length: 5", source="9112 6.3"),
    value("twice-zero-last", b" 5\r\nContent-Length: 0", source="9112 6.3"),
    value("twice-empty-first", b"\r\nContent-Length: 5", source="9112 6.3"),
    value("twice-empty-last", b" 5\r\nContent-Length:", source="9112 6.3"),
    value("twice-in-two-cases", b" 5\r\ncontent-length: 6", source="9112 6.3"),
    value("twice-with-others-between", b" 5\r\nX-A: b\r\nContent-Length: 6", source="9112 6.3"),
    # Fields that are, or are not, a Content-Length.
    fields("space-before-colon", b"Content-Length : " + N + b"\r\n", MALFORMED, "9112 5.1"),
    fields("tab-before-colon", b"Content-Length\t: " + N + b"\r\n", MALFORMED, "9112 5.1"),
    fields("name-underscore", b"Content_Length: " + N + b"\r\n", AMBIGUOUS, "3875 4.1.18"),
    fields("name-nul", b"Content-Length\x00: " + N + b"\r\n", MALFORMED, "9110 5.1"),
    fields("name-no-break-space", b"Content-Length\xa0: " + N + b"\r\n", MALFORMED, "9110 5.1"),
    fields("name-vertical-tab", b"\x0bContent-Length: " + N + b"\r\n", MALFORMED, "9110 5.1"),
    fields("no-colon", b"Content-Length " + N + b"\r\n", MALFORMED, "9112 5"),
    fields("folded-value", b"Content-Length:\r\n " + N + b"\r\n", MALFORMED, "9112 5.2"),
    fields("in-a-fold", b"X-A: b\r\n Content-Length: " + N + b"\r\n", MALFORMED, "9112 5.2"),
    fields("behind-bare-lf", b"X-A: b\nContent-Length: " + N + b"\r\n", MALFORMED, "9112 2.2"),
    fields("behind-bare-cr", b"X-A: b\rContent-Length: " + N + b"\r\n", MALFORMED, "9112 2.2"),
    fields("behind-next-line", b"X-Probe: b\x85Content-Length: " + N + b"\r\n",
           (forwarded(probe=b"b\x85Content-Length: " + N), denied()), "9110 5.5"),
    fields("nominated", b"Connection: content-length\r\nContent-Length: " + N + b"\r\n", MALFORMED,
           "9110 7.6.1"),
    # Bodies that are shorter or longer than announced, where a body is unusual.
    row("length-zero-and-more", "9112 6.3", post(b"Content-Length: 0\r\n", SMUGGLED),
        forwarded(), denied()),
    row("length-less-than-sent", "9112 6.3", post(b"Content-Length: 5\r\n", b"hello" + SMUGGLED),
        HELLO, denied()),
    row("length-more-than-sent", "9112 8", post(b"Content-Length: 50\r\n", b"hello"),
        cut("body_truncated"), fin=True),
    row("length-two-to-the-32-and-5", "9112 8", post(b"Content-Length: 4294967301\r\n", b"hello"),
        cut("body_truncated"), fin=True),
    row("length-absent", "9112 6.3", post(b"", SMUGGLED), forwarded(), denied()),
    row("length-of-get", "9110 9.3.1", get(b"Content-Length: " + N + b"\r\n") + SMUGGLED,
        forwarded("GET", SMUGGLED)),
    row("length-of-head", "9110 9.3.2",
        get(b"Content-Length: " + N + b"\r\n", method=b"HEAD") + SMUGGLED,
        forwarded("HEAD", SMUGGLED)),
    row("length-of-delete", "9110 9.3.5",
        get(b"Content-Length: " + N + b"\r\n", method=b"DELETE") + SMUGGLED,
        forwarded("DELETE", SMUGGLED)),
    row("length-of-options", "9110 9.3.7",
        get(b"Content-Length: " + N + b"\r\n", method=b"OPTIONS") + SMUGGLED,
        forwarded("OPTIONS", SMUGGLED)),
    row("length-in-http-1.0", "9112 6.2",
        post(b"Content-Length: 5\r\n", b"hello" + SMUGGLED, version=b"1.0"), HELLO),
]
