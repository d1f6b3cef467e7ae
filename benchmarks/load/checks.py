"""What must hold before a number means anything: the traffic takes the path it is said to take."""

import os
import random
import re
import socket
import struct
import subprocess

from topology import (
    APP_PORT,
    CLIENT_UID,
    PAIR_ADDRESS,
    PLAIN_ADDRESS,
    PROXY_UID,
    BenchError,
    NotInTime,
    Topology,
    until,
)

BODY_BYTES = 128
SERVICE = "server.default"
DNS_PORT = 15053


def get(
    topology: Topology, role: str, address: str, port: int, headers: tuple[str, ...] = ()
) -> tuple[int, bytes]:
    """One plain GET from inside a namespace: status and body."""
    with topology.connect(role, address, port) as connection:
        lines = ("GET / HTTP/1.1", f"Host: {SERVICE}", "Connection: close", *headers)
        connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.[01] (\d{3})", head)
    if not status:
        raise ConnectionError(f"not an HTTP answer: {answer[:80]!r}")
    return int(status.group(1)), body


def get_by_http2(topology: Topology, role: str, address: str, port: int) -> tuple[int, bytes]:
    """The same over HTTP/2, by the load generator; of the body it tells the size alone."""
    argv = ["h2load", "-n1", "-c1", f"--connect-to={address}:{port}", f"http://{SERVICE}/"]
    done = subprocess.run(
        topology.command(role, CLIENT_UID, os.sched_getaffinity(0), argv),
        text=True,
        capture_output=True,
        timeout=15,
        errors="replace",
    )
    if not re.search(r"^status codes: 1 2xx", done.stdout, re.M):
        raise ConnectionError(f"not answered over HTTP/2: {done.stdout[-200:]!r}")
    size = re.search(r"\((\d+)\) data$", done.stdout, re.M)
    return 200, b"." * int(size.group(1) if size else 0)


def wait_until_it_serves(
    topology: Topology, role: str, address: str, port: int, what: str, programs, ask=get
) -> None:
    """Returns when a GET through the peer brings the origin's 128 bytes."""
    last = "no answer"

    def attempt():
        nonlocal last
        _all_run(programs)
        status, body = ask(topology, role, address, port)
        last = f"status {status}, {len(body)} bytes: {body[:200]!r}"
        return True if status == 200 and len(body) == BODY_BYTES else None

    try:
        until(8, attempt, f"{what}: serving")
    except NotInTime as error:
        raise BenchError(f"{error}; last answer: {last}; {_last_words(programs)}") from None


def _all_run(programs) -> None:
    for program in programs:
        if not program.running():
            raise BenchError(f"{program.name} ended: {program.last_words()}")


def _last_words(programs) -> str:
    return "; ".join(f"{program.name}: {program.last_words()}" for program in programs)


def nothing_bypasses(topology: Topology, role: str, address: str, port: int) -> None:
    """With no proxy running, the redirect must lead to a closed port, not to the origin."""
    try:
        status, _ = get(topology, role, address, port)
    except ConnectionRefusedError:
        return
    except OSError as error:
        raise BenchError(
            f"{address}:{port} from {role} without a proxy: expected a refusal, got {error}"
        ) from None
    raise BenchError(
        f"{address}:{port} from {role} answers {status} without a proxy: nothing redirects it"
    )


def mutual_tls(topology: Topology, identity_dir, alpn: str | None) -> str:
    """Proves that the server's side speaks TLS 1.3, demands a certificate and refuses plain HTTP.

    Returns what was negotiated. Dials as the client's sidecar does: from its pod, with its uid.
    """
    base = [
        "openssl",
        "s_client",
        "-connect",
        f"{PAIR_ADDRESS}:{APP_PORT}",
        "-servername",
        SERVICE,
        "-CAfile",
        str(identity_dir / "client/ca.pem"),
        "-verify_return_error",
    ]
    if alpn:
        base += ["-alpn", alpn]
    with_certificate = [
        "-cert",
        str(identity_dir / "client/cert.pem"),
        "-key",
        str(identity_dir / "client/key.pem"),
    ]
    accepted, output = _ask(topology, base + with_certificate)
    if not accepted:
        raise BenchError(f"the server's side does not answer over mutual TLS: {output[-400:]}")
    if _ask(topology, base)[0]:
        raise BenchError("the server's side serves a client without a certificate")
    try:
        status, _ = get(topology, "out", PLAIN_ADDRESS, APP_PORT)
        if status == 200:
            raise BenchError("the server's side of the pair serves plain HTTP")
    except OSError:
        pass  # a reset is a refusal too
    found = re.search(r"New, (TLSv[\d.]+), Cipher is (\S+)", output)
    group = re.search(r"Server Temp Key: (.+)", output)
    if not found or found.group(1) != "TLSv1.3":
        raise BenchError(f"not TLS 1.3: {output[-400:]}")
    return f"{found.group(1)} {found.group(2)}, {group.group(1) if group else 'unknown group'}"


def _ask(topology: Topology, command: list[str]) -> tuple[bool, str]:
    """True if a request over the connection was answered with 200."""
    request = f"GET / HTTP/1.1\r\nHost: {SERVICE}\r\nConnection: close\r\n\r\n"
    argv = topology.command("cli", PROXY_UID, os.sched_getaffinity(0), [*command, "-ign_eof"])
    done = subprocess.run(
        argv, input=request, text=True, capture_output=True, timeout=15, errors="replace"
    )
    output = done.stdout + done.stderr
    return "HTTP/1.1 200" in output, output


def resolve(topology: Topology, role: str, name: str, programs) -> str:
    """The address that the sidecar's own DNS in the namespace gives for `name`, once it answers."""
    query_id = random.Random(7).getrandbits(16)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = (
        struct.pack("!HHHHHH", query_id, 0x0100, 1, 0, 0, 0)
        + labels
        + b"\0"
        + struct.pack("!HH", 1, 1)
    )

    def attempt():
        _all_run(programs)
        with topology.inside(role):
            asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with asker:
            asker.settimeout(0.5)
            asker.connect(("127.0.0.1", DNS_PORT))
            asker.send(query)
            answer = asker.recv(1500)
        if answer[:2] != query[:2] or struct.unpack("!H", answer[6:8])[0] == 0:
            return None
        # One question, then the answer's name as a pointer: the address is what a record ends with.
        at = len(query)
        while at + 12 <= len(answer):
            kind, _, _, size = struct.unpack("!HHIH", answer[at + 2 : at + 12])
            data = answer[at + 12 : at + 12 + size]
            if kind == 1 and size == 4:
                return socket.inet_ntoa(data)
            at += 12 + size
        return None

    try:
        return until(5, attempt, f"the sidecar's DNS answers {name}")
    except NotInTime as error:
        raise BenchError(f"{error}; {_last_words(programs)}") from None
