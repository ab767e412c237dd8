"""Our churn model beside the rivals on public data: the same rows for all, each figure from the same run.

python -m benchmarks.quality.tables [NAME ...] [--json] [--without MODEL ...] [--seconds N] [--jobs N] [--keep DIR]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import holdfast as hf
from benchmarks.quality.peers.judged import OURS, judge
from benchmarks.quality.peers.keeping import Answer, kept
from benchmarks.quality.peers.outside import PeerFailed, ask
from benchmarks.quality.peers.registry import PEERS, Peer
from benchmarks.quality.peers.splits import DATA, PLAIN, Split
from benchmarks.quality.rivals import Make, lightgbm_default, logistic
from benchmarks.sources import data_folder
from holdfast.errors import did_you_mean

RIVALS: Mapping[str, Make] = {"logistic": logistic, "lightgbm": lightgbm_default}
MODELS = (OURS, *RIVALS, *PEERS)
SECONDS = 60.0  # of FLAML's search, for a fold or a refit: its horizons share them
JOBS = 2
_TITLE = (__doc__ or "").splitlines()[0]
_FIGURES = ("auc", "log_loss", "skill", "ece", "slope")


def ours(split: Split) -> pd.DataFrame:
    """Give the probabilities of our model, fitted as it comes."""
    if split.past is not None and split.ahead is not None:
        return hf.ChurnModel().fit(*split.past).predict_proba(split.ahead)
    model: Any = hf.ChurnModel()
    p = model.fit(split.train, split.learned[PLAIN].astype(int)).predict_proba(split.test)
    return pd.DataFrame({PLAIN: p[:, 1]}, index=split.test.index)


def rival(make: Make, split: Split) -> pd.DataFrame:
    """Give the probabilities of a classifier in this process, one for each horizon."""
    train, test = _categorical(split.train), _categorical(split.test)
    told = {}
    for horizon, labels in split.learned.items():
        known = labels.notna().to_numpy()
        told[horizon] = make().fit(train[known], labels[known].astype(int)).predict_proba(test)[:, 1]
    return pd.DataFrame(told, index=split.test.index)


def peer(one: Peer, python: Path, seconds: float, split: Split) -> pd.DataFrame:
    """Give the probabilities of a model in its own environment, one for each horizon.

    Raises
    ------
    PeerFailed
        When it ended without an answer.
    """
    told = {}
    for horizon, labels in split.learned.items():
        settings = {"horizon": horizon, "seconds": seconds / split.learned.shape[1]}
        if one.data and split.buyers is not None:
            train, test = split.buyers
            y = pd.Series(0.0, index=train.index)
        else:
            known = labels.notna().to_numpy()
            train, test, y = split.train[known], split.test, labels[known]
        told[horizon] = ask(python, one.module, train, y.to_numpy(dtype=np.float64), test, settings)
    return pd.DataFrame(told, index=split.test.index)


def models(data: str, without: Iterable[str], seconds: float, keep: Path | None = None) -> dict[str, Answer]:
    """Collect the models of a data set; one whose environment is missing is left out, with a line that says so.

    Parameters
    ----------
    keep
        Folder in which the answers of rivals are kept, ours never.
    """
    asked = [name for name in MODELS if name not in set(without)]
    found: dict[str, Answer] = {OURS: ours} if OURS in asked else {}
    found |= {name: partial(rival, RIVALS[name]) for name in asked if name in RIVALS}
    for one in (PEERS[name] for name in asked if name in PEERS):
        if one.runs_on(data) and (python := one.python()) is not None:
            found[one.name] = partial(peer, one, python, seconds)
    if keep is None:
        return found
    searched = f"{seconds:g}s"
    return {
        name: answer if name == OURS else kept(f"{data}-{name}-{searched}", answer, keep)
        for name, answer in found.items()
    }


def compare(
    data: str, splits: list[Split], answers: Mapping[str, Answer], jobs: int = JOBS
) -> tuple[list[dict[str, Any]], list[str]]:
    """Ask every model, and judge them on the same rows; also say which peers failed, and how.

    Parameters
    ----------
    jobs
        How many processes of a peer run at a time, each on one core.
    """
    told, failed = {}, []
    for name, answer in answers.items():
        try:
            with ThreadPoolExecutor(jobs if name in PEERS else 1) as pool:
                told[name] = list(pool.map(answer, splits))
        except PeerFailed as problem:
            failed.append(f"{name} failed on {data}: {problem}")
    return judge(data, splits, told), failed


def markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """Lay out the rows as a Markdown table."""
    head = ["data", "model", "days", "n", "events", "AUC", "log loss", "skill", "ECE", "slope",
            "AUC less best rival (95 %)", "log loss / best"]  # fmt: skip
    lines = [head, ["---"] * len(head), *(_line(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    asked = _arguments()
    folder = data_folder()
    if folder is None:
        print("benchmarks.quality.tables: no data. Set HOLDFAST_DATA to the folder of the data sets.", file=sys.stderr)
        return 0
    rows: list[dict[str, Any]] = []
    failures: list[str] = []
    absent: set[str] = set()
    for data in asked.names or DATA:
        found = models(data, asked.without, asked.seconds, asked.keep)
        absent |= {name for name in PEERS if PEERS[name].runs_on(data)} - set(found) - set(asked.without)
        print(f"{data}: {', '.join(found)}", file=sys.stderr, flush=True)
        these, failed = compare(data, DATA[data](folder), found, asked.jobs)
        rows, failures = rows + these, failures + failed
        if not asked.json:
            print(markdown(these), end="\n\n", flush=True)
    for line in [*(f"{name} was skipped: its environment is missing" for name in sorted(absent)), *failures]:
        print(line, file=sys.stderr if asked.json else sys.stdout)
    if asked.json:
        print(json.dumps(rows, indent=2))
    return 1 if failures else 0


def _line(row: Mapping[str, Any]) -> list[str]:
    days = "" if row["horizon"] is None else str(row["horizon"])
    cells = [row["data"], row["model"], days, str(row["n"]), str(row["events"])]
    return [*cells, *(_shown(row[name]) for name in _FIGURES), *_beside(row)]


def _beside(row: Mapping[str, Any]) -> Iterator[str]:
    if "auc_difference" not in row:
        yield from ("", "")
        return
    bounds = f"{_shown(row['auc_difference_low'], '+')} to {_shown(row['auc_difference_high'], '+')}"
    yield f"{_shown(row['auc_difference'], '+')} ({bounds}) {row['best_auc_of']}"
    yield f"{_shown(row['log_loss_ratio'])} {row['best_log_loss_of']}"


def _shown(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.4f}"


def _categorical(frame: pd.DataFrame) -> pd.DataFrame:
    texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    return frame.astype(dict.fromkeys(texts, "category"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality.tables", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(DATA)}; default: all of them")
    parser.add_argument("--json", action="store_true", help="print a list of objects, one per model and horizon")
    parser.add_argument("--without", nargs="+", default=[], metavar="MODEL", help=f"of {', '.join(MODELS)}")
    budget = "FLAML's search for a fold or refit, shared by its horizons (default: %(default)s)"
    parser.add_argument("--seconds", type=float, default=SECONDS, help=budget)
    parser.add_argument("--jobs", type=int, default=JOBS, help="processes of a peer at a time (default: %(default)s)")
    keep = "folder in which what rivals said is kept, and read while rows, labels and settings stay the same"
    parser.add_argument("--keep", type=Path, metavar="DIR", help=keep)
    asked = parser.parse_args()
    for given, known in ((asked.names, tuple(DATA)), (asked.without, MODELS)):
        for name in set(given) - set(known):
            parser.error(f"unknown {name!r}: {did_you_mean(name, known)}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
