"""Status lines and field lines of responses."""

from rows import ResponseRow, answer, failed, passed

MALFORMED = failed("response_malformed")
LARGE = failed("response_head_too_large")
LENGTH = b"Content-Length: 5\r\n\r\nhello"


def start(name: str, line: bytes, expected=MALFORMED, source: str = "9112 4") -> ResponseRow:
    """`line`, with its end, is the status line."""
    return answer(f"status-{name}", source, line + LENGTH, expected)


def line(name: str, text: bytes, expected=MALFORMED, source: str = "9112 5") -> ResponseRow:
    """`text`, with its end, is a field line of its own."""
    return answer(
        f"answer-line-{name}", source, b"HTTP/1.1 200 OK\r\n" + text + LENGTH, expected
    )


ROWS = [
    start("without-reason", b"HTTP/1.1 200\r\n", passed()),
    start("with-empty-reason", b"HTTP/1.1 200 \r\n", passed()),
    start("with-odd-reason", b"HTTP/1.1 200 HTTP/1.1 500 \xe9\r\n", passed()),
    start("299", b"HTTP/1.1 299 What\r\n", passed(status=299), "9110 15"),
    start("599", b"HTTP/1.1 599 What\r\n", passed(status=599), "9110 15"),
    start("http-1.2", b"HTTP/1.2 200 OK\r\n", passed(), "9110 2.5"),
    start("http-2.0", b"HTTP/2.0 200 OK\r\n", source="9110 2.5"),
    start("http-0.9", b"HTTP/0.9 200 OK\r\n", source="9110 2.5"),
    start("http-1.10", b"HTTP/1.10 200 OK\r\n", source="9112 2.3"),
    start("http-in-lower-case", b"http/1.1 200 OK\r\n", source="9112 2.3"),
    start("another-protocol", b"ICY 200 OK\r\n", source="9112 2.3"),
    start("two-spaces", b"HTTP/1.1  200 OK\r\n"),
    start("tab", b"HTTP/1.1\t200 OK\r\n"),
    start("two-digits", b"HTTP/1.1 20 OK\r\n", source="9110 15"),
    start("four-digits", b"HTTP/1.1 2000 OK\r\n", source="9110 15"),
    start("099", b"HTTP/1.1 099 OK\r\n", source="9110 15"),
    start("000", b"HTTP/1.1 000 OK\r\n", source="9110 15"),
    start("plus", b"HTTP/1.1 +20 OK\r\n", source="9110 15"),
    start("minus", b"HTTP/1.1 -20 OK\r\n", source="9110 15"),
    start("hexadecimal", b"HTTP/1.1 0xc OK\r\n", source="9110 15"),
    start("letters", b"HTTP/1.1 abc OK\r\n", source="9110 15"),
    start("missing", b"HTTP/1.1\r\n"),
    start("nul-in-reason", b"HTTP/1.1 200 O\x00K\r\n"),
    start("control-in-reason", b"HTTP/1.1 200 O\x01K\r\n"),
    start("bare-cr-in-reason", b"HTTP/1.1 200 OK\rX-Injected: 1\r\n", source="9112 2.2"),
    start("bare-lf", b"HTTP/1.1 200 OK\n", source="9112 2.2"),
    start("cr-cr-lf", b"HTTP/1.1 200 OK\r\r\n", source="9112 2.2"),
    start("empty-line-before", b"\r\nHTTP/1.1 200 OK\r\n", source="9112 2.2"),
    start("space-before", b" HTTP/1.1 200 OK\r\n"),
    start("byte-order-mark-before", b"\xef\xbb\xbfHTTP/1.1 200 OK\r\n"),
    start("twice", b"HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\n", source="9112 5.1"),
    answer("status-only-a-body", "1945 6", b"hello", failed("response_truncated"), then="close"),
    answer("status-half-a-head", "9112 8", b"HTTP/1.1 200 OK\r\nContent-Le",
           failed("response_truncated"), then="close"),
    line("all-bare-lf", b"X-A: b\nX-C: d\n\n", source="9112 2.2"),
    line("bare-lf", b"X-A: b\nX-Injected: 1\r\n", source="9112 2.2"),
    line("bare-cr", b"X-A: b\rX-Injected: 1\r\n", source="9112 2.2"),
    line("cr-cr-lf", b"X-A: b\r\r\n", source="9112 2.2"),
    line("folded", b"X-A: b\r\n X-Injected: 1\r\n", source="9112 5.2"),
    line("folded-by-tab", b"X-A: b\r\n\tc\r\n", source="9112 5.2"),
    line("white-space-first", b" X-A: b\r\n", source="9112 2.2"),
    line("space-before-colon", b"X-A : b\r\n", source="9112 5.1"),
    line("name-empty", b": b\r\n", source="9110 5.1"),
    line("name-only", b"X-A\r\n"),
    line("name-with-space", b"X A: b\r\n", source="9112 5.1"),
    line("name-with-nul", b"X\x00A: b\r\n", source="9110 5.1"),
    line("name-with-obs-text", b"X-\xe9: b\r\n", source="9110 5.1"),
    line("nul", b"X-A: \x00\r\n", source="9110 5.5"),
    line("vertical-tab", b"X-A: a\x0bX-Injected: 1\r\n", source="9110 5.5"),
    line("delete", b"X-A: \x7f\r\n", source="9110 5.5"),
    line("latin-1", b"X-A: \xe9\x85\r\n", passed(), "9110 5.5"),
    line("two-hundred", b"".join(b"X-%d: a\r\n" % n for n in range(201)), LARGE, "6585 5"),
    line("of-70-kib", b"X-A: " + b"a" * 70000 + b"\r\n", LARGE, "6585 5"),
]
