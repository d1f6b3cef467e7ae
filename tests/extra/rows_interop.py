"""The gRPC project's own interoperability tests: its Go client and server, and us between them."""

from lab import Count
from world import GRPC_PORT, World

CASES = (
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
    "rpc_soak",
    "channel_soak",
)
GIVEN_UP = ("timeout_on_sleeping_server", "cancel_after_begin")
SOAK = ("-soak_iterations=100", "-soak_overall_timeout_seconds=120")
ROWS = []


def play(world: World, case: str, pod, host: str, port: int) -> None:
    soak = SOAK if case.endswith("_soak") else ()
    status, text = world.run(
        pod, "client", f"-server_host={host}", f"-server_port={port}", f"-test_case={case}", *soak
    )
    assert status == 0, f"status {status}\n{text[-3000:]}"


def direct(world: World, case: str) -> None:
    """client and server alone"""
    play(world, case, world.out, "127.0.0.1", GRPC_PORT)


def through(world: World, case: str, host: str) -> tuple[str, Count]:
    """What both sidecars have counted of it, and what has crossed between the pods."""
    pods = world.api.pod, world.api2.pod
    sidecars = world.api, world.api2
    crossed = world.capture.between(*pods)
    before = [one.counter("epaulet_requests_total") for one in sidecars]
    play(world, case, world.api.pod, host, 80)
    world.assert_nothing_left()
    counts = [one.counter("epaulet_requests_total") - was for one, was in zip(sidecars, before)]
    # A call that its client gives up at once may be over before it is served.
    assert min(counts) >= 1 or case in GIVEN_UP, counts
    delta = world.capture.between(*pods) - crossed
    assert delta.dropped_frames == 0, delta
    return f"{counts[0]:.0f} calls", delta


def plaintext(world: World, case: str) -> str:
    """through two sidecars, plaintext between them"""
    told, crossed = through(world, case, "grpc-plain.default")
    assert crossed.tls_records == 0, crossed
    return f"{told}, {crossed.plaintext_segments} segments"


def mutual_tls(world: World, case: str) -> str:
    """through two sidecars, mutual TLS between them"""
    told, crossed = through(world, case, "grpc.default")
    assert crossed.plaintext_segments == 0, crossed
    return f"{told}, {crossed.tls_records} TLS records"


def _row(way, case: str):
    def claim(world: World):
        return way(world, case)

    claim.__name__ = f"interop_{way.__name__}_{case}"
    claim.__doc__ = way.__doc__
    return claim


ROWS.extend(_row(way, case) for way in (direct, plaintext, mutual_tls) for case in CASES)
