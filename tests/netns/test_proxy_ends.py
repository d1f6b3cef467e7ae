"""How connections end: a FIN is a FIN and a reset is a reset, in mid-stream and both ways.

Through both sidecars, with mutual TLS and in plaintext, on a port that is looked into and on one
that is not. (test_proxy_tcp.py has what is quiet when it ends.)
"""

import signal
import threading

from mesh import CALLEE, CALLER, App, Member, Mesh, Wire

PLAIN_CALLER = CALLER.replace(
    "tls: { mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }",
    "tls: { mode: none }",
)
PLAIN_CALLEE = CALLEE.replace("tls: strict", "tls: permissive").replace("[mesh]", "[anyone]")
PAIRS = {"mutual TLS": (CALLER, CALLEE), "plaintext": (PLAIN_CALLER, PLAIN_CALLEE)}
PORTS = (81, 82)  # auto and tcp
MUCH = bytes(range(256)) * 8192  # 2 MiB


def ends_in(lab, binaries):
    """(how it is carried, port, client, server) of connections over which both have spoken."""
    mesh = Mesh(lab, binaries)
    for number, (name, configs) in enumerate(PAIRS.items()):
        pods = [lab.pod(f"{one}{number}") for one in ("api", "api2")]
        caller = configs[0].replace("10.88.0.12", pods[1].ipv4)
        members = [
            mesh.member(account, config, pod=pod)
            for account, config, pod in zip(("api", "api2"), (caller, configs[1]), pods)
        ]
        app = members[1].app()
        for port in PORTS:
            yield name, port, lambda: meet(members[0], app, port)


def meet(caller: Member, app: App, port: int) -> tuple[Wire, Wire]:
    client = caller.call("api2.default", port)
    client.send(b"\0hello")
    server = app.take()
    assert server.take(6) == b"\0hello"
    server.send("hi")
    assert client.take(2) == b"hi"
    return client, server


def sending(wire: Wire, data: bytes) -> threading.Thread:
    thread = threading.Thread(target=lambda: wire.send(data).fin(), daemon=True)
    thread.start()
    return thread


def flooding(wire: Wire) -> threading.Thread:
    """Sends until it cannot: a reset of either end."""

    def flood() -> None:
        try:
            while True:
                wire.send(MUCH)
        except OSError:
            pass

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    return thread


def ends_in_the_middle(wire: Wire) -> str:
    """What the reader of an endless stream gets at last."""
    try:
        wire.rest()
        return "fin"
    except ConnectionResetError:
        return "reset"


def test_much_passes_after_a_half_close_of_either_side(lab, binaries):
    for how, port, meeting in ends_in(lab, binaries):
        for first, second in ((0, 1), (1, 0)):
            ends = meeting()
            ends[first].fin()
            assert ends[second].rest() == b"", (how, port)
            thread = sending(ends[second], MUCH)
            assert ends[first].rest() == MUCH, (how, port, first)
            thread.join()
            for one in ends:
                one.close()


def test_a_reset_of_who_sends_is_one_for_who_reads(lab, binaries):
    for how, port, meeting in ends_in(lab, binaries):
        for sender, reader in ((0, 1), (1, 0)):
            ends = meeting()
            thread = flooding(ends[sender])
            ends[reader].take(len(MUCH))
            ends[sender].socket.shutdown(2)  # wakes the thread; what is left is not sent
            thread.join()
            ends[sender].close()
            assert ends_in_the_middle(ends[reader]) == "fin", (how, port, "a control: no reset")

            ends = meeting()
            ends[sender].send(MUCH[:200_000])
            ends[reader].take(1000)
            ends[sender].reset()
            assert ends_in_the_middle(ends[reader]) == "reset", (how, port, sender)


def test_a_reset_of_who_reads_is_one_for_who_sends(lab, binaries):
    for how, port, meeting in ends_in(lab, binaries):
        for sender, reader in ((0, 1), (1, 0)):
            ends = meeting()
            thread = flooding(ends[sender])
            ends[reader].take(1000)
            ends[reader].reset()
            thread.join(8)
            assert not thread.is_alive(), (how, port, "it is told")
            ends[sender].close()


def test_a_sidecar_that_dies_cuts_and_does_not_end(lab, binaries):
    """Its kernel says FIN for it; without TLS's own word that is no end of what was said."""
    for victim in (0, 1):
        mesh = Mesh(lab, binaries)
        pods = [lab.pod(f"{one}{victim}") for one in ("api", "api2")]
        caller = CALLER.replace("10.88.0.12", pods[1].ipv4)
        members = [
            mesh.member(account, config, pod=pod)
            for account, config, pod in zip(("api", "api2"), (caller, CALLEE), pods)
        ]
        client, server = meet(members[0], members[1].app(), 82)
        members[victim].process.signal(signal.SIGKILL)
        other = server if victim == 0 else client
        assert other.ends() == "reset", "the app beside the sidecar that lives"
