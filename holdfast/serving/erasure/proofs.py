"""Backtests without an account: its predictions stay under a name that leads nowhere, since figures rest on them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.safely import TEMPORARY, sweep
from holdfast.serving.workspace import MANIFEST, canonical_json, folder_atomic, write_manifest

if TYPE_CHECKING:
    from holdfast.serving.workspace import Workspace

_PREDICTIONS = "predictions.parquet"


def naming(place: Workspace, account: str) -> Iterator[tuple[Path, int]]:
    """Give the folders of backtests that name an account, those that MLflow keeps included, with its rows in them."""
    there = {*place.models.glob("*.backtest/"), *place.root.glob("mlartifacts/**/*.backtest/")}
    for folder in sorted(one for one in there if not one.name.startswith(TEMPORARY)):
        if count := _rows_of(folder, account) + _told(folder, account):
            yield folder, count


def swept(place: Workspace) -> None:
    """Clear what a killed erasure left among the files of MLflow."""
    for folder in {one.parent for one in place.root.glob(f"mlartifacts/**/{TEMPORARY}*")}:
        sweep(folder)


def rewrite(folder: Path, account: str, pseudonym: str) -> None:
    """Write a backtest anew under another name of an account, the whole folder at once.

    Raises
    ------
    PublishError
        When the disk refuses; the files are as they were.
    """
    with folder_atomic(folder) as new:
        shutil.copytree(folder, new, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
        if _rows_of(folder, account):
            rows = pd.read_parquet(folder / _PREDICTIONS)
            renamed = rows["account_id"].where(rows["account_id"] != account, pseudonym)
            rows.assign(account_id=renamed).to_parquet(new / _PREDICTIONS, index=False)
        for path in sorted(new.glob("*.json")):
            path.write_bytes(canonical_json(_renamed(json.loads(path.read_bytes()), account, pseudonym)))
        manifest = folder / MANIFEST
        told = json.loads(manifest.read_bytes()) if manifest.is_file() else {}
        write_manifest(new, {name: value for name, value in told.items() if name != "files"})


def _rows_of(folder: Path, account: str) -> int:
    path = folder / _PREDICTIONS
    if not path.is_file():
        return 0
    return int((pd.read_parquet(path, columns=["account_id"])["account_id"] == account).sum())


def _told(folder: Path, account: str) -> int:
    """Count the texts of the JSON files that are the account's id."""
    told = (json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json")))
    return sum(one == account for each in told for one in _texts(each))


def _texts(told: Any) -> Iterator[str]:
    if isinstance(told, str):
        yield told
    for one in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        yield from _texts(one)


def _renamed(told: Any, account: str, pseudonym: str) -> Any:
    if isinstance(told, dict):
        mine = told.get("account_id") == account
        kept = {name: None if mine and name == "arr" else one for name, one in told.items()}
        return {name: _renamed(one, account, pseudonym) for name, one in kept.items()}
    if isinstance(told, list):
        return [_renamed(one, account, pseudonym) for one in told]
    return pseudonym if told == account else told
