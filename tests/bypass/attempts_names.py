"""Names and addresses that lead elsewhere than they seem to: DNS rebinding, virtual addresses, and
a pod as a stepping stone."""

import re
from collections.abc import Callable

from lab import query, request, wait_until
from mesh import ADMIN, METRICS, OUTBOUND
from speak import head, own_app, plain
from table import Answered, Check, Control, Refused, Row, Told, dial_and_tell, explained
from world import CLOSED, METADATA, STRICT, World

PUBLIC = head("/public/x")


def rebound(name: str, where: Callable[[World], str], kind: str = "A", tcp: bool = False) -> Row:
    """The upstream name server gives one of our virtual addresses to a name of somebody's own."""
    evil = name.replace(" ", "-").replace(",", "") + ".evil.example"

    def check(world: World) -> None:
        world.dns.add(evil, where(world))
        before, log = rejected(world), len(world.api.sidecar.log_records())
        answer = query(world.api.pod, evil, kind, tcp=tcp)
        assert (answer.rcode, answer.addresses) == ("REFUSED", []), answer
        assert rejected(world) == before + 1
        record = wait_until(lambda: dns_records(world, log, evil), "its record", 5)[0]
        assert record["outcome"] == "dns_refused", record
        assert explained(world.api, record["id"])["remedy"], record

    return Check(name, check)


def dns_records(world: World, begin: int, name: str) -> list[dict]:
    """Of questions for this name, in the log of the asking app's sidecar from there on."""
    records = world.api.sidecar.log_records()[begin:]
    return [one for one in records if one.get("name", "").rstrip(".") == name]


def rejected(world: World) -> int:
    page = request(world.api.pod, "127.0.0.1", METRICS, "/metrics").body
    lines = re.findall(r'epaulet_dns_queries_total\{result="(\w+)"\} (\d+)', page)
    return sum(int(count) for result, count in lines if result == "forward_rejected")


def virtual(world: World, kind: str = "A") -> str:
    return world.api.address_of("closed.default", kind)


def believed(world: World) -> None:
    """The counterpart: a name that leads where it may."""
    world.dns.add("honest.example", "192.0.2.7")
    assert query(world.api.pod, "honest.example").addresses == ["192.0.2.7"]


def loopback_name(world: World) -> Told:
    """A name that leads to loopback is let through; what listens there sees a foreign Host."""
    world.dns.add("loop.evil.example", "127.0.0.1")
    (address,) = query(world.api.pod, "loop.evil.example").addresses
    raw = head("/config", host=f"loop.evil.example:{ADMIN}")
    return dial_and_tell(lambda: world.api.dial(address, ADMIN), raw)


def metadata_name(world: World) -> None:
    world.dns.add("meta.evil.example", METADATA)
    assert query(world.api.pod, "meta.evil.example").addresses == [METADATA]


def own_address_name(world: World) -> Told:
    """A name that leads to a service's endpoint: the service's TLS, identity and rules hold."""
    world.dns.add("peer.evil.example", world.api2.pod.ipv4)
    (address,) = query(world.api.pod, "peer.evil.example").addresses
    raw = head("/vault/x", host="peer.evil.example")
    return dial_and_tell(lambda: world.api.dial(address, CLOSED), raw)


def lured(world: World) -> None:
    """The name of a service's endpoints leads to a virtual address: that is no endpoint."""
    refused = "epaulet_endpoint_addresses_refused_total"
    before = world.api.counter(refused)
    world.dns.add("lured.example", virtual(world))
    wait_until(
        lambda: not query(world.api.pod, "lured.default").addresses
        and world.api.counter(refused) > before,
        "its address to be refused",
        8,
    )
    log = len(world.api.sidecar.log_records())
    assert query(world.api.pod, "lured.default").rcode == "NXDOMAIN"
    said = world.api.wait_logged(event="endpoint_refused")
    assert said["level"] == "warning" and virtual(world) in str(said), said
    record = wait_until(lambda: dns_records(world, log, "lured.default"), "its record", 5)[0]
    assert explained(world.api, record["id"])["remedy"], record


def from_app(address: Callable[[World], str], port: int, raw: bytes = PUBLIC):
    return lambda world: dial_and_tell(lambda: world.api.dial(address(world), port), raw)


def through(via: str, destination: str, port: int, raw: bytes = PUBLIC):
    """A neighbour sends to `destination` by way of a pod of the mesh, as if that were a router."""

    def attempt(world: World) -> Told:
        pod = getattr(world, via).pod
        v6 = ":" in destination
        length, gateway = ("/128", pod.ipv6) if v6 else ("/32", pod.ipv4)
        route = [destination + length, "via", gateway]
        world.outside.run(["ip", "-6" if v6 else "-4", "route", "replace", *route])
        try:
            return dial_and_tell(lambda: world.dial(world.outside, port, address=destination), raw)
        finally:
            world.outside.run(["ip", "-6" if v6 else "-4", "route", "del", *route])

    return attempt


def at_another_address(network: str, port: int = CLOSED):
    """A pod may have several; where it is redirected to is only one of them."""

    def attempt(world: World) -> Told:
        pod = world.api2.pod
        pod.run(["ip", "address", "add", network, "dev", "eth0"])
        try:
            address = network.split("/")[0]
            return dial_and_tell(lambda: world.dial(world.outside, port, address=address), PUBLIC)
        finally:
            pod.run(["ip", "address", "del", network, "dev", "eth0"])

    return attempt


def stepping_stone(name: str, destination: str, port: int = CLOSED) -> Row:
    return Refused(name, through("api2", destination, port), "destination_not_here")


ROWS: list[Row] = [
    Control("a service by its name", own_app(PUBLIC), b"GET /public/x HTTP/1.1"),
    Check("a name that is only a name", believed, "Control"),
    rebound("a virtual address", virtual),
    rebound("a virtual address, over TCP", virtual, tcp=True),
    rebound("a virtual address of IPv6", lambda world: virtual(world, "AAAA"), "AAAA"),
    rebound(
        "a virtual address, mapped into IPv6", lambda world: "::ffff:" + virtual(world), "AAAA"
    ),
    rebound("a virtual address that nobody has yet", lambda world: "250.1.2.3"),
    Answered(
        "a name for loopback does not open the admin pages",
        loopback_name,
        403,
        "the Host must be",
        "admin",
        by="api",
    ),
    Check("a service whose endpoint is a virtual address", lured),
    Refused(
        "a virtual address without service",
        from_app(lambda world: "250.1.2.3", 80),
        "no_service",
        by="api",
    ),
    Refused(
        "a service's port that it does not have", from_app(virtual, STRICT), "no_service", by="api"
    ),
    Refused(
        "another Host does not choose another service",
        own_app(head("/vault/x", host="strict.default")),
        "token_required",
        401,
        "vault",
    ),
    Refused(
        "a name for an endpoint does not evade its rules",
        own_address_name,
        "token_required",
        401,
        "vault",
    ),
    Refused(
        "an endpoint by its address does not either",
        from_app(lambda world: world.api2.pod.ipv4, CLOSED, head("/vault/x")),
        "token_required",
        401,
        "vault",
    ),
    # A pod is no router: what does not belong to it is not delivered, wherever it leads.
    Control("the pod's own address", plain(PUBLIC, CLOSED)),
    Control("another address of the pod", at_another_address("10.88.0.212/24")),
    Control("another address of the pod, IPv6", at_another_address("fd88::d4/64")),
    Refused(
        "the sidecar's port at another address of the pod",
        at_another_address("10.88.0.212/24", OUTBOUND),
        "destination_is_ourselves",
    ),
    stepping_stone("by way of a pod to another pod", "10.88.0.11"),
    stepping_stone("by way of a pod to another pod, IPv6", "fd88::b"),
    stepping_stone("by way of a pod to anywhere", "192.0.2.1"),
    stepping_stone("by way of a pod to a metadata service", METADATA),
    stepping_stone("by way of a pod to a virtual address", "240.9.9.9"),
    Check("a name for a metadata service is a name like others", metadata_name, "Possible"),
]
