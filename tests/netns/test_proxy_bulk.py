"""Bodies far larger than memory: what moves is bounded, whoever is the slower end."""

import threading
import time
import zlib

from lab import wait_until
from mesh import CALLEE, CALLER, Mesh, field

MEBIBYTE = 1 << 20
BLOCK = bytes(range(256)) * (MEBIBYTE // 256)
GROWTH_MAX = 4 * MEBIBYTE
IN_FLIGHT_MAX = 48 * MEBIBYTE  # what three pairs of sockets and both sidecars may hold

PATIENT = "timeouts: { request: 0s }\n"  # an upload is before the response head, which has 15 s by default


def checksum(mebibytes: int) -> int:
    crc = 0
    for _ in range(mebibytes):
        crc = zlib.crc32(BLOCK, crc)
    return crc


def receive(wire, size: int) -> int:
    """The checksum of the next `size` bytes."""
    early = wire.buffer[:size]
    wire.buffer = wire.buffer[size:]
    crc, left = zlib.crc32(early), size - len(early)
    room = memoryview(bytearray(MEBIBYTE))
    while left:
        got = wire.socket.recv_into(room, min(left, MEBIBYTE))
        assert got, f"{left} bytes are missing"
        crc, left = zlib.crc32(room[:got], crc), left - got
    return crc


def send_chunk(wire) -> None:
    wire.send(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK))


def receive_chunks(wire) -> int:
    """How many bytes of data a chunked body has."""
    total = 0
    while size := int(wire.until(b"\r\n"), 16):
        receive(wire, size)
        assert wire.take(2) == b"\r\n"
        total += size
    assert wire.take(2) == b"\r\n"
    return total


def test_large_bodies_both_ways_in_constant_memory(lab, binaries, long):
    mebibytes = 4096 if long else 256
    api, api2 = Mesh(lab, binaries).pair(PATIENT + CALLER, PATIENT + CALLEE)
    app = api2.app()
    expected = checksum(mebibytes)

    def upload(count: int, crc: int) -> None:
        size = count * MEBIBYTE
        client.send(f"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n")
        sender = threading.Thread(target=lambda: [client.send(BLOCK) for _ in range(count)])
        sender.start()
        server, _ = app.take_head()
        assert receive(server, size) == crc
        sender.join()
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert client.response()[0] == 200

    def download(count: int, crc: int) -> None:
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        server, _ = app.take_head()
        server.send(f"HTTP/1.1 200 OK\r\nContent-Length: {count * MEBIBYTE}\r\n\r\n")
        sender = threading.Thread(target=lambda: [server.send(BLOCK) for _ in range(count)])
        sender.start()
        client.head()
        assert receive(client, count * MEBIBYTE) == crc
        sender.join()

    with api.call("api2.default") as client:
        upload(8, checksum(8))  # what any traffic needs is no growth
        download(8, checksum(8))
        before = [one.memory_peak_bytes() for one in (api, api2)]
        begin = time.monotonic()
        upload(mebibytes, expected)
        download(mebibytes, expected)
        seconds = time.monotonic() - begin
    for one, peak in zip((api, api2), before):
        growth = one.memory_peak_bytes() - peak
        assert growth < GROWTH_MAX, f"{one.pod.name}: {growth} bytes more"
    if long:
        peaks = [one.memory_peak_bytes() // 1024 for one in (api, api2)]
        print(f"# 2 x {mebibytes} MiB in {seconds:.1f} s, VmHWM {peaks} KiB, before {before}")


def test_a_slow_end_holds_the_other_back(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(PATIENT + CALLER, PATIENT + CALLEE)
    app = api2.app()
    before = [one.memory_peak_bytes() for one in (api, api2)]
    sent = 0

    def push(wire, count: int) -> None:
        nonlocal sent
        for _ in range(count):
            send_chunk(wire)
            sent += 1
        wire.send("0\r\n\r\n")

    def assert_held_back() -> None:
        """Nothing is taken from the sender any more, long before all of it is."""
        last, since = -1, time.monotonic()

        def stands_still() -> bool:
            nonlocal last, since
            if sent != last:
                last, since = sent, time.monotonic()
            return time.monotonic() - since > 0.3

        wait_until(stands_still, "the sender to be held back", 10)
        assert sent * MEBIBYTE < IN_FLIGHT_MAX, sent

    count = 2 * IN_FLIGHT_MAX // MEBIBYTE
    with api.call("api2.default") as client:
        client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        sender = threading.Thread(target=push, args=(client, count))
        sender.start()
        server, _ = app.take_head()
        assert_held_back()
        assert receive_chunks(server) == count * MEBIBYTE
        sender.join()

        sent = 0
        server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        sender = threading.Thread(target=push, args=(server, count))
        sender.start()
        assert field(client.head(), "transfer-encoding") == "chunked"
        assert_held_back()
        assert receive_chunks(client) == count * MEBIBYTE
        sender.join()
    for one, peak in zip((api, api2), before):
        growth = one.memory_peak_bytes() - peak
        assert growth < GROWTH_MAX, f"{one.pod.name}: {growth} bytes more"
