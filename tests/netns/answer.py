"""Listens in a pod and tells each caller who answered: `answer.py NAME tcp:ADDRESS:PORT udp:...`.

The answer to a connection or datagram is one JSON line: `name`, `on` (the listener), `peer`, and
for TCP `original`, the destination that the kernel remembers (null if it remembers none). It stands
for the proxy (as uid 1337), the app, or a neighbour's server, whatever its NAME says.
"""

import json
import socket
import struct
import sys
import threading

SO_ORIGINAL_DST = 80  # on both levels


def text(address) -> str:
    host = address[0].removeprefix("::ffff:")
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"


def original(connection) -> str | None:
    local = connection.getsockname()
    is_v6 = ":" in local[0] and not local[0].startswith("::ffff:")
    level, size = (socket.IPPROTO_IPV6, 28) if is_v6 else (socket.SOL_IP, 16)
    try:
        raw = connection.getsockopt(level, SO_ORIGINAL_DST, size)
    except OSError:
        return None
    (port,) = struct.unpack("!H", raw[2:4])
    if is_v6:
        return text((socket.inet_ntop(socket.AF_INET6, raw[8:24]), port))
    return text((socket.inet_ntop(socket.AF_INET, raw[4:8]), port))


def line(name: str, on: str, **more) -> bytes:
    return json.dumps({"name": name, "on": on, **more}).encode() + b"\n"


def keep(connection, greeting: bytes) -> None:
    """Greets, then echoes until the caller has gone, so that a connection can be tried later."""
    with connection:
        try:
            connection.sendall(greeting)
            while data := connection.recv(4096):
                connection.sendall(data)
        except OSError:
            pass


def serve_tcp(name: str, listener) -> None:
    on = text(listener.getsockname())
    while True:
        connection, peer = listener.accept()
        greeting = line(name, on, peer=text(peer), original=original(connection))
        threading.Thread(target=keep, args=(connection, greeting), daemon=True).start()


def serve_udp(name: str, listener) -> None:
    on = text(listener.getsockname())
    while True:
        try:
            _, peer = listener.recvfrom(4096)
            listener.sendto(line(name, on, peer=text(peer)), peer)
        except OSError:  # Who asked has gone: an address of a check's, say.
            pass


def main() -> None:
    name, threads = sys.argv[1], []
    for one in sys.argv[2:]:
        kind, rest = one.split(":", 1)
        host, port = rest.rsplit(":", 1)
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == "tcp" and port.startswith("15"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as the proxy does
        listener.bind((host, int(port)))
        if kind == "tcp":
            listener.listen(64)
        serve = serve_tcp if kind == "tcp" else serve_udp
        threads.append(threading.Thread(target=serve, args=(name, listener)))
    for thread in threads:
        thread.start()
    print("listening", flush=True)
    for thread in threads:
        thread.join()


main()
