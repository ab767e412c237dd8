"""Runs without an account: every file written anew without its rows, a run at once."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import escape

from holdfast.features.history.dialect import delimiter_of, encoding_of
from holdfast.safely import sha256_of
from holdfast.serving.columns import kind
from holdfast.serving.delivery import parquet
from holdfast.serving.inert import inert
from holdfast.serving.proof import read_proof
from holdfast.serving.report import Page
from holdfast.serving.scoring import Scores
from holdfast.serving.workbook import write_workbook
from holdfast.serving.workspace import MANIFEST, folder_atomic, write_manifest

if TYPE_CHECKING:
    from holdfast.features.indicators.wording import Language
    from holdfast.serving.playbooks import Playbooks
    from holdfast.serving.workspace import Workspace

SCORES, REPORT, BOOK, QUEUE = "scores.parquet", "report.html", "scores.xlsx", "queue.csv"
_ROWS = ("drivers.parquet", "alerts.parquet")
_SHEETS = ("scores.csv", QUEUE, "feedback.csv")
_BLOCK = re.compile(r"\n? *<tbody class=\"account\">.*?</tbody>", re.DOTALL)
_GONE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Churn report</title>
<p>This page named an account that was erased, and was taken away. The scores stand beside it.</p></html>
"""


def naming(place: Workspace, account: str) -> Iterator[tuple[Path, int]]:
    """Give the folders of the whole runs that name an account, with the number of its rows in them."""
    for folder in (one for one in sorted(place.runs.glob("*/")) if _manifest(one) is not None):
        rows = [_rows_of(path, account) for path in (folder / name for name in (SCORES, *_ROWS)) if path.is_file()]
        sheets = [_without_lines(path, account)[1] for path in (folder / name for name in _SHEETS) if path.is_file()]
        if count := sum(rows) + sum(sheets):
            yield folder, count


def broken(place: Workspace) -> list[Path]:
    """Name the runs whose manifest or scores are not as they were written; what they hold cannot be told."""
    return [one for one in sorted(place.runs.glob("*/")) if _manifest(one) is None]


def rewrite(folder: Path, account: str, models: Path, playbooks: Playbooks, language: Language) -> None:
    """Write the files of a run anew without the rows of an account; the new ones take the place of the old at once.

    The manifest tells the new hashes, and under ``erased`` how many accounts were taken out by now. The report loses
    the account's lines; counts and drawings, which name nobody, stay. A workbook that people wrote into loses what they
    wrote: import it first. Where ``queue.csv`` is not as it was written, the workbook goes.

    Raises
    ------
    PublishError
        When the disk refuses; the files are as they were.
    LookupError
        When the run is not whole.
    """
    told = _manifest(folder)
    if told is None:
        raise LookupError(f"{folder} is not whole")
    proof = read_proof(models, str(told.get("model_version", ""))).result
    with folder_atomic(folder) as new:
        shutil.copytree(folder, new, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
        before = pd.read_parquet(folder / SCORES)
        rows = before[before["account_id"] != account].reset_index(drop=True)
        (new / SCORES).write_bytes(parquet(rows))
        for path in (new / name for name in _ROWS if _rows_of(new / name, account)):
            some = pd.read_parquet(path)
            some[some["account_id"] != account].reset_index(drop=True).to_parquet(path, index=False)
        for path in (new / name for name in _SHEETS if (new / name).is_file()):
            path.write_bytes(_without_lines(path, account)[0])
        if (new / REPORT).is_file():
            page = (new / REPORT).read_text(encoding="utf-8")
            (new / REPORT).write_text(_without_block(page, before, account), encoding="utf-8")
        counts = Scores(pd.Timestamp(told["as_of"]), rows, pd.DataFrame()).counts()
        facts = {name: value for name, value in told.items() if name not in ("files", "counts", "erased")}
        if not _as_written(folder / QUEUE, told):
            (new / BOOK).unlink(missing_ok=True)  # nobody can tell whom its queue held, and in which order
        if (new / BOOK).is_file():
            page_of = Page(str(proof["verdict"]), "notice", language, result=proof, playbooks=playbooks.frame())
            about = {**facts, "verdict": page_of.verdict, **counts}
            write_workbook(new / BOOK, rows, _queue(new / QUEUE, rows), about, page_of)
        write_manifest(new, {**facts, "counts": counts, "erased": int(told.get("erased", 0)) + 1})


def rehashed(place: Workspace) -> dict[str, str]:
    """Give the hash of the scores of every run that was written anew, by run."""
    told = {folder.name: _manifest(folder) for folder in sorted(place.runs.glob("*/"))}
    return {name: one["files"][SCORES]["sha256"] for name, one in told.items() if one is not None and "erased" in one}


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of a run whose scores are whole; people may have written into its other files."""
    try:
        told: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        return told if told["files"][SCORES]["sha256"] == sha256_of(folder / SCORES) and told["as_of"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _as_written(path: Path, manifest: Mapping[str, Any]) -> bool:
    """Tell whether a file of a run is what its manifest says."""
    stated = manifest["files"].get(path.name, {}).get("sha256")
    return path.is_file() and sha256_of(path) == stated


def _rows_of(path: Path, account: str) -> int:
    try:
        return int((pd.read_parquet(path, columns=["account_id"])["account_id"] == account).sum())
    except (OSError, ValueError, KeyError):
        return 0


def _without_lines(path: Path, account: str) -> tuple[bytes, int]:
    """Give a CSV without the rows of an account, and their number; a file that names no account is left as it is."""
    data = path.read_bytes()
    text = data.decode(encoding := encoding_of(data, str(path)))
    delimiter = delimiter_of(text.partition("\n")[0], ("account_id",))
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    if not lines or "account_id" not in lines[0]:
        return data, 0
    at = lines[0].index("account_id")
    kept = [one for one in lines if len(one) <= at or one[at] not in (account, inert(account))]
    if len(kept) == len(lines):
        return data, 0
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(kept)
    return out.getvalue().encode(encoding), len(lines) - len(kept)


def _without_block(page: str, rows: pd.DataFrame, account: str) -> str:
    """Cut the lines of an account out of the report; a page that names it all the same is not kept at all."""
    mine = rows.loc[rows["account_id"] == account, ["account_id", "account_name", "segment"]]
    if mine.empty:
        return page
    _, name, segment = (str(one) for one in mine.iloc[0])
    told = f'<span class="range">{escape(account + (f" · {segment}" if segment else ""))}</span>' if name else ""
    head = f'<th scope="row" class="name">{escape(name or account)}{told}</th>'
    shown = _BLOCK.sub(lambda one: "" if head in one[0] else one[0], page)
    return _GONE if f">{escape(account)}<" in shown or (name and f">{escape(name)}<" in shown) else shown


def _queue(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Read the queue back as it was chosen then."""
    told = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    for name in map(str, told):
        if kind(name) == "time" or name == "call_by":
            told[name] = pd.to_datetime(told[name], utc=True, format="ISO8601", errors="coerce")
        elif name == "rank":
            told[name] = told[name].astype("int64")
        elif kind(name) != "text":
            told[name] = pd.to_numeric(told[name]).astype("float64")
    raw = {inert(one): one for one in rows["account_id"]}
    return told.assign(account_id=told["account_id"].map(raw))
