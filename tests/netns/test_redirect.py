"""`epaulet redirect` with real packets: what it leads where, and what it leaves alone.

A test with a `backend` runs with each of them; the others are about what all have in common.
The proxy is a stand-in (answer.py as uid 1337) that tells every caller what it saw.
"""

import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from backends import BACKENDS, IPTABLES_LEGACY, IPTABLES_NFT, NFT
from lab import PROXY_UID, LabError

HERE = Path(__file__).resolve().parent
APP_UID = 1000
OUTBOUND, INBOUND, DNS = 15001, 15006, 15053
DIRECT_PORTS = (15008, 15020, 15021)
APP_PORT = 8080
NAMESERVERS = ("10.88.0.1", "fd88::1")
VIRTUAL = ("240.1.2.3", "fd00:e9a0::1:2")
RESULT = "epaulet/redirect.json"  # in the pod's /run, which is also its /var/run

PROXY_LISTENERS = [
    *(f"tcp:{host}:{port}" for host in ("127.0.0.1", "[::1]") for port in (OUTBOUND, DNS)),
    *(f"udp:{host}:{DNS}" for host in ("127.0.0.1", "[::1]")),
    *(f"tcp:[::]:{port}" for port in (INBOUND, *DIRECT_PORTS)),
]


def redirect(pod, binaries, *arguments: str, check: bool = True):
    """Runs `epaulet redirect ...` as root in the pod."""
    program = f"{pod.bind(binaries.epaulet.parent, 'epaulet-bin')}/{binaries.epaulet.name}"
    return pod.run([program, "redirect", *arguments], check=check)


def result_of(pod) -> dict:
    return json.loads((pod.run_dir / RESULT).read_text())


def answering(pod, name: str, *listeners: str, uid: int = APP_UID):
    script = pod.bind(HERE, "netns-tests") + "/answer.py"
    process = pod.start(["python3", script, name, *listeners], uid=uid, name=name)
    process.wait_for_line("listening")
    return process


def proxy_in(pod, *, without: str = ""):
    listeners = [one for one in PROXY_LISTENERS if one != without]
    return answering(pod, "proxy", *listeners, uid=PROXY_UID)


def app_in(pod, port: int = APP_PORT):
    return answering(pod, "app", f"tcp:[::]:{port}", f"udp:[::]:{port}")


def dial(pod, kind: str, host: str, port: int, *more: int, uid: int = APP_UID) -> dict:
    script = pod.bind(HERE, "netns-tests") + "/dial.py"
    done = pod.run(["python3", script, kind, host, str(port), *map(str, more)], uid=uid)
    return json.loads(done.stdout)


def assert_silent(pod, *destinations: tuple[str, str, int]) -> None:
    """All at once, because each takes as long as a caller is patient."""
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda one: dial(pod, *one), destinations))
    assert answers == [{"error": "SILENT"}] * len(destinations), answers


def at(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def nft(pod, *arguments: str) -> str:
    return pod.run(["nft", *arguments]).stdout


def install(pod, binaries, backend, *options: str) -> None:
    redirect(pod, binaries, "install", "--backend", backend.name, *options)
    assert result_of(pod)["backend"] == backend.name


def two_pods(lab, binaries, backend, *options: str):
    """A pod under the mesh, with proxy and app, and a neighbour without."""
    pod, neighbour = lab.pod("pod"), lab.pod("neighbour")
    install(pod, binaries, backend, *options)
    proxy_in(pod)
    app_in(pod)
    app_in(neighbour)
    return pod, neighbour


def test_outgoing_tcp_reaches_the_proxy_with_its_destination(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend)
    for uid in (APP_UID, 0):
        for destination in (*neighbour.addresses, *pod.addresses):
            answer = dial(pod, "tcp", destination, APP_PORT, uid=uid)
            assert answer["name"] == "proxy", answer
            loopback = "::1" if ":" in destination else "127.0.0.1"
            assert answer["on"] == at(loopback, OUTBOUND), answer
            assert answer["original"] == at(destination, APP_PORT), answer


def test_the_proxys_own_connections_are_never_redirected(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend)
    for destination in (*neighbour.addresses, *pod.addresses):
        answer = dial(pod, "tcp", destination, APP_PORT, uid=PROXY_UID)
        assert answer["name"] == "app", answer
    assert dial(pod, "tcp", pod.ipv4, 15008, uid=PROXY_UID)["on"].endswith(":15008")


def test_loopback_is_left_alone(lab, binaries, backend):
    pod, _ = two_pods(lab, binaries, backend)
    assert dial(pod, "tcp", "127.0.0.2", APP_PORT)["name"] == "app"
    for loopback in ("127.0.0.1", "::1"):
        assert dial(pod, "tcp", loopback, APP_PORT)["name"] == "app"
        assert dial(pod, "udp", loopback, APP_PORT)["name"] == "app"


def test_dns_is_answered_in_the_pod_whatever_the_nameserver(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend)
    for nameserver in (*neighbour.addresses, *NAMESERVERS):
        loopback = "::1" if ":" in nameserver else "127.0.0.1"
        for kind in ("udp", "tcp"):
            answer = dial(pod, kind, nameserver, 53)
            assert (answer.get("name"), answer.get("on")) == ("proxy", at(loopback, DNS)), answer


def test_the_proxy_reaches_the_nameserver_itself(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend)
    answering(neighbour, "nameserver", "udp:[::]:53", "tcp:[::]:53", uid=0)
    for address in neighbour.addresses:
        for kind in ("udp", "tcp"):
            assert dial(pod, kind, address, 53, uid=PROXY_UID)["name"] == "nameserver"


def test_a_resolver_on_loopback_is_replaced_only_if_it_is_the_pods_nameserver(lab, binaries, backend):
    pod = lab.pod("pod")
    pod.resolv_conf.write_text("nameserver 127.0.0.53\nnameserver ::1\n")
    # What Docker does for its own resolver must not come first.
    backend.add_resolver(pod)
    install(pod, binaries, backend)
    proxy_in(pod)
    answering(pod, "resolver", "udp:127.0.0.53:5353", "udp:127.0.0.99:53", uid=0)
    assert dial(pod, "udp", "127.0.0.53", 53)["name"] == "proxy"
    assert dial(pod, "tcp", "127.0.0.53", 53)["name"] == "proxy"
    assert dial(pod, "udp", "::1", 53)["name"] == "proxy"
    assert dial(pod, "udp", "127.0.0.53", 53, uid=PROXY_UID)["name"] == "resolver"
    assert dial(pod, "udp", "127.0.0.99", 53)["name"] == "resolver"


def test_incoming_tcp_reaches_the_proxy_with_its_destination(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend)
    for address in pod.addresses:
        for port in (APP_PORT, 9999, OUTBOUND, 15000, 22):
            answer = dial(neighbour, "tcp", address, port)
            assert answer.get("on") == at("::", INBOUND), (port, answer)
            assert answer["original"] == at(address, port), answer


def test_incoming_tcp_reaches_the_direct_ports_directly(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend)
    for address in pod.addresses:
        for port in DIRECT_PORTS:
            answer = dial(neighbour, "tcp", address, port)
            assert answer.get("on") == at("::", port), answer
            assert answer["original"] == at(address, port), answer  # its own: not redirected


def test_a_direct_dial_of_our_port_shows_its_own_address_as_destination(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend)
    answer = dial(neighbour, "tcp", pod.ipv4, INBOUND)
    assert answer["original"] == at(pod.ipv4, INBOUND), answer
    answer = dial(pod, "tcp", "127.0.0.1", OUTBOUND)
    assert answer["original"] == at("127.0.0.1", OUTBOUND), answer


def test_incoming_datagrams_are_dropped_unless_they_are_answers(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend)
    before = backend.dropped(pod)  # by the checks of install
    ports = (APP_PORT, DNS)
    assert_silent(neighbour, *(("udp", ours, port) for ours in pod.addresses for port in ports))
    for ours, theirs in zip(pod.addresses, neighbour.addresses):
        assert dial(pod, "udp", theirs, APP_PORT)["name"] == "app"  # its answer comes back
        assert dial(pod, "udp", ours, APP_PORT)["name"] == "app"  # the pod to itself
    assert backend.dropped(pod) - before == 4


def test_declared_datagrams_come_in(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend, "--allow-udp", str(APP_PORT))
    for address in pod.addresses:
        assert dial(neighbour, "udp", address, APP_PORT)["name"] == "app"
    assert_silent(neighbour, *(("udp", address, APP_PORT + 1) for address in pod.addresses))


def test_virtual_addresses_work_without_a_default_route(lab, binaries, backend):
    pod, _ = two_pods(lab, binaries, backend)
    assert "default" not in pod.run(["ip", "route"]).stdout
    for virtual, source in zip(VIRTUAL, ("127.0.0.1", pod.ipv6)):
        answer = dial(pod, "tcp", virtual, 80)
        assert answer.get("original") == at(virtual, 80), answer
        assert answer["source"] == source, answer


def test_virtual_addresses_work_in_a_pod_with_no_address_at_all(lab, binaries, backend):
    pod = lab.pod("pod")
    pod.run(["ip", "address", "flush", "dev", "eth0"])
    install(pod, binaries, backend)
    proxy_in(pod)
    for virtual, source in zip(VIRTUAL, ("127.0.0.1", "::1")):
        answer = dial(pod, "tcp", virtual, 80)
        assert (answer.get("original"), answer.get("source")) == (at(virtual, 80), source), answer


def test_what_cannot_reach_a_virtual_address_learns_it_at_once(lab, binaries, backend):
    pod, _ = two_pods(lab, binaries, backend)
    for virtual in VIRTUAL:
        assert dial(pod, "udp", virtual, 443) == {"error": "EPERM"}
        # Without the refusal this would reach our own any-address listener.
        assert dial(pod, "tcp", virtual, INBOUND, uid=PROXY_UID) == {"error": "ECONNREFUSED"}


def test_two_connections_may_share_their_source_port(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend)
    first = socket_in(pod, (neighbour.ipv4, APP_PORT), source_port=45678)
    second = socket_in(pod, (VIRTUAL[0], 80), source_port=45678)
    with first, second:
        assert json.loads(first.recv(4096))["original"] == at(neighbour.ipv4, APP_PORT)
        assert json.loads(second.recv(4096))["original"] == at(VIRTUAL[0], 80)


def routes_of(pod) -> str:
    return pod.run(["ip", "route"]).stdout + pod.run(["ip", "-6", "route"]).stdout


def socket_in(pod, destination, source_port: int = 0):
    """A connection made inside the pod by this process (root), kept open."""

    def connect():
        caller = socket.socket(socket.AF_INET6 if ":" in destination[0] else socket.AF_INET)
        caller.settimeout(3)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        caller.bind(("", source_port))
        caller.connect(destination)
        return caller

    return pod.in_netns(connect)


def test_installing_again_changes_nothing_and_cuts_nothing(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend)
    before = backend.listing(pod), routes_of(pod)
    with ExitStack() as kept:
        connections = [
            kept.enter_context(socket_in(pod, (address, APP_PORT))) for address in neighbour.addresses
        ]
        for connection, address in zip(connections, neighbour.addresses):
            assert json.loads(connection.recv(4096))["original"] == at(address, APP_PORT)
        for _ in range(3):
            install(pod, binaries, backend)
        for connection in connections:
            connection.sendall(b"still there?")
            assert connection.recv(4096) == b"still there?"
    assert (backend.listing(pod), routes_of(pod)) == before


def test_installing_with_other_options_replaces_the_old_ones(lab, binaries, backend):
    pod = lab.pod("pod")
    install(pod, binaries, backend, "--virtual-v4", "198.18.0.0/15", "--allow-udp", "514")
    install(pod, binaries, backend)
    assert "198.18" not in backend.listing(pod) + routes_of(pod)
    assert "514" not in backend.listing(pod)


def test_removing_takes_ours_and_leaves_the_rest(lab, binaries, backend):
    pod = lab.pod("pod")
    backend.add_foreign(pod)
    pod.run(["ip", "route", "add", "198.51.100.0/24", "dev", "lo"])

    def world():
        links = pod.run(["ip", "-br", "link"]).stdout
        return backend.listing(pod), routes_of(pod), links

    before = world()
    install(pod, binaries, backend)
    assert world() != before
    redirect(pod, binaries, "remove")
    assert world() == before
    assert not (pod.run_dir / RESULT).exists()
    redirect(pod, binaries, "remove")  # nothing left to remove is no failure
    assert world() == before


def test_foreign_rules_work_beside_ours_and_after_them(lab, binaries, backend):
    """One that was there before leads 4444 to 5555; ours decide first about what is ours."""
    pod, neighbour = lab.pod("pod"), lab.pod("neighbour")
    backend.add_foreign(pod)
    proxy_in(pod)
    answering(pod, "other", "tcp:[::]:5555")
    answering(neighbour, "app", f"tcp:[::]:{APP_PORT}", "tcp:[::]:4444")

    def who(port: int, uid: int = APP_UID) -> list[str]:
        return [dial(pod, "tcp", one, port, uid=uid)["name"] for one in neighbour.addresses]

    assert (who(4444), who(APP_PORT)) == (["other"] * 2, ["app"] * 2)
    install(pod, binaries, backend)
    assert (who(4444), who(APP_PORT)) == (["proxy"] * 2, ["proxy"] * 2)
    assert (who(4444, PROXY_UID), who(APP_PORT, PROXY_UID)) == (["other"] * 2, ["app"] * 2)
    for loopback in ("127.0.0.1", "::1"):
        assert dial(pod, "tcp", loopback, 4444)["name"] == "other"
    redirect(pod, binaries, "remove")
    assert (who(4444), who(APP_PORT)) == (["other"] * 2, ["app"] * 2)


def test_verify_names_every_rule_that_is_gone(lab, binaries, backend):
    pod, count = lab.pod("pod"), 21 if backend is NFT else 15
    pod.resolv_conf.write_text("nameserver 127.0.0.53\n")
    options = ["--exclude-inbound-port=9000", "--exclude-outbound-port=3306", "--allow-udp=514"]
    options += ["--exclude-outbound-network=10.77.0.0/16,fd77::/64"]
    install(pod, binaries, backend, *options)
    assert redirect(pod, binaries, "verify").returncode == 0
    names = backend.names(pod)
    assert len(names) == count, names
    backend.keep(pod)
    for number, name in enumerate(names):
        backend.put_back(pod)
        backend.delete(pod, number)
        done = redirect(pod, binaries, "verify", check=False)
        failed = [line for line in done.stdout.splitlines() if line.startswith("fail ")]
        assert done.returncode == 1 and failed, (name, done.stdout)
        assert any(line.startswith(f"fail {name}") for line in failed), (name, failed)
        assert "nft list ruleset" in done.stderr and "iptables-legacy-save" in done.stderr


def test_verify_names_a_route_that_is_gone(lab, binaries, backend):
    pod = lab.pod("pod")
    install(pod, binaries, backend)
    for family, network in (("-4", "240.0.0.0/4"), ("-6", "fd00:e9a0::/32")):
        pod.run(["ip", family, "route", "del", network])
        done = redirect(pod, binaries, "verify", check=False)
        assert done.returncode == 1
        assert "fail virtual-tcp/ipv" + family[1] in done.stdout, done.stdout
        assert "Network is unreachable" in done.stdout
        install(pod, binaries, backend)


def test_verify_sees_a_foreign_rule_that_comes_first(lab, binaries, backend):
    pod = lab.pod("pod")
    install(pod, binaries, backend)
    backend.add_foreign_before_ours(pod)
    done = redirect(pod, binaries, "verify", check=False)
    assert done.returncode == 1
    assert "fail outbound-tcp/ipv4" in done.stdout, done.stdout
    assert "ok   dns-tcp/ipv4" in done.stdout, done.stdout


def test_verify_works_beside_a_running_proxy_and_names_a_listener_it_lacks(lab, binaries, backend):
    pod = lab.pod("pod")
    install(pod, binaries, backend)
    proxy = proxy_in(pod)
    assert redirect(pod, binaries, "verify").stdout.count("ok ") == 30
    proxy.stop()
    proxy_in(pod, without=f"tcp:[::1]:{OUTBOUND}")
    done = redirect(pod, binaries, "verify", check=False)
    assert done.returncode == 1
    assert f"fail listener-tcp-{OUTBOUND}/ipv6" in done.stdout, done.stdout


def test_verify_knows_the_options_of_install(lab, binaries, backend):
    pod = lab.pod("pod")
    install(pod, binaries, backend, "--uid", "1400", "--outbound-port", "25001")
    done = redirect(pod, binaries, "verify")
    assert "exempt-uid-1400/ipv4" in done.stdout and "127.0.0.1:25001" in done.stdout
    done = redirect(pod, binaries, "verify", "--uid", "1337", check=False)
    assert done.returncode == 1 and "fail exempt-uid-1337" in done.stdout


def test_a_check_leaves_nothing_behind(lab, binaries, backend):
    pod = lab.pod("pod")

    def world():
        links = pod.run(["ip", "-br", "link"]).stdout
        addresses = pod.run(["ip", "-br", "address"]).stdout
        sockets = pod.run(["ss", "-Hltun"]).stdout
        return links, addresses, sockets

    before = world()
    install(pod, binaries, backend)
    redirect(pod, binaries, "verify")
    assert world() == before
    assert pod.run(["ss", "-Hltun"]).stdout == ""


def test_what_a_crash_left_does_not_disturb(lab, binaries, backend):
    pod = lab.pod("pod")
    pod.run(["ip", "link", "add", "epaulet0", "type", "veth", "peer", "name", "epaulet1"])
    install(pod, binaries, backend)


def test_exclusions_are_left_alone(lab, binaries, backend):
    pod, neighbour = lab.pod("pod"), lab.pod("neighbour")
    far = lab.pod("far")
    options = ["--exclude-outbound-network", f"{far.ipv4}/32", "--exclude-outbound-network"]
    options += [f"{far.ipv6}/128", "--exclude-outbound-port", "3306", "--exclude-uid", "2000"]
    install(pod, binaries, backend, *options, "--exclude-inbound-port", "9000")
    proxy_in(pod)
    app_in(pod, 9000)
    answering(neighbour, "app", f"tcp:[::]:{APP_PORT}", "tcp:[::]:3306")
    app_in(far)
    for index in range(2):
        assert dial(pod, "tcp", far.addresses[index], APP_PORT)["name"] == "app"
        assert dial(pod, "tcp", neighbour.addresses[index], 3306)["name"] == "app"
        assert dial(pod, "tcp", neighbour.addresses[index], APP_PORT, uid=2000)["name"] == "app"
        assert dial(pod, "tcp", neighbour.addresses[index], APP_PORT)["name"] == "proxy"
        assert dial(neighbour, "tcp", pod.addresses[index], 9000)["name"] == "app"
        assert dial(pod, "tcp", VIRTUAL[index], 3306)["name"] == "proxy"  # exclusions do not apply
        assert dial(pod, "udp", far.addresses[index], 53)["name"] == "proxy"


def test_only_what_is_included_is_led_to_the_proxy(lab, binaries, backend):
    pod, neighbour, far = lab.pod("pod"), lab.pod("neighbour"), lab.pod("far")
    options = ["--include-outbound-network", f"{far.ipv4}/32,{far.ipv6}/128"]
    options += ["--include-outbound-port", "3306,3307", "--include-inbound-port", str(APP_PORT)]
    install(pod, binaries, backend, *options)
    proxy_in(pod)
    app_in(pod)
    app_in(pod, 9000)
    answering(neighbour, "app", f"tcp:[::]:{APP_PORT}", "tcp:[::]:3306")
    for index in range(2):
        assert dial(pod, "tcp", far.addresses[index], APP_PORT)["name"] == "proxy"
        assert dial(pod, "tcp", neighbour.addresses[index], 3306)["name"] == "proxy"
        assert dial(pod, "tcp", neighbour.addresses[index], APP_PORT)["name"] == "app"
        assert dial(pod, "tcp", VIRTUAL[index], APP_PORT)["name"] == "proxy"  # whatever is included
        assert dial(pod, "udp", far.addresses[index], 53)["name"] == "proxy"
        assert dial(neighbour, "tcp", pod.addresses[index], APP_PORT)["name"] == "proxy"
        assert dial(neighbour, "tcp", pod.addresses[index], 9000)["name"] == "app"
    assert redirect(pod, binaries, "verify").returncode == 0


def test_only_users_that_are_included_are_led_to_the_proxy(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend, "--include-uid", f"{APP_UID},2000")
    answering(neighbour, "nameserver", "udp:[::]:53", uid=0)
    for address in neighbour.addresses:
        for uid in (APP_UID, 2000):
            assert dial(pod, "tcp", address, APP_PORT, uid=uid)["name"] == "proxy"
        assert dial(pod, "tcp", address, APP_PORT, uid=3000)["name"] == "app"
        assert dial(pod, "udp", address, 53, uid=APP_UID)["name"] == "proxy"
        assert dial(pod, "udp", address, 53, uid=3000)["name"] == "nameserver"
    assert dial(pod, "tcp", VIRTUAL[0], 80, uid=3000) == {"error": "ECONNREFUSED"}
    before = backend.listing(pod)
    install(pod, binaries, backend)
    assert "1000" not in backend.listing(pod) != before
    assert dial(pod, "tcp", neighbour.ipv4, APP_PORT, uid=3000)["name"] == "proxy"


def test_connections_that_evade_tracking_do_not_reach_the_app(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend)
    nft(pod, "add table inet other")
    nft(pod, "add chain inet other pre { type filter hook prerouting priority -400 ; }")
    nft(pod, f"add rule inet other pre tcp dport {APP_PORT} notrack")
    assert_silent(neighbour, *(("tcp", address, APP_PORT) for address in pod.addresses))


def test_a_pod_without_ipv6_is_served(lab, binaries, backend):
    pod = lab.pod("pod")
    for which in ("all", "default"):
        pod.run(["sysctl", "-q", f"net.ipv6.conf.{which}.disable_ipv6=1"])
    install(pod, binaries, backend)
    assert result_of(pod)["families"] == ["ipv4"] and result_of(pod)["ok"]
    again = ("install", "--backend", backend.name, "--ipv6", "on")
    done = redirect(pod, binaries, *again, check=False)
    assert done.returncode == 1 and "has no IPv6" in done.stderr
    assert result_of(pod)["ok"] is False


def test_a_pod_whose_ipv6_cannot_be_redirected_is_a_failure(lab, binaries, backend):
    pod = lab.pod("pod")
    pod.run(["sysctl", "-q", "net.ipv6.conf.lo.disable_ipv6=1"])
    done = redirect(pod, binaries, "install", "--backend", backend.name, check=False)
    assert done.returncode == 1
    assert pod.ipv6 in done.stderr and "net.ipv6.conf.lo.disable_ipv6=0" in done.stderr
    assert result_of(pod)["ok"] is False and pod.ipv6 in result_of(pod)["error"]


def test_ipv6_off_closes_it(lab, binaries, backend):
    pod, neighbour = two_pods(lab, binaries, backend, "--ipv6", "off")
    attempts = [("tcp", APP_PORT), ("tcp", 15008), ("udp", APP_PORT)]
    assert_silent(neighbour, *((kind, pod.ipv6, port) for kind, port in attempts))
    assert dial(pod, "tcp", neighbour.ipv6, APP_PORT) == {"error": "ECONNREFUSED"}
    assert dial(pod, "udp", neighbour.ipv6, APP_PORT) == {"error": "EPERM"}
    assert dial(pod, "tcp", neighbour.ipv6, APP_PORT, uid=PROXY_UID)["name"] == "app"
    assert dial(pod, "tcp", "::1", APP_PORT)["name"] == "app"
    assert dial(pod, "tcp", neighbour.ipv4, APP_PORT)["name"] == "proxy"
    redirect(pod, binaries, "verify")


def test_the_result_says_what_was_tried(lab, binaries):
    pod = lab.pod("pod")
    redirect(pod, binaries, "install", "--allow-udp", "514,5353")
    result = result_of(pod)
    assert result["ok"] is True and result["families"] == ["ipv4", "ipv6"]
    assert result["backend"] == "nft"  # where it works
    assert all(check["ok"] and check["detail"] for check in result["checks"])
    names = [check["name"] for check in result["checks"]]
    assert "inbound-udp-allow-5353/ipv6" in names and len(names) == len(set(names))
    assert result["arguments"] == ["--allow-udp=514", "--allow-udp=5353"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", result["installed_at"])
    written = datetime.fromisoformat(result["installed_at"])
    assert abs(time.time() - written.timestamp()) < 60
    path = pod.run_dir / RESULT
    assert path.stat().st_mode & 0o777 == 0o644
    assert pod.run(["cat", "/var/run/" + RESULT], uid=PROXY_UID).stdout


def test_the_result_goes_where_it_is_told(lab, binaries):
    pod = lab.pod("pod")
    redirect(pod, binaries, "install", "--result", "/run/elsewhere/result.json")
    assert json.loads((pod.run_dir / "elsewhere/result.json").read_text())["ok"]
    assert not (pod.run_dir / RESULT).exists()


def test_a_dry_run_prints_the_rules_and_does_nothing(lab, binaries):
    pod = lab.pod("pod")
    text = redirect(pod, binaries, "install", "--dry-run").stdout
    assert text.startswith("table inet epaulet\ndelete table inet epaulet\n")
    assert nft(pod, "list ruleset") == ""
    text = redirect(pod, binaries, "install", "--dry-run", "--backend", "iptables").stdout
    assert text.startswith("# iptables-restore --noflush\n*filter\n")
    assert not any(backend.has_ours(pod) for backend in BACKENDS)
    assert not (pod.run_dir / RESULT).exists()


def test_contradictory_options_change_nothing(lab, binaries):
    pod = lab.pod("pod")
    done = redirect(pod, binaries, "install", "--exclude-outbound-port", "53", check=False)
    assert done.returncode == 1 and "--exclude-outbound-port 53" in done.stderr
    assert nft(pod, "list ruleset") == ""
    for wrong in ("--uid=many", "--outbound-port=70000", "--virtual-v4=x", "--ipv6=no"):
        done = redirect(pod, binaries, "install", wrong, check=False)
        assert done.returncode not in (0, 1), (wrong, done)
        assert wrong.split("=")[0] in done.stderr, (wrong, done)


def test_a_virtual_network_that_is_taken_is_refused(lab, binaries):
    pod = lab.pod("pod")
    done = redirect(pod, binaries, "install", "--virtual-v4", "10.88.0.0/16", check=False)
    assert done.returncode == 1 and pod.ipv4 in done.stderr and "--virtual-v4" in done.stderr
    pod.run(["ip", "route", "add", "240.0.0.0/4", "dev", "eth0"])
    done = redirect(pod, binaries, "install", check=False)
    assert done.returncode == 1 and "is not ours" in done.stderr, done.stderr


def test_what_is_missing_is_named(lab, binaries):
    pod = lab.pod("pod")
    program = f"{pod.bind(binaries.epaulet.parent, 'epaulet-bin')}/{binaries.epaulet.name}"
    argv = [program, "redirect", "install", "--result", "/dev/null/none"]
    done = pod.run(argv, uid=APP_UID, check=False)
    assert done.returncode == 1 and "CAP_NET_ADMIN" in done.stderr, done.stderr

    for backend, packages in (
        ("auto", "nftables, or iptables"),
        ("nft", "nftables"),
        ("iptables", "iptables"),
        ("iptables-nft", "iptables"),
        ("iptables-legacy", "iptables"),
    ):
        done = hiding(pod, r"nft|xtables-.*", program, "redirect", "install", "--backend", backend)
        assert done.returncode == 1 and f"apt-get install {packages}\n" in done.stderr, done.stderr
        assert packages in result_of(pod)["error"] and "backend" not in result_of(pod)

    needed = ("net_admin", "net_raw", "setuid", "setgid")
    for backend in BACKENDS:
        done = with_capabilities(pod, program, backend, *needed)
        assert done.returncode == 0, (backend.name, done.stderr)
        for missing in needed:
            others = (one for one in needed if one != missing)
            done = with_capabilities(pod, program, backend, *others)
            assert done.returncode == 1, (backend.name, missing)
            assert f"CAP_{missing.upper()}" in done.stderr, (backend.name, missing, done.stderr)


def with_capabilities(pod, program: str, backend, *names: str):
    allowed = ",".join(["-all", *(f"+{name}" for name in names)])
    limits = [f"--bounding-set={allowed}", "--inh-caps=-all"]
    install = [program, "redirect", "install", "--backend", backend.name]
    return pod.run(["setpriv", *limits, *install], check=False)


def hiding(pod, names: str, *argv: str):
    """Runs it where no program in /usr/sbin whose real name matches `names` can be run."""
    real = {path.resolve() for path in Path("/usr/sbin").iterdir()}
    gone = [str(path) for path in sorted(real) if re.fullmatch(names, path.name)]
    assert gone, names
    hide = "".join(f"mount --bind /dev/null {path} && " for path in gone) + 'exec "$@"'
    return pod.run(["unshare", "--mount", "sh", "-c", hide, "sh", *argv], check=False)


def test_without_nft_the_rules_are_put_in_place_by_iptables(lab, binaries):
    pod = lab.pod("pod")
    program = f"{pod.bind(binaries.epaulet.parent, 'epaulet-bin')}/{binaries.epaulet.name}"
    for command in ("install", "verify", "remove"):
        done = hiding(pod, "nft", program, "redirect", command)
        assert done.returncode == 0, done.stderr
        if command == "install":
            assert result_of(pod)["backend"] == "iptables-nft"  # Debian's choice
            assert IPTABLES_NFT.has_ours(pod)
    assert not IPTABLES_NFT.has_ours(pod)


def refusing(pod, *programs: str, saying: str = "Protocol not supported") -> dict[str, str]:
    """An environment in which these programs do nothing but refuse."""
    folder = pod.run_dir / "refusing"
    folder.mkdir()
    for name in programs:
        version = 'case "$1" in --version) echo "v1.8.9 (nf_tables)"; exit 0;; esac\n'
        (folder / name).write_text(f"#!/bin/sh\n{version}echo '{saying}' >&2\nexit 1\n")
        (folder / name).chmod(0o755)
    return {"PATH": "/run/refusing:/usr/sbin:/usr/bin:/sbin:/bin"}


def test_without_nf_tables_in_the_kernel_the_older_iptables_does_it(lab, binaries):
    pod = lab.pod("pod")
    program = f"{pod.bind(binaries.epaulet.parent, 'epaulet-bin')}/{binaries.epaulet.name}"
    newer = [f"{name}-{what}" for name in ("iptables", "ip6tables") for what in ("save", "restore")]
    env = refusing(pod, "nft", *newer)
    pod.run([program, "redirect", "install"], env=env)
    assert result_of(pod)["backend"] == "iptables-legacy"
    pod.run([program, "redirect", "verify"], env=env)
    pod.run([program, "redirect", "remove"], env=env)
    assert not IPTABLES_LEGACY.has_ours(pod)
    done = pod.run([program, "redirect", "install", "--backend", "nft"], env=env, check=False)
    assert done.returncode == 1 and "nf_tables" in done.stderr, done.stderr


def test_a_family_that_refuses_its_rules_leaves_the_other_without(lab, binaries):
    pod = lab.pod("pod")
    program = f"{pod.bind(binaries.epaulet.parent, 'epaulet-bin')}/{binaries.epaulet.name}"
    saying = "line 4: RULE_APPEND failed (No such file or directory)"
    env = refusing(pod, "ip6tables-restore", saying=saying)
    argv = [program, "redirect", "install", "--backend", "iptables-nft"]
    done = pod.run(argv, env=env, check=False)
    assert done.returncode == 1 and result_of(pod)["ok"] is False
    for part in ("ip6tables-restore", "-I INPUT 1 -j EPAULET_GUARD", "xt_owner", "nft_compat"):
        assert part in done.stderr, done.stderr
    assert not any(backend.has_ours(pod) for backend in BACKENDS)


def test_only_the_backend_that_was_used_last_has_rules(lab, binaries):
    pod = lab.pod("pod")
    for backend in (*BACKENDS, NFT):
        install(pod, binaries, backend)
        assert [one for one in BACKENDS if one.has_ours(pod)] == [backend]
        assert redirect(pod, binaries, "verify").returncode == 0
    install(pod, binaries, IPTABLES_LEGACY)
    redirect(pod, binaries, "remove")
    assert not any(backend.has_ours(pod) for backend in BACKENDS)


def test_loopback_that_is_down_is_named(lab, binaries):
    pod = lab.pod("pod")
    pod.run(["ip", "link", "set", "lo", "down"])
    done = redirect(pod, binaries, "install", check=False)
    assert done.returncode == 1 and "ip link set lo up" in done.stderr


def test_only_one_check_runs_at_a_time(lab, binaries):
    pod = lab.pod("pod")
    holder = pod.in_netns(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    pod.in_netns(lambda: holder.bind("\0epaulet-redirect"))
    with holder:
        done = redirect(pod, binaries, "verify", check=False)
    assert done.returncode == 1 and "another `epaulet redirect`" in done.stderr
    try:
        redirect(pod, binaries, "verify")
        raise AssertionError("verify succeeds without rules")
    except LabError as error:
        assert "fail outbound-tcp/ipv4" in str(error)
