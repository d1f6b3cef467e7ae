"""An app of HTTP/1.1 that answers as a test says."""

import time
from collections.abc import Callable

from mesh import APP_PORT, App, Pod, Wire, field

Answer = tuple[int, str, str | bytes]  # status, header lines, body


class AnsweringApp(App):
    """Answers each request with what `answer(head, body)` gives, which may take its time.

    It runs in the connection's thread, from the first connection on: what it uses must be there
    before this class is made.
    """

    def __init__(self, pod: Pod, port: int = APP_PORT, answer: Callable[..., Answer] | None = None):
        super().__init__(pod, port)
        self.answer = answer or self.answer
        self.serve(self._serve)

    def answer(self, head: bytes, body: bytes) -> Answer:
        return 200, "", "ok"

    def _serve(self, wire: Wire) -> None:
        wire.socket.settimeout(None)
        self.wires.append(wire)  # die() ends it
        while True:
            head = wire.head()
            if field(head, "transfer-encoding"):
                body = wire.chunked()[0]
            else:
                body = wire.take(int(field(head, "content-length") or 0))
            status, lines, answer = self.answer(head, body)
            wire.send(f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(answer)}\r\n\r\n")
            if not head.startswith(b"HEAD"):
                wire.send(answer)


class KeepingApp(AnsweringApp):
    """Keeps the head of each request, and the body; answers as it is told to at the moment."""

    def __init__(self, pod: Pod, port: int = APP_PORT, body: str = "ok", status: int = 200):
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.status, self.lines, self.body, self.delay = status, "", body, 0.0
        super().__init__(pod, port)

    def answer(self, head: bytes, body: bytes) -> Answer:
        self.bodies.append(body)
        self.heads.append(head)
        time.sleep(self.delay)
        return self.status, self.lines, self.body

    @property
    def requests(self) -> list[bytes]:
        return [head + body for head, body in zip(self.heads, self.bodies)]
