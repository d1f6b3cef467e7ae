"""Draws what summary.py made: draw.py JSON SVG. Runs with the Python that has matplotlib (requirements.txt)."""

import json
import sys

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402  (the backend first)

COLOURS = {"direct": "#c0392b", "epaulet": "#1f6fb2"}
NAMES = {"direct": "without: a round-robin client", "epaulet": "with epaulet on both sides"}
FLOOR_MS = 1.0


def line(axes, bins: list[dict], name: str, values: list[float], **more) -> None:
    axes.step([one["at"] for one in bins], values, where="post", color=COLOURS[name], linewidth=1, **more)


def draw(told: dict, path: str) -> None:
    matplotlib.rcParams.update({"svg.hashsalt": "outage", "font.size": 9, "svg.fonttype": "none"})
    figure, (latency, failed, load) = pyplot.subplots(3, 1, figsize=(11, 8), sharex=True, layout="constrained")
    for name, side in told["sides"].items():
        bins = side["bins"]
        for quantile, style in (("p50_ms", ":"), ("p99_ms", "-")):
            values = [max(FLOOR_MS, one.get(quantile, FLOOR_MS)) for one in bins]
            line(latency, bins, name, values, linestyle=style, label=f"{quantile[:3]} {NAMES[name]}")
        line(failed, bins, name, [100 * one["failed"] / max(1, one["requests"]) for one in bins])
        line(load, bins, name, [10 * one["arrived"] for one in bins])
    latency.set_yscale("log")
    latency.set_ylabel("time of a request, ms")
    failed.set_ylabel("requests that failed, %")
    load.set_ylabel("requests at the service, 1/s")
    load.set_ylim(0, 3.2 * told["rate"])
    load.set_xlabel("seconds")
    phases = next(iter(told["sides"].values()))["phases"]
    for axes in (latency, failed, load):
        axes.grid(alpha=0.25)
        axes.set_xlim(0, phases[-1]["end"])
        for number, phase in enumerate(phases):
            if number % 2:
                axes.axvspan(phase["begin"], phase["end"], color="#000000", alpha=0.05, linewidth=0)
    figure.legend(*latency.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    for phase in phases:
        middle = (phase["begin"] + phase["end"]) / 2
        latency.text(middle, 1.02, phase["phase"], ha="center", transform=latency.get_xaxis_transform(), fontsize=8)
    figure.suptitle(
        f"An outage: {told['rate']} requests a second, three instances, commit {told['environment']['commit'][:10]}"
    )
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        draw(json.load(file), sys.argv[2])
