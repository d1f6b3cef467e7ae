"""Certificates: what a handshake refuses and how it is told, and renewal while traffic flows."""

import contextlib
import os
import shutil
import time
from pathlib import Path

from lab import Capture, wait_until
from mesh import CALLEE, CALLER, Broken, CountingApp, Mesh, Traffic, field

API = "spiffe://cluster.local/ns/default/sa/api"
API2 = "spiffe://cluster.local/ns/default/sa/api2"
OTHER = "spiffe://cluster.local/ns/default/sa/other"
POLL_SECONDS = 2.0  # LookPace::kPollEvery


def get(member, name: str = "api2.default"):
    with member.call(name) as client:
        client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Call: 1\r\n\r\n")
        return client.response()


def assert_refused(member, code: str, *named: str) -> dict:
    """A call fails, and the caller's log and explain say why with all of these names."""
    status, head, _ = get(member)
    assert status == 502, head
    identifier = field(head, "x-request-id")
    record = member.wait_logged(kind="exchange", id=identifier)
    assert record["outcome"] == code, record
    (explained,) = member.sidecar.explain(identifier)
    assert explained["outcome"] == code and explained["remedy"], explained
    for name in (*named, "our clock: "):
        for where in (record, explained):
            assert name in where["summary"], (name, where["summary"])
    return record


def assert_counted(member, reason: str) -> None:
    """In the metric with the same reason, and with no other."""
    name = "epaulet_tls_handshakes_failed_total"
    assert member.counter(name, reason=reason) >= 1, reason
    assert member.counter(name, reason=reason) == member.counter(name), reason


def assert_refused_side_tells(member, record: dict, *named: str) -> None:
    """Whose certificate was refused can learn it from its log and explain, with all of these."""
    (explained,) = member.sidecar.explain(record["id"])
    assert explained["outcome"] == record["outcome"] and explained["remedy"], explained
    for name in (*named, "issued by ", "we trust: ", "our clock: "):
        for where in (record, explained):
            assert name in where["summary"], (name, where["summary"])


def test_another_identity_than_expected_is_refused_by_the_caller(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", CALLER)
    api2 = mesh.member("api2", CALLEE, identity=mesh.issue("other"))
    app = CountingApp(api2.pod)
    capture = Capture(api2.pod)
    assert_refused(api, "tls_identity_unexpected", f"presented: {OTHER}", f"expected: {API2}")
    said = api2.wait_logged(kind="handshake")
    assert said["outcome"].startswith("tls_") and "the peer refused" in said["summary"], said
    assert_refused_side_tells(api2, said, f"we presented: {OTHER} (")
    assert_counted(api, "wrong_identity")
    assert_counted(api2, "refused_by_peer")
    assert not app.calls and capture.between(api.pod, api2.pod).plaintext_segments == 0

    api2.give_identity(mesh.issue("api2"))  # and is healed by the right certificate
    wait_until(lambda: get(api)[0] == 200, "a call to succeed", 10)


def test_a_certificate_of_a_foreign_authority_is_refused_by_either_side(lab, binaries):
    mesh = Mesh(lab, binaries)
    api = mesh.member("api", CALLER, identity=mesh.issue("api", "foreign"))
    api2 = mesh.member("api2", CALLEE)
    app = CountingApp(api2.pod)
    assert_refused(api, "tls_peer_untrusted", f"presented: {API2}", f"expected: {API2}")
    said = api2.wait_logged(kind="handshake")
    assert "the peer refused" in said["summary"] and "unknown" in said["summary"], said
    assert_refused_side_tells(api2, said, f"we presented: {API2} (")
    assert_counted(api, "unknown_authority")
    assert_counted(api2, "refused_by_peer")

    # A caller who trusts everybody is still not trusted: the callee refuses, and says whom.
    bundle = [(mesh.authority(name) / "ca.pem").read_text() for name in ("ca", "foreign")]
    api.replace("identity/ca.pem", "".join(bundle))
    api.wait_logged(event="identity_loaded")
    api.process.wait_for(lambda: len(api.logged(event="identity_loaded")) == 2, "the bundle")
    status, head, _ = get(api)
    assert status == 502, head
    said = api2.wait_logged(kind="handshake", outcome="tls_peer_untrusted")
    for part in (f"presented: {API}", "expected: an identity of cluster.local", "authority: "):
        assert part in said["summary"], said
    (explained,) = api2.sidecar.explain(said["id"])
    assert explained["remedy"] and f"presented: {API}" in explained["summary"], explained
    record = api.wait_logged(kind="exchange", id=field(head, "x-request-id"))
    assert record["outcome"] == "tls_handshake_failed", record
    assert "refused our certificate with the alert unknown CA (48); we presented: " in record["summary"], record
    assert_refused_side_tells(api, record, f"we presented: {API} (")
    failed = "epaulet_tls_handshakes_failed_total"
    assert api2.counter(failed, reason="unknown_authority") >= 1
    assert api.counter(failed, reason="refused_by_peer") >= 1
    assert not app.calls


def test_an_expired_certificate_is_refused_by_either_side(lab, binaries):
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair()
    app = CountingApp(api2.pod)
    # Both expire in force: one as server, one as client.
    api2.give_identity(mesh.issue("api2", "ca", "--valid", "2s"))
    expires = time.time() + 2
    api2.process.wait_for(lambda: len(api2.logged(event="identity_loaded")) == 2, "the new leaf")
    assert get(api)[0] == 200, "valid, and now there is a pooled connection under it"
    wait_until(lambda: time.time() > expires + 1, "its end", 5)
    calls = len(app.calls)
    assert_refused(api, "tls_peer_expired", f"presented: {API2}")
    said = api2.wait_logged(kind="handshake")
    assert_refused_side_tells(api2, said, f"we presented: {API2} (", "expired")
    assert_counted(api2, "refused_by_peer")
    assert_counted(api, "expired")
    assert len(app.calls) == calls
    api2.give_identity(mesh.issue("api2"))
    wait_until(lambda: get(api)[0] == 200, "a call with the renewed one", 10)

    api.give_identity(mesh.issue("api", "ca", "--valid", "2s"))
    expires = time.time() + 2
    api.process.wait_for(lambda: len(api.logged(event="identity_loaded")) == 2, "the new leaf")
    wait_until(lambda: time.time() > expires + 1, "its end", 5)
    calls = len(app.calls)
    status, head, _ = get(api, "six.default")  # where no older connection is idle
    assert status == 502 and len(app.calls) == calls, head
    said = api2.wait_logged(kind="handshake", outcome="tls_peer_expired")
    assert f"presented: {API}" in said["summary"], said
    (explained,) = api2.sidecar.explain(said["id"])
    assert explained["remedy"] and f"presented: {API}" in explained["summary"], explained
    assert "our clock: " in explained["summary"], explained
    record = api.wait_logged(kind="exchange", id=field(head, "x-request-id"))
    assert_refused_side_tells(api, record, f"we presented: {API} (", "expired")


def test_leaves_and_the_root_change_without_a_failed_request(lab, binaries):
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair("workers: 2\n" + CALLER, "workers: 2\n" + CALLEE)
    app = CountingApp(api2.pod)

    def give(member, identity) -> None:
        before = loaded(member)
        member.give_identity(identity)
        member.process.wait_for(lambda: loaded(member) > before, "the new files to be in force")

    with Traffic(api, "api2.default", callers=3) as traffic:
        traffic.wait_answered(20)
        end = time.monotonic() + 5
        renewals = 0
        while time.monotonic() < end:
            begin = time.monotonic()
            for member in (api, api2):
                give(member, mesh.issue(member.pod.name))
            renewals += 1
            wait_until(lambda: time.monotonic() >= begin + 0.3, "the next renewal", 1)
        assert renewals >= 5

        old, new = ((mesh.authority(name) / "ca.pem").read_text() for name in ("ca", "next"))
        for authority, bundle in (("ca", old + new), ("next", old + new), ("next", new)):
            for member in (api2, api):
                identity = mesh.issue(member.pod.name, authority)
                (identity / "ca.pem").write_text(bundle)
                give(member, identity)
                traffic.wait_answered(20)

        # Half of a new set, then nonsense: what is in force stays.
        before = loaded(api2)
        torn = api2.sidecar.home / "identity" / "cert.pem"
        other = mesh.issue("api2", "next")
        torn.write_bytes((other / "cert.pem").read_bytes())  # its key is not there
        api2.wait_logged(event="identity_refused")
        traffic.wait_answered(20)
        torn.write_bytes((other / "cert.pem").read_bytes()[:200])
        api2.process.wait_for(lambda: len(api2.logged(event="identity_refused")) >= 2, "a refusal")
        traffic.wait_answered(20)
        assert loaded(api2) == before
        shutil.copyfile(other / "key.pem", api2.sidecar.home / "identity" / "key.pem")
        torn.write_bytes((other / "cert.pem").read_bytes())
        api2.process.wait_for(lambda: loaded(api2) == before + 1, "the whole set")
        traffic.wait_answered(20)
    traffic.assert_flawless()
    assert not app.repeated()


def loaded(member) -> int:
    return len(member.logged(event="identity_loaded"))


def seconds_to_take(member, identity) -> float:
    """From the new files to their being in force, which /certs must agree with."""
    before, serial = loaded(member), member.sidecar.admin("/certs")["chain"][0]
    member.give_identity(identity)
    begin = time.monotonic()
    member.process.wait_for(lambda: loaded(member) > before, "the new files to be in force")
    took = time.monotonic() - begin
    assert member.sidecar.admin("/certs")["chain"][0] != serial
    return took


def inotify_instances(member) -> int:
    count = 0
    for one in Path(f"/proc/{member.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += "inotify" in os.readlink(one)
    return count


def test_files_are_watched_so_that_a_renewed_certificate_is_taken_at_once(lab, binaries):
    mesh = Mesh(lab, binaries)
    api2 = mesh.member("api2", CALLEE)
    wait_until(lambda: inotify_instances(api2) > 0, "a watch", 5)
    # One right after the other: who only polled would need a whole period for each.
    took = [seconds_to_take(api2, mesh.issue("api2")) for _ in range(3)]
    assert max(took) < POLL_SECONDS * 0.75, took


# In a user namespace of its own, whose inotify this closes; then it is what it would have been.
WITHOUT_INOTIFY = """
import ctypes, os, sys
uid, gid = os.getuid(), os.getgid()
if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) != 0:
    sys.exit("no user namespace: " + os.strerror(ctypes.get_errno()))
for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
    open(f"/proc/self/{name}", "w").write(text)
open(f"/proc/sys/user/{sys.argv[1]}", "w").write("0")
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_files_are_polled_where_nothing_can_be_watched(lab, binaries):
    for limit in ("max_inotify_instances", "max_inotify_watches"):
        mesh = Mesh(lab, binaries)
        pod = lab.pod(f"api-{limit[-7:]}")
        api = mesh.member("api", CALLER, start=False, pod=pod)
        api.sidecar.start(before=("/usr/bin/python3", "-c", WITHOUT_INOTIFY, limit))
        api.sidecar.wait_ready()
        assert inotify_instances(api) == 0 or limit == "max_inotify_watches"
        took = [seconds_to_take(api, mesh.issue("api")) for _ in range(3)]
        assert POLL_SECONDS * 0.5 < max(took) < POLL_SECONDS * 2, took
        before = api.counter("epaulet_config_version")
        api.replace(f"config/{pod.name}.yaml", CALLER + "timeouts: { request: 20s }\n")
        wait_until(lambda: api.counter("epaulet_config_version") > before, "a reload", 10)
        # Half a set is no set, whoever looks.
        rejected = api.counter("epaulet_identity_reloads_total", result="rejected")
        other = mesh.issue("api")
        api.replace("identity/cert.pem", (other / "cert.pem").read_bytes())
        api.wait_logged(event="identity_refused")
        assert api.counter("epaulet_identity_reloads_total", result="rejected") == rejected + 1
        before = loaded(api)
        api.replace("identity/key.pem", (other / "key.pem").read_bytes())
        api.process.wait_for(lambda: loaded(api) > before, "the whole set")


def assert_ends_with(lab, binaries, whose: str) -> None:
    """A tunnel that is in use all the time, and the leaf of one of the two, which lives for 5 s."""
    mesh, lifetime = Mesh(lab, binaries), 5.0
    made = time.time()
    identities = {
        name: mesh.issue(name, "ca", *(("--valid", f"{lifetime:g}s") if name == whose else ()))
        for name in ("api", "api2")
    }
    api = mesh.member("api", CALLER, identities["api"])
    api2 = mesh.member("api2", CALLEE, identities["api2"])
    app = api2.app()
    with api.call("api2.default", 82) as client:
        client.send(b"\0\1")
        with app.take() as wire:
            assert wire.take(2) == b"\0\1"
            try:
                while time.time() < made + lifetime + 3:
                    client.send(b"x")
                    assert wire.take(1) == b"x"
                    time.sleep(0.05)
                raise AssertionError("it outlives the leaf")
            except (Broken, OSError):
                ended = time.time() - made
    assert lifetime - 1 < ended < lifetime + 2.5, ended
    why = {"kind": "connection", "outcome": "tls_peer_expired"}
    # Both end it at that time, and the other one may be the first.
    api2.process.wait_for(lambda: api.logged(**why) or api2.logged(**why), f"a record with {why}")
    teller = api2 if api2.logged(**why) else api
    (explained,) = teller.sidecar.explain(teller.logged(**why)[-1]["id"])
    assert explained["outcome"] == "tls_peer_expired" and explained["remedy"], explained


def test_a_connection_ends_with_the_leaf_of_its_caller(lab, binaries):
    assert_ends_with(lab, binaries, "api")


def test_a_connection_ends_with_the_leaf_of_its_callee(lab, binaries):
    assert_ends_with(lab, binaries, "api2")
