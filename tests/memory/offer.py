"""Offers connections, from inside a pod: `offer.py '{json}'`.

`order` says who comes, one after the other: [["idle", 5000], ["busy", 500]]. An idle one asks once and
then stays. Busy ones come all at once; when each of them has been answered or refused, those that are
in ask on and on, until everybody else has been, too, and each has asked `asks` times. Before `order` come those of `before`, of whom all have left when `order` begins. The result is one JSON
line; with `hold` those that are idle then stay until this process is ended. With `rate` the busy
ones take turns, so many asks a second, and never end: "at it" is said once everybody has been
answered or refused.

With `identity` (a directory) it speaks as a sidecar would, mutual TLS and all, or by `alpn` as another
proxy would. A connection that ends before its first answer is refused; one that ends later, or gets a
wrong answer, has failed.
"""

import collections
import json
import resource
import selectors
import socket
import ssl
import sys
import time

AT_ONCE = {"idle": 64, "busy": 1 << 20}  # that are neither answered nor refused yet


class Connection:
    def __init__(self, want: dict, kind: str, context: ssl.SSLContext | None):
        self.kind = kind
        self.asks_left = want["asks"] if kind == "busy" else 1
        self.answered = 0
        self.length = want["length"]
        self.ask()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.connect_ex((want["address"], want["port"]))
        self.context = context
        self.secure = context is None
        self.wrapped = False

    def ask(self) -> None:
        self.request = f"GET /{self.length} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
        self.head, self.body_left = b"", -1

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
                if self.body_left < 0:
                    self.head, end, data = (self.head + data).partition(b"\r\n\r\n")
                    if not end:
                        continue
                    if not self.head.startswith(b"HTTP/1.1 200 "):
                        return "failed"
                    self.body_left = self.length
                if len(data) > self.body_left:
                    return "failed"
                self.body_left -= len(data)
                if not self.body_left:
                    self.answered += 1
                    self.asks_left -= 1
                    return "answered"
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError:
            pass
        return "failed" if self.answered else "refused"


class Offer:
    def __init__(self, want: dict, context: ssl.SSLContext | None):
        self.want = want
        self.context = context
        self.tally = {kind: {"admitted": 0, "refused": 0, "failed": 0} for kind in AT_ONCE}
        self.busy_together = 0
        self.kept: list[Connection] = []
        self._busy = 0
        self._coming: collections.deque[str] = collections.deque()
        self._unsettled = dict.fromkeys(AT_ONCE, 0)
        self._waiting = selectors.DefaultSelector()
        self._resting: collections.deque[Connection] = collections.deque()
        self._rate = want.get("rate", 0)
        self._turn = 0.0  # the next one's, once they take turns

    def run(self, order: list) -> None:
        """Until all have come, and those that do not stay have left."""
        self._coming.extend(kind for kind, count in order for _ in range(count))
        deadline = time.monotonic() + self.want["patience"]
        while self._coming or self._waiting.get_map() or self._resting:
            while self._coming and self._unsettled[self._coming[0]] < AT_ONCE[self._coming[0]]:
                self._begin(self._coming.popleft())
            now = time.monotonic()
            if now > deadline and not self._turn:
                hang = len(self._waiting.get_map())
                raise SystemExit(f"{hang} connections hang; so far {self.tally}")
            for key, _ in self._waiting.select(max(0.0, self._turn - now) if self._turn else 1.0):
                self._go_on(key.data)
            if self._rate and self._all_settled():
                self._take_turns()
            elif not self._rate and not self._unsettled["busy"] and not self._busy_is_next():
                while self._resting:
                    self._ask(self._resting.popleft())

    def leave(self) -> None:
        for one in self.kept:
            one.socket.close()
        self.kept.clear()

    def still_served(self) -> int:
        """How many that stayed are."""
        served = 0
        for one in self.kept:
            one.ask()
            one.socket.setblocking(True)
            one.socket.settimeout(10)
            served += one.step() == "answered"
        return served

    def _all_settled(self) -> bool:
        return not self._coming and not any(self._unsettled.values())

    def _busy_is_next(self) -> bool:
        return bool(self._coming) and self._coming[0] == "busy"

    def _ask(self, one: Connection) -> None:
        one.ask()
        self._waiting.register(one.socket, selectors.EVENT_WRITE, one)

    def _take_turns(self) -> None:
        if not self._turn:
            self._turn = time.monotonic()
            print("at it", flush=True)
        while self._resting and self._turn <= time.monotonic():
            self._turn += 1 / self._rate
            self._ask(self._resting.popleft())

    def _begin(self, kind: str) -> None:
        one = Connection(self.want, kind, self.context)
        self._waiting.register(one.socket, selectors.EVENT_WRITE, one)
        self._unsettled[kind] += 1

    def _go_on(self, one: Connection) -> None:
        before, was_settled = one.socket, one.answered > 0
        outcome = one.step()
        if one.socket is not before:
            self._waiting.unregister(before)
            self._waiting.register(one.socket, selectors.EVENT_READ, one)
        elif outcome is None:
            self._waiting.modify(one.socket, selectors.EVENT_READ, one)
        if outcome is None:
            return
        if not was_settled:
            self._unsettled[one.kind] -= 1
        if outcome != "answered":
            self._count(one, outcome)
            self._busy -= was_settled and one.kind == "busy"
            self._waiting.unregister(one.socket)
            one.socket.close()
            return
        if not was_settled:
            self._count(one, "admitted")
            self._busy += one.kind == "busy"
            self.busy_together = max(self.busy_together, self._busy)
        if one.kind == "busy" and not self._may_end(one):
            self._waiting.unregister(one.socket)
            self._resting.append(one)
            return
        self._busy -= one.kind == "busy"
        self._waiting.unregister(one.socket)
        self.kept.append(one)

    def _may_end(self, busy: Connection) -> bool:
        return busy.asks_left <= 0 and self._all_settled() and not self._rate

    def _count(self, one: Connection, outcome: str) -> None:
        self.tally[one.kind][outcome] += 1


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
    offer = Offer(want, context)
    offer.run(want.get("before", []))
    offer.leave()
    offer.run(want["order"])
    hold = want.get("hold", False)
    told = {"busy_together": offer.busy_together, "kept": len(offer.kept)}
    told["still_served"] = offer.still_served() if hold else 0
    print(json.dumps(offer.tally | told), flush=True)
    time.sleep(3600 if hold else 0)


if __name__ == "__main__":
    main()
