"""HTTP/2 spoken frame by frame (RFC 9113), for what no well-behaved library says."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING = 0, 1, 2, 3, 4, 6
GOAWAY, WINDOW_UPDATE, CONTINUATION = 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CANCEL, ENHANCE_YOUR_CALM = 8, 11


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream
    ) + payload


def literal(name: str, value: str) -> bytes:
    """A field without indexing and without Huffman coding (RFC 7541 section 6.2.2)."""

    def text(data: bytes) -> bytes:
        if len(data) < 127:
            return bytes([len(data)]) + data
        rest, size = b"", len(data) - 127
        while size >= 128:
            rest, size = rest + bytes([size % 128 + 128]), size // 128
        return b"\x7f" + rest + bytes([size]) + data

    return b"\0" + text(name.encode()) + text(value.encode())


def fields(path: str = "/", method: str = "GET", **more: str) -> bytes:
    said = {":method": method, ":scheme": "http", ":path": path, ":authority": "api2.default"}
    more = {name.replace("_", "-"): value for name, value in more.items()}
    return b"".join(literal(name, value) for name, value in {**said, **more}.items())


def request(stream: int, path: str = "/", flags: int = END_STREAM | END_HEADERS, **more) -> bytes:
    return frame(HEADERS, flags, stream, fields(path, **more))


def hello(**settings: int) -> bytes:
    payload = b"".join(struct.pack(">HI", int(key[1:]), value) for key, value in settings.items())
    return PREFACE + frame(SETTINGS, 0, 0, payload)


def next_frame(wire) -> tuple[int, int, int, bytes]:
    """Kind, flags, stream and payload of the next frame on a Wire."""
    head = wire.take(9)
    size = int.from_bytes(head[:3], "big")
    return head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, wire.take(size)


def until(wire, *kinds: int) -> tuple[int, int, int, bytes]:
    """The next frame of one of these kinds; pings and settings are not answered."""
    while True:
        found = next_frame(wire)
        if found[0] in kinds:
            return found


def error_of(goaway: bytes) -> int:
    return int.from_bytes(goaway[4:8], "big")
