"""The identity service before a scripted API server: who gets a certificate for a service account's token."""
import contextlib
import http.client
import http.server
import json
import ssl
import subprocess
import threading
import time

from static_injector import free_port, openssl

AUDIENCE = "epaulet-identity"
GOOD = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"


def judged(name="orders", pod="orders-1", audiences=(AUDIENCE,)):
    extra = {"authentication.kubernetes.io/pod-name": [pod]} if pod else {}
    return {"authenticated": True, "audiences": list(audiences),
            "user": {"username": f"system:serviceaccount:shop:{name}", "extra": extra}}


class ApiServer:
    """Answers TokenReviews from a table, over HTTPS, to whoever has its token."""

    def __init__(self, place, address="127.0.0.1"):
        self.credentials = place / "account"
        self.credentials.mkdir()
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=kube-apiserver", "-addext",
                f"subjectAltName=IP:{address}", "-keyout", str(place / "api.key"), "-out",
                str(self.credentials / "ca.crt"))
        (self.credentials / "token").write_text("our-own-token\n")
        self.tokens, self.asked, self.status = {}, [], 201
        table = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                table.asked.append((self.path, self.headers["Authorization"], review["spec"]["audiences"]))
                status = table.tokens.get(review["spec"]["token"], {"user": {}, "error": "[invalid bearer token]"})
                answer = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status}
                if table.status != 201:
                    answer = {"kind": "Status", "message": "tokenreviews.authentication.k8s.io is forbidden"}
                body = json.dumps(answer).encode()
                self.send_response(table.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.credentials / "ca.crt", place / "api.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Identity:
    def __init__(self, place, binaries, api):
        self.place = place
        certs = binaries / "certs-tool/epaulet-certs"
        subprocess.run([certs, "init", "--dir", place / "ca", "--trust-domain", "cluster.local", "--issuer"], check=True,
                       capture_output=True)
        self.port = free_port()
        self.log = place / "identity.log"
        self.argv = [certs, "serve", "--ca", place / "ca", "--listen", f"127.0.0.1:{self.port}", "--status", "",
                     "--kubernetes", "--kubernetes-api", api.address, "--kubernetes-credentials", api.credentials]

    @contextlib.contextmanager
    def running(self):
        with open(self.log, "w") as log:
            process = subprocess.Popen(self.argv, stdout=log, stderr=log)
        try:
            end = time.monotonic() + 10
            while '"event":"started"' not in self.log.read_text():
                assert time.monotonic() < end and process.poll() is None, self.log.read_text()
                time.sleep(0.05)
            yield
        finally:
            process.kill()
            process.wait()

    def sign(self, token):
        """Status and body; the service's own name is a SPIFFE ID, so its chain alone is verified."""
        key, csr = self.place / "key.pem", self.place / "csr.der"
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key), "-subj",
                "/CN=x", "-outform", "PEM", "-out", str(csr))
        context = ssl.create_default_context(cafile=str(self.place / "ca/ca.pem"))
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
        connection.request("POST", "/v1/sign", csr.read_bytes(),
                           {"Content-Type": "application/pkcs10", "Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def identity_in(self, body):
        (self.place / "leaf.pem").write_text(json.loads(body)["certificates"])
        shown = subprocess.run(["openssl", "x509", "-in", self.place / "leaf.pem", "-noout", "-ext", "subjectAltName"], check=True,
                               capture_output=True, text=True).stdout
        return shown.split("URI:")[1].strip()


def test_a_service_accounts_token_becomes_its_certificate(place, binaries):
    api = ApiServer(place)
    api.tokens[GOOD] = judged()
    identity = Identity(place, binaries, api)
    with identity.running():
        status, body = identity.sign(GOOD)
        assert status == 200, body
        assert identity.identity_in(body) == "spiffe://cluster.local/ns/shop/sa/orders"
        assert api.asked == [("/apis/authentication.k8s.io/v1/tokenreviews", "Bearer our-own-token", [AUDIENCE])]
        # As often as the pod likes: it renews the file, and restarts.
        assert identity.sign(GOOD)[0] == 200
        # Our own token is read again: the kubelet renews it.
        (api.credentials / "token").write_text("the-next-token")
        assert identity.sign(GOOD)[0] == 200 and api.asked[-1][1] == "Bearer the-next-token"
    log = identity.log.read_text()
    assert GOOD not in log and "our-own-token" not in log


def test_other_tokens_prove_nothing(place, binaries):
    api = ApiServer(place)
    other = GOOD.replace("c2ln", "b3RoZXI")
    cases = {"another audience": judged(audiences=["https://kubernetes.default.svc"]),
             "two audiences": judged(audiences=[AUDIENCE, "x"]), "no pod": judged(pod=None),
             "a person": dict(judged(), user={"username": "admin", "extra": judged()["user"]["extra"]}),
             "unknown": {"error": "[invalid bearer token]"}}
    identity = Identity(place, binaries, api)
    with identity.running():
        for what, status in cases.items():
            api.tokens[other] = status
            code, body = identity.sign(other)
            assert code == 401, f"{what}: {code} {body}"
    assert other not in identity.log.read_text()


def test_an_api_server_that_does_not_judge_is_not_a_refusal(place, binaries):
    api = ApiServer(place)
    identity = Identity(place, binaries, api)
    with identity.running():
        api.status = 403
        code, body = identity.sign(GOOD)
        assert code == 503 and "create tokenreviews" in body, body
        # A stranger with another certificate, where the API server was.
        (api.credentials / "ca.crt").write_text((place / "ca/ca.pem").read_text())
        code, body = identity.sign(GOOD)
        assert code == 503 and "TLS with the API server" in body, body
        api.server.shutdown()
        api.server.server_close()
        code, body = identity.sign(GOOD)
        assert code == 503 and "cannot be reached" in body, body
