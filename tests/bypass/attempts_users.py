"""Users of one pod: what an app gains by being uid 1337, the sidecar's own, and what it does not.

Outbound interception is a convenience, not a security boundary: who is uid 1337, or root, goes
round his own sidecar. He does not get into another pod by that.
"""

import json

from lab import PROXY_UID
from speak import get
from table import Check, Control, Possible, Refused, Row, Told
from world import CLOSED, STRICT, TRUST, World

APP_UID = 1000
# Says something and prints what came: the status and how it ended.
SPEAK = """
import json, socket, sys
host, port, text = sys.argv[1], int(sys.argv[2]), sys.argv[3]
try:
    with socket.create_connection((host, port), 5) as caller:
        caller.sendall(text.encode())
        answer = caller.recv(65536).decode()  # one segment: the answers here are short
except OSError as error:
    answer = ""
print(json.dumps(answer))
"""
REQUEST = "GET {} HTTP/1.1\r\nHost: h\r\nx-epaulet-peer: " + TRUST + "api\r\n\r\n"
KEY = "/run/epaulet/identity/key.pem"


def spoken_by(uid: int, port: int, path: str):
    """A process of this uid in the pod `api`, past the rules if it is 1337."""

    def attempt(world: World) -> Told:
        argv = ["python3", "-I", "-c", SPEAK, world.api2.pod.ipv4, str(port), REQUEST.format(path)]
        answer = json.loads(world.api.pod.run(argv, uid=uid).stdout)
        status = int(answer.split()[1]) if answer else None
        answer_head, _, answer_body = answer.encode().partition(b"\r\n\r\n")
        return Told(status, answer_head + b"\r\n\r\n", answer_body)

    return attempt


def key_is_closed(world: World) -> None:
    done = world.api.pod.run(["cat", KEY], uid=APP_UID, check=False)
    assert done.returncode != 0 and "Permission denied" in done.stderr, done


def no_signals(world: World) -> None:
    done = world.api.pod.run(
        ["kill", "-TERM", str(world.api.process.pid)], uid=APP_UID, check=False
    )
    assert done.returncode != 0 and "not permitted" in done.stderr, done
    assert world.api.process.is_running()


def rules_stay(world: World) -> None:
    done = world.api.pod.run(["nft", "flush", "ruleset"], uid=APP_UID, check=False)
    assert done.returncode != 0 and "not permitted" in done.stderr, done


def key_is_read(world: World) -> None:
    done = world.api.pod.run(["cat", KEY], uid=PROXY_UID)
    assert "PRIVATE KEY" in done.stdout


ROWS: list[Row] = [
    Control(
        "an app calls through its sidecar",
        spoken_by(APP_UID, CLOSED, "/public/x"),
        f"x-epaulet-peer: {TRUST}api".encode(),
    ),
    Control("a stranger's public path", get("/public/x", port=CLOSED)),
    Refused(
        "uid 1337 speaks plaintext to a strict port",
        spoken_by(PROXY_UID, STRICT, "/x"),
        "plaintext_on_strict_port",
        403,
    ),
    Refused(
        "uid 1337 is nobody without the leaf",
        spoken_by(PROXY_UID, CLOSED, "/admin/x"),
        "unauthenticated",
        401,
        "admin",
    ),
    Check("an app cannot read the key", key_is_closed, "Forbidden"),
    Check("an app cannot end the sidecar", no_signals, "Forbidden"),
    Check("an app cannot take the rules away", rules_stay, "Forbidden"),
    Possible("uid 1337 goes past its own sidecar", spoken_by(PROXY_UID, CLOSED, "/public/x")),
    Check("uid 1337 reads the key, and so is the sidecar", key_is_read, "Possible"),
]
