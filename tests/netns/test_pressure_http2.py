"""Under pressure: peers that abuse HTTP/2, and streams that stand still."""

import contextlib
import functools
import json

from bystander import Bystander
from crowd import crowd
from http2_abuse import HONEST, OFFENCES, OUTCOMES, WORDS, abusing
from lab import wait_until
from mesh import APP_PORT, CALLEE, CALLER, Mesh
from test_proxy_http2 import APPS, ask, server

MUTE_PORT, READY_PORT = APP_PORT + 1, APP_PORT + 2  # of apps that never answer, and always
ABUSED = """
workers: 1
workload:
  service: api2.default
  ports: { 8080: { tls: permissive }, 8081: { tls: permissive, http: http1 }, 8082: { tls: permissive, http: http1 } }
identity: { dir: /var/run/epaulet/identity }
access: [ { name: all, allow: [anyone] } ]
timeouts: { head: 300ms, request: 2s, idle: 300ms }
"""
# Of each group every abuse is counted, and told of, by a name of its own.
TOGETHER = (
    ("rapid-reset", "continuations", "settings"),
    ("made-you-reset", "head-in-continuations", "pings"),
    ("hpack-bomb", "priorities", "slow-bodies"),
    ("empty-data", "half-a-head", "huge-head"),
    ("window-updates", "tiny-data", "shut-windows"),
)
STALLED = 120
STALLED_BYTES = 300_000  # each would fill a window in every sidecar, and the app's
ACTIVE_BYTES = 8_000_000


def test_each_abuse_of_http2_has_its_limit_its_name_and_harms_nobody(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair("workers: 1\n" + CALLER, ABUSED)
    outside, bare = lab.pod("outside"), lab.pod("bare")
    with contextlib.ExitStack() as stack:
        others = stack.enter_context(Bystander(api, api2))
        stack.enter_context(crowd(api2.pod, "bare", port=MUTE_PORT))
        stack.enter_context(crowd(api2.pod, "bare", port=READY_PORT, body=100_000))
        stack.enter_context(crowd(bare, "bare", port=MUTE_PORT, life=0.3))
        before = api2.memory_peak_bytes()
        assert sorted(sum(TOGETHER, ())) == sorted((*OFFENCES, *OUTCOMES)), "each of them"

        def counted(name: str) -> float:
            if name in OFFENCES:
                return api2.counter("epaulet_http2_offences_total", reason=OFFENCES[name][0])
            return api2.counter("epaulet_requests_total", outcome=OUTCOMES[name][0])

        def told(name: str, before: int) -> bool:
            lines = api2.logged()[before:]
            if name in OUTCOMES:
                return any(one.get("outcome") == OUTCOMES[name][0] for one in lines)
            return any(WORDS[OFFENCES[name][0]] in one.get("summary", "") for one in lines)

        @contextlib.contextmanager
        def at_once(names: tuple[str, ...], elsewhere: bool):
            with contextlib.ExitStack() as abuses:
                for name in names:
                    honest = name in HONEST
                    port, control = (READY_PORT, api2.pod) if honest else (MUTE_PORT, bare)
                    address = control.ipv4 if elsewhere else api2.pod.ipv4
                    how = honest and elsewhere
                    abuses.enter_context(abusing(outside, name, address, port, how))
                yield

        for names in TOGETHER:
            print(f"# {', '.join(names)}")
            was, lines = {name: counted(name) for name in names}, len(api2.logged())
            others.assert_unharmed(
                functools.partial(at_once, names, False), functools.partial(at_once, names, True)
            )
            for name in names:
                wait_until(lambda: counted(name) > was[name], f"{name} to be counted", 3)
                wait_until(lambda: told(name, lines), f"{name} to be in the log", 3)
        assert api2.memory_peak_bytes() - before < 48 << 20


def test_streams_that_stand_still_share_a_bound_and_one_that_moves_keeps_its_pace(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair(CALLER, CALLEE)
    app = server(api2)
    active = {"path": "/echo", "bytes": ACTIVE_BYTES}
    stalled = {"path": "/stall", "bytes": STALLED_BYTES}

    def pace(*asks: dict) -> float:
        """Seconds that the last of these, alone in being answered, took."""
        script = f"{api.pod.bind(APPS, 'apps')}/http2_client.js"
        process = api.pod.start(
            ["node", script, "http://api2.default:80", json.dumps([*asks, active]), "one"],
            name="http2-client",
        )
        process.wait_for(lambda: process.json_lines(), "its answer", 60)
        (told,) = process.json_lines()
        process.stop()
        assert told["bytes"] == ACTIVE_BYTES, told
        return told["seconds"]

    alone = min(pace() for _ in range(3))
    before = [one.memory_peak_bytes() for one in (api, api2)]
    beside = min(pace(*[stalled] * (STALLED - 2)) for _ in range(3))
    grown = [one.memory_peak_bytes() - was for one, was in zip((api, api2), before)]
    print(f"# {ACTIVE_BYTES >> 20} MiB: {alone:.2f} s alone, {beside:.2f} s; grown by {grown}")
    for one in (api, api2):
        assert one.counter("epaulet_http2_windows_narrowed_total") > 0
    assert max(grown) < 8 << 20, grown
    assert beside < 3 * alone + 0.5, (beside, alone)
    app.wait_for_line("stalled /stall")
