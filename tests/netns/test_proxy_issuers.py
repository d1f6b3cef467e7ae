"""Issuers whose keys are fetched by URL: rotated, away, slow, garbage, of others; and storms."""

import json
import time

from answering import AnsweringApp
from key_server import Authority, KeyServer
from lab import Issuer, Nameserver, request, wait_until
from mesh import APP_PORT, HEALTH, Member, Mesh, Wire, dial

AUDIENCE = "api2"
SERVER = "10.88.0.20"
PORT = 8443
CONFIG = "api2.yaml"
STATE = "state: { dir: /run/epaulet/state }\n"


def config(url: str, **more: str) -> str:
    more = {"refresh": "10s", **more}
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    return f"""
workload: {{ service: api2.default, ports: {{ 8080: {{ tls: permissive }} }} }}
identity: {{ dir: /var/run/epaulet/identity }}
issuers:
  portal:
    issuer: https://portal.example
    audiences: [{AUDIENCE}]
    keys: {{ url: "{url}"{extra} }}
  filed:
    issuer: https://filed.example
    audiences: [{AUDIENCE}]
    keys: {{ file: filed.jwks.json }}
access: [ {{ name: tokens, allow: [anyone], require: token }} ]
"""


class World:
    def __init__(self, lab, binaries, url: str = f"https://{SERVER}:{PORT}/keys", **more: str):
        self.lab = lab
        self.issuer = Issuer(lab.directory, "https://portal.example")
        self.next = Issuer(lab.directory, "https://portal.example", key_id="k2")
        self.filed = Issuer(lab.directory, "https://filed.example", key_id="f1")
        self.authority = Authority(lab.directory)
        good = self.authority.issue(f"IP:{SERVER}", "DNS:portal.example")
        self.server_pod = lab.pod("issuer", 20)
        self.server = KeyServer(self.server_pod, PORT, self.issuer.jwks(), good)
        self.outside = lab.pod("outside")
        mesh = Mesh(lab, binaries)
        if "plaintext" not in more:
            more = {"ca": "web-ca.pem", **more}
        more = {key: value for key, value in more.items() if value}
        self.api2: Member = mesh.member("api2", config(url, **more), start=False)
        self.api2.sidecar.add_config_file("web-ca.pem", self.authority.roots.read_text())
        self.api2.sidecar.add_config_file("filed.jwks.json", self.filed.jwks())
        AnsweringApp(self.api2.pod)

    def configure(self, url: str) -> None:
        self.api2.replace(f"config/{CONFIG}", config(url, ca="web-ca.pem"))

    def start(self) -> "World":
        self.api2.sidecar.start()
        self.api2.sidecar.wait_ready()
        return self

    def ask(self, issuer: Issuer, **claims) -> int:
        token = issuer.token(AUDIENCE, "somebody", **claims)
        with Wire(dial(self.outside, self.api2.pod.ipv4, APP_PORT)) as wire:
            wire.send(f"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n")
            return wire.response()[0]

    def explained(self, why: str) -> bool:
        return why in json.dumps(self.api2.sidecar.explain())

    def fetches(self, result: str) -> float:
        return self.api2.counter("epaulet_issuer_key_fetches_total", result=result)

    def status(self) -> dict:
        return self.api2.sidecar.admin("/issuers")["issuers"][0]

    def wait_refusal(self, why: str) -> str:
        wait_until(lambda: why in self.status().get("last_error", ""), why, 30)
        return self.status()["last_error"]


def test_keys_by_url_and_their_rotation(lab, binaries):
    world = World(lab, binaries).start()
    assert (world.ask(world.issuer), world.ask(world.filed)) == (200, 200)
    assert world.ask(world.next) == 401, "a key that is in no set"
    assert world.explained("key_unknown")
    (head,) = world.server.asked[:1]
    assert head.startswith(b"GET /keys HTTP/1.1\r\nHost: 10.88.0.20:8443\r\n"), head
    # Both, then the new one alone: no moment in which a good token is refused but the first.
    both = {"keys": json.loads(world.issuer.jwks())["keys"] + json.loads(world.next.jwks())["keys"]}
    world.server.body = json.dumps(both)
    wait_until(lambda: world.ask(world.next) == 200, "the new key", 15)
    assert world.ask(world.issuer) == 200
    world.server.body = world.next.jwks()
    wait_until(lambda: world.ask(world.issuer) == 401, "the old key to go", 15)
    assert world.ask(world.next) == 200
    assert world.status()["keys"] == 1 and world.fetches("fetched") >= 3
    assert time.time() - world.api2.counter("epaulet_issuer_keys_fetched_timestamp_seconds") < 15
    assert world.api2.logged(event="issuer_keys_changed")


def test_after_a_restart_the_last_keys_stay_while_the_issuer_is_away(lab, binaries):
    world = World(lab, binaries)
    url = f"https://{SERVER}:{PORT}/keys"
    world.api2.replace(f"config/{CONFIG}", config(url, ca="web-ca.pem") + STATE)
    world.start()
    assert world.ask(world.issuer) == 200
    world.server.stop()
    world.api2.process.stop()
    world.start()
    assert world.ask(world.issuer) == 200, "known from before"
    assert world.ask(world.next) == 401
    assert world.api2.wait_logged(event="issuer_keys_recalled")["keys"] == 1
    assert world.status()["last_error"] and world.status()["fetched_at"]
    world.server.body = world.next.jwks()
    world.server.start()
    wait_until(lambda: world.ask(world.next) == 200, "the new key", 30)
    assert world.ask(world.issuer) == 401


def test_an_unknown_key_is_fetched_at_once_and_a_storm_costs_the_issuer_nothing(lab, binaries):
    world = World(lab, binaries, refresh="1h").start()
    before = len(world.server.asked)
    began = time.monotonic()
    forged = Issuer(lab.directory, "https://portal.example", key_id="nobody")
    count = 0
    while time.monotonic() - began < 8:
        assert world.ask(forged) == 401
        count += 1
    assert count > 50
    spent = time.monotonic() - began
    assert len(world.server.asked) - before <= 2 + spent / 9, (count, len(world.server.asked))
    # A new key is good within moments of its first token, which is refused.
    world.server.body = world.next.jwks()
    wait_until(lambda: world.ask(world.next) == 200, "the new key", 12)


def test_the_last_keys_stay_while_the_issuer_is_away_and_over_a_reload(lab, binaries):
    world = World(lab, binaries).start()
    assert world.ask(world.issuer) == 200
    world.server.stop()
    said = world.api2.wait_logged(event="issuer_keys_not_fetched")
    assert said["issuer"] == "portal" and "cannot be reached" in said["reason"], said
    assert world.ask(world.issuer) == 200
    assert world.api2.counter("epaulet_issuer_keys_failing") == 1
    file = world.api2.sidecar.home / "config" / CONFIG
    world.api2.replace(f"config/{CONFIG}", file.read_text() + "\nlog: { level: debug }\n")
    world.api2.wait_logged(event="config_applied")
    assert world.ask(world.issuer) == 200, "a reload keeps them"
    assert request(world.api2.pod, "127.0.0.1", HEALTH, "/ready").status == 200
    world.server.start()
    wait_until(lambda: world.api2.counter("epaulet_issuer_keys_failing") == 0, "it to be back", 70)
    assert len(world.api2.logged(event="issuer_keys_not_fetched")) <= 3, "told at changes alone"


def test_readiness_waits_for_the_first_attempt(lab, binaries):
    world = World(lab, binaries)
    world.server.pause = 2.0
    world.api2.sidecar.start()
    pages: list[str] = []

    def is_ready() -> bool:
        page = request(world.api2.pod, "127.0.0.1", HEALTH, "/ready")
        pages.append(page.body)
        return page.status == 200

    wait_until(is_ready, "readiness", 20)
    assert any("keys of issuer portal are being fetched" in page for page in pages), pages
    assert world.ask(world.issuer) == 200


def test_without_keys_its_tokens_are_refused_and_nobody_else_s(lab, binaries):
    world = World(lab, binaries)
    world.server.stop()
    world.start()  # an issuer that is away keeps nobody from being ready
    assert world.ask(world.issuer) == 401 and world.ask(world.filed) == 200
    assert world.explained("keys_missing")
    assert world.api2.counter("epaulet_issuer_keys", issuer="portal") == 0
    assert world.status()["keys"] == 0 and "cannot be reached" in world.status()["last_error"]
    world.server.start()
    wait_until(lambda: world.ask(world.issuer) == 200, "the first keys", 70)


def test_what_comes_instead_of_keys_changes_nothing(lab, binaries):
    world = World(lab, binaries).start()
    server = world.server
    good = server.body

    def expect(why: str, **wrong) -> None:
        for name, value in wrong.items():
            setattr(server, name, value)
        world.wait_refusal(why)
        assert world.ask(world.issuer) == 200 and world.ask(world.filed) == 200
        server.body, server.status, server.fields, server.raw, server.drip = good, 200, "", b"", 0.0
        wait_until(lambda: "last_error" not in world.status(), "good keys again", 30)

    expect("is no JSON object", body="<html>")
    expect("sends more than", body=" " * (1 << 20) + good)
    moved = f"Location: http://{SERVER}:{PORT}/other\r\n"
    expect("redirects are not followed", status=302, fields=moved)
    expect("cannot be reached", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{")
    # One letter after the other: the whole of a fetch has ten seconds.
    began = time.monotonic()
    expect("cannot be reached", drip=0.5)
    assert time.monotonic() - began < 45
    assert world.fetches("unusable") >= 2 and world.fetches("refused") >= 1


def test_who_is_not_the_issuer_gives_no_keys(lab, binaries):
    world = World(lab, binaries)
    forger = Issuer(lab.directory, "https://portal.example", key_id="forged")
    world.server.body = forger.jwks()
    others = Authority(lab.directory, "others")
    world.server.tls = others.issue(f"IP:{SERVER}")
    world.start()
    number = 0

    def expect(why: str, tls) -> None:
        """Asked at once, since it is another place each time."""
        nonlocal number
        number += 1
        world.server.tls = tls
        world.configure(f"https://{SERVER}:{PORT}/keys?{number}")
        world.wait_refusal(why)

    expect("authority is not one of ours", others.issue(f"IP:{SERVER}"))
    expect("IP address mismatch", world.authority.issue("DNS:other.example"))
    # An address as a name, or in its subject, is no proof (RFC 6125 section 6.4.4).
    expect("IP address mismatch", world.authority.issue(f"DNS:{SERVER}"))
    expect("too late; presented: CN=10.88.0.20", world.authority.issue(f"IP:{SERVER}", expired=True))
    assert not world.server.asked, "it never hears a request"
    assert world.ask(forger) == 401 and world.ask(world.filed) == 200
    assert world.explained("keys_missing")
    world.server.body = world.issuer.jwks()
    world.server.tls = world.authority.issue(f"IP:{SERVER}")
    wait_until(lambda: world.ask(world.issuer) == 200, "the issuer itself", 70)


def test_a_name_is_looked_up_and_must_be_proven(lab, binaries):
    names = Nameserver(lab.pod("dns", 1))
    names.add("portal.example", SERVER)
    world = World(lab, binaries, url=f"https://portal.example:{PORT}/keys?tenant=1").start()
    wait_until(lambda: world.ask(world.issuer) == 200, "keys by name", 20)
    assert world.server.asked[0].startswith(
        b"GET /keys?tenant=1 HTTP/1.1\r\nHost: portal.example:8443\r\n"
    )
    world.server.tls = world.authority.issue(f"IP:{SERVER}")
    world.wait_refusal("hostname mismatch")
    assert "expected: a certificate of portal.example" in world.status()["last_error"]
    assert world.ask(world.issuer) == 200


def test_without_ca_the_system_s_roots_count(lab, binaries):
    world = World(lab, binaries, ca="")
    roots = world.api2.sidecar.path_in_pod(world.api2.sidecar.home / "config" / "web-ca.pem")
    world.start()
    world.wait_refusal("authority: the system's")
    assert world.ask(world.issuer) == 401
    world.api2.process.stop()
    world.api2.sidecar.start(before=("/usr/bin/env", f"SSL_CERT_FILE={roots}"))
    world.api2.sidecar.wait_ready()
    assert world.ask(world.issuer) == 200


def test_plaintext_where_the_configuration_asks_for_it(lab, binaries):
    world = World(lab, binaries, url=f"http://{SERVER}:{PORT}/keys", plaintext="true")
    world.server.tls = None
    world.start()
    wait_until(lambda: world.ask(world.issuer) == 200, "keys by http", 10)
