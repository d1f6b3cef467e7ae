"""W3C trace context and B3, from hop to hop: what comes is kept, and what begins is said as configured."""

import re

from mesh import CALLEE, CALLER, Member, Mesh, field

TRACE, SPAN = "80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1"
SHORT = "a3ce929d0e0e4736"


def of_trace(head: bytes) -> dict[str, str]:
    found = re.findall(r"(?im)^((?:x-b3-\w+)|traceparent|tracestate|b3): *(.*?)\r$", head.decode())
    names = [name.lower() for name, _ in found]
    assert len(set(names)) == len(names), f"said twice: {head!r}"
    return {name.lower(): value for name, value in found}


class World:
    def __init__(self, lab, binaries, tracing: str):
        self.api, self.api2 = Mesh(lab, binaries).pair(
            f"{CALLER}\ntracing: {{ {tracing} }}\n", f"{CALLEE}\ntracing: {{ {tracing} }}\n"
        )
        self.app = self.api2.app()

    def seen(self, **sent: str) -> dict[str, str]:
        """What of the trace the app is told that is asked, two sidecars later."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in sent.items())
        with self.api.call("api2.default") as client:
            client.send(f"GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
            server, head = self.app.take_head()
            server.send("HTTP/1.1 204 No Content\r\n\r\n")
            client.head()
        return of_trace(head)

    def logged(self, member: Member, trace: str) -> bool:
        return bool(member.wait_logged(kind="exchange", trace_id=trace))


def test_b3_alone_keeps_its_trace_and_is_said_in_w3c_too(lab, binaries):
    world = World(lab, binaries, "sample: 100%")
    single = f"{TRACE}-{SPAN}-0-05e3ac9a4f6e3b90"
    assert world.seen(b3=single) == {"b3": single, "traceparent": f"00-{TRACE}-{SPAN}-00"}
    assert world.logged(world.api, TRACE) and world.logged(world.api2, TRACE)
    several = {
        "x-b3-traceid": SHORT,
        "x-b3-spanid": SPAN,
        "x-b3-parentspanid": "05e3ac9a4f6e3b90",
        "x-b3-sampled": "1",
    }
    padded = f"00-{SHORT:0>32}-{SPAN}-01"
    assert world.seen(**several) == {**several, "traceparent": padded}
    # Who leaves the decision to us gets it, the same in each format.
    decided = {"b3": f"{TRACE}-{SPAN}-1", "traceparent": f"00-{TRACE}-{SPAN}-01"}
    assert world.seen(b3=f"{TRACE}-{SPAN}") == decided
    # A decision without a trace is kept for the one that begins.
    begun = world.seen(b3="0")
    found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-00", begun["traceparent"])
    assert found and begun["b3"] == f"{found[1]}-{found[2]}-0", begun
    assert world.seen(x_b3_sampled="0")["x-b3-sampled"] == "0"


def test_what_is_there_passes_unchanged(lab, binaries):
    world = World(lab, binaries, "sample: 100%")
    sent = {"traceparent": f"00-{TRACE}-{SPAN}-00", "tracestate": "vendor=1"}
    assert world.seen(**sent) == sent
    both = {**sent, "b3": f"{SHORT}-{SPAN}-1"}
    assert world.seen(**both) == both, "two systems of traces, each with its own"


def test_malformed_ones_are_replaced(lab, binaries):
    world = World(lab, binaries, "sample: 0%")
    for wrong in ({"b3": f"{TRACE}-{SPAN}-9"}, {"x-b3-traceid": TRACE}, {"traceparent": "00-1-2-3"}):
        seen = world.seen(**wrong, tracestate="vendor=1")
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", seen["traceparent"]), seen
        assert set(seen) == {"traceparent"}, "its state is of another trace, or of none"


def test_traces_begin_as_configured(lab, binaries):
    world = World(lab, binaries, "sample: 100%, propagate: [b3_multi, b3]")
    seen = world.seen()
    assert set(seen) == {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "b3"}, seen
    assert seen["b3"] == f"{seen['x-b3-traceid']}-{seen['x-b3-spanid']}-1", seen
    assert world.logged(world.api, seen["x-b3-traceid"])
    # The first of `propagate` is right, and what comes in another way is said in these, too.
    seen = world.seen(traceparent=f"00-{TRACE}-{SPAN}-00")
    assert seen["b3"] == f"{TRACE}-{SPAN}-0" and seen["x-b3-spanid"] == SPAN, seen
    assert seen["traceparent"] == f"00-{TRACE}-{SPAN}-00", seen
    debug = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-flags": "1"}
    assert world.seen(**debug) == {**debug, "b3": f"{TRACE}-{SPAN}-d"}


def test_nothing_begins_where_it_is_not_wanted(lab, binaries):
    world = World(lab, binaries, "begin: false")
    assert world.seen() == {}
    assert world.seen(b3="0") == {"b3": "0"}
    assert world.seen(b3=f"{TRACE}-{SPAN}-1") == {
        "b3": f"{TRACE}-{SPAN}-1",
        "traceparent": f"00-{TRACE}-{SPAN}-01",
    }


def test_a_later_delivery_is_of_the_same_trace(lab, binaries):
    later = CALLER.replace(
        "    ports: { 80: http, 81: auto, 82: tcp }\n",
        "    ports: { 80: http }\n    routes: [ { name: later, background: {} } ]\n",
        1,
    )
    api, api2 = Mesh(lab, binaries).pair(later + "tracing: { propagate: [b3] }\n")
    app = api2.app()
    with api.call("api2.default") as client:
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        status, _, _ = client.response("POST")
        assert status == 202
    server, head = app.take_head()
    trace = field(head, "b3").split("-")[0]
    server.send("HTTP/1.1 204 No Content\r\n\r\n")
    traces = {record["trace_id"] for record in api.logged(kind="exchange")}
    assert traces <= {trace}, (traces, head)
