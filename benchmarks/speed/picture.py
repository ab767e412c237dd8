"""The results of all sizes as a picture: CPU by number of events, both on log axes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.speed.figures import ASIDE
from benchmarks.speed.generate import SIZES
from benchmarks.speed.registry import ENGINES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_GAP = 1.32  # the least ratio between the heights of two labels


def plot(results: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw CPU by size on log axes, one line per engine; dotted what holdfast takes with the building of its store."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
    lines = {ENGINES[name].title: _points(results, name) for name in ENGINES if name not in ASIDE}
    stores = {SIZES[size].events: one["build"]["cpu"] for size, one in results.items() if one["build"]}
    measured = lines[ENGINES["holdfast"].title]
    lines["holdfast, store built first"] = {at: cpu + stores[at] for at, cpu in measured.items() if at in stores}
    lines = {title: points for title, points in lines.items() if points}
    axes.set_prop_cycle(color=["tab:orange", "tab:green", "tab:red", "tab:purple"])
    for title, points in lines.items():
        axes.plot(*zip(*points.items(), strict=True), marker="o", **_style(title))
    _label(axes, lines)
    axes.set(xscale="log", yscale="log", xlabel="usage events", ylabel="CPU seconds, one thread",
             title="60 aggregates at 24 cutoffs")  # fmt: skip
    axes.set_xlim(7e5, 9e8)
    axes.set_xticks([SIZES[s].events for s in ("S", "M", "L")], ["1 M", "10 M", "100 M"])
    axes.minorticks_off()
    axes.grid(which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _points(results: Mapping[str, Mapping[str, Any]], name: str) -> dict[int, float]:
    return {SIZES[size].events: one["cpu"][name] for size, one in results.items() if name in one["cpu"]}


def _style(title: str) -> dict[str, Any]:
    own, scan = ENGINES["holdfast"].title, ENGINES["scan"].title
    special: dict[str, dict[str, Any]] = {
        own: {"lw": 2.6, "color": "C0"},
        f"{own}, store built first": {"lw": 1.3, "ls": ":", "color": "C0"},
        scan: {"lw": 1.3, "ls": "--", "color": "0.45"},
    }
    return special.get(title, {"lw": 1.3})


def _label(axes: Axes, lines: Mapping[str, Mapping[int, float]]) -> None:
    """Name every line at its end, labels of the same end pushed apart."""
    ends = sorted((max(points), points[max(points)], title) for title, points in lines.items())
    floor: dict[int, float] = {}
    for at, cpu, title in ends:
        height = max(cpu, floor.get(at, 0.0))
        floor[at] = height * _GAP
        own = title == ENGINES["holdfast"].title
        axes.text(at * 1.13, height, title, va="center", fontsize=9, fontweight="bold" if own else "normal")
