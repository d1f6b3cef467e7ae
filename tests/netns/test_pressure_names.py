"""The upstream DNS is down, or lies."""

import contextlib
import socket
import struct
import threading
import time

from bystander import Bystander
from lab import Answer, Pod, query, wait_until
from lab.nameserver import parse_answer
from mesh import CALLEE, CALLER, Member, Mesh

A, CNAME = 1, 5
TRUTH, LIE = "203.0.113.1", "203.0.113.66"
SERVFAIL_SECONDS = 5.0  # resolvers ask again after so long
ENDPOINTS_MAX = 1024
QUERIES = "epaulet_dns_queries_total"
LOOKS = "epaulet_endpoint_looks_total"
REFUSED = "epaulet_endpoint_addresses_refused_total"

# Asks for ever new names, RATE a second, and waits for no answer.
FLOOD = """
import socket, struct, sys, time
address, port, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
channel.connect((address, port))
turn = time.monotonic()
for number in range(1 << 30):
    label = f"n{number}".encode()
    name = bytes([len(label)]) + label + b"\\x05flood\\x00"
    try:
        channel.send(struct.pack("!6H", number & 0xffff, 0x0100, 1, 0, 0, 0) + name + b"\\0\\1\\0\\1")
    except OSError:
        pass
    if number == 0:
        print("flooding", flush=True)
    turn += 1 / rate
    time.sleep(max(0.0, turn - time.monotonic()))
"""


def encode(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def record(name: str, kind: int, data: bytes, ttl: int = 30) -> bytes:
    return encode(name) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def address(name: str, ip: str, ttl: int = 30) -> bytes:
    return record(name, A, socket.inet_aton(ip), ttl)


class Question:
    """A query, and what can be said to it."""

    def __init__(self, packet: bytes, over_tcp: bool):
        self.identifier = struct.unpack_from("!H", packet)[0]
        at, labels = 12, []
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
            at += packet[at] + 1
        self.name = ".".join(labels)
        self.kind = struct.unpack_from("!H", packet, at + 1)[0]
        self.over_tcp = over_tcp

    def reply(self, *answers: bytes, rcode=0, flags=0, identifier=None, name=None) -> bytes:
        identifier = self.identifier if identifier is None else identifier
        head = struct.pack("!6H", identifier, 0x8180 | flags | rcode, 1, len(answers), 0, 0)
        question = encode(name or self.name) + struct.pack("!HH", self.kind, 1)
        return head + question + b"".join(answers)

    def truth(self) -> bytes:
        return self.reply(*([address(self.name, TRUTH)] if self.kind == A else []))


class Upstream:
    """A DNS server that says what `answer(question)` returns: datagrams, one after the other.

    Of a pair (datagram, True) the datagram comes from another port.
    """

    def __init__(self, pod: Pod, answer):
        self.pod = pod
        self.answer = answer
        self.asked: list[str] = []
        self._udp, self._tcp, self._other = pod.in_netns(self._open)
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def _open(self):
        udp, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        udp.bind((self.pod.ipv4, 53))
        other.bind((self.pod.ipv4, 5300))
        return udp, socket.create_server((self.pod.ipv4, 53)), other

    def close(self) -> None:
        for one in (self._udp, self._tcp, self._other):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _say(self, packet: bytes, over_tcp: bool) -> list[tuple[bytes, bool]]:
        question = Question(packet, over_tcp)
        self.asked.append(question.name)
        said = self.answer(question)
        return [one if isinstance(one, tuple) else (one, False) for one in said]

    def _serve_udp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                packet, peer = self._udp.recvfrom(4096)
                if not packet:
                    return  # closed
                for said, elsewhere in self._say(packet, False):
                    (self._other if elsewhere else self._udp).sendto(said, peer)

    def _serve_tcp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                channel, _ = self._tcp.accept()
                with channel, contextlib.suppress(OSError, struct.error):
                    channel.settimeout(5)
                    (length,) = struct.unpack("!H", channel.recv(2))
                    for said, _ in self._say(channel.recv(length), True):
                        channel.sendall(struct.pack("!H", len(said)) + said)


def backend(name: str) -> str:
    return f"""
  {name}.default:
    ports: {{ 80: http }}
    endpoints: {{ dns: {name}.test, port: 8080 }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}"""


def config(server: Upstream, *backends: str) -> str:
    services = "".join(backend(one) for one in backends)
    return f'{CALLER}{services}\ndns: {{ upstream: ["{server.pod.ipv4}"] }}\n'


def endpoints_of(member: Member) -> dict[str, dict]:
    pages = member.sidecar.admin("/endpoints")["backends"]
    return {page["backend"].removesuffix(".default"): page for page in pages}


def ask(member: Member, name: str) -> tuple[Answer, float]:
    """What the in-pod DNS answers in the end, and after how many seconds."""
    packet = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + encode(name) + struct.pack("!HH", A, 1)

    def exchange() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
            channel.settimeout(2 * SERVFAIL_SECONDS)
            channel.connect((member.pod.lab.nameserver, 53))
            channel.send(packet)
            return channel.recv(65535)

    began = time.monotonic()
    return parse_answer(member.pod.in_netns(exchange)), time.monotonic() - began


def assert_told(member: Member, outcome: str, name: str) -> None:
    """What the app's resolver was answered is in the log and in explain, with a remedy."""
    record = member.wait_logged(kind="dns", outcome=outcome)
    assert record["rcode"] == "SERVFAIL" and name in record["name"], record
    (explained,) = member.sidecar.explain(record["id"])
    assert explained["outcome"] == outcome and explained["remedy"], explained


@contextlib.contextmanager
def flood(pod: Pod, target: str, port: int, rate: int = 500):
    process = pod.start(["python3", "-c", FLOOD, target, str(port), str(rate)], name="flood")
    process.wait_for_line("flooding")
    yield
    process.stop()


def test_names_and_endpoints_go_on_while_the_upstream_dns_is_down(lab, binaries):
    mesh = Mesh(lab, binaries)
    api2 = mesh.member("api2", CALLEE)

    def known(question: Question) -> list[bytes]:
        ip = {"named.test": api2.pod.ipv4, "other.test": TRUTH}.get(question.name)
        has_address = ip is not None and question.kind == A  # not what is left of a flood
        return [question.reply(*([address(question.name, ip, 1)] if has_address else []))]

    server = Upstream(lab.pod("dns", 50), known)
    api = mesh.member("api", config(server, "named"))
    assert query(api.pod, "other.test").addresses == [TRUTH]
    virtual = api.address_of("named.default")
    wait_until(lambda: endpoints_of(api)["named"]["endpoints"], "the endpoint", 5)
    assert not api.logged(event="endpoints_not_refreshed")
    assert set(server.asked) == {"named.test", "other.test"}, "no search domain is tried"

    server.answer = lambda question: []  # It hears and says nothing.
    with Bystander(api, api2, name="named.default") as bystander:
        answer, seconds = ask(api, "other.test")
        assert answer.rcode == "SERVFAIL" and seconds < SERVFAIL_SECONDS, (answer, seconds)
        assert_told(api, "dns_failed", "other.test")
        told = api.wait_logged(event="endpoints_not_refreshed")
        assert (told["backend"], told["endpoints"]) == ("named.default", 1), told
        assert api.counter(LOOKS, result="failed") >= 1

        bystander.assert_unharmed(
            lambda: flood(api.pod, lab.nameserver, 53),
            lambda: flood(api.pod, api2.pod.ipv4, 9),
        )
        assert api.counter(QUERIES, result="overloaded") > 0, "what waits is bounded"
        assert_told(api, "limit_pending", ".flood")
        assert api.address_of("named.default") == virtual

        server.close()  # Nothing listens.
        wait_until(lambda: ask(api, "other.test")[1] < 1, "a quick SERVFAIL", 20)
        assert ask(api, "other.test")[0].rcode == "SERVFAIL"
        assert api.address_of("named.default") == virtual
        page = endpoints_of(api)["named"]
        assert page["endpoints"] == [f"{api2.pod.ipv4}:8080"]
        # The second: of a look for which the flood had left no room.
        assert page["last_error"] in ("dns_failed", "limit_pending"), page
        bystander.assert_unharmed(
            lambda: flood(api.pod, lab.nameserver, 53), lambda: flood(api.pod, api2.pod.ipv4, 9)
        )
    assert api.counter(QUERIES, result="forward_failed") > 2
    assert len(api.logged(event="endpoints_not_refreshed")) == 1

    server = Upstream(server.pod, known)
    wait_until(lambda: ask(api, "other.test")[0].addresses == [TRUTH], "the server's return", 10)
    server.close()


HARMLESS = ("id", "question", "place", "zero", "ever")  # there is a truth among it
HARMFUL = ("cut", "storm", "loop", "huge", "host", "virtual")
LIES = HARMLESS + HARMFUL
LIES_PER_SECOND = 50  # a storm is 120 datagrams


def lie(question: Question) -> list[bytes]:
    """By the name asked for; to a flood (names n0.flood, n1.flood, ...) each lie in turn."""
    name, kind = question.name.split(".")[0], question.kind
    if question.name.endswith(".flood"):
        name = LIES[int(name[1:]) % len(LIES)]
    lying = question.reply(address(question.name, LIE))
    if name == "id":
        return [*(question.reply(address(question.name, LIE), identifier=one) for one in range(50)), question.truth()]
    if name == "question":
        return [question.reply(address("id.test", LIE), name="id.test"), question.truth()]
    if name == "place":
        return [(lying, True), question.truth()]
    if name == "cut":
        return [lying[:-2], lying[:40], lying[:12], lying[:3], b""]
    if name == "storm":
        return [question.reply(rcode=rcode) for rcode in (2, 5, 1, 4, 9, 15) for _ in range(20)]
    if name == "loop":
        a, b = question.name, "b." + question.name
        return [question.reply(record(a, CNAME, encode(b)), record(b, CNAME, encode(a)))]
    if name == "huge":
        if not question.over_tcp:
            return [question.reply(flags=0x200)]
        here = b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 30, 4)
        return [question.reply(*(here + struct.pack("!I", 0x0A580100 + one) for one in range(4000)))]
    ip = {"host": "127.0.0.1", "virtual": "240.0.0.1", "zero": TRUTH, "ever": TRUTH}[name]
    ttl = {"zero": 0, "ever": 1 << 31}.get(name, 30)
    return [question.reply(*([address(question.name, ip, ttl)] if kind == A else []))]


def test_an_upstream_dns_that_lies_is_not_believed(lab, binaries):
    server = Upstream(lab.pod("dns", 50), lie)
    mesh = Mesh(lab, binaries)
    pod = lab.pod("api")
    api2 = mesh.member("api2", CALLEE)
    api = mesh.member("api", config(server, *LIES), pod=pod)
    another = mesh.member("another", config(server))
    with Bystander(api, api2) as bystander:
        # To the app: the truth where there is one among the lies, or a failure, at once.
        for name in (*HARMLESS, *HARMFUL):
            answer, seconds = ask(api, f"{name}.test")
            assert LIE not in answer.addresses and seconds < 1, (name, answer, seconds)
            if name in HARMLESS:
                assert answer.addresses == [TRUTH], (name, answer)
        for name, rcode in (("cut", "SERVFAIL"), ("storm", "SERVFAIL"), ("virtual", "REFUSED")):
            assert ask(api, f"{name}.test")[0].rcode == rcode, name
        assert ask(api, "loop.test")[0].addresses == [], "the app's resolver follows no loop"
        assert api.counter(QUERIES, result="forward_failed") >= 4
        assert api.counter(QUERIES, result="forward_rejected") >= 2

        # To discovery: no endpoint but true ones, and not too many of them.
        wait_until(lambda: api.counter(LOOKS, result="failed") >= len(HARMFUL) - 1, "looks", 5)
        # An empty datagram ends c-ares' socket, and what waited on it is sent again, later.
        wait_until(lambda: all(endpoints_of(api)[one]["endpoints"] for one in HARMLESS), "truth", 10)
        found = endpoints_of(api)
        for name in HARMLESS:
            assert found[name]["endpoints"] == [f"{TRUTH}:8080"], (name, found[name])
        assert len(found["huge"]["endpoints"]) == ENDPOINTS_MAX
        for name in set(HARMFUL) - {"huge"}:
            assert found[name]["endpoints"] == [], (name, found[name])
            assert found[name]["last_error"] == "dns_failed", (name, found[name])
        assert api.counter(REFUSED) >= 2
        assert len(api.logged(event="endpoints_not_refreshed")) == 1
        assert len(api.logged(event="endpoint_refused")) == 1, "counted each time, said seldom"
        # What was sent again is not counted.
        looked, began = server.asked.count("zero.test"), time.monotonic()
        wait_until(lambda: server.asked.count("zero.test") >= looked + 4, "a TTL of 0", 5)
        assert time.monotonic() - began >= 1, "A and AAAA are asked for once a second"

        # An app asks for one lie after the other. The machine has the same to do where it is the
        # app of another pod.
        failed = api.counter(QUERIES, result="forward_failed")
        bystander.assert_unharmed(
            lambda: flood(api.pod, lab.nameserver, 53, LIES_PER_SECOND),
            lambda: flood(another.pod, lab.nameserver, 53, LIES_PER_SECOND),
        )
        assert api.counter(QUERIES, result="forward_failed") >= failed + 3

        # And once it says the truth, that is believed.
        server.answer = lambda question: [question.truth()]
        wait_until(lambda: api.logged(event="endpoints_refreshed"), "the truth", 20)
        for name in set(HARMFUL) - {"huge"}:
            assert endpoints_of(api)[name]["endpoints"] == [f"{TRUTH}:8080"], name
        bystander.assert_flawless()
    server.close()
