"""Transfer-Encoding: beside Content-Length, twice, in lists, misspelt, hidden, in HTTP/1.0.

The body of each is SMUGGLED in one chunk, so that whoever finds no chunked coding either waits for
a length or reads chunk size and SMUGGLED as requests.
"""

from rows import HELLO_CHUNK, SMUGGLED, SMUGGLED_CHUNK, Row
from rows import denied, forwarded, get, post, refused, row

AMBIGUOUS = refused("framing_ambiguous")
MALFORMED = refused("head_malformed")
WHOLE = forwarded(body=SMUGGLED)
N = b"%d" % len(SMUGGLED_CHUNK)


def fields(name: str, lines: bytes, outcome, source: str = "9112 6.1") -> Row:
    return row(f"coding-{name}", source, post(lines, SMUGGLED_CHUNK), outcome)


def value(name: str, text: bytes, outcome=AMBIGUOUS, source: str = "9112 6.1") -> Row:
    return fields(name, b"Transfer-Encoding:" + text + b"\r\n", outcome, source)


ROWS = [
    # Spellings that everybody reads alike.
    value("plain", b" chunked", WHOLE, "9112 7.1"),
    value("no-space", b"chunked", WHOLE, "9112 5.1"),
    value("spaces-around", b"  chunked  ", WHOLE, "9112 5.1"),
    value("tab-before", b"\tchunked", forwarded(body=SMUGGLED, refused_by=["nginx"]), "9112 5.1"),
    value("tab-behind", b" chunked \t", forwarded(body=SMUGGLED, refused_by=["node", "nginx"]),
          "9112 5.1"),
    value("upper-case", b" CHUNKED", WHOLE, "9112 7"),
    value("mixed-case", b" cHuNkEd", WHOLE, "9112 7"),
    fields("name-upper-case", b"TRANSFER-ENCODING: chunked\r\n", WHOLE, "9110 5.1"),
    row("coding-of-get", "9110 9.3.1", get(b"Transfer-Encoding: chunked\r\n") + SMUGGLED_CHUNK,
        forwarded("GET", SMUGGLED)),
    row("coding-of-delete", "9110 9.3.5",
        get(b"Transfer-Encoding: chunked\r\n", method=b"DELETE") + SMUGGLED_CHUNK,
        forwarded("DELETE", SMUGGLED)),
    # Both ways to frame: the attacks known as CL.TE and TE.CL.
    fields("behind-length", b"Content-Length: " + N + b"\r\nTransfer-Encoding: chunked\r\n",
           AMBIGUOUS, "9112 6.3"),
    fields("before-length", b"Transfer-Encoding: chunked\r\nContent-Length: " + N + b"\r\n",
           AMBIGUOUS, "9112 6.3"),
    row("coding-cl-te", "9112 11.2",
        post(b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % (5 + len(SMUGGLED)),
             b"0\r\n\r\n" + SMUGGLED), AMBIGUOUS),
    row("coding-te-cl", "9112 11.2",
        post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", SMUGGLED_CHUNK), AMBIGUOUS),
    row("coding-te-cl-zero", "9112 11.2",
        post(b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", SMUGGLED_CHUNK), AMBIGUOUS),
    fields("and-malformed-length", b"Content-Length: x\r\nTransfer-Encoding: chunked\r\n",
           AMBIGUOUS, "9112 6.3"),
    fields("unknown-and-length", b"Content-Length: " + N + b"\r\nTransfer-Encoding: cow\r\n",
           AMBIGUOUS, "9112 6.3"),
    fields("empty-and-length", b"Content-Length: " + N + b"\r\nTransfer-Encoding:\r\n", AMBIGUOUS,
           "9112 6.3"),
    fields("identity-and-length",
           b"Content-Length: " + N + b"\r\nTransfer-Encoding: identity\r\n", AMBIGUOUS, "9112 6.3"),
    # The attack known as TE.TE: a coding that only some take for chunked.
    value("x-chunked", b" xchunked"),
    value("chunk", b" chunk"),
    value("chunkedd", b" chunkedd"),
    value("identity", b" identity"),
    value("gzip", b" gzip"),
    value("unknown", b" cow"),
    value("empty", b""),
    value("quoted", b' "chunked"'),
    value("single-quoted", b" 'chunked'"),
    value("bracketed", b" [chunked]"),
    value("parameter", b" chunked;q=1"),
    value("colon", b" : chunked"),
    value("words", b" x chunked"),
    value("no-break-space", b" \xa0chunked"),
    value("next-line-character", b" chunked\x85"),
    value("kelvin-sign", b" chun\xe2\x84\xaaed"),
    value("vertical-tab", b" \x0bchunked", MALFORMED, "9110 5.5"),
    value("form-feed", b" chunked\x0c", MALFORMED, "9110 5.5"),
    value("nul", b" chunked\x00", MALFORMED, "9110 5.5"),
    value("delete-character", b" \x7fchunked", MALFORMED, "9110 5.5"),
    value("bare-cr-before", b" \rchunked", MALFORMED, "9112 2.2"),
    value("bare-cr-behind", b" chunked\r", MALFORMED, "9112 2.2"),
    value("bare-lf-before", b"\nchunked", MALFORMED, "9112 2.2"),
    value("folded", b"\r\n chunked", MALFORMED, "9112 5.2"),
    value("folded-behind", b" chunked\r\n , identity", MALFORMED, "9112 5.2"),
    # Lists and repetitions.
    value("list-gzip-first", b" gzip, chunked"),
    value("list-gzip-last", b" chunked, gzip"),
    value("list-identity-first", b" identity, chunked"),
    value("list-identity-last", b" chunked, identity"),
    value("list-twice", b" chunked, chunked", source="9112 7.1"),
    value("list-empty-first", b" ,chunked", source="9110 5.6.1"),
    value("list-empty-last", b" chunked,", source="9110 5.6.1"),
    value("twice", b" chunked\r\nTransfer-Encoding: chunked"),
    value("twice-identity-first", b" identity\r\nTransfer-Encoding: chunked"),
    value("twice-identity-last", b" chunked\r\nTransfer-Encoding: identity"),
    value("twice-empty-first", b"\r\nTransfer-Encoding: chunked"),
    value("twice-cow-in-lower-case", b" chunked\r\ntransfer-encoding: cow"),
    # Fields that are, or are not, a Transfer-Encoding.
    fields("space-before-colon", b"Transfer-Encoding : chunked\r\n", MALFORMED, "9112 5.1"),
    fields("tab-before-colon", b"Transfer-Encoding\t: chunked\r\n", MALFORMED, "9112 5.1"),
    fields("name-underscore", b"Transfer_Encoding: chunked\r\n", AMBIGUOUS, "3875 4.1.18"),
    fields("name-vertical-tab", b"Transfer-Encoding\x0b: chunked\r\n", MALFORMED, "9110 5.1"),
    fields("name-nul", b"Transfer\x00-Encoding: chunked\r\n", MALFORMED, "9110 5.1"),
    fields("in-a-fold", b"X-A: b\r\n Transfer-Encoding: chunked\r\n", MALFORMED, "9112 5.2"),
    fields("behind-bare-lf", b"X-A: b\nTransfer-Encoding: chunked\r\n", MALFORMED, "9112 2.2"),
    fields("behind-bare-cr", b"X-A: b\rTransfer-Encoding: chunked\r\n", MALFORMED, "9112 2.2"),
    fields("nominated", b"Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
           MALFORMED, "9110 7.6.1"),
    fields("nominated-in-a-list",
           b"Connection: close, Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", MALFORMED,
           "9110 7.6.1"),
    row("coding-in-te", "9110 10.1.4", post(b"TE: chunked\r\n", SMUGGLED), forwarded(), denied()),
    row("coding-in-content-encoding", "9110 8.4",
        post(b"Content-Encoding: chunked\r\nContent-Length: 15\r\n", HELLO_CHUNK + SMUGGLED),
        forwarded(body=HELLO_CHUNK), denied()),
    # HTTP/1.0 does not know it.
    row("coding-in-http-1.0", "9112 6.1",
        post(b"Transfer-Encoding: chunked\r\n", SMUGGLED_CHUNK, version=b"1.0"), AMBIGUOUS),
    row("coding-and-length-in-http-1.0", "9112 6.1",
        post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n",
             SMUGGLED_CHUNK, version=b"1.0"), AMBIGUOUS),
]
