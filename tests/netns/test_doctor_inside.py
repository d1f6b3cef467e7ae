"""`epaulet doctor pod` as the sidecar's own user, without a right, in pods whose rules stand and whose rules have gone."""

import json

from lab import PROXY_UID, request, wait_until
from mesh import CALLER, Mesh


def findings_of(member, binaries) -> dict[str, tuple[str, str]]:
    folder = member.pod.bind(binaries.epaulet.parents[1] / "k8s/doctor", "doctor-bin")
    said = member.pod.run([f"{folder}/epaulet-doctor", "pod", "--json"], uid=PROXY_UID, check=False)
    return {one["about"]: (one["level"], one["what"]) for one in json.loads(said.stdout)["findings"]}


def put_back(member, backend: str) -> None:
    """Beside a sidecar that runs, and ends at once what the checks dial."""
    member.pod.run([member.sidecar.program, "redirect", "install", "--backend", backend])


def test_rules_are_tried_beside_a_sidecar_that_ends_connections_at_once(lab, binaries):
    api = Mesh(lab, binaries).member("api", CALLER)
    for _ in range(20):
        api.pod.run([api.sidecar.program, "redirect", "verify"])


def test_rules_that_somebody_flushed_are_told(lab, binaries):
    api = Mesh(lab, binaries).member("api", CALLER)
    for backend, flush in (
        ("nft", ["nft flush ruleset"]),
        ("iptables-nft", ["iptables-nft -F", "ip6tables-nft -F"]),
        ("iptables-nft", ["ip6tables-nft -F"]),
    ):
        put_back(api, backend)
        level, what = findings_of(api, binaries)["redirect"]
        assert level == "ok" and "and still there" in what and "ipv4, ipv6" in what, what
        for one in flush:
            api.pod.run(one.split())
        level, what = findings_of(api, binaries)["redirect"]
        assert level == "failure" and f"installed by {backend}" in what and "gone since" in what, what
        print(what)
    put_back(api, "nft")
    assert findings_of(api, binaries)["redirect"][0] == "ok"


def test_a_sidecar_whose_rules_are_flushed_is_not_ready(lab, binaries):
    api = Mesh(lab, binaries).member("api", CALLER)
    wait_until(lambda: api.counter("epaulet_redirect_rules_stand") == 1, "they stand", 5)
    api.pod.run(["nft", "delete", "table", "inet", "epaulet"])
    api.process.wait_for(lambda: api.logged(event="redirect_gone"), "its word", 20)
    (record,) = api.logged(event="redirect_gone")
    assert record["level"] == "error" and api.counter("epaulet_redirect_rules_stand") == 0, record
    page = request(api.pod, "127.0.0.1", 15000, "/ready", host="127.0.0.1:15000")
    assert page.status == 503 and "the redirect rules are gone" in page.body, page
    put_back(api, "nft")
    api.process.wait_for(lambda: api.logged(event="redirect_back"), "its word", 20)
    api.sidecar.wait_ready()


def test_a_directory_that_was_never_heard_is_told(lab, binaries):
    mesh = Mesh(lab, binaries)
    config = """
identity: { dir: /var/run/epaulet/identity }
directory: { url: "https://10.88.0.99:15016", identities: [ spiffe://cluster.local/ns/default/sa/epaulet-directory ] }
services:
  api2.default: { ports: { 80: http }, endpoints: { directory: api2.default, port: 80 } }
"""
    found = findings_of(mesh.member("api", config), binaries)
    assert found["directory"][0] == "failure" and "nothing was heard of it yet" in found["directory"][1], found
    assert found["backends"][0] == "warning" and "api2.default" in found["backends"][1], found
    without = mesh.member("other", CALLER)
    assert "directory" not in findings_of(without, binaries)
