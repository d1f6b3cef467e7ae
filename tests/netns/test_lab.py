"""The laboratory itself: what the other tests rely on, and that nothing is left of it."""

import os
import signal
import socket
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

from lab import Capture, Classifier, Lab, LabError, Nameserver, query, request, sweep, wait_until

SUPPORT = Path(__file__).resolve().parents[1] / "support"
APP_UID = 1000
PORT = 8080


# Not `python3 -m http.server`: that looks its own name up first, and here nobody answers.
SERVER = textwrap.dedent("""
    import http.server, socket, socketserver, sys
    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6
        server_bind = socketserver.TCPServer.server_bind
    Server(("::", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
    """)


def serve(pod, port: int = PORT):
    """A plain HTTP server on every address of the pod."""
    process = pod.start(["python3", "-c", SERVER, str(port)], uid=APP_UID, name="server")
    process.wait_for(lambda: request(pod, "127.0.0.1", port, "/").status, "to answer")
    return process


def test_pods_talk_over_ipv4_and_ipv6(lab):
    one, other = lab.pod("one"), lab.pod("other")
    serve(other)
    assert request(one, other.ipv4, PORT, "/").status == 200
    assert request(one, other.ipv6, PORT, "/").status == 200


def test_pods_have_networks_of_their_own(lab):
    one, other = lab.pod("one"), lab.pod("other")
    serve(other)
    try:
        request(one, "127.0.0.1", PORT, "/")
        raise AssertionError("the server of one pod answers on the loopback of another")
    except ConnectionRefusedError:
        pass
    links = one.run(["ip", "-br", "link"]).stdout
    assert links.count("\n") == 2, f"expected lo and eth0: {links}"


def test_resolv_conf_and_run_are_the_pods_own(lab):
    before = Path("/etc/resolv.conf").read_text()
    one, other = lab.pod("one"), lab.pod("other")
    text = one.run(["cat", "/etc/resolv.conf"]).stdout
    assert text.splitlines() == [
        "nameserver 10.88.0.1",
        "search default.svc.cluster.local svc.cluster.local cluster.local",
        "options ndots:5",
    ]
    one.run(["touch", "/run/mark"])
    assert one.run(["ls", "/run/mark"]).returncode == 0
    assert other.run(["ls", "/run/mark"], check=False).returncode != 0
    assert not Path("/run/mark").exists()
    assert Path("/etc/resolv.conf").read_text() == before


def test_an_app_has_neither_capabilities_nor_the_callers_environment(lab):
    os.environ["EPAULET_TEST_SECRET"] = "x"
    pod = lab.pod("one")
    status = pod.run(["cat", "/proc/self/status"], uid=APP_UID).stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == [str(APP_UID)] * 4
    assert fields["Groups"].strip() == ""
    assert int(fields["CapPrm"], 16) == int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert "EPAULET_TEST_SECRET" not in pod.run(["env"]).stdout


def test_a_name_appears_when_it_is_added(lab):
    dns, pod = lab.pod("dns", 1), lab.pod("one")
    nameserver = Nameserver(dns)
    nameserver.wait_ready()
    name = "late.default.svc.cluster.local"
    assert query(pod, name).rcode == "NXDOMAIN"
    assert query(pod, name, tcp=True).rcode == "NXDOMAIN"
    assert pod.run(["getent", "ahosts", "late.default"], check=False).returncode == 2
    nameserver.add(name, "10.88.0.99", "fd88::99")
    assert query(pod, name).addresses == ["10.88.0.99"]
    assert query(pod, name, "AAAA", tcp=True).addresses == ["fd88::99"]
    assert "10.88.0.99" in pod.run(["getent", "ahosts", "late.default"]).stdout


def test_the_wire_tells_tls_from_plaintext(lab):
    one, other = lab.pod("one"), lab.pod("other")
    key, cert = lab.directory / "key.pem", lab.directory / "cert.pem"
    subject = ["-subj", "/CN=other", "-keyout", str(key), "-out", str(cert)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject]
    subprocess.run(command, check=True, capture_output=True)
    capture = Capture(other)
    serve(other)
    server = [
        "openssl",
        "s_server",
        "-accept",
        "8443",
        "-www",
        "-key",
        str(key),
        "-cert",
        str(cert),
    ]
    other.start(server, name="tls").wait_for_line("ACCEPT")

    request(one, other.ipv4, PORT, "/")
    plain = capture.between(one, other)
    assert plain.plaintext_segments > 0 and plain.tls_records == 0, plain
    for address in other.addresses:
        before = capture.between(one, other)
        target = f"[{address}]:8443" if ":" in address else f"{address}:8443"
        one.run(["openssl", "s_client", "-connect", target])
        crossed = capture.between(one, other) - before
        assert crossed.tls_records > 3 and crossed.plaintext_segments == 0, crossed
    assert capture.between(one, other).dropped_frames == 0


def segment(sequence: int, payload: bytes, flags: int = 0x10, port: int = 40000) -> bytes:
    """An Ethernet frame with one IPv4 TCP segment to port 8080."""
    tcp = struct.pack("!HHIIBBHHH", port, PORT, sequence, 0, 5 << 4, flags, 0, 0, 0) + payload
    addresses = socket.inet_aton("10.88.0.11") + socket.inet_aton("10.88.0.12")
    length = 20 + len(tcp)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, 64, socket.IPPROTO_TCP, 0) + addresses
    return bytes(12) + b"\x08\x00" + ip + tcp


def count(*frames: bytes) -> tuple[int, int]:
    classifier = Classifier()
    for frame in frames:
        classifier.frame(frame)
    found = classifier.between(("10.88.0.11",), ("10.88.0.12",))
    return found.tls_records, found.plaintext_segments


def test_records_are_counted_across_lost_and_repeated_segments(lab):
    syn = segment(0xFFFFFFFE, b"", flags=0x02)  # so that sequence numbers wrap around
    record = b"\x17\x03\x03\x00\x08" + b"12345678"
    stream = record * 3
    at = lambda offset: (0xFFFFFFFF + offset) & 0xFFFFFFFF  # noqa: E731
    head, middle, rest = (
        segment(at(0), stream[:3]),
        segment(at(3), stream[3:20]),
        segment(at(20), stream[20:]),
    )
    assert count(syn, head, middle, rest) == (3, 0)
    assert count(syn, head, rest, middle) == (3, 0)
    assert count(syn, head, head, middle, head, rest, middle) == (3, 0)
    assert count(syn, head, rest) == (0, 0)  # what lies behind the gap has not been read


def test_anything_that_is_no_record_is_plaintext(lab):
    syn = segment(0, b"", flags=0x02)
    assert count(syn, segment(1, b"GET / HTTP/1.1\r\n")) == (0, 1)
    assert count(syn, segment(1, b"\x17\x03\x03\x00\x02okGET / HTTP/1.1\r\n")) == (1, 1)
    assert count(syn, segment(1, b"\x17\x03\x09\x00\x02ok")) == (0, 1)
    assert count(syn, segment(1, b"\x17\x03\x03\xff\xffok")) == (0, 1)
    assert count(syn, segment(1, b"\x00" * 16)) == (0, 1)


def test_nothing_is_left_when_the_block_ends(lab):
    with Lab() as inner:
        pod = inner.pod("one")
        serve(pod)
        Capture(pod)
        assert inner.leftovers(), "the check would not see anything"
    assert inner.leftovers() == []


def test_nothing_is_left_after_an_exception(lab):
    try:
        with Lab() as inner:
            serve(inner.pod("one"))
            raise KeyError("on purpose")
    except KeyError:
        pass
    assert inner.leftovers() == []


A_LAB_THAT_WAITS = textwrap.dedent("""
    import signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where we run in background
    sys.path.insert(0, sys.argv[1])
    from lab import Lab
    with Lab() as lab:
        lab.join_host()
        lab.pod("one").start(["sleep", "1000"], uid=1000)
        print(lab.prefix, lab.directory, flush=True)
        time.sleep(1000)
    """)


def test_nothing_is_left_after_a_signal_or_a_kill(lab):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        child = subprocess.Popen(
            [sys.executable, "-c", A_LAB_THAT_WAITS, str(SUPPORT)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            prefix, directory = child.stdout.readline().split()
            spaces = sweep.identities(prefix)

            def left() -> list[str]:
                return sweep.leftovers(prefix, Path(directory), spaces)

            assert len(spaces) == 2 and left(), "the check would not see anything"
            child.send_signal(number)
            child.wait(10)
        finally:
            child.kill()
            child.communicate()
        # Only after SIGKILL does somebody else, the janitor, have to notice first.
        wait_until(lambda: not left(), f"nothing to be left after {number.name}", 5.0)


def test_a_process_that_ends_early_is_an_error_with_its_last_words(lab):
    process = lab.pod("one").start(["sh", "-c", "echo no such luck; exit 3"])
    try:
        process.wait_for_line("never")
        raise AssertionError("it waited for a process that had ended")
    except LabError as error:
        assert "status 3" in str(error) and "no such luck" in str(error), error
