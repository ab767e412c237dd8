"""Conclusions under several definitions of churn, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import TYPE_CHECKING

from holdfast.training.phrases import capital, in_days, joined
from holdfast.training.verdict import MIN_EVENTS
from holdfast.training.verdict import in_words as named

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.training.backtest import Backtest


def in_words(
    results: Mapping[str, Backtest],
    pairs: pd.DataFrame,
    ranks: pd.DataFrame,
    skipped: Mapping[str, str],
    cutoff: pd.Timestamp,
) -> str:
    """Say which conclusions depend on the definition; the first is the one that the others are compared with."""
    models = list(dict.fromkeys(one.model for result in results.values() for one in result.comparisons))
    found = {model: {name: judged(result, model) for name, result in results.items()} for model in models}
    first = next(iter(results))
    told = [_winner(model, by, results) for model, by in found.items()] or ["Only baselines were tested."]
    told.append(_depends(found))
    told.append(_labels(first, _longest(pairs, first)))
    told += [_ranks(first, _longest(ranks[ranks["model"] == model], first), model, cutoff) for model in models]
    told.append(_orders(first, _longest(pairs, first)))
    told += [f"Not tested: {name} ({why})." for name, why in skipped.items()]
    return " ".join(filter(None, told))


def judged(result: Backtest, model: str) -> tuple[list[int], list[int]]:
    """Give the horizons at which a model beats the best baseline, and those at which that can be judged."""
    asked = [
        one for one in result.comparisons if one.model == model and one.evidence >= MIN_EVENTS and isfinite(one.low)
    ]
    return [one.horizon for one in asked if one.beats], [one.horizon for one in asked]


def _winner(model: str, by: Mapping[str, tuple[list[int], list[int]]], results: Mapping[str, Backtest]) -> str:
    name = named(model)
    known = {one: pair for one, pair in by.items() if pair[1]}
    lost = [one for one, (won, _) in known.items() if not won]
    partly = [f"under {one} only at {in_days(won)}" for one, (won, asked) in known.items() if won and won != asked]
    silent = [one for one in by if one not in known]
    why = _why(results[one] for one in silent)
    if not known:
        under = "under this definition" if len(by) == 1 else f"under any of {len(by)} definitions"
        return f"Whether {name} beats the best baseline cannot be judged {under}: {why}."
    full = len(known) - len(lost) - len(partly)
    how = f"all {len(known)}" if full == len(known) > 1 else f"{full} of {len(known)}"
    parts = [f"{capital(name)} beats the best baseline under {how} definition{'s' * (len(known) > 1)}"]
    parts += [f"not under {joined(lost)}"] if lost else []
    parts += partly
    parts += [f"it cannot be judged under {joined(silent)}, where {why}"] if silent else []
    return f"{'; '.join(parts)}."


def _why(silent: Iterable[Backtest]) -> str:
    """Say why nothing can be judged."""
    few = any(one.evidence < MIN_EVENTS for result in silent for one in result.comparisons)
    return f"fewer than {MIN_EVENTS} accounts had the rarer outcome" if few else "no intervals were drawn"


def _depends(found: Mapping[str, Mapping[str, tuple[list[int], list[int]]]]) -> str:
    """Say whether what is concluded of any model is another under another definition."""
    kinds = [
        {"all" if won == asked else "some" if won else "none" for won, asked in by.values() if asked}
        for by in found.values()
    ]
    compared = max((sum(1 for _, asked in by.values() if asked) for by in found.values()), default=0)
    if compared < 2:
        return ""
    if any(len(one) > 1 for one in kinds):
        return "So the conclusion depends on what churn means."
    return "So the conclusion does not depend on what churn means."


def _longest(rows: pd.DataFrame, first: str) -> pd.DataFrame:
    """Keep, of each pair with the first definition, the longest horizon."""
    mine = rows[rows["a"] == first]
    return mine.drop_duplicates("b", keep="last")


def _labels(first: str, rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    parts = []
    for row in rows.to_dict("records"):
        if isfinite(row["a_in_b"]):
            low, high = f"{row['a_in_b_low']:.0%}", f"{row['a_in_b_high']:.0%}"
            bounds = f", {low} to {high}" if isfinite(row["a_in_b_low"]) and low != high else ""
            ahead, behind = row["horizon_a"], row["horizon_b"]
            days = f"{ahead} days" if ahead == behind else f"{ahead} against {behind} days"
            parts.append(f"{row['b']} {row['a_in_b']:.0%} ({days}{bounds})")
    return f"Of the rows that churn by {first}, the others count: {', '.join(parts)}." if parts else ""


def _ranks(first: str, rows: pd.DataFrame, model: str, cutoff: pd.Timestamp) -> str:
    known = rows[rows["spearman"].notna()]
    if known.empty:
        return ""
    parts = [f"{row['b']} {row['spearman']:.2f}" for row in known.to_dict("records")]
    return f"Rank correlation of {named(model)} on {cutoff:%Y-%m-%d} with {first}: {', '.join(parts)}."


def _orders(first: str, rows: pd.DataFrame) -> str:
    same = [str(row["b"]) for row in rows.to_dict("records") if row["same_order"] is True]
    other = [str(row["b"]) for row in rows.to_dict("records") if row["same_order"] is False]
    parts = [f"in the same order as by {first} under {joined(same)}"] if same else []
    if other:
        parts.append(f"in another order {'' if same else f'than by {first} '}under {joined(other)}")
    return f"By AUC the models come {', and '.join(parts)}." if parts else ""
