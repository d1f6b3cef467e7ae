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


def test_topology_hints_of_a_service_are_followed_and_a_pod_in_none_is_told_its_zone(lab, binaries):
    mesh = Mesh(lab, binaries)
    directory = DirectoryPod(mesh)
    caller = f"""
workers: 1
identity: {{ dir: /var/run/epaulet/identity }}
{DIRECTORY}
services:
  api2.default:
    ports: {{ 80: http }}
    endpoints: {{ directory: api2.default, port: 80 }}
    retries: {{ max: 3, non_idempotent: true, budget: 100% }}
    outliers: {{ eject_for: 1s, max_eject_for: 1s, max_ejected: 100% }}
"""

    def hinted(member: Member, name: str, *zones: str) -> dict:
        hints = {"hints": {"forZones": [{"name": zone} for zone in zones]}} if zones else {}
        return {**endpoint(member.pod.ipv4, name), "nodeName": f"node-{name}", "zone": "eu-1a", **hints}

    with directory.running():
        near = mesh.member("near", CALLEE, identity=mesh.issue("api2"))
        far = mesh.member("far", CALLEE, identity=mesh.issue("api2"))
        apps = CountingApp(near.pod), CountingApp(far.pod)
        directory.api.put(pod("api2-1", "api2", "default"), pod("api2-2", "api2", "default"))
        directory.tell(hinted(near, "api2-1", "eu-1a", "eu-1b"), hinted(far, "api2-2", "eu-1c"))
        api = mesh.member("api", caller)
        wait_until(lambda: len(page(api)["endpoints"]) == 2, "the endpoints", 10)
        ours = pod("api-1", "api", "default")
        ours["spec"]["nodeName"] = "node-api2-2"
        ours["status"] = {"phase": "Running", "podIPs": [{"ip": api.pod.ipv4}]}
        with Traffic(api, "api2.default") as traffic:
            # Nobody knows where we are: hints say nothing to us.
            wait_until(lambda: all(len(app.calls) > 10 for app in apps), "calls of both", 10)
            assert "locality" not in page(api) and picks(api) == (0, 0)
            # Our pod is on the second one's node, by which the directory knows our zone.
            directory.api.put(ours)
            wait_until(lambda: api.sidecar.admin("/endpoints").get("zone") == "eu-1a", "ours", 20)
            assert api.wait_logged(event="zone_known")["zone"] == "eu-1a"
            assert page(api)["locality"]["by"] == "hints", page(api)
            assert page(api)["hints"]["eu-1b"] == [f"{near.pod.ipv4}:8080"], page(api)
            assert share_of_next(api, 200) == 1
            # Who is hinted for us dies: others do.
            near.process.kill()
            wait_until(lambda: share(api) == 0, "it is left out", 10)
            assert share_of_next(api, 200) < 0.1
            near.start()
            wait_until(lambda: share(api) == 1, "it is back", 10)
            # An endpoint without hints: they are being written, and hold for nobody.
            directory.tell(hinted(near, "api2-1", "eu-1a"), hinted(far, "api2-2"))
            wait_until(lambda: "locality" not in page(api), "hints that do not hold", 5)
            before = [app.calls.total() for app in apps]
            wait_until(lambda: all(app.calls.total() > was + 10 for app, was in zip(apps, before)),
                       "calls of both again", 10)
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
