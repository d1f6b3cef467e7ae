"""Two pods of the mesh and two strangers: what the attempts are made against.

`api` calls, `api2` serves and is what everybody wants to get into; `outside` is a neighbour pod
without sidecar; `dns` is the upstream name server, which lies where a test wants it to. The app of
`api2` notes whatever reaches it, on any port, down to a single byte.
"""

import functools
import hashlib
import hmac
import shutil
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from key_server import Authority, KeyServer
from lab import Binaries, Issuer, Lab, Nameserver, Pod
from lab.tokens import base64url, unsigned
from mesh import App, Member, Mesh, Wire, dial, field
from trial import TRIAL

CLOSED, OPEN, NORMAL, STRICT, OPAQUE, KEYED = 8080, 8081, 8082, 8083, 8084, 8085
UNDECLARED = 8099
AUDIENCE = "api2"
OLD_KEY, NEW_KEY, OTHER_KEY = (f"epk_{name}-key-0123456789" for name in ("old", "new", "other"))
PROBE_SECRET = "0123456789abcdef0123456789abcdef"  # as the injector draws one for each pod
SESSION_SECRET = b"a-secret-that-is-longer-than-a-digest"
TRUST = "spiffe://cluster.local/ns/default/sa/"
METADATA = "169.254.169.254"  # what a cloud calls its metadata service

# CLOSED: what no rule allows is refused. OPEN: what no rule refuses is allowed, which is the harder
# thing to defend. NORMAL: as CLOSED, but paths are put into their normal form instead of refused.
CALLEE = f"""
workload:
  service: api2.default
  ports:
    {CLOSED}: {{ tls: permissive }}
    {OPEN}: {{ tls: permissive }}
    {NORMAL}: {{ tls: permissive, paths: normalize }}
    {STRICT}: {{ tls: strict }}
    {OPAQUE}: {{ tls: permissive, protocol: tcp }}
    {KEYED}: {{ tls: permissive }}
  probes: [ {{ path: /healthz, port: {CLOSED} }} ]
identity: {{ dir: /var/run/epaulet/identity }}
issuers:
  portal:
    issuer: https://portal.example
    audiences: [{AUDIENCE}]
    keys: {{ file: portal.jwks.json }}
  session:
    issuer: https://session.example
    audiences: [{AUDIENCE}]
    keys: {{ secret_file: session.secret }}
    token: {{ cookie: sid }}
    forward: false
    require: [ {{ claim: tier, value: 7 }} ]
  fetched:
    issuer: https://fetched.example
    audiences: [{AUDIENCE}]
    keys: {{ url: "https://10.88.0.20:8443/keys", ca: web-ca.pem, refresh: 10s }}
ingress:
  trusted: [{TRUST}gateway]
  client_address: x-forwarded-for
  identity_headers: [x-hasura-role]
api_keys:
  owner_header: X-Service-Name
  owners:
    user-service: {{ file: user-service.keys }}
    other-service: {{ file: other-service.keys }}
roles:
  ordering: [ {{ key: {{ owner: user-service }} }} ]
  lan: [ {{ network: 10.88.0.11/32 }}, {{ network: "fd88::b/128" }} ]
  blocked: [ {{ network: 192.0.2.0/24 }} ]
  admin:
    - identity: {TRUST}api
    - token: {{ issuer: portal, claim: role, value: admin }}
access:
  - name: no-override
    ports: [{OPEN}]
    headers: [ {{ name: x-http-method-override }} ]
    deny: [anyone]
  - {{ name: vault, ports: [{CLOSED}], paths: [/vault/**], allow: [admin], require: token }}
  - {{ name: public, ports: [{CLOSED}, {NORMAL}], paths: [/public/**, /healthz], allow: [anyone] }}
  - name: by-field
    ports: [{CLOSED}, {KEYED}]
    paths: [/by-field/**]
    headers: [ {{ name: x-hasura-role, exact: admin }} ]
    allow: [anyone]
  - {{ name: by-origin, ports: [{CLOSED}], paths: [/by-origin/**], headers: [ {{ name: x-forwarded-proto, exact: https }} ], allow: [anyone] }}
  - {{ name: admin, ports: [{CLOSED}, {OPEN}, {NORMAL}], paths: [/admin/**], allow: [admin] }}
  - {{ name: reports, ports: [{OPEN}], methods: [GET], paths: [/reports/**], allow: [admin] }}
  - {{ name: writes, ports: [{OPEN}], methods: [POST, DELETE], paths: [/items/**], allow: [admin] }}
  - {{ name: internal, ports: [{OPEN}], hosts: [internal.example], allow: [admin] }}
  - {{ name: open, ports: [{OPEN}], allow: [anyone] }}
  - {{ name: peers, ports: [{STRICT}, {OPAQUE}], allow: [admin] }}
  - {{ name: keyed, ports: [{KEYED}], paths: [/orders/**], allow: [ordering], require: key }}
  - {{ name: scoped, ports: [{KEYED}], paths: [/scoped/**], allow: [anyone], permissions: ["read:orders"] }}
  - {{ name: blocked, ports: [{KEYED}], deny: [blocked] }}
  - {{ name: lan, ports: [{KEYED}], paths: [/lan/**], allow: [lan] }}
  - {{ name: session, ports: [{KEYED}], paths: [/session/**], allow: [anyone], require: token }}
  - {{ name: plain, ports: [{KEYED}], paths: [/public/**], allow: [anyone] }}
  - {{ name: rpc-delete, ports: [{KEYED}], grpc: [orders.Orders/Delete], deny: [anyone] }}
  - {{ name: rpc, ports: [{KEYED}], grpc: ["orders.Orders/*"], allow: [anyone] }}
"""

CALLER = f"""
identity: {{ dir: /var/run/epaulet/identity }}
services:
  closed.default:
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.12:{CLOSED}"] }}
    tls: {{ identities: [{TRUST}api2] }}
  strict.default:
    ports: {{ 80: auto }}
    endpoints: {{ addresses: ["10.88.0.12:{STRICT}"] }}
    tls: {{ identities: [{TRUST}api2] }}
  impostor.default:                        # what answers there is not api2
    ports: {{ 80: http }}
    endpoints: {{ addresses: ["10.88.0.13:9443"] }}
    tls: {{ identities: [{TRUST}api2] }}
  lured.default:                           # its name leads to a virtual address
    ports: {{ 80: http }}
    endpoints: {{ dns: lured.example, port: 80 }}
    tls: {{ mode: none }}
"""


def hs256(secret: bytes, body: dict) -> str:
    """A token signed with a secret; it expires in five minutes unless it says otherwise."""
    text = unsigned({"alg": "HS256", "typ": "JWT"}, {"exp": int(time.time()) + 300, **body})
    return f"{text}.{base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


@dataclass
class Seen:
    """What reached the app on one occasion: a request, or bytes."""

    port: int
    head: bytes = b""
    trailers: bytes = b""


class WatchedApp(App):
    """Answers requests with 200, agrees to a WebSocket, echoes what is no request; notes all."""

    def __init__(self, pod: Pod, port: int, seen: list[Seen]):
        super().__init__(pod, port)
        self.port = port
        self.seen = seen
        self.serve(self._answer)

    def _answer(self, wire: Wire) -> None:
        wire.socket.settimeout(None)
        while wire.buffer or wire.socket.recv(1, socket.MSG_PEEK):
            note = Seen(self.port)
            self.seen.append(note)
            if self.port == OPAQUE:
                note.head = wire.until(b"\n")
                wire.send(note.head)
                continue
            note.head = wire.head()
            low = note.head.lower()
            if b"\r\nupgrade: websocket\r\n" in low and b"/socket" in low:
                wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n")
                wire.send("Upgrade: websocket\r\n\r\n")
                note.trailers = wire.until(b"\n")
                wire.send(note.trailers)
                return
            wire.take(int(field(note.head, "content-length") or 0))
            if b"\r\ntransfer-encoding: chunked\r\n" in low:
                note.trailers = wire.chunked()[1]
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class World:
    """Made once for the whole table: its rows leave it as they found it, unless they say so."""

    def __init__(self, lab: Lab, binaries: Binaries):
        self.lab = lab
        self.mesh = Mesh(lab, binaries)
        self.portal = Issuer(lab.directory, "https://portal.example")
        self.fetched = Issuer(lab.directory, "https://fetched.example", key_id="f1")
        self.web, self.other_web = (Authority(lab.directory, name) for name in ("web", "other-web"))
        tls = self.web.issue("IP:10.88.0.20")
        self.key_server = KeyServer(lab.pod("issuer", 20), 8443, self.fetched.jwks(), tls)
        self.dns = Nameserver(lab.pod("dns", 1))
        self.bundle = [self.mesh.authority("ca"), self.mesh.authority("old"), self._careless_ca()]
        # It will have expired when its row comes.
        self.expiring = self.mesh.issue("api2", "ca", "--valid", "2s")
        self.expires_at = time.time() + 3
        self.api = self.mesh.member("api", CALLER, start=False)
        identity = self.mesh.issue("api2")
        self._write_bundle(identity)
        self.api2 = self.mesh.member("api2", CALLEE, identity, start=False)
        hashed = hashlib.sha256(NEW_KEY.encode()).hexdigest()
        for name, text in (
            ("portal.jwks.json", self.portal.jwks()),
            ("web-ca.pem", self.web.roots.read_text()),
            ("session.secret", SESSION_SECRET.decode() + "\n"),
            ("user-service.keys", f"# the one before it goes\n{OLD_KEY}\nsha256:{hashed}\n"),
            ("other-service.keys", OTHER_KEY + "\n"),
        ):
            self.api2.sidecar.add_config_file(name, text)
        self.api.sidecar.start()
        self.api2.sidecar.start(before=("env", f"EPAULET_PROBE_SECRET={PROBE_SECRET}"))
        self.outside = lab.pod("outside")
        for one in (self.api, self.api2):
            one.sidecar.wait_ready()
        self.dns.wait_ready()
        self.seen: list[Seen] = []
        self.admitted = 0  # how often the table itself expects the app to be reached
        for port in (CLOSED, OPEN, NORMAL, STRICT, OPAQUE, KEYED, UNDECLARED):
            WatchedApp(self.api2.pod, port, self.seen)
        self._identities: dict[tuple[str, str], Path] = {}

    @functools.cached_property
    def trial(self) -> Member:
        """A third pod, with rules on trial and limits, which would disturb the rows of `api2`."""
        member = self.mesh.member("trial", TRIAL, start=False)
        member.sidecar.add_config_file("portal.jwks.json", self.portal.jwks())
        member.start()
        for port in (CLOSED, STRICT):
            WatchedApp(member.pod, port, self.seen)
        return member

    def _careless_ca(self) -> Path:
        """An authority that binds itself to no trust domain, unlike those of epaulet-certs."""
        out = self.lab.directory / "careless"
        out.mkdir()
        openssl(
            *("req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-subj", "/CN=careless", "-days", "2", "-keyout", f"{out}/ca.key"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", f"{out}/ca.pem"),
        )
        return out

    def _write_bundle(self, identity: Path) -> None:
        (identity / "ca.pem").write_text("".join((ca / "ca.pem").read_text() for ca in self.bundle))

    def drop_root(self, name: str) -> None:
        """Takes an authority out of what `api2` trusts, and waits until that is in force."""
        self.bundle = [ca for ca in self.bundle if ca.name != name]
        identity = self.mesh.issue("api2")
        self._write_bundle(identity)
        before = len(self.api2.logged(event="identity_loaded"))
        self.api2.give_identity(identity)
        self.api2.process.wait_for(
            lambda: len(self.api2.logged(event="identity_loaded")) > before, "the smaller bundle"
        )

    def identity(self, name: str, authority: str = "ca") -> Path:
        """A folder with the files of a stolen leaf, or of a sidecar under somebody's control."""
        key = (name, authority)
        if key not in self._identities:
            self._identities[key] = self.mesh.issue(name, authority)
        return self._identities[key]

    def careless_identity(self, sans: str, signer: Path | None = None, **more: str) -> Path:
        """A leaf with these SANs, of the careless authority or of any `signer`."""
        ca = signer or self.lab.directory / "careless"
        is_authority = (ca / "ca.key").exists()
        certificate, key = ("ca.pem", "ca.key") if is_authority else ("cert.pem", "key.pem")
        out = Path(self.lab.directory / f"careless-{len(list(self.lab.directory.iterdir()))}")
        out.mkdir()
        usage = more.get("usage", "clientAuth,serverAuth")
        (out / "extensions").write_text(
            f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            f"extendedKeyUsage={usage}\n" + (f"subjectAltName={sans}\n" if sans else "")
        )
        openssl(
            *("req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-subj", "/CN=leaf", "-keyout", f"{out}/key.pem", "-out", f"{out}/request.pem"),
        )
        openssl(
            *("x509", "-req", "-in", f"{out}/request.pem", "-out", f"{out}/cert.pem"),
            *("-CA", f"{ca}/{certificate}", "-CAkey", f"{ca}/{key}", "-days", "1"),
            *("-extfile", f"{out}/extensions"),
        )
        if not is_authority:  # its chain goes along
            with open(out / "cert.pem", "a") as file:
                file.write((signer / "cert.pem").read_text())
        shutil.copy(self.mesh.authority("ca") / "ca.pem", out / "ca.pem")
        return out

    def dial(self, pod: Pod, port: int, v6: bool = False, address: str = "") -> Wire:
        return Wire(dial(pod, address or self.api2.pod.addresses[v6], port))

    def mesh_dial(
        self, port: int, alpn: list[str], identity: Path | None, v6: bool = False, **more
    ) -> Wire:
        """As a sidecar would that its owner made speak as he likes, from `outside`."""
        context = client_context(alpn, identity, more.get("tls12", False))
        channel = dial(self.outside, self.api2.pod.addresses[v6], port)
        try:
            name = more.get("server_name", "api2.default")
            return Wire(context.wrap_socket(channel, server_hostname=name))
        except (ssl.SSLError, OSError):
            channel.close()
            raise


def client_context(alpn: list[str], identity: Path | None, tls12: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # an attacker does not mind whom he talks to
    if tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if alpn:
        context.set_alpn_protocols(alpn)
    if identity is not None:
        context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
    return context


class Impostor:
    """A server at 10.88.0.13:9443 that is not what its callers look for; `heard` is what they said.

    Without `identity` it speaks no TLS at all.
    """

    def __init__(self, pod: Pod, identity: Path | None, tls12: bool = False):
        self.heard = b""
        self._context = None
        if identity is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
            self._context.set_alpn_protocols(["epaulet/1-h1"])
            if tls12:
                self._context.maximum_version = ssl.TLSVersion.TLSv1_2
        self._app = App(pod, 9443)
        self._app.serve(self._listen)

    def _listen(self, wire: Wire) -> None:
        channel = wire.socket
        if self._context is not None:
            channel = self._context.wrap_socket(channel, server_side=True)
        while data := channel.recv(4096):
            if self._context is not None or data[0] != 0x16:  # a ClientHello gives nothing away
                self.heard += data
            if self._context is None:
                channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def __enter__(self) -> "Impostor":
        return self

    def __exit__(self, *_) -> None:
        self._app.close()


def openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout
