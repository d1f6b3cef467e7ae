"""Responses whose end can be read in two ways, or that something follows."""

from rows import ResponseRow, answer, broken, failed, passed

OK = b"HTTP/1.1 200 OK\r\n"
UNASKED = OK + b"Content-Length: 8\r\n\r\nsmuggled"
CHUNK = b"5\r\nhello\r\n0\r\n\r\n"
AMBIGUOUS = failed("response_framing_ambiguous")
MALFORMED = failed("response_malformed")
CUT = broken("response_malformed")
SHORT = broken("response_truncated")


def fields(name: str, lines: bytes, expected=AMBIGUOUS, source: str = "9112 6.3") -> ResponseRow:
    """Five bytes of body, and behind them a response that nobody asked for."""
    return answer(f"answer-{name}", source, OK + lines + b"\r\nhello" + UNASKED, expected)


def length(name: str, value: bytes, expected=AMBIGUOUS, source: str = "9110 8.6") -> ResponseRow:
    return fields(f"length-{name}", b"Content-Length:" + value + b"\r\n", expected, source)


def coding(name: str, value: bytes, expected=AMBIGUOUS, source: str = "9112 6.1") -> ResponseRow:
    message = OK + b"Transfer-Encoding:" + value + b"\r\n\r\n" + CHUNK + UNASKED
    return answer(f"answer-coding-{name}", source, message, expected)


def chunks(name: str, body: bytes, expected=CUT, source: str = "9112 7.1", **more) -> ResponseRow:
    message = OK + b"Transfer-Encoding: chunked\r\n\r\n" + body
    return answer(f"answer-chunk-{name}", source, message, expected, **more)


def bodiless(name: str, status: bytes, expected, method: str = "GET", **more) -> ResponseRow:
    """A response that ends with its head, whatever its fields say and whatever follows."""
    message = b"HTTP/1.1 " + status + b"\r\n\r\n" + UNASKED
    return answer(f"answer-bodiless-{name}", "9112 6.3", message, expected, method=method, **more)


ROWS = [
    length("plain", b" 5", passed()),
    length("white-space-around", b"\t5 ", passed(), "9112 5.1"),
    length("leading-zeros", b" 005", passed()),
    length("zero", b" 0", passed(b"")),
    length("twice-equal", b" 5\r\nContent-Length: 5", source="9112 6.3"),
    length("twice-different", b" 5\r\nContent-Length: 6", source="9112 6.3"),
    length("list-equal", b" 5, 5", source="9112 6.3"),
    length("list-different", b" 5, 6", source="9112 6.3"),
    length("empty", b""),
    length("plus", b" +5"),
    length("minus", b" -1"),
    length("hexadecimal", b" 0x5"),
    length("letters-behind", b" 5x"),
    length("two-to-the-63", b" 9223372036854775808"),
    length("two-to-the-64-and-5", b" 18446744073709551621"),
    length("no-break-space", b" \xa05"),
    length("nul", b" 5\x00", MALFORMED, "9110 5.5"),
    length("folded", b"\r\n 5", MALFORMED, "9112 5.2"),
    fields("length-space-before-colon", b"Content-Length : 5\r\n", MALFORMED, "9112 5.1"),
    fields("length-underscore", b"Content_Length: 5\r\n", AMBIGUOUS, "3875 4.1.18"),
    fields("length-behind-bare-lf", b"X-A: b\nContent-Length: 5\r\n", MALFORMED, "9112 2.2"),
    fields("length-behind-bare-cr", b"X-A: b\rContent-Length: 5\r\n", MALFORMED, "9112 2.2"),
    fields("length-nominated", b"Connection: content-length\r\nContent-Length: 5\r\n", MALFORMED,
           "9110 7.6.1"),
    coding("plain", b" chunked", passed(), "9112 7.1"),
    coding("upper-case", b" CHUNKED", passed(), "9112 7"),
    coding("and-length", b" chunked\r\nContent-Length: 3", source="9112 6.3"),
    answer("answer-coding-behind-length", "9112 6.3",
           OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK, AMBIGUOUS),
    coding("twice", b" chunked\r\nTransfer-Encoding: chunked"),
    coding("twice-identity-last", b" chunked\r\nTransfer-Encoding: identity"),
    coding("gzip-first", b" gzip, chunked"),
    coding("identity", b" identity"),
    coding("empty", b""),
    coding("x-chunked", b" xchunked"),
    coding("quoted", b' "chunked"'),
    coding("parameter", b" chunked;a=b"),
    coding("list-twice", b" chunked, chunked", source="9112 7.1"),
    coding("vertical-tab", b" \x0bchunked", MALFORMED, "9110 5.5"),
    coding("folded", b"\r\n chunked", MALFORMED, "9112 5.2"),
    answer("answer-coding-in-http-1.0", "9112 6.1",
           b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK, AMBIGUOUS,
           then="close"),
    answer("answer-coding-space-before-colon", "9112 5.1",
           OK + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNK, MALFORMED),
    answer("answer-coding-underscore", "3875 4.1.18",
           OK + b"Transfer_Encoding: chunked\r\n\r\n" + CHUNK, AMBIGUOUS),
    # Chunks.
    chunks("extensions", b"5;a=b\r\nhello\r\n0;c\r\n\r\n", passed(), "9112 7.1.1"),
    chunks("leading-zeros", b"0005\r\nhello\r\n000\r\n\r\n", passed()),
    chunks("and-unasked", CHUNK + UNASKED, passed(), "9112 9.3.2"),
    chunks("trailers", b"5\r\nhello\r\n0\r\nContent-Length: 1\r\nSet-Cookie: a\r\n\r\n", passed(),
           "9110 6.5.1"),
    chunks("size-empty", b"\r\nhello\r\n0\r\n\r\n"),
    chunks("size-prefix", b"0x5\r\nhello\r\n0\r\n\r\n"),
    chunks("size-minus", b"-5\r\nhello\r\n0\r\n\r\n"),
    chunks("size-space-behind", b"5 \r\nhello\r\n0\r\n\r\n"),
    chunks("size-overflow", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    chunks("size-bare-lf", b"5\nhello\r\n0\r\n\r\n", source="9112 2.2"),
    chunks("extension-bare-lf", b"5;a\nhello\r\n0\r\n\r\n", source="9112 7.1.1"),
    chunks("extension-too-long", b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n",
           source="9112 7.1.1"),
    chunks("data-longer", b"3\r\nhello\r\n0\r\n\r\n"),
    chunks("data-ends-with-lf", b"5\r\nhello\n0\r\n\r\n"),
    chunks("end-bare-lf", b"5\r\nhello\r\n0\n\n"),
    chunks("end-as-a-response", b"5\r\nhello\r\n0\r\n" + UNASKED),
    chunks("end-missing", b"5\r\nhello\r\n", SHORT, "9112 8", then="close"),
    chunks("end-half", b"5\r\nhello\r\n0\r\n", SHORT, "9112 8", then="close"),
    # Ends.
    answer("answer-until-close", "9112 6.3", OK + b"\r\nhello", passed(), then="close"),
    answer("answer-until-close-in-http-1.0", "9112 6.3", b"HTTP/1.0 200 OK\r\n\r\nhello", passed(),
           then="close"),
    answer("answer-until-close-though-kept", "9112 9.3",
           b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello", passed(), then="close"),
    answer("answer-until-reset", "9112 8", OK + b"\r\nhello", broken("reset_in_response"),
           then="reset"),
    answer("answer-shorter", "9112 8", OK + b"Content-Length: 6\r\n\r\nhello", SHORT, then="close"),
    answer("answer-shorter-by-4-gib", "9112 8", OK + b"Content-Length: 4294967301\r\n\r\nhello",
           SHORT, then="close"),
    answer("answer-closing-and-unasked", "9112 9.6",
           OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello" + UNASKED, passed()),
    answer("answer-unasked-later", "9112 9.3.2", OK + b"Content-Length: 5\r\n\r\nhello", passed(),
           late=UNASKED),
    answer("answer-empty-line-later", "9112 2.2", OK + b"Content-Length: 5\r\n\r\nhello", passed(),
           late=b"\r\n"),
    answer("answer-crlf-too-many", "9112 2.2", OK + b"Content-Length: 5\r\n\r\nhello\r\n",
           passed()),
    # Without a body, whatever they say.
    bodiless("204", b"204 No Content", passed(b"", 204)),
    bodiless("204-with-length", b"204 No Content\r\nContent-Length: 51", passed(b"", 204)),
    bodiless("204-with-coding", b"204 No Content\r\nTransfer-Encoding: chunked", passed(b"", 204)),
    bodiless("304-with-length", b"304 Not Modified\r\nContent-Length: 51", passed(b"", 304)),
    bodiless("304-with-coding", b"304 Not Modified\r\nTransfer-Encoding: chunked",
             passed(b"", 304), not_for=("python",)),  # which waits for chunks
    bodiless("head-with-length", b"200 OK\r\nContent-Length: 51", passed(b""), "HEAD"),
    bodiless("head-with-coding", b"200 OK\r\nTransfer-Encoding: chunked", passed(b""), "HEAD"),
    bodiless("head-with-both", b"200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
             AMBIGUOUS, "HEAD"),
    bodiless("head-twice-length", b"200 OK\r\nContent-Length: 5\r\nContent-Length: 51", AMBIGUOUS,
             "HEAD"),
    # Interim responses.
    answer("answer-behind-100", "9110 15.2", b"HTTP/1.1 100 Continue\r\n\r\n" + UNASKED,
           passed(b"smuggled")),
    answer("answer-behind-103", "9110 15.2", b"HTTP/1.1 103 Early Hints\r\n\r\n" + UNASKED,
           passed(b"smuggled"), not_for=("python",)),  # which takes every 1xx but 100 for final
    answer("answer-behind-100-with-length", "9112 6.1",
           b"HTTP/1.1 100 Continue\r\nContent-Length: %d\r\n\r\n" % len(UNASKED) + UNASKED * 2,
           AMBIGUOUS),
    answer("answer-behind-100-with-coding", "9112 6.1",
           b"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK + UNASKED,
           AMBIGUOUS),
    answer("answer-behind-seventeen-100", "9110 15.2",
           b"HTTP/1.1 100 Continue\r\n\r\n" * 17 + UNASKED, MALFORMED),
    answer("answer-101-unasked", "9110 15.2.2",
           b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
           + UNASKED, MALFORMED),
]
