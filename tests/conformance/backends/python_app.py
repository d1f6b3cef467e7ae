"""Serves with Python's http.server and prints, as JSON lines, what it understood of requests.

python_app.py PORT. http.server leaves the body to the app: this one reads it as RFC 9112 section
6.3 says, and is no stricter than that. Octets are characters of Latin-1.
"""

import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

writing = threading.Lock()


def say(kind: str, **record) -> None:
    with writing:
        print(json.dumps({"kind": kind, **record}), flush=True)


class Ended(Exception):
    """The connection, before the body."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes, and acknowledgements may wait

    def __getattr__(self, name: str):
        """Any method is served: http.server asks for do_GET and so on."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _line(self) -> bytes:
        line = self.rfile.readline(1 << 16)
        if not line.endswith(b"\n"):
            raise Ended
        return line.rstrip(b"\r\n")

    def _take(self, count: int) -> bytes:
        data = self.rfile.read(count)
        if len(data) < count:
            raise Ended
        return data

    def _chunks(self) -> bytes:
        data = b""
        while size := int(self._line().split(b";")[0], 16):
            data += self._take(size)
            self._line()
        while self._line():
            pass
        return data

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        return self._take(int(self.headers.get("Content-Length", 0)))

    def _serve(self) -> None:
        record = {
            "method": self.command,
            "target": self.path,
            "host": self.headers.get("Host", ""),
            "row": ",".join(self.headers.get_all("X-Row", [])),
            "cookie": " | ".join(self.headers.get_all("Cookie", [])),
            "probe": self.headers.get_all("X-Probe", []),
            "injected": "X-Injected" in self.headers,
        }
        try:
            body = self._body()
        except (Ended, OSError):
            self.close_connection = True
            say("cut", **record)
            return
        say("request", body=body.decode("latin-1"), **record)
        answer = b"saw " + self.path.encode("latin-1")
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def send_error(self, code, message=None, explain=None) -> None:
        say("refused", why=f"{code} {message}")
        super().send_error(code, message, explain)

    def log_message(self, *_) -> None:
        pass


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """A connection that is cut is no error here, and anything else is told to the test."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            say("refused", why=repr(error))


server = Server(("::", int(sys.argv[1])), Handler)
say("listening")
server.serve_forever()
