"""The doctor as a process before a scripted API server, by its own client and by a kubectl."""
import base64
import contextlib
import http.server
import json
import os
import ssl
import subprocess
import threading
import urllib.parse

from static_injector import free_port, openssl

EXPRESSIONS = [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "epaulet-system"]},
               {"key": "epaulet.io/inject", "operator": "In", "values": ["enabled"]}]
HOST = "epaulet-injector.epaulet-system.svc"


def encoded(path):
    return base64.b64encode(path.read_bytes()).decode()


def healthy(place, binaries):
    """Path to document, of a cluster in which all is well."""
    subprocess.run([binaries / "certs-tool/epaulet-certs", "init", "--dir", place / "ca", "--trust-domain", "cluster.local",
                    "--issuer"], check=True, capture_output=True)
    certificate(place, "webhook")
    system = "/namespaces/epaulet-system"
    names = ("epaulet-identity", "epaulet-injector")
    pod = {"metadata": {"namespace": "shop", "name": "api"},
           "spec": {"initContainers": [{"name": "epaulet-init"}, {"name": "epaulet", "image": "e:1"}], "containers": []},
           "status": {"phase": "Running", "initContainerStatuses": [{"name": "epaulet", "ready": True}]}}
    return {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.4"},
        "/api/v1/namespaces": {"items": [{"metadata": {"name": "epaulet-system"}},
                                         {"metadata": {"name": "shop", "labels": {"epaulet.io/inject": "enabled"}}}]},
        "/api/v1/pods": {"items": [pod]},
        "/apis/apps/v1/replicasets": {"items": []},
        "/api/v1/events": {"items": []},
        f"/apis/apps/v1{system}/deployments": {"items": [
            {"metadata": {"name": name}, "spec": {"replicas": 1}, "status": {"availableReplicas": 1}} for name in names]},
        f"/api/v1{system}/services": {"items": [{"metadata": {"name": name}} for name in names]},
        f"/apis/discovery.k8s.io/v1{system}/endpointslices": {"items": [
            {"metadata": {"labels": {"kubernetes.io/service-name": name}}, "endpoints": [{"conditions": {"ready": True}}]}
            for name in names]},
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases": {"items": []},
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": {"items": [{
            "metadata": {"name": "epaulet-injector"}, "webhooks": [{
                "name": "namespace.injector.epaulet.io", "failurePolicy": "Fail",
                "clientConfig": {"service": {"name": "epaulet-injector", "namespace": "epaulet-system"},
                                 "caBundle": encoded(place / "webhook.crt")},
                "rules": [{"operations": ["CREATE"], "resources": ["pods"]}],
                "namespaceSelector": {"matchExpressions": EXPRESSIONS}}]}]},
        f"/api/v1{system}/secrets/epaulet-ca": {"data": {
            name: encoded(place / "ca" / name) for name in ("ca.pem", "issuer.pem", "issuer.key")}},
        f"/api/v1{system}/secrets/epaulet-injector-certificate": {"data": {
            "tls.crt": encoded(place / "webhook.crt"), "tls.key": encoded(place / "webhook.key")}},
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/epaulet-identity": {
            "roleRef": {"name": "epaulet-identity"}, "subjects": [{"name": "epaulet-identity", "namespace": "epaulet-system"}]},
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/epaulet-identity": {
            "rules": [{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}]},
    }


def certificate(place, name, days="30", host=HOST):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", days, "-subj", "/CN=x", "-addext",
            f"subjectAltName=DNS:{host}", "-keyout", str(place / f"{name}.key"), "-out", str(place / f"{name}.crt"))


@contextlib.contextmanager
def api_server(place, documents):
    """Lists in pages of one; what is not there is 404, a number is a status. Gives the doctor's options."""
    account = place / "account"
    account.mkdir(exist_ok=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=api", "-addext",
            "subjectAltName=IP:127.0.0.1", "-keyout", str(place / "api.key"), "-out", str(account / "ca.crt"))
    (account / "token").write_text("the-token\n")

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query))
            found = documents.get(url.path, 404)
            if self.headers["Authorization"] != "Bearer the-token":
                found = 401
            if isinstance(found, int):
                return self.answer(found, {"kind": "Status", "message": f"scripted {found}"})
            if "items" in found:
                at = int(query.get("continue", "0=").rstrip("="))
                more = {"continue": f"{at + 1}="} if at + 1 < len(found["items"]) else {}
                found = {"items": found["items"][at:at + 1], "metadata": more}
            self.answer(200, found)

        def answer(self, status, document):
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self):
            connection, address = super().get_request()
            return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        def handle_error(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(account / "ca.crt", place / "api.key")
    port = free_port()
    server = Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield ["--kubernetes-api", f"127.0.0.1:{port}", "--kubernetes-credentials", account]
    finally:
        server.shutdown()
        server.server_close()


def examine(binaries, *arguments):
    done = subprocess.run([binaries / "k8s/doctor/epaulet-doctor", *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_a_mesh_that_is_well_is_told_so(place, binaries):
    with api_server(place, healthy(place, binaries)) as options:
        code, said, error = examine(binaries, "check", *options)
        assert code == 0 and "FAILURE" not in said and "warning " not in said, said + error
        assert "ok       webhook TLS    caBundle verifies" in said and "1 of 1 with a sidecar are ready" in said, said
        code, said, _ = examine(binaries, "before", *options, "--json")
        assert code == 0 and json.loads(said)["ok"] is True, said
        # The same as a subcommand of epaulet, where both stand beside each other.
        beside = place / "bin"
        beside.mkdir()
        os.symlink(binaries / "k8s/doctor/epaulet-doctor", beside / "epaulet-doctor")
        (beside / "epaulet").write_bytes((binaries / "proxy/epaulet").read_bytes())
        (beside / "epaulet").chmod(0o755)
        done = subprocess.run([beside / "epaulet", "doctor", "check", *options], capture_output=True, text=True)
        assert done.returncode == 0 and "0 failures" in done.stdout, done


def test_each_trouble_is_told_with_its_remedy(place, binaries):
    documents = healthy(place, binaries)
    certificate(place, "other")
    certificate(place, "soon", "3")
    webhooks = documents["/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"]
    secrets = "/api/v1/namespaces/epaulet-system/secrets/"
    serving = documents[secrets + "epaulet-injector-certificate"]["data"]

    def told(wanted, level="failure"):
        with api_server(place, documents) as options:
            code, said, error = examine(binaries, "check", "--json", *options)
        assert code == (1 if level == "failure" else 0), said + error
        (found,) = [one for one in json.loads(said)["findings"] if wanted in one["what"]] or [None]
        assert found and found["level"] == level and found["remedy"], (wanted, said)

    documents["/api/v1/pods"]["items"].append({"metadata": {"namespace": "shop", "name": "bare"}, "spec": {"containers": []},
                                              "status": {"phase": "Running"}})
    told("have no sidecar: shop/bare")
    documents["/api/v1/pods"]["items"].pop()
    webhook = webhooks["items"][0]["webhooks"][0]
    webhook["clientConfig"]["caBundle"] = encoded(place / "other.crt")
    told("does not take the injector's certificate")
    webhook["clientConfig"]["caBundle"] = encoded(place / "soon.crt")
    serving.update({"tls.crt": encoded(place / "soon.crt"), "tls.key": encoded(place / "soon.key")})
    told("the injector's certificate ends in", "warning")
    webhook["namespaceSelector"]["matchExpressions"] = EXPRESSIONS[:1] + [
        {"key": "epaulet.io/inject", "operator": "In", "values": ["yes"]}]
    told("the namespace shop is labelled, but no webhook selects its pods")
    webhook["namespaceSelector"] = {}
    told("selects the namespace kube-system too")
    webhook["namespaceSelector"] = {"matchExpressions": EXPRESSIONS}
    webhook["failurePolicy"] = "Ignore"
    told("pods then start outside the mesh", "warning")
    webhooks["items"].clear()
    told("no MutatingWebhookConfiguration epaulet-injector")
    documents[secrets + "epaulet-ca"] = 404
    told("there is no Secret epaulet-system/epaulet-ca")
    documents[secrets + "epaulet-ca"] = 403
    webhooks["items"].append({"metadata": {"name": "epaulet-injector"}, "webhooks": [webhook]})
    told("the Secret epaulet-system/epaulet-ca cannot be read: scripted 403", "warning")


def test_a_cluster_that_does_not_answer_is_no_verdict(place, binaries):
    with api_server(place, {}) as options:
        (place / "account/token").write_text("another\n")
        code, said, _ = examine(binaries, "check", *options)
        assert code == 1 and "scripted 401" in said, said
    code, said, error = examine(binaries, "check", *options)
    assert code == 2 and not said and "remedy" in error, error
    code, _, error = examine(binaries, "check", "--kubectl", place / "no-such-kubectl")
    assert code == 2 and "cannot be run" in error, error


def test_kubectl_is_asked_with_its_options_and_no_shell(place, binaries):
    documents = {path: found for path, found in healthy(place, binaries).items() if isinstance(found, dict)}
    (place / "documents.json").write_text(json.dumps(documents))
    kubectl = place / "kubectl"
    kubectl.write_text(f"""#!/usr/bin/env python3
import json, sys, time
note = open({str(place / 'calls')!r}, "a", buffering=1)
note.write("+\\n")
time.sleep(0.2)
note.write("-\\n")
assert sys.argv[1:4] == ["--kubeconfig=a b;c", "--context=$(x)", "--request-timeout=30s"] and sys.argv[4:6] == ["get", "--raw"]
found = json.load(open({str(place / 'documents.json')!r})).get(sys.argv[6].split("?")[0])
sys.stderr.write("Warning: something\\n")
if found is None:
    sys.stderr.write("Error from server (NotFound): the server could not find it\\n")
    sys.exit(1)
print(json.dumps(found))
""")
    kubectl.chmod(0o755)
    code, said, error = examine(binaries, "check", "--kubectl", kubectl, "--kubeconfig", "a b;c", "--context", "$(x)")
    assert code == 0 and "0 failures" in said, said + error
    running, most = 0, 0
    for line in (place / "calls").read_text().split():
        running += 1 if line == "+" else -1
        most = max(most, running)
    assert running == 0 and 2 <= most <= 8, f"{most} at once"


def test_outside_of_a_pod_there_is_nothing_to_see(place, binaries):
    code, said, _ = examine(binaries, "pod", "--admin", f"127.0.0.1:{free_port()}", "--redirect-result", place / "none", "--json")
    whats = [one["what"] for one in json.loads(said)["findings"]]
    assert code == 1 and any("does not answer" in what for what in whats), whats
