"""Run in a pod as an app would: resolves the name through resolv.conf, GETs the URL, prints JSON.

`python3 -I fetch.py URL` prints {"addresses", "status", "body"} or {"addresses", "error"}.
"""

import http.client
import json
import socket
import sys
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 12.0


def fetch(url: str) -> dict:
    target = urlsplit(url)
    port = target.port or 80
    result = {"addresses": []}
    try:
        found = socket.getaddrinfo(target.hostname, port, type=socket.SOCK_STREAM)
        result["addresses"] = [entry[4][0] for entry in found]
        connection = http.client.HTTPConnection(target.hostname, port, timeout=TIMEOUT_SECONDS)
        connection.request("GET", target.path or "/")
        answer = connection.getresponse()
        result |= {"status": answer.status, "body": answer.read().decode(errors="replace")}
    except (OSError, http.client.HTTPException) as error:
        result["error"] = repr(error)
    return result


print(json.dumps(fetch(sys.argv[1])))
