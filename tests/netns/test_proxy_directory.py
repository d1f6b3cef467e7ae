"""Endpoints that epaulet-directory tells: real directory, real sidecars, a scripted API server."""

import contextlib
import json
import shutil

from lab import query, wait_until
from mesh import CALLEE, CountingApp, Mesh, Traffic, field
from scripted_api import ScriptedApi, endpoint, endpoint_slice, http_route, pod, service

NUMBER = 31  # the last part of the directory's address
API2, OTHER = (f"spiffe://cluster.local/ns/default/sa/{name}" for name in ("api2", "other"))
DIRECTORY = f"""
directory:
  url: https://10.88.0.{NUMBER}:15016
  identities: [spiffe://cluster.local/ns/default/sa/epaulet-directory]
"""
CALLER = f"""
identity: {{ dir: /var/run/epaulet/identity }}
state: {{ dir: /var/run/epaulet/state }}
{DIRECTORY}
services:
  api2.default:
    ports: {{ 80: http, 82: tcp }}
    endpoints: {{ directory: api2.default, port: 80 }}
"""


class DirectoryPod:
    """`epaulet-directory` and its API server, in a pod of their own."""

    def __init__(self, mesh: Mesh):
        self.pod = mesh.lab.pod("directory", NUMBER)
        self.api = ScriptedApi(self.pod.run_dir, in_netns=self.pod.in_netns, port=6443)
        self.api.put(service("api2", "default"))
        shutil.copytree(mesh.issue("epaulet-directory"), self.pod.run_dir / "identity")
        folder = self.pod.bind(mesh.binaries.certs.parents[1] / "k8s/directory", "directory-bin")
        self.argv = [f"{folder}/epaulet-directory", "serve", "--kubernetes-api", "127.0.0.1:6443"]
        self.argv += ["--kubernetes-credentials", "/run/account", "--identity-dir", "/run/identity"]
        self.argv += ["--listen", "0.0.0.0:15016", "--status", ""]

    @contextlib.contextmanager
    def running(self):
        with self.api.running():
            self.start()
            yield self

    def start(self) -> None:
        self.process = self.pod.start(self.argv, name="directory")
        self.process.wait_for_line('"event":"complete"')

    def tell(self, *endpoints: dict) -> None:
        self.api.put(endpoint_slice("api2-x", "api2", list(endpoints), "default"))


def call(member) -> tuple[int, bytes]:
    with member.call("api2.default") as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Call: 1\r\n\r\n")
        status, head, _ = client.response()
        return status, head


def endpoints_of(member) -> int:
    return int(member.counter("epaulet_backend_endpoints", backend="api2.default"))


def place(lab, binaries) -> tuple[Mesh, DirectoryPod]:
    mesh = Mesh(lab, binaries)
    return mesh, DirectoryPod(mesh)


def test_traffic_follows_what_the_directory_tells(lab, binaries):
    mesh, directory = place(lab, binaries)
    with directory.running():
        api = mesh.member("api", CALLER)
        one = mesh.member("api2", CALLEE)
        two = mesh.member("next", CALLEE, identity=mesh.issue("api2"))
        first, second = CountingApp(one.pod), CountingApp(two.pod)
        addresses = [member.pod.ipv4 for member in (one, two)]
        # It has no endpoint yet, so the name does not exist for the app.
        assert query(api.pod, "api2.default", "A").rcode == "NXDOMAIN"
        directory.api.put(pod("api2-1", "api2", "default"), pod("api2-2", "api2", "default"))
        directory.tell(endpoint(addresses[0], "api2-1"))
        wait_until(lambda: query(api.pod, "api2.default", "A").addresses, "the name", 5)
        assert call(api)[0] == 200
        with Traffic(api, "api2.default") as traffic:
            directory.tell(endpoint(addresses[0], "api2-1"), endpoint(addresses[1], "api2-2"))
            wait_until(lambda: len(second.calls) > 20, "calls of the second", 5)
            # The first one ends: whatever begins from now on goes to the other.
            directory.tell(endpoint(addresses[0], "api2-1", False, serving=True, terminating=True),
                           endpoint(addresses[1], "api2-2"))
            wait_until(lambda: endpoints_of(api) == 1, "one endpoint", 5)
            wait_until(lambda: quiet(first), "no more calls of the first", 5)
            # Where all end, those that still serve are used.
            directory.tell(endpoint(addresses[0], "api2-1", False, serving=True, terminating=True))
            wait_until(lambda: not quiet(first), "calls of the first again", 5)
        assert not traffic.failures, traffic.failures[:3]
        directory.tell()
        wait_until(lambda: endpoints_of(api) == 0, "no endpoint", 5)
        status, head = call(api)
        assert status == 503, head
        record = api.wait_logged(kind="exchange", id=field(head, "x-request-id"))
        assert record["outcome"] == "no_endpoint", record


def quiet(app: CountingApp) -> bool:
    import time

    before = sum(app.calls.values())
    time.sleep(0.3)
    return sum(app.calls.values()) == before


def test_a_reload_that_changes_a_backend_leaves_it_the_directory(lab, binaries):
    mesh, directory = place(lab, binaries)
    with directory.running():
        directory.api.put(pod("api2-1", "api2", "default"), pod("api2-2", "api2", "default"))
        api = mesh.member("api", CALLER)
        one = mesh.member("api2", CALLEE)
        two = mesh.member("next", CALLEE, identity=mesh.issue("api2"))
        CountingApp(one.pod)
        CountingApp(two.pod)
        addresses = [member.pod.ipv4 for member in (one, two)]
        directory.tell(endpoint(addresses[0], "api2-1"))
        wait_until(lambda: endpoints_of(api) == 1, "the endpoint", 5)
        # Its source is made anew, and has to be told what is known.
        before = len(api.logged(event="config_applied"))
        api.replace("config/api.yaml", CALLER + f"    tls: {{ identities: [{API2}] }}\n")
        api.process.wait_for(lambda: len(api.logged(event="config_applied")) > before, "a reload")
        directory.tell(endpoint(addresses[0], "api2-1"), endpoint(addresses[1], "api2-2"))
        wait_until(lambda: endpoints_of(api) == 2, "both endpoints", 5)
        assert call(api)[0] == 200


def test_an_address_that_is_anothers_now_gets_no_traffic(lab, binaries):
    mesh, directory = place(lab, binaries)
    with directory.running():
        directory.api.put(pod("api2-1", "api2", "default"), pod("other-1", "other", "default"))
        api = mesh.member("api", CALLER)
        api2 = mesh.member("api2", CALLEE)
        app = CountingApp(api2.pod)
        directory.tell(endpoint(api2.pod.ipv4, "api2-1"))
        wait_until(lambda: query(api.pod, "api2.default", "A").addresses, "the name", 5)
        assert call(api)[0] == 200 and call(api)[0] == 200
        answered = sum(app.calls.values())
        # The address is another pod's: the connection at hand is to its predecessor, and whoever
        # answers there now must be the other one.
        directory.tell(endpoint(api2.pod.ipv4, "other-1"))
        wait_until(lambda: call(api)[0] == 502, "a refusal", 5)
        answered = sum(app.calls.values())
        status, head = call(api)
        assert status == 502 and sum(app.calls.values()) == answered
        record = api.wait_logged(kind="exchange", id=field(head, "x-request-id"))
        assert record["outcome"] == "tls_identity_unexpected", record
        assert f"expected: {OTHER}" in record["summary"], record
        api2.give_identity(mesh.issue("other"))
        wait_until(lambda: call(api)[0] == 200, "the other's answer", 10)
        # A pod that is in no mesh is not dialled at all.
        directory.tell(endpoint(api2.pod.ipv4, "plain-1"))
        wait_until(lambda: endpoints_of(api) == 0, "no endpoint", 5)


def test_without_the_directory_sidecars_go_on_and_start(lab, binaries):
    mesh, directory = place(lab, binaries)
    with directory.running():
        directory.api.put(pod("api2-1", "api2", "default"))
        api = mesh.member("api", CALLER)
        api2 = mesh.member("api2", CALLEE)
        CountingApp(api2.pod)
        directory.tell(endpoint(api2.pod.ipv4, "api2-1"))
        wait_until(lambda: query(api.pod, "api2.default", "A").addresses, "the name", 5)
        assert call(api)[0] == 200 and api.counter("epaulet_directory_connected") == 1
        directory.process.stop()
        api.wait_logged(event="directory_away")
        assert call(api)[0] == 200 and api.counter("epaulet_directory_connected") == 0
        api.process.stop()
        api.start()
        assert call(api)[0] == 200, "what was known is on disk, identity included"
        directory.start()
        api.wait_logged(event="directory_back")
        directory.tell()
        wait_until(lambda: endpoints_of(api) == 0, "the directory's word", 10)


RULES = [
    {"matches": [{"path": {"value": "/next"}}], "backendRefs": [{"name": "next", "port": 80}]},
    {"backendRefs": [{"name": "api2", "port": 80}]},
]


def asked_for(member, path: str) -> tuple[int, bytes]:
    with member.call("api2.default") as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: h\r\nX-Call: 1\r\n\r\n")
        status, head, _ = client.response()
        return status, head


def test_routes_of_the_cluster_lead_the_way(lab, binaries):
    mesh, directory = place(lab, binaries)
    with directory.running():
        api_server = directory.api
        api = mesh.member("api", CALLER)
        one = mesh.member("api2", CALLEE)
        two = mesh.member("next", CALLEE, identity=mesh.issue("api2"))
        first, second = CountingApp(one.pod), CountingApp(two.pod)
        api_server.put(service("next", "default"), pod("api2-1", "api2", "default"), pod("next-1", "api2", "default"))
        api_server.put(endpoint_slice("next-x", "next", [endpoint(two.pod.ipv4, "next-1")], "default"))
        directory.tell(endpoint(one.pod.ipv4, "api2-1"))
        wait_until(lambda: endpoints_of(api) == 1, "the endpoint", 5)
        assert asked_for(api, "/next")[0] == 200 and not second.calls
        parent = [{"group": "", "kind": "Service", "name": "api2"}]

        def route(rules, generation):
            return http_route("split", rules, parent, "default", generation)

        api_server.put(route(RULES, 1))
        wait_until(lambda: asked_for(api, "/next")[0] == 200 and second.calls, "the route", 10)
        before = sum(first.calls.values())
        assert asked_for(api, "/next/a")[0] == 200 and sum(first.calls.values()) == before
        assert asked_for(api, "/")[0] == 200 and sum(first.calls.values()) == before + 1
        shown = api.sidecar.admin("/config")["settings"]["services"]["api2.default"]["routes"]
        assert [one["name"] for one in shown] == ["split:0", "split:1", "unmatched"], shown
        wait_until(lambda: api_server.status_of("HTTPRoute", "split", "default").get("Accepted") == ("True", "Accepted"),
                   "its status", 5)
        # A reload of the file keeps it; so does a version that is refused.
        before = len(api.logged(event="config_applied"))
        api.replace("config/api.yaml", CALLER + "log: { level: debug }\n")
        api.process.wait_for(lambda: len(api.logged(event="config_applied")) > before, "a reload")
        api_server.put(route([{"filters": [{"type": "ExternalAuth"}]}], 2))
        wait_until(lambda: api_server.status_of("HTTPRoute", "split", "default").get("Accepted", ("",))[0] == "False", "no", 5)
        before = sum(second.calls.values())
        assert asked_for(api, "/next")[0] == 200 and sum(second.calls.values()) == before + 1
        # A directory that starts anew knows no other version than the refused one: what was good stays.
        directory.process.stop()
        api.wait_logged(event="directory_away")
        directory.start()
        marker = http_route("marker", [{**RULES[1], "matches": [{"path": {"value": "/marker"}}]}], parent, "default")
        api_server.put(marker)
        wait_until(lambda: "marker:0" in str(api.sidecar.admin("/config")["settings"]["services"]["api2.default"]["routes"]), "its word", 20)
        before = sum(second.calls.values())
        assert asked_for(api, "/next")[0] == 200 and sum(second.calls.values()) == before + 1
        api_server.remove(marker)
        # One of the same name in a file goes first, and nothing else is lost by it.
        own = json.dumps({**http_route("split", RULES[1:], parent, "default"), "metadata": {"name": "split"}})
        api.replace("config/api.yaml", CALLER + "---\n" + own + "\n")
        record = api.wait_logged(event="route_left_out")
        assert record["route"] == "HTTPRoute split.default" and "a second HTTPRoute" in record["reason"], record
        before = sum(second.calls.values())
        assert asked_for(api, "/next")[0] == 200 and sum(second.calls.values()) == before
        api.replace("config/api.yaml", CALLER)
        wait_until(lambda: asked_for(api, "/next")[0] == 200 and sum(second.calls.values()) > before, "the route", 10)
        # It goes, and with it what it led to.
        api_server.remove(route(RULES, 2))
        wait_until(lambda: "routes" not in api.sidecar.admin("/config")["settings"]["services"]["api2.default"], "end", 10)
        before = sum(second.calls.values())
        assert asked_for(api, "/next")[0] == 200 and sum(second.calls.values()) == before


def asked_at(member, address: str, port: int = 80) -> int:
    with member.dial(address, port) as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Call: 1\r\n\r\n")
        return client.response()[0]


def test_the_address_of_a_service_is_as_good_as_its_name(lab, binaries):
    mesh, directory = place(lab, binaries)
    with directory.running():
        api = mesh.member("api", CALLER)
        one = mesh.member("api2", CALLEE)
        app = CountingApp(one.pod)
        # As by a pod's default route.
        lab.ip(api.pod.netns, "route add 10.96.0.0/24 dev eth0")
        directory.api.put(pod("api2-1", "api2", "default"))
        directory.tell(endpoint(one.pod.ipv4, "api2-1"))
        wait_until(lambda: endpoints_of(api) == 1, "the endpoint", 5)
        assert asked_at(api, "10.96.0.7") == 200 and app.calls.total() == 1
        record = api.wait_logged(kind="exchange", service="api2.default")
        assert record["peer"] == API2 and record["route"] and record["endpoint"] == f"{one.pod.ipv4}:8080", record
        (shown,) = api.sidecar.admin("/endpoints")["backends"]
        assert shown["service_addresses"] == ["10.96.0.7"], shown
        # Routes of the cluster hold there, too.
        rules = [{"filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "elsewhere"}}]}]
        parent = [{"group": "", "kind": "Service", "name": "api2"}]
        directory.api.put(http_route("away", rules, parent, "default"))
        wait_until(lambda: asked_at(api, "10.96.0.7") == 302, "the route", 10)
        directory.api.remove(http_route("away", rules, parent, "default"))
        # It moves, as after it was deleted and made again; its old address is nobody's.
        directory.api.put(service("api2", "default", clusterIP="10.96.0.8", clusterIPs=["10.96.0.8"]))
        wait_until(lambda: asked_at(api, "10.96.0.8") == 200, "the new address", 10)
        before = app.calls.total()
        past = api.counter("epaulet_egress_connections_total")  # What asked before it was told, too.
        with api.dial("10.96.0.7", 80):
            wait_until(lambda: api.counter("epaulet_egress_connections_total") == past + 1, "egress", 5)
        assert app.calls.total() == before
        # After a restart without any directory it is remembered, with the endpoints.
        directory.process.kill()
        api.process.kill()
        api.start()
        wait_until(lambda: endpoints_of(api) == 1, "what is remembered", 5)
        assert asked_at(api, "10.96.0.8") == 200
