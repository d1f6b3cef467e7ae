"""From samples to ratios, a table, one JSON object and a Markdown page."""

import dataclasses
import datetime
import json
import pathlib
import statistics

from measure import Sample
from proxies import (
    HANDSHAKE,
    PAIR,
    PAIR_1M,
    PAIR_GRPC,
    PAIR_H2,
    PAIR_MUX,
    PEERS,
    PLAIN,
    PLAIN_1M,
    PLAIN_GRPC,
    PLAIN_H2,
    RESUMED,
)

MODES = {
    PLAIN: "Plain hop",
    PAIR: "Pair with mTLS, HTTP/1.1 between (both sidecars summed)",
    PLAIN_H2: "Plain hop, HTTP/2",
    PAIR_H2: "Pair with mTLS, HTTP/2 (both sidecars summed)",
    PLAIN_GRPC: "Plain hop, gRPC unary",
    PAIR_GRPC: "Pair with mTLS, gRPC unary (both sidecars summed)",
    PAIR_MUX: "Pair with mTLS, HTTP/1.1 that shares a connection between (the peers as they were)",
    PLAIN_1M: "Plain hop, answers of 1 MiB",
    PAIR_1M: "Pair with mTLS, HTTP/1.1 between, answers of 1 MiB (both sidecars summed)",
    HANDSHAKE: "Full handshakes of mutual TLS, the server's side (one is a request here)",
    RESUMED: "Resumed handshakes of mutual TLS, the server's side (one is a request here)",
}
# What a mode is called in the name of its ratio, where that is not its own name.
NAMES = {PAIR_MUX: "pair_multiplexed"}
BASES = ("floor", "haproxy", "nginx", "envoy")
NOISY = 0.05  # share of the proxy's core that others or the hypervisor took in a round


@dataclasses.dataclass
class Results:
    """samples[mode][peer][round]; a round that failed holds None, so that pairs stay aligned."""

    samples: dict[str, dict[str, list[Sample | None]]]
    absent: dict[str, str]
    failed: dict[tuple[str, str], str]
    tls: dict[str, str]
    environment: dict


def spread(values: list[float]) -> dict | None:
    """Median, extremes and quartiles; None if there is nothing to say."""
    if not values:
        return None
    low, middle, high = (
        statistics.quantiles(values, n=4, method="inclusive")
        if len(values) > 1
        else (values[0],) * 3
    )
    rounded = {"median": middle, "min": min(values), "max": max(values), "q1": low, "q3": high}
    return {key: round(value, 4) for key, value in rounded.items()} | {"rounds": len(values)}


def paired_ratio(ours: list[Sample | None], base: list[Sample | None]) -> dict | None:
    """Each round's ratio first, then the median: what disturbed a round disturbed both."""
    return spread(
        [
            a.cpu_us_per_request / b.cpu_us_per_request
            for a, b in zip(ours, base, strict=True)
            if a and b
        ]
    )


def of_field(samples: list[Sample | None], field: str) -> dict | None:
    return spread([getattr(sample, field) for sample in samples if sample])


def noisy_rounds(samples: list[Sample | None]) -> int:
    return sum(
        1 for sample in samples if sample and sample.foreign_share + sample.stolen_share > NOISY
    )


def to_object(results: Results) -> dict:
    """The `--json` object: epaulet's ratios at the top, everything else beneath."""
    top: dict = {}
    ratios: dict = {}
    rows: dict = {}
    for mode, peers in results.samples.items():
        ratios[mode], rows[mode] = {}, {}
        for base in BASES:
            top[f"{NAMES.get(mode, mode)}_over_{base}"] = (
                paired_ratio(peers.get("epaulet", []), peers.get(base, []))
                if (peers.get("epaulet") and peers.get(base))
                else None
            )
        for peer in PEERS:
            if peer in results.absent:
                rows[mode][peer] = {"absent": results.absent[peer]}
                continue
            if peer not in peers:
                continue
            samples = peers[peer]
            ratios[mode][peer] = {
                f"over_{base}": paired_ratio(samples, peers[base])
                for base in BASES
                if base != peer and peers.get(base)
            }
            rows[mode][peer] = {
                field.name: of_field(samples, field.name) for field in dataclasses.fields(Sample)
            }
            rows[mode][peer]["noisy_rounds"] = noisy_rounds(samples)
            rows[mode][peer]["cpu_us_by_round"] = [
                sample and round(sample.cpu_us_per_request, 2) for sample in samples
            ]
            if (mode, peer) in results.failed:
                rows[mode][peer]["failed"] = results.failed[mode, peer]
    return top | {
        "ratios": ratios,
        "rows": rows,
        "tls": results.tls,
        "environment": results.environment,
    }


def table(report: dict) -> str:
    """For a terminal: one block per mode."""
    lines = []
    for mode, rows in report["rows"].items():
        lines += ["", MODES[mode]]
        lines.append(
            f"  {'':9}{'CPU us/request':>26}{'over floor':>22}{'over haproxy':>22}{'over envoy':>22}"
            f"{'req/s':>9}"
            f"{'p50 ms':>8}{'p99 ms':>8}{'core':>6}{'MiB idle':>10}{'loaded':>8}"
        )
        for peer, row in rows.items():
            if "absent" in row:
                lines.append(f"  {peer:9}absent: {row['absent']}")
                continue
            if not row["cpu_us_per_request"]:
                lines.append(f"  {peer:9}failed: {row.get('failed', 'no round finished')}")
                continue
            ratio = report["ratios"][mode][peer]
            lines.append(
                f"  {peer:9}{_range(row['cpu_us_per_request'], 1):>26}"
                f"{_range(ratio.get('over_floor'), 2):>22}"
                f"{_range(ratio.get('over_haproxy'), 2):>22}"
                f"{_range(ratio.get('over_envoy'), 2):>22}"
                f"{row['requests_per_second']['median']:>9.0f}"
                f"{row['p50_us']['median'] / 1000:>8.2f}{row['p99_us']['median'] / 1000:>8.2f}"
                f"{row['core_share']['median']:>6.0%}{row['rss_idle_kib']['median'] / 1024:>10.1f}"
                f"{row['rss_loaded_kib']['median'] / 1024:>8.1f}"
            )
            if "failed" in row:
                lines.append(f"  {'':9}failed in a round: {row['failed']}")
    lines += ["", *_remarks(report)]
    return "\n".join(lines)


def _range(value: dict | None, digits: int) -> str:
    if not value:
        return "-"
    return f"{value['median']:.{digits}f} ({value['min']:.{digits}f}..{value['max']:.{digits}f})"


def _remarks(report: dict) -> list[str]:
    environment = report["environment"]
    remarks = ["median (min..max) of paired rounds; latency is that of a closed loop at saturation"]
    noisy = sum(
        row.get("noisy_rounds", 0) for rows in report["rows"].values() for row in rows.values()
    )
    total = sum(
        (row.get("cpu_us_per_request") or {}).get("rounds", 0)
        for rows in report["rows"].values()
        for row in rows.values()
    )
    if noisy:
        remarks.append(
            f"NOISY: in {noisy} of {total} samples others took more than {NOISY:.0%} "
            "of the proxy's core"
        )
    if "epaulet" in environment["version"] and environment["build_type"] not in (
        "Release",
        "RelWithDebInfo",
    ):
        remarks.append(
            f"NOT A RELEASE BUILD: {environment['build_type']}; epaulet's numbers mean nothing"
        )
    if environment["mode"] == "smoke":
        remarks.append("smoke run: proves that the harness works, measures nothing")
    return remarks


def save(
    report: dict, configurations: dict[str, str], directory: pathlib.Path
) -> list[pathlib.Path]:
    """Writes DATE-COMMIT[-MODE].json and .md; a second run of the day and commit gets a number."""
    environment = report["environment"]
    stem = f"{datetime.date.fromisoformat(environment['date'][:10])}-{environment['commit'][:10]}"
    if environment["mode"] != "full":
        stem += f"-{environment['mode']}"
    number, name = 1, stem
    while (directory / f"{name}.json").exists():
        number += 1
        name = f"{stem}-{number}"
    directory.mkdir(exist_ok=True)
    data, page = directory / f"{name}.json", directory / f"{name}.md"
    data.write_text(json.dumps(report, indent=1) + "\n")
    page.write_text(_markdown(report, configurations))
    return [data, page]


def _markdown(report: dict, configurations: dict[str, str]) -> str:
    environment = report["environment"]
    lines = [f"# Load benchmark, {environment['date']}", ""]
    lines += [f"> {remark}" for remark in _remarks(report)]
    for mode, rows in report["rows"].items():
        lines += ["", f"## {MODES[mode]}", ""]
        lines.append(
            "| | CPU us/request | over floor | over HAProxy | over nginx | over Envoy | requests/s "
            "| p50 ms | p99 ms | "
            "core used | RSS MiB idle, loaded | PSS MiB idle, loaded | noisy rounds |"
        )
        lines.append("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
        for peer, row in rows.items():
            lines.append(f"| {peer} | " + " | ".join(_cells(report, mode, peer, row)) + " |")
        if any("failed" in row for row in rows.values()):
            lines += [
                "",
                *(
                    f"{peer} failed: {row['failed']}"
                    for peer, row in rows.items()
                    if "failed" in row
                ),
            ]
    if report["tls"]:
        lines += [
            "",
            "TLS between the sidecars: "
            + "; ".join(f"{peer} {what}" for peer, what in report["tls"].items()),
        ]
    lines += [
        "",
        "Each cell: median (min..max, quartiles q1..q3) over rounds; a ratio is taken in each "
        "round first.",
        "",
        "## Environment",
        "",
        "| | |",
        "|---|---|",
    ]
    lines += [
        f"| {key.replace('_', ' ')} | {value} |"
        for key, value in environment.items()
        if not isinstance(value, (dict, list))
    ]
    lines += [
        f"| {key} {name} | {value} |"
        for key, values in environment.items()
        if isinstance(values, dict)
        for name, value in values.items()
        if key != "commands"
    ]
    lines += ["", "## Commands", "", "```sh"]
    for name, command in environment["commands"].items():
        lines += [f"# {name}", command]
    lines += ["```", "", "## Configuration files", ""]
    for name, text in configurations.items():
        lines += [f"### {name}", "", "```", text.rstrip(), "```", ""]
    return "\n".join(lines)


def _cells(report: dict, mode: str, peer: str, row: dict) -> list[str]:
    if "absent" in row:
        return ["absent", *["-"] * 11]
    if not row["cpu_us_per_request"]:
        return ["failed", *["-"] * 11]

    def full(value: dict | None, digits: int) -> str:
        if not value:
            return "-"
        return (
            f"**{value['median']:.{digits}f}** "
            f"({value['min']:.{digits}f}..{value['max']:.{digits}f}, "
            f"{value['q1']:.{digits}f}..{value['q3']:.{digits}f})"
        )

    def mebibytes(kind: str) -> str:
        return ", ".join(
            f"{row[f'{kind}_{when}_kib']['median'] / 1024:.1f}" for when in ("idle", "loaded")
        )

    ratio = report["ratios"][mode][peer]
    return [
        full(row["cpu_us_per_request"], 1),
        *(full(ratio.get(f"over_{base}"), 3) for base in BASES),
        f"{row['requests_per_second']['median']:.0f}",
        f"{row['p50_us']['median'] / 1000:.2f}",
        f"{row['p99_us']['median'] / 1000:.2f}",
        f"{row['core_share']['median']:.0%}",
        mebibytes("rss"),
        mebibytes("pss"),
        f"{row['noisy_rounds']} of {row['cpu_us_per_request']['rounds']}",
    ]
