"""The directory before a scripted API server: what sidecars are told."""
import contextlib
import http.client
import json
import resource
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

from scripted_api import ScriptedApi, endpoint, endpoint_slice, http_route, pod, service, wait_for
from static_injector import free_port

IDENTITY = "spiffe://cluster.local/ns/shop/sa/api"


def issue(binaries, place, name, identity):
    certs = binaries / "certs-tool/epaulet-certs"
    if not (place / "ca").exists():
        subprocess.run([certs, "init", "--dir", place / "ca", "--trust-domain", "cluster.local"], check=True, capture_output=True)
    subprocess.run([certs, "issue", "--ca", place / "ca", "--identity", identity, "--out", place / name], check=True, capture_output=True)
    return place / name


class Directory:
    def __init__(self, place, binaries, api, name="directory"):
        self.place, self.name = place, name
        self.identity = issue(binaries, place, name, "spiffe://cluster.local/ns/epaulet-system/sa/epaulet-directory")
        self.client = issue(binaries, place, name + "-client", "spiffe://cluster.local/ns/shop/sa/web")
        self.port, self.status = free_port(), free_port()
        self.log = place / f"{name}.log"
        self.argv = [binaries / "k8s/directory/epaulet-directory", "serve", "--listen", f"127.0.0.1:{self.port}", "--status",
                     f"127.0.0.1:{self.status}", "--kubernetes-api", f"127.0.0.1:{api.port}", "--kubernetes-credentials",
                     api.credentials, "--identity-dir", self.identity]
        self.process = None

    @contextlib.contextmanager
    def running(self, ready=True, open_files=None):
        def limit():
            if open_files:
                resource.setrlimit(resource.RLIMIT_NOFILE, open_files)

        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log, preexec_fn=limit)
        try:
            wait_for(lambda: '"event":"started"' in self.log.read_text() or self.process.poll() is not None)
            assert self.process.poll() is None, self.log.read_text()
            if ready:
                wait_for(self.is_ready, 30)
            yield self
        finally:
            self.process.kill()
            self.process.wait()

    def page(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.status}{path}", timeout=5) as answer:
            return answer.read().decode()

    def is_ready(self):
        try:
            return "ready" in self.page("/ready")
        except OSError:
            return False

    def metric(self, name):
        return [float(line.rsplit(" ", 1)[1]) for line in self.page("/metrics").splitlines() if line.startswith(name)][0]

    def context(self, as_whom=True):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.place / "ca/ca.pem")
        if as_whom:
            context.load_cert_chain(self.client / "cert.pem", self.client / "key.pem")
        return context

    def connect(self, as_whom=True):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=self.context(as_whom))

    def ask(self, body, as_whom=True, method="POST", path="/v1/watch"):
        connection = self.connect(as_whom)
        connection.request(method, path, body if isinstance(body, (str, bytes)) else json.dumps(body))
        answer = connection.getresponse()
        answer.connection = connection
        return answer

    def stream(self, *names, version=""):
        return Stream(self.ask({"services": names, "version": version}))


class Stream:
    """Follows one answer in a thread: the newest view of each service, and the version."""

    def __init__(self, answer):
        assert answer.status == 200, answer.read()
        self.answer, self.views, self.version, self.count, self.ended = answer, {}, None, 0, False
        self.zone = None
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            while line := self.answer.readline():
                said = json.loads(line)
                if "version" in said:
                    self.version = said["version"]
                elif "zone" in said:
                    self.zone = said["zone"]
                else:
                    self.count += 1
                    self.views[said["service"]] = said
        self.ended = True

    def addresses(self, name):
        return {one["address"]: one for group in self.views[name].get("groups", []) for one in group["endpoints"]}

    def close(self):
        self.answer.connection.sock and self.answer.connection.close()
        self.answer.close()


def shop(api):
    api.put(service("api"), service("other"), service("third"),
            endpoint_slice("api-x", "api", [endpoint("10.0.0.1", "api-1"), endpoint("10.0.0.2", "api-2")]),
            pod("api-1"), pod("api-2"), pod("web-1", "web"))


def test_a_sidecar_is_told_what_it_asks_for_and_each_change(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    with api.running(), Directory(place, binaries, api).running() as directory:
        stream = directory.stream("api.shop", "absent.shop")
        wait_for(lambda: stream.version)
        assert stream.views["absent.shop"] == {"service": "absent.shop", "absent": True}
        view = stream.views["api.shop"]
        assert view["ports"] == [{"port": 80, "name": "http"}] and view["cluster_ips"] == ["10.96.0.7"]
        assert view["groups"] == [{"ports": {"80": 8080}, "endpoints": [
            {"address": "10.0.0.1", "identity": IDENTITY}, {"address": "10.0.0.2", "identity": IDENTITY}]}]
        assert set(stream.views) == {"api.shop", "absent.shop"}, "nothing else"
        # A pod terminates; another service changes, which is none of ours.
        begun = time.monotonic()
        api.put(service("other", port=81),
                endpoint_slice("api-x", "api", [endpoint("10.0.0.1", "api-1"),
                                                endpoint("10.0.0.2", "api-2", ready=False, serving=True, terminating=True)]))
        wait_for(lambda: stream.addresses("api.shop")["10.0.0.2"].get("terminating"))
        print(f"a change arrived after {1000 * (time.monotonic() - begun):.0f} ms")
        assert stream.addresses("api.shop")["10.0.0.2"] == {
            "address": "10.0.0.2", "identity": IDENTITY, "ready": False, "serving": True, "terminating": True}
        assert "other.shop" not in stream.views
        # Its address is another pod's now.
        api.remove(pod("api-2"))
        api.put(pod("orders-1", "orders"), endpoint_slice("api-x", "api", [endpoint("10.0.0.2", "orders-1")]))
        wait_for(lambda: stream.addresses("api.shop")["10.0.0.2"].get("identity", "").endswith("/sa/orders"))
        # A new service appears, and goes again.
        api.put(service("absent"))
        wait_for(lambda: "absent" not in stream.views["absent.shop"])
        api.remove(service("absent"))
        wait_for(lambda: stream.views["absent.shop"].get("absent"))
        # Whoever comes back with a version is told what has changed.
        version = wait_for(lambda: stream.version)
        time.sleep(0.2)
        version = stream.version
        api.put(service("third", port=81))
        again = directory.stream("api.shop", "third.shop", version=version)
        wait_for(lambda: again.version)
        assert set(again.views) == {"third.shop"}
        assert "our-own-token" not in directory.log.read_text()
        assert directory.metric("epaulet_directory_streams ") == 2
        assert directory.metric('epaulet_directory_objects{objects="pods"}') == 3


def test_a_sidecar_is_told_hints_and_its_own_zone(place, binaries):
    api = ScriptedApi(place)
    hinted = {**endpoint("10.0.0.1", "api-1"), "nodeName": "n1", "zone": "eu-1a",
              "hints": {"forZones": [{"name": "eu-1a"}, {"name": "eu-1b"}]}}
    ours = pod("web-1", "web")
    ours["spec"]["nodeName"] = "n1"
    ours["status"] = {"phase": "Running", "podIPs": [{"ip": "127.0.0.1"}]}
    api.put(service("api"), endpoint_slice("api-x", "api", [hinted]), pod("api-1"), ours)
    with api.running(), Directory(place, binaries, api).running() as directory:
        stream = directory.stream("api.shop")
        wait_for(lambda: stream.version)
        assert stream.zone == "eu-1a", "our pod is on that endpoint's node"
        assert stream.addresses("api.shop")["10.0.0.1"] == {
            "address": "10.0.0.1", "identity": IDENTITY, "zone": "eu-1a", "for_zones": ["eu-1a", "eu-1b"]}
        assert not [path for path, _ in api.asked if "nodes" in path], "nobody has to be allowed to read Nodes"
        # Whoever has another identity at our address is not our pod.
        ours = json.loads(json.dumps(ours))
        ours["spec"]["serviceAccountName"] = "other"
        seen = 'epaulet_directory_events_total{objects="pods"}'
        before = directory.metric(seen)
        api.put(ours)
        wait_for(lambda: directory.metric(seen) > before)
        another = directory.stream("api.shop")
        wait_for(lambda: another.version)
        assert another.zone is None


def test_what_an_api_server_forgets_is_listed_again(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    with api.running(), Directory(place, binaries, api).running() as directory:
        stream = directory.stream("api.shop", "other.shop")
        wait_for(lambda: stream.version)
        # Nobody tells us that these have gone: the list that follows 410 lacks them.
        api.remove(service("other"), silently=True)
        api.remove(pod("api-2"), silently=True)
        sent = stream.count
        api.forget()
        wait_for(lambda: stream.views["other.shop"].get("absent"))
        wait_for(lambda: "identity" not in stream.addresses("api.shop")["10.0.0.2"])
        assert stream.count == sent + 2, "what has not changed is not sent again"
        # What cannot be read is not used, and named.
        api.put({"kind": "Service", "metadata": {"namespace": "shop", "name": "Not_A_Name"}, "spec": {}})
        wait_for(lambda: '"event":"object_unreadable"' in directory.log.read_text())
        assert "shop/Not_A_Name" in directory.log.read_text()
        # A watch that ends is begun again from where it was: no list.
        lists = len(api.asked) - len(api.watches())
        api.drop_watches()
        api.put(service("other"))
        wait_for(lambda: "absent" not in stream.views["other.shop"])
        assert len(api.asked) - len(api.watches()) == lists
        assert directory.metric('epaulet_directory_expired_total{objects="services"}') >= 1


def test_a_watch_that_is_refused_is_listed_again_whatever_that_is_called(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    api.remove(service("other"))
    with api.running(), Directory(place, binaries, api).running() as directory:
        stream = directory.stream("api.shop", "other.shop")
        wait_for(lambda: stream.version)
        present = False
        for status in (400, 504):
            time.sleep(1.1)  # a watch that ends sooner is a reason to pause
            api.forgotten = status
            api.remove(service("other"), silently=True) if present else api.put(service("other"))
            present = not present
            with api.changed:  # as after a restart from a backup: nothing is told, the watches break off
                api.version += 1
                api.oldest = api.version
                api.events.clear()
            api.drop_watches()
            wait_for(lambda: ("absent" in stream.views["other.shop"]) != present)
        # One that refuses us says nothing about our version.
        def lists():
            return sum(path == "/api/v1/services" and "limit" in query for path, query in api.asked)

        before = lists()
        api.refuse = 403
        api.drop_watches()
        time.sleep(1)
        api.refuse = None
        api.put(service("fourth"))
        wait_for(lambda: directory.metric('epaulet_directory_objects{objects="services"}') == 3)
        assert lists() == before, "no list is read again"


def test_watches_that_end_at_once_are_not_asked_for_in_a_loop(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    with api.running(), Directory(place, binaries, api).running():
        api.short_watches = True
        api.drop_watches()
        time.sleep(0.5)
        before = len(api.watches())
        time.sleep(2)
        assert len(api.watches()) - before <= 5 * 5, f"{len(api.watches()) - before} in two seconds, of five kinds"


def test_pages_that_are_too_long_are_halved_and_one_object_that_is_too_large_is_left_out(place, binaries):
    api = ScriptedApi(place, page=250)
    shop(api)
    padded = [pod(f"padded-{i:02}") for i in range(40)]
    for one in padded:
        one["metadata"]["annotations"] = {"note": "x" * (256 << 10)}
    huge = pod("huge")
    huge["spec"]["note"] = "x" * (9 << 20)
    api.put(*padded, huge)
    with api.running(), Directory(place, binaries, api).running() as directory:
        assert directory.metric('epaulet_directory_objects{objects="pods"}') == 3 + 40
        assert directory.metric('epaulet_directory_unreadable_objects_total{objects="pods"}') == 1
        assert "shop/huge" in directory.log.read_text() and "shop/padded" not in directory.log.read_text()
        limits = [int(query["limit"]) for path, query in api.asked if path == "/api/v1/pods" and "limit" in query]
        assert limits[0] == 250 and min(limits) == 1 and len(limits) < 40, limits


def test_an_event_that_is_too_long_costs_nobody_anything(place, binaries):
    def pods_were_listed():
        return sum(path == "/api/v1/pods" and "limit" in query for path, query in api.asked)

    api = ScriptedApi(place, page=250)
    shop(api)
    made = pod("huge", namespace="tenant")  # with its names first, as an API server writes them
    huge = {"kind": "Pod", "metadata": made["metadata"],
            "spec": {**made["spec"], "env": "\1" * (1 << 20)}}  # one byte in etcd, six in a watch's line
    with api.running(), Directory(place, binaries, api).running() as directory:
        stream = directory.stream("api.shop")
        wait_for(lambda: stream.version)
        lists = pods_were_listed()
        api.put(huge)
        for number in range(4):  # its owner annotates it, or it crashes again and again
            api.put(json.loads(json.dumps(huge)), pod(f"fresh-{number}"))
            wait_for(lambda: directory.metric('epaulet_directory_objects{objects="pods"}') == 3 + number + 1)
        assert pods_were_listed() == lists
        assert directory.metric('epaulet_directory_unreadable_objects_total{objects="pods"}') == 5
        log = directory.log.read_text()
        assert log.count('"event":"object_unreadable"') == 1 and "huge" in log, log
        assert '"event":"not_watched"' not in log, log
    # A list that comes as a stream goes on behind it, too.
    (place / "second").mkdir()
    api.watch_list, api.asked = "yes", []
    with api.running(), Directory(place / "second", binaries, api).running() as directory:
        assert directory.metric('epaulet_directory_objects{objects="pods"}') == 3 + 4
        assert kinds_of_steps(api)[:2] == (5, 0), api.asked


def test_without_the_right_to_list_routes_nothing_waits(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    api.refuse_kinds = {"HTTPRoute": 403, "GRPCRoute": 403}
    with api.running(), Directory(place, binaries, api).running() as directory:
        assert directory.metric('epaulet_directory_api_failures_total{objects="httproutes"}') == 1, "it asked once"


def test_a_broken_kind_of_routes_keeps_nothing_else_back(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    api.refuse_kinds = {"HTTPRoute": 500}
    with api.running(), Directory(place, binaries, api).running() as directory:
        stream = directory.stream("api.shop")
        wait_for(lambda: stream.version)
        assert set(stream.addresses("api.shop")) == {"10.0.0.1", "10.0.0.2"}
        assert stream.views["api.shop"]["routes_unknown"] == ["HTTPRoute"], "whoever has some keeps them"
        assert "answered 500 to a list or watch of httproutes" in directory.log.read_text()
        api.put(http_route("good", GOOD))
        api.refuse_kinds = {}
        wait_for(lambda: stream.views["api.shop"].get("routes") and "routes_unknown" not in stream.views["api.shop"], 40)
    # Of what everybody has to have nothing is left out.
    (place / "second").mkdir()
    api.refuse_kinds = {"Pod": 500}
    with api.running(), Directory(place / "second", binaries, api).running(ready=False) as directory:
        time.sleep(4)
        assert not directory.is_ready() and directory.ask({"services": ["api.shop"]}).status == 503


def kinds_of_steps(api):
    """How often was asked for a watch that begins with a list, for a list in pages, for a watch from a version."""
    streams = [path for path, query in api.asked if "sendInitialEvents" in query]
    return len(streams), len(api.asked) - len(api.watches()), len(api.watches()) - len(streams)


def test_lists_come_as_streams_where_the_server_has_them(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    api.watch_list = "yes"
    with api.running(), Directory(place, binaries, api).running() as directory:
        stream = directory.stream("api.shop", "other.shop")
        wait_for(lambda: stream.version)
        assert set(stream.addresses("api.shop")) == {"10.0.0.1", "10.0.0.2"}
        assert kinds_of_steps(api) == (5, 0, 0), api.asked
        assert directory.metric('epaulet_directory_streamed_lists_total{objects="pods"}') == 1
        # The same stream goes on as a watch.
        api.put(endpoint_slice("api-x", "api", [endpoint("10.0.0.1", "api-1")]))
        wait_for(lambda: set(stream.addresses("api.shop")) == {"10.0.0.1"})
        assert kinds_of_steps(api) == (5, 0, 0), api.asked
        # It ends: a watch goes on from where it was.
        api.drop_watches()
        api.put(service("other", port=81))
        wait_for(lambda: stream.views["other.shop"]["ports"][0]["port"] == 81)
        wait_for(lambda: kinds_of_steps(api)[2] == 5)
        assert kinds_of_steps(api) == (5, 0, 5), api.asked
        # After 410 all is told again, by a stream again, and who is not named in it has gone.
        api.remove(service("other"), silently=True)
        sent = stream.count
        api.forget()
        wait_for(lambda: stream.views["other.shop"].get("absent"))
        wait_for(lambda: directory.metric('epaulet_directory_streamed_lists_total{objects="pods"}') == 2)
        wait_for(lambda: kinds_of_steps(api)[0] == 10)
        assert kinds_of_steps(api)[:2] == (10, 0), api.asked
        assert stream.count == sent + 1, "what has not changed is not sent again"


def test_a_server_without_streams_is_asked_once_and_one_that_cuts_them_off_lists(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    with api.running(), Directory(place, binaries, api).running() as directory:
        assert kinds_of_steps(api)[0] == 5
        pages = kinds_of_steps(api)[1]
        assert pages > 5, "in pages"
        api.forget()
        wait_for(lambda: kinds_of_steps(api)[1] == 2 * pages)
        assert kinds_of_steps(api)[0] == 5, "nobody is asked again"
        assert '"event":"not_watched"' not in directory.log.read_text(), "it is no failure"
    (place / "cut").mkdir()
    api.watch_list, api.asked = "cut", []
    with api.running(), Directory(place / "cut", binaries, api).running() as directory:
        stream = directory.stream("api.shop")
        wait_for(lambda: stream.version)
        assert set(stream.addresses("api.shop")) == {"10.0.0.1", "10.0.0.2"}
        assert kinds_of_steps(api)[:2] == (5, pages), api.asked


def test_an_api_server_that_is_away_takes_nothing_from_anybody(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    directory = Directory(place, binaries, api)
    with directory.running(ready=False):
        # Nothing is known yet, which is not "absent".
        refused = directory.ask({"services": ["api.shop"]})
        assert refused.status == 503 and refused.headers["Retry-After"], refused.read()
        assert "lists" in ready_text(directory)
        with api.running():
            wait_for(directory.is_ready)
            stream = directory.stream("api.shop")
            wait_for(lambda: stream.version)
        time.sleep(0.5)
        assert directory.is_ready() and len(directory.stream("api.shop").views) <= 1
        another = directory.stream("api.shop")
        wait_for(lambda: another.version)
        assert set(another.addresses("api.shop")) == {"10.0.0.1", "10.0.0.2"}
        with api.running():
            api.put(endpoint_slice("api-x", "api", [endpoint("10.0.0.3", "api-1")]))
            wait_for(lambda: set(stream.addresses("api.shop")) == {"10.0.0.3"}, 20)
            api.refuse = 403
            api.drop_watches()
            wait_for(lambda: "ClusterRole epaulet-directory" in directory.log.read_text(), 20)


def ready_text(directory):
    try:
        return directory.page("/ready")
    except urllib.error.HTTPError as error:
        return error.read().decode()


def test_who_asks_badly_is_told_so(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    with api.running(), Directory(place, binaries, api).running() as directory:
        good = {"services": ["api.shop"]}
        with contextlib.suppress(OSError, http.client.HTTPException):
            assert not directory.ask(good, as_whom=False), "nobody is answered"
        assert directory.metric("epaulet_directory_handshakes_failed_total ") == 1
        assert directory.ask("{}").status == 400
        assert directory.ask({"services": ["API.shop"]}).status == 400
        assert directory.ask({"services": [f"s{i}.shop" for i in range(5000)]}).status == 400
        assert directory.ask(b"x" * 600_000).status == 413
        assert directory.ask(good, path="/").status == 404
        assert directory.ask(good, method="PUT").status == 405
        stranger = issue(binaries, place / "elsewhere", "x", IDENTITY) if (place / "elsewhere").mkdir() is None else None
        directory.client = stranger
        try:
            status = directory.ask(good).status
        except OSError:
            status = 0
        assert status == 0, "another mesh's certificate"


def test_a_reader_that_does_not_read_costs_nothing_and_the_end_is_told(place, binaries):
    api = ScriptedApi(place, page=100)
    many = [endpoint(f"10.1.{i // 250}.{i % 250}", f"api-{i}") for i in range(1000)]
    api.put(service("api"), endpoint_slice("api-x", "api", many))
    directory = Directory(place, binaries, api)
    with api.running(), directory.running():
        slow = directory.ask({"services": ["api.shop"]})  # reads nothing more
        stream = directory.stream("api.shop")
        wait_for(lambda: stream.version)
        before = resident(directory.process.pid)
        for turn in range(200):
            api.put(endpoint_slice("api-x", "api", many[: 900 + turn % 100]))
        api.put(endpoint_slice("api-x", "api", many[:7]))
        wait_for(lambda: len(stream.addresses("api.shop")) == 7, 30)
        grown = resident(directory.process.pid) - before
        assert grown < 16 << 20, f"grew by {grown} bytes"
        slow.close()
        directory.process.terminate()
        wait_for(lambda: stream.ended)
        assert directory.process.wait(12) == 0


def test_descriptors_are_shared_out(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    directory = Directory(place, binaries, api)

    def crowd(count):
        return [socket.create_connection(("127.0.0.1", directory.port)) for _ in range(count)]

    # The soft limit is none: many come, and one is answered.
    with api.running(), directory.running(open_files=(64, 4096)):
        everybody = crowd(200)
        stream = directory.stream("api.shop")
        wait_for(lambda: stream.version)
        assert directory.metric("epaulet_directory_connections_refused_total ") == 0
        for one in everybody:
            one.close()
    # The hard one is: who is too many is reset, and the API server and probes are heard all the same.
    with api.running(), directory.running(open_files=(256, 256)):
        assert '"event":"connections_limited"' in directory.log.read_text()
        everybody = crowd(400)
        wait_for(lambda: directory.metric("epaulet_directory_connections_refused_total ") >= 400 - 144)
        assert directory.is_ready()
        api.drop_watches()
        api.put(service("fourth"))
        wait_for(lambda: directory.metric('epaulet_directory_objects{objects="services"}') == 4)
        for one in everybody:
            one.close()


GOOD = [{"backendRefs": [{"name": "api", "port": 80}]}]
BAD = [{"filters": [{"type": "ExternalAuth", "externalAuth": {}}]}]
ACCEPTED = {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("True", "ResolvedRefs")}


def test_routes_of_the_cluster_are_told_and_their_status_is_written(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    edge = http_route("edge", GOOD, [{"name": "gateway"}])
    api.put(http_route("good", GOOD), http_route("bad", BAD), edge,
            http_route("calls", [{"backendRefs": [{"name": "nobody", "port": 80}]}], kind="GRPCRoute"))
    with api.running(), Directory(place, binaries, api).running() as directory:
        stream = directory.stream("api.shop", "other.shop")
        wait_for(lambda: stream.version)
        told = [json.loads(text) for text in stream.views["api.shop"]["routes"]]
        assert [(one["kind"], one["metadata"]["name"]) for one in told] == [("HTTPRoute", "good"), ("GRPCRoute", "calls")], told
        assert "routes" not in stream.views["other.shop"]
        wait_for(lambda: api.status_of("HTTPRoute", "good") == ACCEPTED)
        wait_for(lambda: api.status_of("GRPCRoute", "calls") == {**ACCEPTED, "ResolvedRefs": ("False", "BackendNotFound")})
        wait_for(lambda: api.status_of("HTTPRoute", "bad") == {**ACCEPTED, "Accepted": ("False", "UnsupportedValue")})
        assert "status" not in edge, "another parent is another's business"
        (event,) = api.noted
        assert event["involvedObject"]["name"] == "bad" and "ExternalAuth" in event["message"], event
        # Its backend appears.
        api.put(service("nobody"))
        wait_for(lambda: api.status_of("GRPCRoute", "calls") == ACCEPTED)
        # A bad version: what was good stays, and its status says so.
        sent = stream.count
        api.put(http_route("good", BAD, generation=2))
        wait_for(lambda: api.status_of("HTTPRoute", "good").get("Accepted") == ("False", "UnsupportedValue"))
        message = api.objects["HTTPRoute"][("shop", "good")]["status"]["parents"][0]["conditions"][0]["message"]
        assert message.endswith("(generation 1 stays in force)"), message
        time.sleep(0.5)
        assert stream.count == sent and len(api.noted) == 2
        api.put(http_route("good", [{"name": "mended", **GOOD[0]}], generation=3))
        wait_for(lambda: "mended" in stream.views["api.shop"]["routes"][0])
        wait_for(lambda: api.status_of("HTTPRoute", "good") == ACCEPTED)
        api.remove(http_route("good", GOOD))
        wait_for(lambda: len(stream.views["api.shop"]["routes"]) == 1)
        assert directory.metric("epaulet_directory_routes_refused ") == 1
        assert directory.metric('epaulet_directory_objects{objects="httproutes"}') == 1
        written = len(api.written)
        # Another replica, and one that was restarted, find everything said.
        (place / "second").mkdir()
        with Directory(place / "second", binaries, api, "second").running() as second:
            wait_for(lambda: second.metric('epaulet_directory_objects{objects="httproutes"}') == 1)
            time.sleep(1)
        assert len(api.written) == written and len(api.noted) == 2, api.written[written:]


def test_a_status_is_written_where_events_are_refused(place, binaries):
    """By a quota on Events, or for want of the right to them."""
    api = ScriptedApi(place)
    shop(api)
    api.put(http_route("bad", BAD))
    api.refuse_events = 403
    directory = Directory(place, binaries, api)
    with api.running(), directory.running():
        wait_for(lambda: api.status_of("HTTPRoute", "bad").get("Accepted") == ("False", "UnsupportedValue"))
        wait_for(lambda: '"event":"status_not_written"' in directory.log.read_text())
        assert not api.noted and len(api.written) == 1
        api.refuse_events = None
        wait_for(lambda: api.noted, 40)
        assert len(api.written) == 1 and api.noted[0]["involvedObject"]["name"] == "bad", (api.written, api.noted)


def test_routes_of_one_namespace_push_out_nobody_elses(place, binaries):
    """Anybody may write routes for a Service of another namespace: they are for callers of his own."""
    api = ScriptedApi(place)
    shop(api)
    parent = [{"group": "", "kind": "Service", "name": "api", "namespace": "shop"}]
    rules = [{"backendRefs": [{"name": "api", "namespace": "shop", "port": 80}]}]
    api.put(*(http_route(f"r{i:02}", rules, parent, "aaa") for i in range(40)), http_route("own", GOOD), http_route("calls", GOOD, kind="GRPCRoute"),
            http_route("theirs", rules, parent, "zzz"))
    with api.running(), Directory(place, binaries, api).running() as directory:
        def told_to(namespace):
            if namespace != "shop":
                directory.client = issue(binaries, place, f"client-{namespace}", f"spiffe://cluster.local/ns/{namespace}/sa/web")
            stream = directory.stream("api.shop")
            wait_for(lambda: stream.version)
            told = [json.loads(text)["metadata"] for text in stream.views["api.shop"]["routes"]]
            return stream, [f"{one['namespace']}/{one['name']}" for one in told]

        own = ["shop/own", "shop/calls"]
        assert told_to("shop")[1] == own
        stream, told = told_to("zzz")
        assert told == [*own, "zzz/theirs"], told
        assert told_to("aaa")[1] == own + [f"aaa/r{i:02}" for i in range(32)]
        for name, namespace, accepted in (("own", "shop", "True"), ("theirs", "zzz", "True"), ("r31", "aaa", "True"), ("r32", "aaa", "False")):
            wait_for(lambda: api.status_of("HTTPRoute", name, namespace).get("Accepted", ("",))[0] == accepted, 20)
        api.remove(http_route("theirs", rules, parent, "zzz"))
        wait_for(lambda: len(stream.views["api.shop"]["routes"]) == 2)


def test_a_directory_that_finds_a_route_bad_says_so_to_those_who_knew_it(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    bad = http_route("split", BAD, generation=2)
    api.put(bad, http_route("good", GOOD))
    with api.running(), Directory(place, binaries, api).running() as directory:
        stream = directory.stream("api.shop")
        wait_for(lambda: stream.version)
        view = stream.views["api.shop"]
        assert [json.loads(text)["metadata"]["name"] for text in view["routes"]] == ["good"]
        assert view["routes_refused"] == [{"name": "HTTPRoute split.shop", "created": bad["metadata"]["creationTimestamp"]}], view
        wait_for(lambda: api.status_of("HTTPRoute", "split").get("Accepted") == ("False", "UnsupportedValue"))
        message = api.objects["HTTPRoute"][("shop", "split")]["status"]["parents"][0]["conditions"][0]["message"]
        assert message.endswith("sidecars that have an earlier one keep it)"), message
        api.put(http_route("split", GOOD, generation=3))
        wait_for(lambda: "routes_refused" not in stream.views["api.shop"])
        assert len(stream.views["api.shop"]["routes"]) == 2


def test_routes_need_not_be_known_to_the_cluster_nor_be_allowed(place, binaries):
    api = ScriptedApi(place)
    shop(api)
    api.has_routes = False
    directory = Directory(place, binaries, api)
    with api.running(), directory.running():
        stream = directory.stream("api.shop")
        wait_for(lambda: stream.version)
        assert "routes" not in stream.views["api.shop"]
        assert '"event":"not_watched"' not in directory.log.read_text(), "it is no failure"
        # They are installed, later.
        api.put(http_route("good", GOOD))
        api.has_routes = True
        api.refuse_writes = 403
        wait_for(lambda: stream.views["api.shop"].get("routes"), 40)
        wait_for(lambda: '"event":"status_not_written"' in directory.log.read_text())
        assert "ClusterRole epaulet-directory" in directory.log.read_text()
        assert api.status_of("HTTPRoute", "good") == {}


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_it_says_what_it_lacks(place, binaries):
    program = binaries / "k8s/directory/epaulet-directory"
    for argv, word in (([], "KUBERNETES_SERVICE_HOST"), (["--kubernetes-api", "x"], "no address"),
                       (["--kubernetes-api", "127.0.0.1:1"], "certificate comes from"),
                       (["--kubernetes-api", "127.0.0.1:1", "--identity-service", "http://x"], "no URL"),
                       (["--kubernetes-api", "127.0.0.1:1", "--identity-dir", place], "cert.pem")):
        told = subprocess.run([program, "serve", *argv], capture_output=True, text=True, timeout=10, env={})
        assert told.returncode == 1 and word in told.stderr and "remedy" in told.stderr, (argv, told.stderr)
