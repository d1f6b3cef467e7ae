"""Offers connections, from inside a pod: `offer.py '{json}'`, one JSON line as its result.

`idle` connections ask once and then stay; `busy` ones come on top and ask `asks` times each. With
`hold` the idle ones stay when all is said, too, until this process is ended. With `identity` (a
directory) it speaks as a sidecar would, mutual TLS and all, or by `alpn` as another proxy would. A connection that ends before its first
answer is refused; one that ends later, or gets a wrong answer, has failed.
"""

import json
import resource
import selectors
import socket
import ssl
import sys
import time

IN_FLIGHT = 64


class Connection:
    def __init__(self, want: dict, asks: int, context: ssl.SSLContext | None):
        self.asks_left = asks
        self.answered = 0
        self.buffer = b""
        self.length = want["length"]
        self.request = f"GET /{self.length} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.connect_ex((want["address"], want["port"]))
        self.context = context
        self.secure = context is None
        self.wrapped = False

    def step(self) -> str | None:
        """Goes on as far as it can: None, or "answered", "refused", "failed"."""
        try:
            if not self.secure:
                if not self.wrapped:
                    self.socket = self.context.wrap_socket(
                        self.socket, server_hostname="api2.default", do_handshake_on_connect=False
                    )
                    self.wrapped = True
                self.socket.do_handshake()
                self.secure = True
            if self.request:
                self.socket.send(self.request)
                self.request = b""
            while data := self.socket.recv(1 << 16):
                self.buffer += data
                head, end, body = self.buffer.partition(b"\r\n\r\n")
                if end and not head.startswith(b"HTTP/1.1 200 "):
                    return "failed"
                if end and len(body) >= self.length:
                    self.buffer = b""
                    self.answered += 1
                    self.asks_left -= 1
                    return "answered"
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError:
            pass
        return "failed" if self.answered else "refused"

    def ask_again(self) -> None:
        self.request = f"GET /{self.length} HTTP/1.1\r\nHost: h\r\n\r\n".encode()


def offer(want: dict, count: int, asks: int, context) -> tuple[dict, list[Connection]]:
    tally = {"admitted": 0, "refused": 0, "failed": 0}
    waiting = selectors.DefaultSelector()
    kept: list[Connection] = []
    begun = open_now = 0
    deadline = time.monotonic() + want["patience"]
    while begun < count or open_now:
        while begun < count and open_now < IN_FLIGHT:
            one = Connection(want, asks, context)
            waiting.register(one.socket, selectors.EVENT_WRITE, one)
            begun, open_now = begun + 1, open_now + 1
        if time.monotonic() > deadline:
            raise SystemExit(f"{open_now} connections hang; so far {tally}")
        for key, _ in waiting.select(1.0):
            one = key.data
            before = one.socket
            outcome = one.step()
            while outcome == "answered" and one.asks_left:
                one.ask_again()
                outcome = one.step()
            if one.socket is not before:
                waiting.unregister(before)
                waiting.register(one.socket, selectors.EVENT_READ, one)
            elif outcome is None:
                waiting.modify(one.socket, selectors.EVENT_READ, one)
            if outcome is None:
                continue
            waiting.unregister(one.socket)
            open_now -= 1
            if outcome == "answered":
                tally["admitted"] += 1
                kept.append(one)
            else:
                tally[outcome] += 1
                one.socket.close()
    return tally, kept


def main() -> None:
    want = json.loads(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (16384, 16384))
    context = None
    if identity := want.get("identity"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(f"{identity}/ca.pem")
        context.load_cert_chain(f"{identity}/cert.pem", f"{identity}/key.pem")
        context.set_alpn_protocols([want.get("alpn", "epaulet/1-h1")])
    idle, kept = offer(want, want["idle"], 1, context)
    if not want["hold"]:
        for one in kept:
            one.socket.close()
    busy, _ = offer(want, want["busy"], want["asks"], context)
    still = 0
    for one in kept if want["hold"] else []:  # those that were admitted are still served
        one.ask_again()
        one.asks_left = 1
        one.socket.setblocking(True)
        one.socket.settimeout(10)
        still += one.step() == "answered"
    print(json.dumps({"idle": idle, "busy": busy, "still_served": still}), flush=True)
    time.sleep(3600 if want["hold"] else 0)


if __name__ == "__main__":
    main()
