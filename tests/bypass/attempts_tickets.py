"""Session tickets (RFC 8446 section 2.2) around a change of what is trusted. The last family: it
takes a root away for good."""

import re
import subprocess
from pathlib import Path

from mesh import DIRECT
from speak import head, leaf
from table import Check, Control, Possible, Refused, Row, Told
from world import STRICT, World

ASK = "GET /x HTTP/1.1\\r\\nHost: h\\r\\nConnection: close\\r\\n\\r\\n"


def s_client(world: World, identity: Path | None, *options: str) -> str:
    """The openssl client from `outside`: what it and the other side said."""
    certificate = f"-cert {identity}/cert.pem -key {identity}/key.pem" if identity else ""
    script = f"(printf '{ASK}'; sleep 0.3) | timeout 5 openssl s_client"
    script += f" -connect {world.api2.pod.ipv4}:{STRICT} -servername api2.default"
    script += f" -alpn epaulet/1-h1 -ign_eof {certificate} {' '.join(options)}"
    done = world.outside.run(["sh", "-c", script], check=False)
    return done.stdout + done.stderr


def session(world: World, name: str) -> Path:
    return world.lab.directory / f"session-{name}"


def take_ticket(name: str, authority: str):
    """A full handshake; its ticket is kept."""

    def attempt(world: World) -> Told:
        file = session(world, name)
        said = s_client(world, world.identity("api", authority), f"-sess_out {file}")
        assert "New, TLSv1.3" in said and file.exists(), said[-500:]
        return told(said)

    return attempt


def use_ticket(name: str, identity: tuple[str, str] | None = None, resumed: bool = False):
    def attempt(world: World) -> Told:
        files = world.identity(*identity) if identity else None
        said = s_client(world, files, f"-sess_in {session(world, name)}")
        assert ("Reused, TLSv1.3" in said) == resumed, said[-500:]
        return told(said)

    return attempt


def told(said: str) -> Told:
    """The answer stands somewhere among what the client says about the session."""
    found = re.search(r"HTTP/1\.1 (\d{3}) ", said)
    return Told(int(found[1])) if found else Told(end="without an answer")


def root_goes(world: World) -> None:
    world.drop_root("old")


def early_data(world: World) -> Told:
    """It could be replayed: a ticket allows none."""
    file = session(world, "mesh")
    text = subprocess.run(
        ["openssl", "sess_id", "-in", file, "-noout", "-text"], capture_output=True, text=True
    ).stdout
    assert "Max Early Data: 0" in text, text
    return use_ticket("mesh", ("api", "ca"), resumed=True)(world)


ROWS: list[Row] = [
    Control("a ticket of a root that stays", take_ticket("mesh", "ca")),
    Control("a ticket of a root that will go", take_ticket("old", "old")),
    Control("it resumes", use_ticket("old", ("api", "old"), resumed=True)),
    Control("no early data", early_data),
    Possible(
        "a stolen ticket is as good as its leaf, while the root stays",
        use_ticket("old", None, resumed=True),
    ),
    Check("the root goes", root_goes, "Control"),
    Refused(
        "the ticket, with its certificate", use_ticket("old", ("api", "old")), "tls_peer_untrusted"
    ),
    Refused("the ticket alone", use_ticket("old"), "tls_identity_missing"),
    Refused(
        "the certificate alone", leaf(head("/x"), "api", authority="old"), "tls_peer_untrusted"
    ),
    Refused("the ticket of a root that stayed, alone", use_ticket("mesh"), "tls_identity_missing"),
    Refused(
        "by the direct port",
        leaf(
            head("/x"), "api", port=DIRECT, authority="old", server_name=f"p{STRICT}.api2.default"
        ),
        "tls_peer_untrusted",
    ),
    Control("a certificate of a root that stayed", leaf(head("/x"), "api")),
]
