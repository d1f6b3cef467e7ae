"""Certificate files that are cut, or in the middle of being written."""

import contextlib
import shutil
import time

from bystander import Bystander
from lab import wait_until
from mesh import CALLEE, CALLER, CountingApp, Mesh, Traffic

RELOADS = "epaulet_identity_reloads_total"
CUTS_PER_SECOND = 10

# Cuts each of these files to a half and makes it whole again, in turn, until it is told to stop,
# which it does when all are whole.
CUTTER = """
import signal, sys, time
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))
folder, rate = sys.argv[1], float(sys.argv[2])
names = ("cert.pem", "key.pem", "ca.pem")
wholes = {name: open(f"{folder}/{name}", "rb").read() for name in names}
turn, count = time.monotonic(), 0
while not told or count % 2:
    name = names[count // 2 % 3]
    whole = wholes[name]
    with open(f"{folder}/{name}", "wb") as file:
        file.write(whole if count % 2 else whole[: len(whole) // 2])
    count += 1
    print(count, flush=True)
    turn += 1 / rate
    time.sleep(max(0.0, turn - time.monotonic()))
"""


def test_half_a_certificate_file_is_refused_and_half_a_bundle_is_not_taken(lab, binaries):
    mesh = Mesh(lab, binaries)
    api, api2 = mesh.pair()
    app = CountingApp(api2.pod)
    files = api2.sidecar.home / "identity"

    def loaded() -> int:
        return len(api2.logged(event="identity_loaded"))

    with Traffic(api, "api2.default") as traffic:
        traffic.wait_answered(20)
        # Its writer has died: every file in turn, cut to nothing and to a half.
        for name in ("cert.pem", "key.pem", "ca.pem"):
            whole = (files / name).read_bytes()
            for count in (0, len(whole) // 2):
                refused = len(api2.logged(event="identity_refused"))
                (files / name).write_bytes(whole[:count])
                api2.process.wait_for(
                    lambda: len(api2.logged(event="identity_refused")) > refused, f"a cut {name}"
                )
                said = api2.logged(event="identity_refused")[-1]
                assert name in said["reasons"] and said["level"] == "error", said
                assert name in api2.sidecar.admin("/certs")["refused"], "and /certs says why"
            (files / name).write_bytes(whole)
            wait_until(lambda: not api2.sidecar.admin("/certs").get("refused"), "it whole", 5)
        assert api2.counter(RELOADS, result="rejected") == 6
        traffic.wait_answered(20)

        # Its writer is slow: what is there so far is a valid bundle, without the root in use.
        before = loaded()
        parts = [(mesh.authority(name) / "ca.pem").read_text() for name in ("next", "ca")]
        with open(files / "ca.pem", "w") as file:
            file.write(parts[0])
            file.flush()
            time.sleep(1)
            traffic.wait_answered(20)
            assert loaded() == before
            file.write(parts[1])
        api2.process.wait_for(lambda: loaded() == before + 1, "the whole bundle")
        api.give_identity(mesh.issue("api"))  # and a handshake under it
        traffic.wait_answered(20)
    traffic.assert_flawless()
    assert not app.repeated()
    assert api2.counter(RELOADS, result="rejected") == 6
    assert api2.counter("epaulet_tls_handshakes_failed_total") == 0


def test_a_certificate_file_that_is_cut_again_and_again_harms_nobody(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair("workers: 1\n" + CALLER, "workers: 1\n" + CALLEE)
    aside = api2.pod.run_dir / "aside"
    shutil.copytree(api2.sidecar.home / "identity", aside)

    @contextlib.contextmanager
    def cutting(folder: str):
        argv = ["python3", "-c", CUTTER, folder, str(CUTS_PER_SECOND)]
        process = api2.pod.start(argv, name="cutter")
        process.wait_for(lambda: process.lines(), "the first cut")
        try:
            yield
        finally:
            assert process.stop() == 0, process.tail()

    def refused() -> float:
        return api2.counter(RELOADS, result="rejected")

    with Bystander(api, api2) as others:
        others.assert_unharmed(
            lambda: cutting("/run/epaulet/identity"),
            control=lambda: cutting("/run/aside"),
        )
        assert refused() >= others.rule.lead, "one in each window at least"
        assert len(api2.logged(event="identity_refused")) == refused()
        wait_until(lambda: not api2.sidecar.admin("/certs").get("refused"), "it whole", 5)
        others.assert_flawless()
