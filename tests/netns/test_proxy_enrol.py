"""Sidecars that get their certificates from the identity service, which comes, goes and rotates."""

import datetime
import socket
import ssl
import time

from identity import CALLER, IDENTITY, NUMBER, IdentityService
from lab import request, wait_until
from mesh import HEALTH, CountingApp, Mesh, Traffic


def call(member) -> int:
    with member.call("api2.default") as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Call: 1\r\n\r\n")
        return client.response()[0]


def ready(member):
    return request(member.pod, "127.0.0.1", HEALTH, "/ready")


def test_a_token_becomes_a_certificate_whose_key_is_nowhere_on_disk(lab, binaries):
    service = IdentityService(Mesh(lab, binaries))
    api, api2 = service.pair()
    app = CountingApp(api2.pod)
    assert call(api) == 200 and app.calls
    certs = api.sidecar.admin("/certs")
    assert certs["source"] == "service", certs
    assert certs["identity"] == "spiffe://cluster.local/ns/default/sa/api", certs
    assert len(certs["chain"]) == 2 and certs["service"]["renewed"] == 1, certs
    assert api.counter("epaulet_identity_renewals_total", result="renewed") == 1
    # The key was never written, the token is in nobody's log.
    token = (api.sidecar.home / "token").read_text().strip()
    texts = [path.read_bytes() for path in api.sidecar.home.rglob("*") if path.is_file()]
    assert not any(b"PRIVATE KEY" in text for text in texts)
    logs = service.process.log.read_text() + api.process.log.read_text()
    assert token not in logs and token[-64:] not in logs
    assert service.counter("issued") == 2
    # At rest there is its hash alone, and it is spent.
    for path in (service.ca / "tokens").iterdir():
        assert token[-64:] not in path.read_text()
    api.process.stop()
    api.sidecar.start()
    api.wait_logged(event="identity_not_renewed")
    (said,) = api.logged(event="identity_not_renewed")
    assert "used already" in said["reason"], said
    member_page = ready(api)
    assert member_page.status == 503 and "waiting for a certificate of" in member_page.body
    api.replace("token", service.token("api"))  # heals it without a restart
    api.sidecar.wait_ready(timeout=20)


def test_a_sidecar_waits_for_the_service_and_says_so(lab, binaries):
    service = IdentityService(Mesh(lab, binaries), start=False)
    api = service.member("api", CALLER, 11, start=False)
    api.sidecar.start()
    api.wait_logged(event="identity_not_renewed")
    page = ready(api)
    assert page.status == 503 and "waiting for a certificate of https://10.88.0.30:15014" in page.body
    certs = api.sidecar.admin("/certs")
    assert "cannot be reached" in certs["service"]["last_error"], certs
    assert api.counter("epaulet_identity_renewals_total", result="unreachable") >= 1
    service.start()
    api.sidecar.wait_ready(timeout=20)
    assert api.counter("epaulet_identity_renewal_failing") == 0


def test_a_service_of_another_authority_is_not_told_the_token(lab, binaries):
    mesh = Mesh(lab, binaries)
    service = IdentityService(mesh)
    api = service.member("api", CALLER, 11, start=False)
    api.replace("pinned.pem", (mesh.authority("foreign") / "ca.pem").read_text())
    api.sidecar.start()
    said = api.wait_logged(event="identity_not_renewed")
    assert "the peer's authority is not one of ours" in said["reason"], said
    assert "presented: spiffe://cluster.local/ns/epaulet/sa/identity (" in said["reason"], said
    service.process.wait_for_line("the peer refused our certificate")
    api.replace("pinned.pem", (service.ca / "ca.pem").read_text())
    api.sidecar.wait_ready(timeout=20)  # with the same token: it was never spent


def test_while_the_service_is_away_certificates_hold_and_are_renewed_when_it_is_back(lab, binaries):
    service = IdentityService(Mesh(lab, binaries), valid="20s")
    api, api2 = service.pair()
    CountingApp(api2.pod)
    with Traffic(api, "api2.default") as traffic:
        service.stop()
        traffic.wait_answered(20)
        began = time.monotonic()
        for member in (api, api2):
            wait_until(lambda: member.logged(event="identity_not_renewed"), "a failure", 20)
        assert 5 < time.monotonic() - began
        traffic.wait_answered(20)
        service.start()
        for member in (api, api2):
            wait_until(lambda: len(member.logged(event="identity_loaded")) == 2, "renewal", 8)
        traffic.wait_answered(20)
    traffic.assert_flawless()
    assert service.counter("renewed") == 2 and service.counter("issued") == 0


def not_after(member) -> tuple[float, float]:
    """When the leaf in force ends, by the metric and by /certs."""
    metric = member.counter("epaulet_identity_not_after_timestamp_seconds")
    page = member.sidecar.admin("/certs")["chain"][0]["not_after"]
    return metric, datetime.datetime.fromisoformat(page).timestamp()


def test_metrics_and_the_certs_page_tell_of_a_renewal_that_fails_and_of_one_that_succeeds(
    lab, binaries
):
    service = IdentityService(Mesh(lab, binaries), valid="8s")
    api = service.member("api", CALLER, 11)

    def failing() -> float:
        return api.counter("epaulet_identity_renewal_failing")

    def last_error() -> str:
        return api.sidecar.admin("/certs")["service"].get("last_error", "")

    metric, page = not_after(api)
    assert metric == page and 0 < metric - time.time() <= 8, (metric, page)
    assert api.counter("epaulet_identity_usable") == 1
    assert failing() == 0 and not last_error()
    service.stop()
    wait_until(lambda: failing() == 1, "the metric to say that renewal fails", 20)
    assert "cannot be reached" in last_error(), last_error()
    assert api.counter("epaulet_identity_renewals_total", result="unreachable") >= 1
    assert not_after(api) == (metric, page), "what was in force stays, and is told as it is"
    assert api.counter("epaulet_identity_usable") == 1 and ready(api).status == 200
    service.start()
    wait_until(lambda: failing() == 0, "the metric to say that it has been renewed", 10)
    assert not last_error()
    later_metric, later_page = not_after(api)
    assert later_metric == later_page > metric, (metric, later_metric, later_page)
    # Lost for good: it says that as well, and the time that is told has passed.
    service.stop()
    wait_until(lambda: api.counter("epaulet_identity_usable") == 0, "the certificate to end", 40)
    assert failing() == 1 and last_error() and ready(api).status == 503
    assert time.time() >= not_after(api)[0]


def test_rotations_of_leaf_issuer_and_root_under_load_fail_no_request(lab, binaries):
    service = IdentityService(Mesh(lab, binaries), valid="6s")
    api, api2 = service.pair()
    CountingApp(api2.pod)
    with Traffic(api, "api2.default", callers=4) as traffic:
        service.rotate("issuer")
        service.rotate("root", "--begin")
        service.rotate("issuer", "--key", "ed25519")
        service.rotate("root", "--switch")
        traffic.wait_answered(20)
        service.rotate("root", "--finish")
        (root,) = [(service.ca / "ca.pem").read_text()]
        assert root.count("BEGIN CERTIFICATE") == 1

        def has_new_root_alone(member) -> bool:
            return len(member.sidecar.admin("/certs")["bundle"]) == 1

        for member in (api, api2):
            wait_until(lambda: has_new_root_alone(member), "the new root alone", 10)
        traffic.wait_answered(20)
    traffic.assert_flawless()
    assert service.counter("renewed") >= 4


def test_the_service_is_bounded_and_answers_what_to_do(lab, binaries):
    mesh = Mesh(lab, binaries)
    service = IdentityService(mesh)
    stranger = lab.pod("stranger", 40)
    context = ssl.create_default_context(cafile=str(service.ca / "ca.pem"))
    context.check_hostname = False

    def ask(text: bytes) -> bytes:
        def dial():
            return socket.create_connection((f"10.88.0.{NUMBER}", 15014), 5)

        with context.wrap_socket(stranger.in_netns(dial)) as channel:
            assert channel.version() == "TLSv1.3"
            channel.sendall(text)
            answer = b""
            while piece := channel.recv(65536):
                answer += piece
            return answer

    nobody = ask(b"POST /v1/sign HTTP/1.1\r\nHost: i\r\nContent-Length: 3\r\n\r\nabc")
    assert nobody.startswith(b"HTTP/1.1 400 ") and b"remedy" in nobody, nobody
    large = ask(b"POST /v1/sign HTTP/1.1\r\nHost: i\r\nContent-Length: 99999\r\n\r\n" + b"x" * 20000)
    assert large.startswith(b"HTTP/1.1 413 "), large[:200]
    bundle = ask(b"GET /v1/bundle HTTP/1.1\r\nHost: i\r\n\r\n")
    assert (service.ca / "ca.pem").read_bytes() in bundle
    assert ask(b"GET /v1/sign HTTP/1.1\r\nHost: i\r\n\r\n").startswith(b"HTTP/1.1 405 ")
    assert service.page("/ready").status == 200 and service.page("/live").status == 200
    # Whoever says nothing is gone after a while, and others are served meanwhile.
    silent = [
        stranger.in_netns(lambda: socket.create_connection((f"10.88.0.{NUMBER}", 15014), 5))
        for _ in range(10)
    ]
    assert ask(b"GET /v1/bundle HTTP/1.1\r\nHost: i\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    began = time.monotonic()
    for channel in silent:
        channel.settimeout(10)
        try:
            assert channel.recv(1) == b""
        except ConnectionResetError:
            pass
    assert time.monotonic() - began < 8
    # So are too many at once from one source.
    def dial_many() -> list[socket.socket]:
        many = []
        for _ in range(100):
            try:
                many.append(socket.create_connection((f"10.88.0.{NUMBER}", 15014), 5))
            except ConnectionResetError:
                pass
        return many

    many = stranger.in_netns(dial_many)
    wait_until(
        lambda: "epaulet_identity_rate_limited_total 0\n" not in service.page("/metrics").body,
        "connections to be reset",
        10,
    )
    for channel in many:
        channel.close()
    service.process.stop()
    service.process.wait_for_line('"event":"stopped"')


def test_files_hold_until_the_service_has_answered_and_prove_who_it_is(lab, binaries):
    mesh = Mesh(lab, binaries)
    service = IdentityService(mesh, start=False)
    config = CALLER.replace(
        IDENTITY,
        "identity: { dir: /var/run/epaulet/identity, service: https://10.88.0.30:15014 }\n",
    )
    api = service.member("api", config, 11, start=False)
    mesh.certs(
        *("issue", "--ca", str(service.ca), "--valid", "30s"),
        *("--identity", "spiffe://cluster.local/ns/default/sa/api"),
        *("--out", str(api.sidecar.home / "identity"), "--owner", "1337"),
    )
    api.start()
    assert api.sidecar.admin("/certs")["source"] == "files"
    service.start()
    wait_until(lambda: api.sidecar.admin("/certs")["source"] == "service", "the service's", 40)
    assert service.counter("renewed") == 1
