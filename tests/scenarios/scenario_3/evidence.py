"""What crosses the wire and reaches the apps while a row tries something."""

from lab import Count
from scenario import Row
from world import World


class Watch:
    """From its making until `finish`."""

    def __init__(self, row: Row, world: World):
        self._row, self._world = row, world
        self._wire = world.crossed()
        self._events = len(world.events_heard())
        self._gateway = [len(seen) for seen in world.gateway_requests()]

    def events(self) -> list[str]:
        """Events that have reached the event service meanwhile."""
        return self._world.events_heard()[self._events :]

    def gateway_requests(self) -> list[dict]:
        """Requests that have reached either replica meanwhile, those of the first before."""
        seen = self._world.gateway_requests()
        return [one for all_, before in zip(seen, self._gateway) for one in all_[before:]]

    def finish(self) -> None:
        """Writes counts and wire into the row; there must have been TLS and nothing else."""
        row = self._row
        wire = {pair: now - self._wire[pair] for pair, now in self._world.crossed().items()}
        row.evidence["wire"] = {pair: count.as_evidence() for pair, count in wire.items()}
        row.evidence["app_requests"] = {
            "gateway": len(self.gateway_requests()),
            "events": len(self.events()),
        }
        total = sum((count.tls_records for count in wire.values()), 0)
        plain = sum((count.plaintext_segments for count in wire.values()), 0)
        row.seen.append(f"between the pods {total} TLS records, {plain} plaintext")
        row.check("only TLS between the pods", all(_is_encrypted(one) for one in wire.values()))
        row.check("TLS between the pods", total > 0)


def _is_encrypted(count: Count) -> bool:
    return not count.plaintext_segments and not count.dropped_frames
