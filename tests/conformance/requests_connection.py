"""Connection and what it nominates, persistence, Expect, Upgrade, pipelines."""

from rows import HELLO_CHUNK, SMUGGLED, Row, denied, forwarded, get, post, refused, row

MALFORMED = refused("head_malformed")
GOOD = forwarded("GET")
HELLO = forwarded(body=b"hello")
PROBE = b"X-Probe: a\r\n"


def nominated(name: str, options: bytes, *outcomes) -> Row:
    message = get(b"Connection: " + options + b"\r\n" + PROBE)
    return row(f"connection-{name}", "9110 7.6.1", message, *outcomes or (MALFORMED,))


def expect(name: str, fields: bytes, body: bytes, *outcomes, **more) -> Row:
    return row(f"expect-{name}", "9110 10.1.1", post(fields, body, **more), *outcomes)


def upgrade(name: str, fields: bytes, *outcomes, source: str = "9110 7.8") -> Row:
    message = get(b"Connection: Upgrade\r\n" + fields) + SMUGGLED
    return row(f"upgrade-{name}", source, message, *outcomes or (GOOD, denied()))


ROWS = [
    # What Connection nominates is removed, or may not be nominated.
    nominated("of-a-field", b"x-probe", GOOD),
    nominated("of-a-field-in-a-list", b"keep-alive , ,X-PROBE", GOOD),
    nominated("of-nothing", b" , ,", forwarded("GET", probe=b"a")),
    nominated("of-authorization", b"authorization"),
    nominated("of-cookie", b"cookie"),
    nominated("of-expect", b"expect"),
    nominated("of-the-request-id", b"x-request-id"),
    nominated("of-an-identity", b"x-epaulet-roles"),
    nominated("of-an-identity-misspelt", b"X_Epaulet-Roles"),
    nominated("of-a-length-misspelt", b"content_length"),
    row("connection-twice", "9110 7.6.1",
        get(b"Connection: keep-alive\r\nConnection: X-Probe\r\n" + PROBE), GOOD),
    row("connection-proxy", "9112 9.3", get(b"Proxy-Connection: close\r\n") + SMUGGLED,
        GOOD, denied()),
    row("connection-keep-alive-field", "9112 9.3", get(b"Keep-Alive: timeout=-1\r\n") + SMUGGLED,
        GOOD, denied()),
    # What follows the last request of a connection is not read.
    row("connection-close-and-more", "9112 9.6", get(b"Connection: close\r\n") + SMUGGLED, GOOD),
    row("connection-close-in-a-list", "9112 9.6",
        get(b"Connection: keep-alive, CLOSE\r\n") + SMUGGLED, GOOD),
    row("connection-close-with-a-body", "9112 9.6",
        post(b"Connection: close\r\nContent-Length: 5\r\n", b"hello" + SMUGGLED), HELLO),
    row("connection-http-1.0-and-more", "9112 9.3", get(version=b"1.0") + SMUGGLED, GOOD),
    row("connection-http-1.0-kept", "9112 9.3",
        get(b"Connection: Keep-Alive\r\n", version=b"1.0") + SMUGGLED, GOOD, denied()),
    row("connection-http-1.0-kept-and-closed", "9112 9.3",
        get(b"Connection: Keep-Alive, close\r\n", version=b"1.0") + SMUGGLED, GOOD),
    row("connection-pipeline", "9112 9.3.2", get() + post(b"Content-Length: 5\r\n", b"hello")
        + post(b"Transfer-Encoding: chunked\r\n", HELLO_CHUNK) + SMUGGLED + get(),
        GOOD, HELLO, HELLO, denied(), GOOD),
    row("connection-pipeline-to-a-fault", "9112 9.3.2",
        get() + get(b"Content-Length: 5\r\nContent-Length: 6\r\n") + SMUGGLED,
        GOOD, refused("framing_ambiguous")),
    # Expect.
    expect("with-the-body-at-once", b"Expect: 100-continue\r\nContent-Length: 5\r\n",
           b"hello" + SMUGGLED, HELLO, denied()),
    expect("with-chunks", b"Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n",
           HELLO_CHUNK + SMUGGLED, HELLO, denied()),
    expect("without-a-body", b"Expect: 100-continue\r\n", SMUGGLED, forwarded(), denied()),
    expect("twice", b"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n",
           b"hello", forwarded(body=b"hello", refused_by=["nginx"])),
    expect("something-else", b"Expect: 200-ok\r\nContent-Length: 5\r\n", b"hello",
           refused("expectation_unsupported", 417)),
    expect("something-else-too", b"Expect: 100-continue, x\r\nContent-Length: 5\r\n", b"hello",
           refused("expectation_unsupported", 417)),
    expect("in-http-1.0", b"Expect: 100-continue\r\nContent-Length: 5\r\n", b"hello", HELLO,
           version=b"1.0"),
    # Upgrade: what follows is no request to anybody, unless the app stays with HTTP/1.1.
    upgrade("h2c", b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", source="9113 3.1"),
    upgrade("h2c-in-a-list", b"Upgrade: foo, H2C\r\n", source="9113 3.1"),
    upgrade("http-2.0", b"Upgrade: HTTP/2.0\r\n"),
    upgrade("tls", b"Upgrade: TLS/1.2\r\n", source="2817 3.1"),
    upgrade("without-a-protocol", b"Upgrade:\r\n"),
    upgrade("twice", b"Upgrade: websocket\r\nUpgrade: h2c\r\n", MALFORMED),
    row("upgrade-not-nominated", "9110 7.8", get(b"Upgrade: websocket\r\n") + SMUGGLED,
        GOOD, denied()),
    row("upgrade-with-a-body", "9110 7.8",
        post(b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n", b"hello" + SMUGGLED),
        HELLO, denied()),
    row("upgrade-refused-by-the-app", "9110 7.8",
        get(b"Connection: upgrade\r\nUpgrade: x/1\r\n") + SMUGGLED, GOOD, denied(),
        unsaid="what takes the place of Upgrade there is asked for WebSocket alone"),
    row("te-trailers", "9110 10.1.4", get(b"TE: trailers\r\n") + SMUGGLED, GOOD, denied()),
    row("te-gzip", "9110 10.1.4", get(b"TE: gzip, trailers\r\n") + SMUGGLED, GOOD, denied()),
]
