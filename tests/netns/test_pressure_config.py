"""The configuration is rewritten fifty times a second, whole and torn, valid and invalid."""

import contextlib
import time

from bystander import Bystander
from lab import wait_until
from mesh import CALLEE, CALLER, CountingApp, Mesh, Traffic
from priority import go_before_strangers

REWRITES_PER_SECOND = 50
REWRITES_MIN = 0.8 * REWRITES_PER_SECOND
RELOADS_PER_SECOND_MAX = 20  # by the pause after each look; about 2 if the writer keeps its pace

# Rewrites FILE until it is told to stop, which it does after a whole text: aside and renamed, then
# in place, where half of the text stands alone for a moment. That half is a valid configuration: one
# without any service.
REWRITER = """
import os, signal, sys, time
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))
path, rate = sys.argv[1], float(sys.argv[2])
texts = [open(one).read() for one in sys.argv[3:]]
turn, count = time.monotonic(), 0
while not told:
    text = texts[count // 2 % len(texts)]
    if count % 2:
        with open(path, "w") as file:
            half = text.index("services:")
            file.write(text[:half])
            file.flush()
            time.sleep(0.010)
            file.write(text[half:])
    else:
        with open(path + ".new", "w") as file:
            file.write(text)
        os.chown(path + ".new", 1337, 1337)
        os.rename(path + ".new", path)
    count += 1
    print(count, flush=True)
    turn += 1 / rate
    time.sleep(max(0.0, turn - time.monotonic()))
"""


class Rewriter:
    """Two valid texts and an invalid one, in turn, into the file at `path` in the pod."""

    def __init__(self, member):
        self.member = member
        self.path = member.sidecar.path_in_pod(member.sidecar.config_file)
        folder = member.pod.run_dir / "rewriter"
        folder.mkdir()
        (folder / "rewrite.py").write_text(REWRITER)
        self.texts = []
        for number, timeouts in enumerate(("request: 10s", "request: 11s", "reqest: 10s")):
            (folder / str(number)).write_text(f"timeouts: {{ {timeouts} }}" + CALLER)
            self.texts.append(f"/run/rewriter/{number}")
        self.done, self.seconds = 0, 0.0

    @contextlib.contextmanager
    def rewriting(self, path: str | None = None):
        argv = ["python3", "/run/rewriter/rewrite.py", path or self.path]
        process = self.member.pod.start([*argv, str(REWRITES_PER_SECOND), *self.texts])
        process.wait_for(lambda: process.lines(), "the first file")
        go_before_strangers(process.pid)
        began = time.monotonic()
        try:
            yield
        finally:
            process.stop()
            self.seconds += time.monotonic() - began
            self.done += len(process.lines())


def test_fifty_rewrites_a_second_disturb_nobody(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair("workers: 1\n" + CALLER, "workers: 1\n" + CALLEE)
    rewriter = Rewriter(api)

    def reloads() -> int:
        return sum(len(api.logged(event=f"config_{one}")) for one in ("applied", "rejected"))

    def counted(result: str) -> float:
        return api.counter("epaulet_config_reloads_total", result=result)

    with Bystander(api, api2) as bystander:
        # Under the first seconds of it: no starvation, no storm.
        began = time.monotonic()
        with rewriter.rewriting():
            time.sleep(3)
            early = reloads()
            assert early >= 3, "changes take effect while they go on"
        assert early <= RELOADS_PER_SECOND_MAX * (time.monotonic() - began), early

        begin = reloads(), rewriter.done, rewriter.seconds
        bystander.assert_unharmed(
            rewriter.rewriting, control=lambda: rewriter.rewriting("/run/rewriter/other")
        )
        each = (rewriter.done - begin[1]) / (rewriter.seconds - begin[2])
        print(f"# {each:.0f} rewrites a second, {reloads() - begin[0]} reloads")
        assert each >= REWRITES_MIN, "that was no storm: this machine has too much else to do"

        last = "timeouts: { request: 50s }" + CALLER
        api.replace("config/api.yaml", last)
        wait_until(
            lambda: "50s" in str(api.sidecar.admin("/config")["settings"]["timeouts"]),
            "the last text to be in force",
            1,
        )
        assert "rejected" not in api.sidecar.admin("/config")
        bystander.assert_flawless()
    assert counted("loaded") + counted("rejected") == reloads() + 1  # the first one at the start


def test_half_a_configuration_is_not_taken_however_slow_its_writer(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair()
    app = CountingApp(api2.pod)
    text = "timeouts: { request: 50s }" + CALLER
    half = text.index("services:")  # valid by itself, and without any service
    with Traffic(api, "api2.default") as traffic:
        traffic.wait_answered(20)
        with open(api.sidecar.config_file, "w") as file:
            file.write(text[:half])
            file.flush()
            time.sleep(1)
            traffic.wait_answered(20)
            file.write(text[half:])
        api.wait_logged(event="config_applied")
        traffic.wait_answered(20)
    traffic.assert_flawless()
    assert api.counter("epaulet_config_reloads_total", result="deferred") >= 1
    assert api.counter("epaulet_config_reloads_total", result="loaded") == 2
    assert app.calls and not api.logged(event="config_rejected")
