"""Dials from a pod and prints what became of it: `dial.py tcp|udp ADDRESS PORT [SOURCE_PORT]`.

One JSON line: the answer of answer.py with `source` added, or `error` with the name of the errno
("SILENT" if nothing came within the time limit).
"""

import errno
import json
import socket
import sys

PATIENCE_SECONDS = 1.5


def main() -> dict:
    kind, host, port, *source_port = sys.argv[1:]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    transport = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, transport) as caller:
        caller.settimeout(PATIENCE_SECONDS)
        if source_port:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            caller.bind(("", int(source_port[0])))
        try:
            caller.connect((host, int(port)))
            if kind == "udp":
                caller.send(b"?")
            answer = caller.recv(4096)
            if not answer:
                return {"error": "CLOSED"}
            return {**json.loads(answer), "source": caller.getsockname()[0]}
        except TimeoutError:
            return {"error": "SILENT"}
        except OSError as error:
            return {"error": errno.errorcode.get(error.errno, str(error))}


print(json.dumps(main()))
