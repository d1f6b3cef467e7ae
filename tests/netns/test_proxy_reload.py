"""What else a reload carries to the parts that run already, and what it warns of."""

import json
import signal

from lab import Issuer, Nameserver, query, wait_until
from mesh import CALLER, Mesh

FORWARDED = "example.test"


def applied(member, text: str | None = None) -> None:
    """Until the configuration, rewritten or not, has been put into force once more."""
    before = len(member.logged(event="config_applied"))
    if text is None:
        member.process.signal(signal.SIGHUP)
    else:
        member.replace(f"config/{member.pod.name}.yaml", text)
    member.process.wait_for(
        lambda: len(member.logged(event="config_applied")) > before, "config_applied"
    )


def test_a_reload_changes_the_upstream_dns_servers(lab, binaries):
    servers = []
    for number, name in enumerate(("dns1", "dns2")):
        server = Nameserver(lab.pod(name, 50 + number))
        server.wait_ready()
        server.add(FORWARDED, f"203.0.113.{number + 1}")
        server.add("api2.test", f"10.88.0.2{number + 1}")
        servers.append(server)
    text = CALLER + """
  named.default:
    ports: { 80: http }
    endpoints: { dns: api2.test, port: 8080 }
    tls: { mode: none }
dns: { upstream: ["%s"] }
"""
    api = Mesh(lab, binaries).member("api", text % servers[0].pod.ipv4)

    def endpoints() -> list[str]:
        pages = api.sidecar.admin("/endpoints")["backends"]
        return next(page["endpoints"] for page in pages if page["backend"] == "named.default")

    assert query(api.pod, FORWARDED).addresses == ["203.0.113.1"]
    wait_until(lambda: endpoints() == ["10.88.0.21:8080"], "the first server's endpoint", 5)
    applied(api, text % servers[1].pod.ipv4)
    assert query(api.pod, FORWARDED).addresses == ["203.0.113.2"]
    wait_until(lambda: endpoints() == ["10.88.0.22:8080"], "the second server's endpoint", 10)


def test_without_ipv6_a_service_has_an_ipv4_address_only(lab, binaries):
    pod = lab.pod("api")
    for which in ("all", "default"):
        pod.run(["sysctl", "-q", f"net.ipv6.conf.{which}.disable_ipv6=1"])
    api = Mesh(lab, binaries).member("api", CALLER, pod=pod)
    for _ in ("at the start", "after a reload"):
        answer = query(pod, "api2.default", "AAAA")
        assert answer.rcode == "NOERROR" and answer.addresses == [], answer
        (v4,) = query(pod, "api2.default").addresses
        (service,) = [
            one for one in api.sidecar.admin("/services")["services"] if one["name"] == "api2.default"
        ]
        assert service["addresses"] == [v4]
        applied(api)


def test_what_cannot_be_used_or_kept_is_a_warning(lab, binaries):
    issuer = Issuer(lab.directory, "https://portal.example")
    keys = json.loads(issuer.jwks())
    keys["keys"].append({**keys["keys"][0], "kid": "other", "use": "enc"})
    text = CALLER + """
dns: { virtual_v4: 240.0.0.0/24 }
state: { dir: /run/epaulet/config/keys.json }
issuers:
  portal: { issuer: https://portal.example, audiences: [api], keys: { file: keys.json } }
"""
    api = Mesh(lab, binaries).member("api", text, start=False)
    api.sidecar.add_config_file("keys.json", json.dumps(keys))
    api.start()
    for count in (1, 2):
        skipped = api.wait_logged(event="key_skipped")
        said = api.logged(event="key_skipped")
        assert len(said) == count and skipped["level"] == "warning", said
        reason = "/run/epaulet/config/api.yaml:16:3: key 2 of /run/epaulet/config/keys.json: "
        assert skipped["reason"] == reason + "its use is not sig", skipped
        applied(api)
    (state,) = api.logged(event="state_not_kept")  # two files, and reloads: said once
    assert state["directory"] == "/run/epaulet/config/keys.json" and state["errno"] == 20, state

    lines = [
        f"  s{number}.default: {{ ports: {{ 80: http }}, default_backend: api2.default }}\n"
        for number in range(253)
    ]
    applied(api, text.replace("\ndns:", "\n" + "".join(lines) + "dns:"))
    without = api.logged(event="no_virtual_address")
    assert [one["service"] for one in without] == ["s99.default"], without
    checked = api.pod.run([api.sidecar.program, "check", "/run/epaulet/config/api.yaml"])
    assert reason.replace(":16:3", ":269:3") + "its use is not sig\n" in checked.stderr
    assert checked.stdout == "/run/epaulet/config/api.yaml: valid\n", checked
