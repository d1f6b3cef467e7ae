"""An API server that a test scripts: lists in pages and watches of services, slices, pods and routes, over HTTPS;
statuses of routes and Events are written."""
import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

PATHS = {"/api/v1/services": "Service", "/apis/discovery.k8s.io/v1/endpointslices": "EndpointSlice", "/api/v1/pods": "Pod",
         "/apis/gateway.networking.k8s.io/v1/httproutes": "HTTPRoute",
         "/apis/gateway.networking.k8s.io/v1/grpcroutes": "GRPCRoute"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def service(name, namespace="shop", port=80, **spec):
    spec = {"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"], "ports": [{"name": "http", "port": port, "targetPort": "web"}],
            **spec}
    return {"kind": "Service", "metadata": {"namespace": namespace, "name": name}, "spec": spec}


def endpoint(address, pod=None, ready=True, **more):
    one = {"addresses": [address], "conditions": {"ready": ready, **more}}
    if pod:
        one["targetRef"] = {"kind": "Pod", "name": pod, "uid": f"uid-{pod}"}
    return one


def endpoint_slice(name, of, endpoints, namespace="shop", port=8080):
    return {"kind": "EndpointSlice", "addressType": "IPv4", "ports": [{"name": "http", "port": port}], "endpoints": endpoints,
            "metadata": {"namespace": namespace, "name": name, "labels": {"kubernetes.io/service-name": of}}}


def pod(name, account="api", namespace="shop"):
    return {"kind": "Pod", "spec": {"serviceAccountName": account},
            "metadata": {"namespace": namespace, "name": name, "uid": f"uid-{name}", "labels": {"epaulet.io/meshed": "true"}}}


def http_route(name, rules, parents=None, namespace="shop", generation=1, kind="HTTPRoute"):
    parents = parents or [{"group": "", "kind": "Service", "name": "api", "port": 80}]
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "spec": {"parentRefs": parents, "rules": rules},
            "metadata": {"namespace": namespace, "name": name, "uid": f"uid-{name}", "generation": generation,
                         "creationTimestamp": "2026-01-31T12:00:00Z"}}


class ScriptedApi:
    """What is put and removed is listed and told to watches. `forget()`: versions so far are 410 Gone."""

    def __init__(self, place, page=2, in_netns=lambda make: make(), port=0):
        """`in_netns` makes the socket, perhaps in another network; port 0: a free one."""
        self.credentials = place / "account"
        self.credentials.mkdir()
        subprocess.run(("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=kube-apiserver", "-addext",
                "subjectAltName=IP:127.0.0.1", "-keyout", str(place / "api.key"), "-out", str(self.credentials / "ca.crt")),
                       check=True, capture_output=True)
        (self.credentials / "token").write_text("our-own-token\n")
        self.place, self.page = place, page
        self.version, self.oldest = 1, 0
        self.objects, self.events = {kind: {} for kind in PATHS.values()}, []
        self.asked, self.refuse = [], None
        self.refuse_kinds = {}  # kind: status
        self.forgotten = 410  # what a watch from a version that is forgotten is answered; 410: as an event
        self.short_watches = False  # each says one bookmark and ends
        self.has_routes = True  # their kinds are installed
        # Watches that tell first what there is: "no" (an invalid request, as of servers without WatchList), "yes", or
        # "cut" (the end of the list does not come).
        self.watch_list = "no"
        self.written, self.noted, self.refuse_writes = [], [], None  # statuses, Events
        self.refuse_events = None  # these alone
        self.changed = threading.Condition()
        self.generation = 0  # watches of an earlier one end
        self.server, self.in_netns = None, in_netns
        self.port = port or free_port()

    def put(self, *objects):
        with self.changed:
            for one in objects:
                self.version += 1
                one["metadata"]["resourceVersion"] = str(self.version)
                key = (one["metadata"]["namespace"], one["metadata"]["name"])
                self.events.append((self.version, one["kind"], {"type": "MODIFIED", "object": json.loads(json.dumps(one))}))
                self.objects[one["kind"]][key] = one
            self.changed.notify_all()

    def status_of(self, kind, name, namespace="shop"):
        """Conditions of ours, {type: (status, reason)}, of the first parent; {} if nothing is said."""
        with self.changed:
            parents = self.objects[kind][(namespace, name)].get("status", {}).get("parents", [])
        ours = [one for one in parents if one["controllerName"] == "epaulet.io/directory"]
        return {one["type"]: (one["status"], one["reason"]) for one in ours[0]["conditions"]} if ours else {}

    def remove(self, one, silently=False):
        with self.changed:
            self.version += 1
            gone = self.objects[one["kind"]].pop((one["metadata"]["namespace"], one["metadata"]["name"]))
            if not silently:
                gone["metadata"]["resourceVersion"] = str(self.version)
                self.events.append((self.version, one["kind"], {"type": "DELETED", "object": gone}))
            self.changed.notify_all()

    def forget(self):
        """As after a compaction: watches end with 410, and so does whoever asks for an old version."""
        with self.changed:
            self.version += 1
            self.oldest = self.version
            self.events.clear()
            self.changed.notify_all()

    def drop_watches(self):
        with self.changed:
            self.generation += 1
            self.changed.notify_all()

    def watches(self):
        return [path for path, query in self.asked if "watch" in query]

    @contextlib.contextmanager
    def running(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body):
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
                api.asked.append((url.path, query))
                if self.headers["Authorization"] != "Bearer our-own-token":
                    return self.answer(401, {"kind": "Status", "code": 401})
                if api.refuse:
                    return self.answer(api.refuse, {"kind": "Status", "code": api.refuse})
                kind = PATHS[url.path]
                if kind in api.refuse_kinds:
                    return self.answer(api.refuse_kinds[kind], {"kind": "Status", "code": api.refuse_kinds[kind]})
                if kind.endswith("Route") and not api.has_routes:
                    return self.answer(404, {"kind": "Status", "code": 404})
                if kind == "Pod":
                    assert query["labelSelector"] == "epaulet.io/meshed=true", query
                if "sendInitialEvents" in query:
                    assert query["resourceVersionMatch"] == "NotOlderThan" and query["allowWatchBookmarks"] == "true", query
                    assert "resourceVersion" not in query, query
                    if api.watch_list == "no":
                        return self.answer(422, {"kind": "Status", "code": 422, "reason": "Invalid"})
                if int(query.get("resourceVersion", api.oldest)) < api.oldest and api.forgotten != 410:
                    return self.answer(api.forgotten, {"kind": "Status", "code": api.forgotten})
                return self.watch(kind, query) if "watch" in query else self.list(kind, query)

            def body(self):
                assert self.headers["Authorization"] == "Bearer our-own-token"
                return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

            def do_PATCH(self):
                assert self.headers["Content-Type"] == "application/merge-patch+json", self.headers
                patch = self.body()
                _, _, group, version, _, namespace, plural, name, part = self.path.split("/")
                assert (group, version, part) == ("gateway.networking.k8s.io", "v1", "status"), self.path
                kind = PATHS[f"/apis/{group}/{version}/{plural}"]
                if api.refuse_writes:
                    return self.answer(api.refuse_writes, {"kind": "Status", "code": api.refuse_writes})
                with api.changed:
                    known = api.objects[kind].get((namespace, name))
                    if known is None:
                        return self.answer(404, {"kind": "Status", "code": 404})
                    if patch["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"]:
                        return self.answer(409, {"kind": "Status", "code": 409})
                    known = json.loads(json.dumps(known))
                    known["status"] = patch["status"]
                    api.written.append((kind, name, patch["status"]["parents"]))
                api.put(known)
                self.answer(200, known)

            def do_POST(self):
                event = self.body()
                assert self.path == f"/api/v1/namespaces/{event['metadata']['namespace']}/events", self.path
                refused = api.refuse_writes or api.refuse_events
                if refused:
                    return self.answer(refused, {"kind": "Status", "code": refused})
                with api.changed:
                    if any(one["metadata"]["name"] == event["metadata"]["name"] for one in api.noted):
                        return self.answer(409, {"kind": "Status", "code": 409})
                    api.noted.append(event)
                self.answer(201, event)

            def list(self, kind, query):
                with api.changed:
                    at = int(query.get("continue", "0=").rstrip("="))
                    everything = [api.objects[kind][key] for key in sorted(api.objects[kind])]
                    end = at + min(api.page, int(query["limit"]))
                    some = everything[at:end]
                    metadata = {"resourceVersion": str(api.version)}
                    if end < len(everything):
                        metadata["continue"] = f"{end}="
                    if "as=PartialObjectMetadataList" in self.headers["Accept"]:
                        kind, some = "PartialObjectMetadata", [{"metadata": one["metadata"]} for one in some]
                    self.answer(200, {"kind": kind + "List", "metadata": metadata, "items": some})

            def send_event(self, event):
                line = json.dumps(event).encode() + b"\n"
                half = len(line) // 2
                for piece in (line[:half], line[half:]):  # where lines are cut means nothing
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()

            def watch(self, kind, query):
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.close_connection = True
                generation = api.generation
                with contextlib.suppress(OSError), api.changed:
                    seen = int(query.get("resourceVersion", api.version))
                    if "sendInitialEvents" in query:
                        for one in [api.objects[kind][key] for key in sorted(api.objects[kind])]:
                            self.send_event({"type": "ADDED", "object": one})
                        if api.watch_list == "cut":
                            return self.wfile.write(b"0\r\n\r\n")
                        self.send_event({"type": "BOOKMARK", "object": {"metadata": {
                            "resourceVersion": str(seen), "annotations": {"k8s.io/initial-events-end": "true"}}}})
                    while True:
                        if seen < api.oldest:
                            self.send_event({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})
                            break
                        for version, of, event in list(api.events):
                            if version > seen and of == kind:
                                self.send_event(event)
                        if seen < api.version or api.short_watches:
                            self.send_event({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(api.version)}}})
                        seen = api.version
                        if api.short_watches:
                            break
                        if generation != api.generation:
                            break
                        api.changed.wait(1)
                    self.wfile.write(b"0\r\n\r\n")

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # clients that leave

            def get_request(self):
                connection, address = super().get_request()
                return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.credentials / "ca.crt", self.place / "api.key")
        self.server = Server(("127.0.0.1", self.port), Handler, bind_and_activate=False)
        self.server.socket.close()
        self.server.socket = self.in_netns(lambda: socket.create_server(("127.0.0.1", self.port), backlog=64))
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.drop_watches()
            self.server.server_close()


def wait_for(what, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("in vain")
