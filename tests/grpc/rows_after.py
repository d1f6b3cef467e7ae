"""What must hold once all other rows have been played."""

from lab import wait_until
from world import World


def tls(world: World) -> None:
    """all that has crossed between the pods was TLS"""
    pods = [one.pod for one in world.members[1:]]
    counts = [one.between(world.api.pod, pod) for one, pod in zip(world.captures, pods)]
    for count in counts:
        assert count.tls_records > 50, count
        assert (count.plaintext_segments, count.dropped_frames) == (0, 0), count


def nothing_left(world: World) -> None:
    """no exchange is left behind in any sidecar, and none has crashed"""
    for one in world.members:
        wait_until(lambda: one.counter("epaulet_requests_active") == 0, "no exchange", 5.0)
        assert one.process.is_running(), one.process.tail()


ROWS = [tls, nothing_left]
