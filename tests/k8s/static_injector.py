"""The webhook as a process: over TLS, with certificates that change, under bad callers."""
import base64
import contextlib
import http.client
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import time

REVIEWS = pathlib.Path(__file__).resolve().parents[1] / "unit/injector/reviews"
NAME = "injector.epaulet-system.svc"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def certificate(folder, days="1"):
    """A key and a certificate that signs itself, as `caBundle` may well have it."""
    folder.mkdir(exist_ok=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", days, "-subj", "/CN=injector",
            "-addext", f"subjectAltName=DNS:{NAME},DNS:localhost", "-keyout", str(folder / "tls.key.new"),
            "-out", str(folder / "tls.crt.new"))
    for name in ("tls.key", "tls.crt"):
        (folder / f"{name}.new").rename(folder / name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Injector:
    def __init__(self, place, binaries):
        self.folder = place / "certificate"
        certificate(self.folder)
        subprocess.run([binaries / "certs-tool/epaulet-certs", "init", "--dir", place / "ca", "--trust-domain",
                        "cluster.local"], check=True, capture_output=True)
        self.roots = place / "ca/ca.pem"
        self.port, self.status = free_port(), free_port()
        self.log = place / "log"
        self.argv = [binaries / "k8s/injector/epaulet-injector", "serve", "--certificate", self.folder, "--roots",
                     self.roots, "--listen", f"127.0.0.1:{self.port}", "--status", f"127.0.0.1:{self.status}",
                     "--image", "registry.example/epaulet:1"]

    @contextlib.contextmanager
    def running(self):
        with open(self.log, "w") as log:
            process = subprocess.Popen(self.argv, stdout=log, stderr=log)
        try:
            self.wait_logged("started")
            yield process
        finally:
            process.kill()
            process.wait()

    def wait_logged(self, event, timeout=10):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if f'"event":"{event}"' in self.log.read_text():
                return
            time.sleep(0.05)
        raise AssertionError(f"no {event} in:\n{self.log.read_text()}")

    def connection(self):
        context = ssl.create_default_context(cafile=str(self.folder / "tls.crt"))
        return http.client.HTTPSConnection("localhost", self.port, timeout=15, context=context)

    def ask(self, body, path="/inject?timeout=5s", method="POST"):
        connection = self.connection()
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def page(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.status, timeout=5)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def review(name):
    return (REVIEWS / f"{name}.review.json").read_bytes()


def test_a_review_is_answered_with_a_patch(place, binaries):
    injector = Injector(place, binaries)
    with injector.running():
        status, body = injector.ask(review("deployment"))
        assert status == 200, body
        response = json.loads(body)["response"]
        assert response["allowed"] and response["patchType"] == "JSONPatch", response
        assert response["uid"] == json.loads(review("deployment"))["request"]["uid"]
        patch = json.loads(base64.b64decode(response["patch"]))
        (containers,) = [one["value"] for one in patch if one["path"] == "/spec/initContainers"]
        assert [one["name"] for one in containers] == ["epaulet-init", "epaulet", "migrate"]
        (roots,) = [one["value"] for one in patch if one["path"].endswith("trust-roots")]
        assert roots.strip() == injector.roots.read_text().strip()
        refused = json.loads(injector.ask(review("refused"))[1])["response"]
        assert not refused["allowed"] and "sends the header Connection" in refused["status"]["message"], refused
        metrics = injector.page("/metrics")[1]
        assert 'epaulet_injector_reviews_total{result="injected"} 1' in metrics, metrics
        assert 'epaulet_injector_reviews_total{result="refused"} 1' in metrics, metrics
        assert injector.page("/ready")[0] == 200


def test_what_the_injector_writes_the_sidecar_takes(place, binaries):
    injector = Injector(place, binaries)
    injector.argv += ["--directory", "https://epaulet-directory.mesh.svc.cluster.local:15016", "--directory-identity",
                      "spiffe://cluster.local/ns/mesh/sa/epaulet-directory"]
    with injector.running():
        patch = json.loads(base64.b64decode(json.loads(injector.ask(review("deployment"))[1])["response"]["patch"]))
    (config,) = [one["value"] for one in patch if one["path"].endswith("sidecar-config")]
    (place / "epaulet.yaml").write_text(config)
    # What a ConfigMap says beside it: the section of the directory is there.
    (place / "services.yaml").write_text("services: { api2.default: { ports: { 80: http }, endpoints: { directory: api2.default, "
                                         "port: 80 } } }\n")
    checked = subprocess.run([binaries / "proxy/epaulet", "check", place / "epaulet.yaml", place / "services.yaml"],
                             capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_the_meshs_configuration_is_every_new_pods(place, binaries):
    injector = Injector(place, binaries)
    mesh = place / "mesh.yaml"
    injector.argv += ["--mesh-config", mesh]

    def write(text):
        (place / "new").write_text(text)
        (place / "new").rename(mesh)

    def told():
        response = json.loads(injector.ask(review("deployment"))[1])["response"]
        annotations = {one["path"]: one["value"] for one in json.loads(base64.b64decode(response["patch"])) if "annotations" in one["path"]}
        return annotations.get("/metadata/annotations/epaulet.io~1mesh-config"), annotations

    with injector.running():
        assert told()[0] is None, "there is none yet"
        write("egress: deny\nroles: { admin: [ { identity: 'spiffe://cluster.local/ns/ops/*' } ] }\n")
        injector.wait_logged("mesh_config_changed")
        text, annotations = told()
        assert text == mesh.read_text(), text
        # What a namespace's ConfigMap says beside it.
        (place / "own.yaml").write_text(annotations["/metadata/annotations/epaulet.io~1sidecar-config"])
        (place / "namespace.yaml").write_text("roles: { reader: [ { identity: 'spiffe://cluster.local/ns/shop/*' } ] }\n"
                                              "access: [ { name: all, allow: [ admin, reader ] } ]\n")
        files = [place / "own.yaml", mesh, place / "namespace.yaml"]
        checked = subprocess.run([binaries / "proxy/epaulet", "check", *files], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        write("egress: maybe\n")
        injector.wait_logged("mesh_config_refused")
        assert told()[0] == text, "the last that was good"
        write("\n")
        end = time.monotonic() + 10
        while told()[0] is not None:
            assert time.monotonic() < end, "it is taken away"
            time.sleep(0.1)
    write("workload: { service: a.b }\n")
    done = subprocess.run(injector.argv, capture_output=True, text=True, timeout=10)
    assert done.returncode != 0 and "this section stands in epaulet.yaml, too" in done.stderr, done


def test_bad_callers_are_answered_and_bounded(place, binaries):
    injector = Injector(place, binaries)
    with injector.running():
        assert injector.ask(b"{")[0] == 400
        assert injector.ask(review("job"), path="/")[0] == 404
        assert injector.ask(None, method="GET")[0] == 405
        assert injector.ask(b" " * (4 << 20) + b"{}")[0] == 413
        with socket.create_connection(("127.0.0.1", injector.port)) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert b"HTTP" not in plain.recv(100)
        silent = [socket.create_connection(("127.0.0.1", injector.port)) for _ in range(64)]
        time.sleep(0.3)
        with socket.create_connection(("127.0.0.1", injector.port)) as one_more:
            one_more.settimeout(2)
            try:
                assert one_more.recv(1) == b""
            except ConnectionResetError:
                pass
        # Who says nothing is cut after five seconds; then there is room again.
        end = time.monotonic() + 15
        while time.monotonic() < end:
            try:
                assert injector.ask(review("job"))[0] == 200
                break
            except (OSError, http.client.HTTPException):
                time.sleep(0.2)
        else:
            raise AssertionError("silent connections keep the API server out")
        for one in silent:
            one.close()


def test_a_new_certificate_is_in_force_and_a_broken_one_is_not(place, binaries):
    injector = Injector(place, binaries)
    with injector.running():
        certificate(injector.folder)
        injector.wait_logged("files_changed")
        assert injector.ask(review("job"))[0] == 200  # verified against the new one
        (injector.folder / "tls.key").write_text("nonsense")
        injector.wait_logged("files_refused")
        assert injector.ask(review("job"))[0] == 200


def test_it_ends_when_it_is_told_to(place, binaries):
    injector = Injector(place, binaries)
    injector.argv += ["--linger", "2"]
    with injector.running() as process:
        process.send_signal(signal.SIGTERM)
        injector.wait_logged("leaving")
        # Whom API servers are still led to answers, and says that they should be led elsewhere.
        end, answered = time.monotonic() + 1.2, 0
        while time.monotonic() < end:
            assert injector.ask(review("job"))[0] == 200
            assert injector.page("/ready")[0] == 503 and injector.page("/live")[0] == 200
            answered += 1
        assert answered > 2, answered
        assert process.wait(timeout=10) == 0
        assert '"event":"draining"' in injector.log.read_text()
    with injector.running() as process:
        for _ in range(2):  # Asked twice: at once.
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert process.wait(timeout=1) == 0


def test_it_says_what_it_lacks(place, binaries):
    injector = Injector(place, binaries)
    (injector.folder / "tls.key").unlink()
    ended = subprocess.run(injector.argv, capture_output=True, text=True)
    assert ended.returncode == 1 and "tls.key" in ended.stderr and "remedy" in ended.stderr, ended.stderr
