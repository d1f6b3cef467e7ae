"""Somebody opens connections to the sidecar's own pages and says nothing."""

import contextlib
import socket

from bystander import Bystander
from lab import request, wait_until
from mesh import CALLEE, CALLER, HEALTH, METRICS, Mesh, dial

PLACES = 64
SILENT = 150
REFUSED = "epaulet_page_connections_refused_total"


def test_silent_connections_keep_no_probe_out_and_are_counted(lab, binaries):
    api, api2 = Mesh(lab, binaries).pair("workers: 1\n" + CALLER, "workers: 1\n" + CALLEE)
    outside = lab.pod("outside")

    @contextlib.contextmanager
    def silence(pod, port: int):
        with contextlib.ExitStack() as stack:
            for _ in range(SILENT):
                stack.enter_context(dial(outside, pod.ipv4, port))
            yield

    with Bystander(api, api2) as bystander, silence(api2.pod, HEALTH):
        assert request(outside, api2.pod.ipv4, HEALTH, "/ready").status == 200
        wait_until(lambda: api2.counter(REFUSED, page="health") > SILENT - PLACES, "counts", 5)
        assert api2.counter(REFUSED, page="metrics") == 0
        assert api2.wait_logged(event="page_connection_refused")["page"] == "health"
        with silence(api2.pod, METRICS):
            assert api2.counter(REFUSED, page="metrics") > SILENT - PLACES
        assert len(api2.logged(event="page_connection_refused")) == 1, "said seldom"
        bystander.assert_flawless()
        idle = lab.pod("idle")
        with idle.in_netns(lambda: socket.create_server((idle.ipv4, HEALTH), backlog=4096)):
            bystander.assert_unharmed(
                lambda: silence(api2.pod, HEALTH), lambda: silence(idle, HEALTH)
            )
