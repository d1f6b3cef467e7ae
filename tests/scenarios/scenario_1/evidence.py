"""What happens between two pods while a row tries something, and what proves it."""

from lab import Answer, Count, LabError, Response, Sidecar, query, wait_until
from scenario import Row
from world import World

EXPLAIN_SECONDS = 1.0


class Watch:
    """What the app, the wire and the logs say between its making and `finish`.

    `between`: the two pods whose traffic counts, seen at the port of `capture`'s pod.
    """

    def __init__(self, world: World, capture, between):
        self._world, self._capture, self._between = world, capture, between
        self._requests_before = len(world.api2_requests())
        self._wire_before = capture.between(*between)
        self._log_before = len(world.api2_log())
        self._ids_before = {record["id"] for _, record in self._failures()}

    def new_requests(self) -> list[dict]:
        """What api2's app has seen meanwhile."""
        return self._world.api2_requests()[self._requests_before :]

    def admitted_by(self):
        """The rule that let the last request in. From api2's log: explain keeps failures only."""
        records = self._world.api2_log()[self._log_before :]
        return next((record["rule"] for record in reversed(records) if record.get("rule")), None)

    def newest_failure(self) -> dict | None:
        """Why a hop from api to api2 failed meanwhile, told by the sidecar nearest to the cause."""
        new = [record for _, record in self._failures() if record["id"] not in self._ids_before]
        return new[-1] if new else None

    def _failures(self) -> list[tuple[str, dict]]:
        sidecars = [one for one in (self._world.api_sidecar, self._world.api2_sidecar) if one]
        return [
            (str(record["time"]), record)
            for sidecar in sidecars
            for record in sorted(sidecar.explain(), key=lambda record: str(record["time"]))
            if record["kind"] != "dns"
        ]

    def finish(self, row: Row) -> Count:
        """Writes counter and wire into the row; returns what crossed the wire."""
        wire = self._capture.between(*self._between) - self._wire_before
        after = self._requests_before + len(self.new_requests())
        row.evidence["app_requests"] = {"before": self._requests_before, "after": after}
        row.evidence["wire"] = wire.as_evidence()
        names = " and ".join(pod.name for pod in self._between)
        if wire.tls_records or wire.plaintext_segments:
            crossed = f"{wire.tls_records} TLS records, {wire.plaintext_segments} plaintext"
        else:
            crossed = "nothing"
        row.seen.append(f"{names}: {crossed}")
        row.seen.append(f"requests in api2 {self._requests_before} -> {after}")
        return wire


def is_encrypted(wire: Count) -> bool:
    return wire.tls_records > 0 and not wire.plaintext_segments and not wire.dropped_frames


def ask(pod, name: str, kind: str = "A", tcp: bool = False) -> Answer:
    """A DNS query by which no answer is an answer too."""
    try:
        return query(pod, name, kind, tcp=tcp)
    except OSError as error:
        return Answer(f"no answer ({error.strerror or error})")


def note_dns(row: Row, answer: Answer) -> None:
    row.seen.append(f"DNS {answer}")
    row.evidence["dns_answer"] = {
        "rcode": answer.rcode,
        "addresses": answer.addresses,
        "ttl": answer.ttl,
    }


def outcome_of(response: Response) -> str:
    return f"{response.status} {response.body[:60]}".strip()


def find_record(sidecar: Sidecar, accept, identifier: str | None = None) -> dict | None:
    """The newest explain record that `accept` likes, or None. Records may arrive a moment late."""

    def newest():
        found = [record for record in sidecar.explain(identifier) if accept(record)]
        return max(found, key=lambda record: str(record["time"])) if found else None

    try:
        return wait_until(newest, "an explain record", EXPLAIN_SECONDS, poll=0.1)
    except LabError:
        return None
