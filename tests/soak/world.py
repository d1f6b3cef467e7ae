"""The mesh of the soak, and what changes in it all the time."""

import itertools
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(REPOSITORY / "tests" / "support"), str(REPOSITORY / "tests" / "netns")]
from lab import wait_until  # noqa: E402  (the path above first)
from identity import IDENTITY, IdentityService  # noqa: E402
from mesh import Member, Mesh  # noqa: E402

QUIET_LOG = "log: { access: { sample: 0.1% } }\n"
CALLEE = (
    QUIET_LOG
    + """
workload:
  service: api2.default
  ports:
    8080: { tls: strict, http: http1 }
    8081: { tls: permissive, http: http1 }
    9000: { tls: strict, protocol: tcp }
identity: { dir: /var/run/epaulet/identity }
roles: { mesh: [ { identity: "spiffe://cluster.local/ns/default/sa/*" } ] }
access:
  - { name: outside, ports: [8081], allow: [anyone] }
  - { name: mesh, allow: [mesh] }
"""
)
CALLER = """
identity: {{ dir: /var/run/epaulet/identity }}
state: {{ dir: /var/run/epaulet/state }}
services:
  api2.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: [{http}] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
  many.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: [{http}] }}
    tls: {{ mode: mesh, multiplex: true, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
  echo.default:
    ports: {{ 9000: tcp }}
    endpoints: {{ addresses: [{echo}] }}
    tls: {{ mode: mesh, identities: [spiffe://cluster.local/ns/default/sa/api2] }}
"""
REPLICAS = ("10.88.0.12", "[fd88::d]")
ROOT_PERIOD = 60  # steps from one change of the root to the next, in three parts
ROOT_PARTS = (30, 40, 50)  # both roots are trusted; new leaves; the old root leaves


FILES = "identity: { dir: /var/run/epaulet/identity }\n"
LEAF_SECONDS = 12  # of the identity service: who renews does so after six to eight of them
ISSUER_SECONDS = 4
ROOT_SECONDS = 60  # at most, for a root to come and the one before it to go


def caller_config(replicas: tuple[str, ...]) -> str:
    return QUIET_LOG + CALLER.format(
        http=", ".join(f'"{one}:8080"' for one in replicas),
        echo=", ".join(f'"{one}:9000"' for one in replicas),
    )


class Seen:
    """What was in force at the sidecars, by their /certs: a rotation counts once it has arrived."""

    def __init__(self, members: list[Member]):
        self._members = members
        self.leaves: set[tuple[str, str]] = set()
        self.issuers: set[str] = set()
        self.roots: set[str] = set()
        self.look(*members)
        self._at_first = len(self.leaves), len(self.issuers), len(self.roots)

    def look(self, *members: Member) -> None:
        for one in members:
            page = one.sidecar.admin("/certs")
            self.leaves.add((one.pod.name, page["chain"][0]["sha256"]))
            self.issuers |= {each["sha256"] for each in page["chain"][1:]}
            self.roots |= {each["sha256"] for each in page["bundle"]}

    def new(self) -> tuple[int, int, int]:
        """Leaves, issuers and roots, those that were there at first not among them."""
        now = len(self.leaves), len(self.issuers), len(self.roots)
        return tuple(later - first for later, first in zip(now, self._at_first))


class World:
    """`api` calls `api2` and `api3`, two replicas of one service, one by IPv4, one by IPv6."""

    cuts_long_connections = False  # because leaves end sooner than they do

    def __init__(self, lab, binaries):
        self.mesh = Mesh(lab, binaries)
        self.roots = ["ca"]  # what everybody trusts
        self.signer = "ca"
        self.api = self.mesh.member("api", caller_config(REPLICAS))
        self.replicas = [
            self.mesh.member(name, CALLEE, identity=self.mesh.issue("api2"))
            for name in ("api2", "api3")
        ]
        self.members = [self.api, *self.replicas]
        self.outside = lab.pod("outside")
        self.reloads = 0
        self.seen = Seen(self.members)

    def demanded(self, seconds: float) -> tuple[int, int, int]:
        """At least so many new leaves, issuers and roots: half of what a quiet machine does."""
        return int(seconds / 6), 0, int(seconds / (2 * ROOT_PERIOD))

    def step(self, number: int) -> None:
        """One change: a configuration each time, every third time a leaf, sometimes a root."""
        self._reload(number)
        self.seen.look(self.members[number % 3])
        if number % 3 == 0:
            self._rotate(self.members[number // 3 % 3])
        part = number % ROOT_PERIOD
        if part == ROOT_PARTS[0]:
            self.roots.append(f"ca{number}")
            for one in self.members:
                self._rotate(one, new_leaf=False)
        elif part == ROOT_PARTS[1]:
            self.signer = self.roots[-1]
            for one in self.members:
                self._rotate(one)
        elif part == ROOT_PARTS[2] and len(self.roots) == 2:
            del self.roots[0]
            for one in self.members:
                self._rotate(one, new_leaf=False)

    def configured(self, text: str) -> str:
        """The configuration with what this world's identities need."""
        return text

    def _reload(self, number: int) -> None:
        member = self.members[number % 3]
        if member is self.api:
            replicas = (REPLICAS, REPLICAS[:1], REPLICAS, REPLICAS[1:])[number // 3 % 4]
            text = caller_config(replicas)
        else:
            text = CALLEE
        text = self.configured(text) + f"timeouts: {{ request: {20 + number % 7}s }}\n"
        before = member.counter("epaulet_config_version")
        member.replace(f"config/{member.pod.name}.yaml", text)
        wait_until(lambda: member.counter("epaulet_config_version") > before, "a reload", 10)
        self.reloads += 1

    def _rotate(self, member: Member, new_leaf: bool = True) -> None:
        def taken() -> float:
            return member.counter("epaulet_identity_reloads_total", result="loaded")

        before = taken()
        bundle = "".join((self.mesh.authority(one) / "ca.pem").read_text() for one in self.roots)
        if new_leaf:
            account = "api" if member is self.api else "api2"
            issued = self.mesh.issue(account, self.signer)
            for name in ("key.pem", "cert.pem"):
                member.replace(f"identity/{name}", (issued / name).read_bytes())
        member.replace("identity/ca.pem", bundle)
        wait_until(lambda: taken() > before, "the new identity", 10)
        self.seen.look(member)


class ServedWorld(World):
    """The same, but the identity service gives the certificates, and rotates all the time.

    Each leaf lives for seconds; every few seconds there is a new issuer or the next step of a new
    root, as early as `epaulet-certs rotate` allows it; every minute the service is away for a while.
    """

    cuts_long_connections = True

    def __init__(self, lab, binaries):
        self.mesh = Mesh(lab, binaries)
        self.service = IdentityService(self.mesh, valid=f"{LEAF_SECONDS}s")
        self.api = self.service.member("api", self.configured(caller_config(REPLICAS)), 11)
        self.replicas = [
            self.service.member(name, self.configured(CALLEE), number, account="api2")
            for name, number in (("api2", 12), ("api3", 13))
        ]
        self.members = [self.api, *self.replicas]
        self.outside = lab.pod("outside", 20)
        self.reloads = 0
        self.seen = Seen(self.members)
        self.steps = itertools.cycle(("--begin", "--switch", "--finish"))
        self.next_step = next(self.steps)

    def demanded(self, seconds: float) -> tuple[int, int, int]:
        """Each leaf must be replaced within its life; half as many issuers and roots as it takes."""
        leaves = int(seconds / LEAF_SECONDS) * len(self.members)
        return leaves, int(seconds / (2 * ISSUER_SECONDS)), int(seconds / ROOT_SECONDS)

    def configured(self, text: str) -> str:
        return text.replace(FILES, IDENTITY)

    def step(self, number: int) -> None:
        self._reload(number)
        self.seen.look(*self.members)
        if number % 60 == 50:
            self.service.stop()
        elif number % 60 == 52:
            self.service.start()
        if number % ISSUER_SECONDS == 0:
            self.service.rotate("issuer")
        if number % 2 == 1 and self.service.try_rotate("root", self.next_step):
            self.next_step = next(self.steps)
