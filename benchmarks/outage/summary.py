"""From single requests to what each tenth of a second was like, what each phase was, and how long recovery took."""

from timeline import Span

BIN_SECONDS = 0.1
QUANTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99, "max_ms": 1.0}
GOOD_STATUS = 200


def quantile(sorted_values: list[float], share: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def describe(told: list[list[float]]) -> dict:
    """Of some requests: how many, how many failed, how long they took."""
    took = sorted(one[1] for one in told)
    failed = sum(one[2] != GOOD_STATUS for one in told)
    found = {"requests": len(told), "failed": failed}
    return found | {name: quantile(took, share) for name, share in QUANTILES.items() if took}


def by_bins(side: dict, seconds: float) -> list[dict]:
    """Requests by when they were due; `arrived` by when they came, which retries do, too."""
    bins = [[] for _ in range(round(seconds / BIN_SECONDS))]
    for one in side["told"]:
        bins[min(len(bins) - 1, int(one[0] / 1000 / BIN_SECONDS))].append(one)
    arrived = side["arrived"]
    return [
        {"at": round(number * BIN_SECONDS, 1), **describe(told), "arrived": arrived.get(number, 0)}
        for number, told in enumerate(bins)
    ]


def by_phases(side: dict, spans: list[Span]) -> list[dict]:
    found = []
    for span in spans:
        told = [one for one in side["told"] if span.begin * 1000 <= one[0] < span.end * 1000]
        arrived = sum(
            count
            for number, count in side["arrived"].items()
            if span.begin <= number * BIN_SECONDS < span.end
        )
        found.append(
            {"phase": span.phase.name, "begin": span.begin, "end": span.end, **describe(told), "arrived": arrived}
        )
    return found


def recovery_seconds(side: dict, since: float, until: float) -> float | None:
    """From `since` to the due time of the first request behind which none fails; None: it never is so."""
    due = sorted((one[0] / 1000, one[2]) for one in side["told"] if since <= one[0] / 1000 < until)
    last_failure = max((at for at, status in due if status != GOOD_STATUS), default=None)
    if last_failure is None:
        return 0.0
    good = [at for at, _ in due if at > last_failure]
    return round(good[0] - since, 2) if good else None


def summarise(sides: dict[str, dict], spans: list[Span]) -> dict:
    return {
        name: {
            "phases": by_phases(side, spans),
            "recovery_after_all_failed_seconds": recovery_seconds(side, spans[-1].begin, spans[-1].end),
            "bins": by_bins(side, spans[-1].end),
        }
        for name, side in sides.items()
    }
