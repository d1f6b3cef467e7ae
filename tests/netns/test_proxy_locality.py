"""The own zone's endpoints first, and what spills over from it: real sidecars, apps that die."""

from lab import wait_until
from mesh import CALLEE, CountingApp, Member, Mesh, Traffic
from scripted_api import endpoint, endpoint_slice, pod, service
from test_proxy_directory import DIRECTORY, DirectoryPod

API2 = "spiffe://cluster.local/ns/default/sa/api2"
CALLER = """
workers: 1
workload: {{ zone: {zone} }}
identity: {{ dir: /var/run/epaulet/identity }}
services:
  api2.default:
    ports: {{ 80: http }}
    endpoints:
      zones:
        a: {{ addresses: [{a}] }}
        b: {{ addresses: [{b}] }}
    tls: {{ mode: mesh, identities: [{identity}] }}
    # What is on its way to somebody who dies is asked again, a POST too: it is not what is tested.
    retries: {{ max: 3, non_idempotent: true, budget: 100% }}
    outliers: {{ eject_for: 1s, max_eject_for: 1s, max_ejected: 100% }}
    balance: {{ locality: {{}} }}
"""


def page(member: Member) -> dict:
    (backend,) = member.sidecar.admin("/endpoints")["backends"]
    return backend


def share(member: Member) -> float:
    return member.counter("epaulet_backend_own_zone_share", backend="api2.default")


def picks(member: Member) -> tuple[float, float]:
    own, other = (member.counter("epaulet_zone_picks_total", zone=zone) for zone in ("own", "other"))
    return own, other


def share_of_next(member: Member, attempts: int = 400) -> float:
    """How much of so many attempts from now on stays in the own zone."""
    own, other = picks(member)
    wait_until(lambda: sum(picks(member)) >= own + other + attempts, "more attempts", 20)
    now = picks(member)
    return (now[0] - own) / (sum(now) - own - other)


def test_endpoints_of_the_own_zone_die_one_after_another_and_nobody_notices(lab, binaries):
    mesh = Mesh(lab, binaries)
    callees = [mesh.member(f"callee{i}", CALLEE, identity=mesh.issue("api2")) for i in range(5)]
    apps = [CountingApp(callee.pod) for callee in callees]
    addresses = [f"{callee.pod.ipv4}:8080" for callee in callees]
    config = {"a": ", ".join(addresses[:3]), "b": ", ".join(addresses[3:]), "identity": API2}
    api = mesh.member("api", CALLER.format(zone="a", **config))
    with Traffic(api, "api2.default") as traffic:
        wait_until(lambda: traffic.answered > 200, "traffic", 10)
        assert picks(api)[1] == 0 and all(app.calls for app in apps[:3]), "all of it is local"
        assert not apps[3].calls and not apps[4].calls
        assert page(api)["zones"] == {"a": addresses[:3], "b": addresses[3:]}
        assert page(api)["locality"]["own_share"] == share(api) == 1
        for dead, left in ((0, 0.933), (1, 0.467), (2, 0.0)):
            callees[dead].process.kill()
            wait_until(lambda left=left: abs(share(api) - left) < 0.01, "it is left out", 10)
            seen = share_of_next(api)
            assert abs(seen - left) < 0.08, (dead, seen)
        assert page(api)["locality"]["own"] == {"well": 0, "endpoints": 3}, page(api)
        assert apps[3].calls and apps[4].calls
        # They come back, one of them at first.
        callees[1].start()
        wait_until(lambda: abs(share(api) - 0.467) < 0.01, "one is back", 10)
        callees[0].start()
        callees[2].start()
        wait_until(lambda: share(api) == 1, "all are back", 10)
        assert share_of_next(api) > 0.98
        # The sidecar is told that it runs elsewhere: no connection and no request suffers.
        api.replace("config/api.yaml", CALLER.format(zone="b", **config))
        wait_until(lambda: page(api).get("locality", {}).get("own_zone") == "b", "the reload", 5)
        before = [sum(app.calls.values()) for app in apps]
        assert share_of_next(api) > 0.98
        assert sum(app.calls.total() for app in apps[3:]) > sum(before[3:]) + 300
    assert not traffic.failures, traffic.failures[:3]


def test_the_directory_tells_the_zones_of_endpoints_and_our_own(lab, binaries):
    mesh = Mesh(lab, binaries)
    directory = DirectoryPod(mesh)
    caller = f"""
workers: 1
workload: {{ service: api.default, ports: {{ 8080: {{ tls: strict }} }} }}
identity: {{ dir: /var/run/epaulet/identity }}
{DIRECTORY}
services:
  api2.default:
    ports: {{ 80: http }}
    endpoints: {{ directory: api2.default, port: 80 }}
    balance: {{ locality: {{}} }}
"""
    with directory.running():
        near = mesh.member("near", CALLEE, identity=mesh.issue("api2"))
        far = mesh.member("far", CALLEE, identity=mesh.issue("api2"))
        apps = CountingApp(near.pod), CountingApp(far.pod)
        directory.api.put(service("api", "default"), pod("api2-1", "api2", "default"),
                          pod("api2-2", "api2", "default"))
        directory.tell({**endpoint(near.pod.ipv4, "api2-1"), "zone": "eu-1a"},
                       {**endpoint(far.pod.ipv4, "api2-2"), "zone": "eu-1b"})
        api = mesh.member("api", caller)
        wait_until(lambda: len(page(api)["endpoints"]) == 2, "the endpoints", 10)
        with Traffic(api, "api2.default") as traffic:
            # Nobody knows where we are: zones do not matter.
            wait_until(lambda: all(len(app.calls) > 10 for app in apps), "calls of both", 10)
            assert "locality" not in page(api) and picks(api) == (0, 0)
            ours = {**endpoint(api.pod.ipv4), "zone": "eu-1a"}
            directory.api.put(endpoint_slice("api-x", "api", [ours], "default"))
            wait_until(lambda: page(api).get("locality", {}).get("own_zone") == "eu-1a", "ours", 10)
            assert api.wait_logged(event="zone_known")["zone"] == "eu-1a"
            before = apps[1].calls.total()
            assert share_of_next(api, 200) == 1
            assert apps[1].calls.total() <= before + 2, "what was under way"
        assert not traffic.failures, traffic.failures[:3]
