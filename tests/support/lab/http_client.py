"""One HTTP/1.1 request from inside a pod's network, with exactly the header fields it is given."""

import http.client
import socket
from dataclasses import dataclass, field

DEFAULT_TIMEOUT = 12.0


@dataclass
class Response:
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    def header(self, name: str) -> str | None:
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


def request(
    pod,
    address: str,
    port: int,
    path: str,
    headers: list[tuple[str, str]] = (),
    method: str = "GET",
    host: str | None = None,
    body: bytes = b"",
    timeout: float = DEFAULT_TIMEOUT,
) -> Response:
    """Sends it and reads the whole response; OSError when the connection is refused or reset.

    `address` is literal: names are a matter of the pod's resolver, not of this one. `headers` keeps
    order, case and duplicates; Host is added, and Content-Length where there is a body.
    """
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    connection.sock = pod.in_netns(lambda: socket.create_connection((address, port), timeout))
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or (f"[{address}]" if ":" in address else address))
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        return Response(answer.status, answer.getheaders(), text)
    except http.client.HTTPException as error:
        raise ConnectionError(f"{address}:{port} broke off: {error!r}") from error
    finally:
        connection.close()
