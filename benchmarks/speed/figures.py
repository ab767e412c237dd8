"""From runs to figures: the least CPU of several runs, ratios, exponents."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import log
from typing import Any

from benchmarks.speed.generate import SIZES

ASIDE = ("shared", "shared_all", "featuretools", "daily")  # other questions, not lines of the same table


def figures(size: str, runs: Mapping[str, list[dict[str, Any]]], rows: Mapping[str, int]) -> dict[str, Any]:
    """Reduce runs.

    CPU is the least of the runs: what a neighbour on the machine takes away is never negative. The spread is how far
    the worst run lay above it. Memory is the largest.
    """
    cpu = {name: min(one["cpu"] for one in all_) for name, all_ in runs.items() if all_}
    spread = {name: max(one["cpu"] for one in all_) / cpu[name] - 1 for name, all_ in runs.items() if all_}
    return {
        "size": size,
        "cpu": {name: round(value, 3) for name, value in cpu.items()},
        "spread": {name: round(value, 3) for name, value in spread.items()},
        "runs": {name: len(all_) for name, all_ in runs.items()},
        "rss_mb": {name: round(max(one["rss_mb"] for one in all_)) for name, all_ in runs.items() if all_},
        "ratio_pandas": ratio(cpu, "pandas", "holdfast"),
        "ratio_scan": ratio(cpu, "holdfast", "scan"),
        **_per_snapshot(cpu, rows),
        "incremental": min(runs.get("daily", []), key=lambda one: float(one["cpu"]), default={}),
    }


def with_build(result: Mapping[str, Any]) -> dict[str, Any]:
    """Give the ratio to pandas when the store is built for this one measurement alone."""
    cpu, build = dict(result["cpu"]), result["build"]
    if not build or "holdfast" not in cpu:
        return {"ratio_pandas_with_build": None}
    return {"ratio_pandas_with_build": ratio(cpu | {"holdfast": cpu["holdfast"] + build["cpu"]}, "pandas", "holdfast")}


def ratio(cpu: Mapping[str, float], above: str, below: str) -> float | None:
    """Divide the CPU of two engines, where both are known."""
    return round(cpu[above] / cpu[below], 3) if above in cpu and below in cpu else None


def _per_snapshot(cpu: Mapping[str, float], rows: Mapping[str, int]) -> dict[str, Any]:
    """Compare snapshots per CPU second: Featuretools at its few cutoffs, holdfast at the same ones and at all."""
    rate = {name: number / cpu[name] for name, number in rows.items()}
    if not {"shared", "shared_all", "featuretools"} <= set(rate):
        return {"ratio_featuretools_per_snapshot": None, "featuretools": None}
    told = {f"snapshots_per_cpu_s_{name}": round(value, 1) for name, value in rate.items()}
    told["ratio_at_the_same_cutoffs"] = round(rate["shared"] / rate["featuretools"], 1)
    ratio = round(rate["shared_all"] / rate["featuretools"], 1)
    return {"ratio_featuretools_per_snapshot": ratio, "featuretools": told}


def exponents(results: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Give by engine the power of the number of events with which CPU grows, between neighbouring sizes."""
    sizes = [size for size in ("S", "M", "L") if size in results]
    told: dict[str, dict[str, float]] = {}
    for small, large in pairwise(sizes):
        low, high = (results[size]["cpu"] for size in (small, large))
        grown = log(SIZES[large].events / SIZES[small].events)
        for name in (one for one in low if one in high):
            told.setdefault(name, {})[f"{small}-{large}"] = round(log(high[name] / low[name]) / grown, 3)
    return told
