"""The results of all sizes as a Markdown table, with what they say below."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from benchmarks.speed.figures import ASIDE, exponents, ratio, with_build
from benchmarks.speed.registry import ENGINES


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay out the results of all sizes as Markdown."""
    sizes = [size for size in ("S", "M", "L") if size in results]
    slopes = exponents(results)
    steps = [f"{small}-{large}" for small, large in pairwise(sizes)]
    head = ["engine", *(f"{size}, CPU s" for size in sizes), *(f"{size}, MB" for size in sizes),
            *(f"exponent {step}" for step in steps)]  # fmt: skip
    lines = [head, ["---"] * len(head)]
    for name in (one for one in ENGINES if one not in ASIDE and any(one in results[size]["cpu"] for size in sizes)):
        cpu = [_shown(results[size]["cpu"].get(name), "{:.2f}") + _apart(results[size], name) for size in sizes]
        memory = [_shown(results[size]["rss_mb"].get(name), "{:.0f}") for size in sizes]
        lines.append([ENGINES[name].title, *cpu, *memory,
                      *(_shown(slopes.get(name, {}).get(step), "{:.2f}") for step in steps)])  # fmt: skip
    built = [results[size].get("build") or {} for size in sizes]
    if any(built):
        lines.append(["holdfast, building the store (once)", *(_shown(one.get("cpu"), "{:.2f}") for one in built),
                      *(_shown(one.get("rss_mb"), "{:.0f}") for one in built), *([""] * len(steps))])  # fmt: skip
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), "", *_told(results, sizes)])


def _told(results: Mapping[str, Mapping[str, Any]], sizes: list[str]) -> list[str]:
    lines = []
    for size in sizes:
        cpu = {name: value for name, value in results[size]["cpu"].items() if not _apart(results[size], name)}
        pandas, scan = ratio(cpu, "pandas", "holdfast"), ratio(cpu, "holdfast", "scan")
        parts = [f"the pandas loop takes {pandas:.1f} times as long as holdfast"] if pandas else []
        whole = with_build({**results[size], "cpu": cpu})["ratio_pandas_with_build"]
        parts += [f"{whole:.1f} times as long as building the store and measuring once"] if pandas and whole else []
        parts += [f"holdfast takes {scan:.1f} times as long as the scan"] if scan else []
        cells = {name: f"{one['cells']:,}" for name, one in results[size]["equal"].items() if name != "featuretools"}
        largest = max((one["largest"] for one in results[size]["equal"].values()), default=0.0)
        parts += [f"all results equal, {max(cells.values())} cells each, {largest:.0e} apart at most"] if cells else []
        lines.append(f"- {size}: {'; '.join(parts)}.")
    small = next((one["featuretools"] for one in results.values() if one.get("featuretools")), None)
    if small:
        rate, every = small["snapshots_per_cpu_s_featuretools"], small["snapshots_per_cpu_s_shared_all"]
        same, all_ = small["ratio_at_the_same_cutoffs"], every / rate
        lines.append(
            f"- Featuretools (S): {rate:,.0f} snapshots per CPU second. Of the same aggregates holdfast gives "
            f"{same:,.0f} times as many at the same cutoffs, and {all_:,.0f} times as many at all 24."
        )
    one = results[sizes[-1]]
    if any(_apart(results[size], name) for size in sizes for name in results[size]["cpu"]):
        lines.append("- \\* measured in an earlier run than the rest of the column.")
    versions = ", ".join(f"{name} {number}" for name, number in sorted(_versions(results).items()))
    return [*lines, "", f"{one['machine']}; {versions}."]


def _versions(results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: number for one in results.values() for name, number in one["versions"].items()}


def _apart(result: Mapping[str, Any], name: str) -> str:
    """Mark what comes from an earlier run than the rest: figures of different hours make no ratio."""
    return "\\*" if name in result["cpu"] and name not in result["together"] else ""


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
