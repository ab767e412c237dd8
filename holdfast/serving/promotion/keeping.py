"""Keeping: which bundles stay on disk, so that one can go back, compare, and replay what was served."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator

from holdfast.errors import UsageError, did_you_mean
from holdfast.safely import TEMPORARY, remove
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.promotion.decision import SUFFIX, decisions
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.workspace import Workspace

logger = logging.getLogger("holdfast.promotion")
_VERSION = re.compile(r"[0-9a-f]{16}")


def versions(place: Workspace) -> list[str]:
    """Name the bundles that lie in a workspace, whole or not."""
    there = place.models.iterdir() if place.models.is_dir() else ()
    return sorted(one.name for one in there if one.is_dir() and _VERSION.fullmatch(one.name))


def named(place: Workspace, version: str) -> str:
    """Find a bundle by its version.

    Raises
    ------
    UsageError
        When there is none of that name.
    """
    there = versions(place)
    if version not in there:
        do = did_you_mean(version, there) if there else "train first: holdfast train PLAN"
        raise UsageError("model", "a version that is there", repr(version), do)
    return version


def discard(place: Workspace, keep: int) -> list[str]:
    """Remove bundles with what lies beside them, but for those that are needed; name what was removed.

    Needed are the model in service and the last ones before it, the last ones that were retrained, and whatever a run
    was scored with.

    Parameters
    ----------
    keep
        How many are the last ones.
    """
    promotions = Promotions(place)
    kept = {promotions.champion, *promotions.line[-keep - 1 :], *_scored_with(place)}
    kept |= {one.version for one in decisions(place.models)[-keep:]}
    gone = [version for version in versions(place) if version not in kept]
    for version in gone:
        for name in (version, f"{version}.backtest", f"{version}{SUFFIX}"):
            folder = place.models / name
            if folder.is_dir():  # away in one step: a bundle is whole or absent
                away = folder.with_name(f"{TEMPORARY}{os.getpid()}-{name}")
                folder.rename(away)
                remove(away)
    return gone


def _scored_with(place: Workspace) -> Iterator[str]:
    """Name the models of all runs, those in the ledger and those that lie there."""
    yield from Ledger(place.root / LEDGER).read("SELECT DISTINCT model_version FROM run")["model_version"]
    for manifest in place.runs.glob("*/manifest.json"):
        try:
            yield str(json.loads(manifest.read_bytes())["model_version"])
        except (OSError, ValueError, KeyError, TypeError) as problem:
            logger.warning("%s cannot be read (%s); the model of that run may be discarded", manifest, problem)
