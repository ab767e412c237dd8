"""The bundle: all that scoring needs, as text and numbers, under a name that is the hash of its contents.

Nothing in it can run: the booster is LightGBM's text, the rest is JSON. Reading it means: the list of files, the hashes
of all bytes, and only then the parsers; the trees must be trees before LightGBM reads them, the indicators must still
mean what they meant, and rows kept from training must give the same results.

The manifest tells the schema. A change of the format adds one, with a reader; those for older ones stay.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import BundleError, HoldfastError
from holdfast.features.catalog import catalog
from holdfast.features.catalog.collection import Catalog
from holdfast.features.snapshot import Snapshot
from holdfast.models.churn import ChurnModel
from holdfast.models.expansion import ExpansionModel
from holdfast.models.health import HealthScore
from holdfast.serving.golden import golden_rows, replays
from holdfast.serving.workspace import MANIFEST, canonical_json, folder_atomic
from holdfast.training.champion import Champion
from holdfast.training.monitoring.reference import Reference

if TYPE_CHECKING:
    from holdfast.features.indicators.indicator import Indicator

SCHEMA = 1
LARGEST = 1 << 28  # bytes of a file: what is larger is none of ours, and is not read
_BOOSTED = {"model": "model.lgb", "expansion": "expansion.lgb"}
_OPTIONAL = frozenset({*_BOOSTED.values(), "calibration.json", "reference.json"})
_FILES = frozenset({"weights.json", "indicators.json", "golden.json", "card.md"}) | _OPTIONAL


@dataclass(frozen=True)
class Bundle:
    """A health score and a churn model with what they were learned from.

    Attributes
    ----------
    churn
        The settings of the plan's section [churn] they were fitted to.
    strict_clock
        Whether the rows whose ``known_at`` is assumed were left out of what they learned from.
    learned_until
        The instant after which nothing was known to them.
    catalog
        The indicators it reads, in the order of the columns.
    card
        The model card, Markdown.
    sha256
        Hash of the contents.
    expansion
        The model of growth, where it was proven.
    reference
        How what it learned from was spread; none in bundles that were written before it was kept.
    """

    health: HealthScore
    model: ChurnModel
    churn: Mapping[str, Any]
    strict_clock: bool
    horizons: tuple[int, ...]
    learned_until: pd.Timestamp
    catalog: Catalog
    card: str
    sha256: str
    expansion: ExpansionModel | None = None
    reference: Reference | None = None

    @property
    def version(self) -> str:
        """The name of its folder."""
        return self.sha256[:16]

    def as_champion(self) -> Champion:
        """Give what others are set beside while it is in service."""
        signs = tuple(one.name for one in self.catalog)
        return Champion(self.version, self.model, self.learned_until, self.health, signs)


def write_bundle(
    models: Path,
    health: HealthScore,
    model: ChurnModel,
    X: Snapshot,
    *,
    churn: Mapping[str, Any],
    learned_until: pd.Timestamp,
    card: str,
    strict_clock: bool = False,
    known: Catalog = catalog,
    expansion: ExpansionModel | None = None,
    reference: Reference | None = None,
) -> Bundle:
    """Write ``models/<version>``; the same contents give the same version and the same bytes.

    Parameters
    ----------
    X
        The training rows; a few are kept with their results, to be replayed whenever the bundle is read.
    card
        The model card, Markdown.
    known
        The catalogue that the indicators are of.
    reference
        How what it learned from was spread, for a later day to be held against.
    """
    weights: dict[str, Any] = {
        "health": health.to_dict(),
        "model": model.to_dict(),
        "churn": dict(churn),
        "strict_clock": strict_clock,
        "learned_until": learned_until.isoformat(),
    }
    files: dict[str, bytes] = {}
    if expansion is not None:
        weights["expansion"] = expansion.to_dict()
    for name in _BOOSTED.keys() & weights.keys():
        if weights[name].get("trees"):
            trees = dict(weights[name]["trees"])
            files[_BOOSTED[name]] = trees.pop("booster").encode()
            weights[name]["trees"] = trees
    if calibration := weights["model"].pop("calibration", None):
        files["calibration.json"] = canonical_json(calibration)
    files["weights.json"] = canonical_json(weights)
    files["indicators.json"] = canonical_json(
        {
            "events": list(Catalog(X.catalog).events),
            "indicators": definitions(X.catalog),
        }
    )
    if reference is not None:
        files["reference.json"] = canonical_json(reference.to_dict())
    files["golden.json"] = canonical_json(golden_rows(X, health, model, expansion))
    files["card.md"] = card.encode()
    bundle = _opened(files, known)
    with folder_atomic(models / bundle.version) as folder:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        (folder / MANIFEST).write_bytes(_manifest(_listing(files)))
    return bundle


def read_bundle(models: Path, version: str, known: Catalog = catalog) -> Bundle:
    """Read a bundle, refusing anything that is not, byte for byte, what was written.

    Parameters
    ----------
    known
        The catalogue in which its indicators are looked up: a bundle holds no code, only what they must mean.

    Raises
    ------
    BundleError
        When it is absent, damaged, of another schema, or its golden rows give other results.
    """
    contents, schema = _checked(models / version)
    return _opened(contents, known, schema)


def _opened(contents: Mapping[str, bytes], known: Catalog, schema: int = SCHEMA) -> Bundle:
    """Parse contents whose hashes are right, and replay the golden rows."""
    sha256 = _version(_listing(contents), schema)
    try:
        bundle = _READERS[schema](contents, sha256, known)
        golden = json.loads(contents["golden.json"])
        with np.errstate(all="ignore"):  # figures beyond all bounds give other results, and so are refused
            same = replays(golden, bundle.catalog, bundle.health, bundle.model, bundle.expansion)
    except BundleError:
        raise
    except _UNREADABLE as problem:
        raise _refusal(sha256[:16], "the contents of a bundle", repr(problem)[:300], "train again") from problem
    if not same:
        do = "use the versions it was trained with, or train again"
        raise _refusal(bundle.version, "the results kept from training", "other numbers", do)
    return bundle


def _checked(folder: Path) -> tuple[dict[str, bytes], int]:
    """Return the bytes of every file once their hashes are right, and the schema they are written in.

    No parser but that of the manifest has seen any.
    """
    version = folder.name
    if folder.is_symlink() or not folder.is_dir():
        raise _refusal(version, "a bundle", "none", "train first, or name a version that is there")
    try:
        there = {path.name: path.lstat() for path in folder.iterdir()}
        names = there.keys() - {MANIFEST}
        if not _FILES - _OPTIONAL <= names <= _FILES or not all(S_ISREG(one.st_mode) for one in there.values()):
            raise _refusal(version, f"the files {', '.join(sorted(_FILES))}", ", ".join(sorted(names)) or "nothing")
        if any(one.st_size > LARGEST for one in there.values()):
            raise _refusal(version, f"files of at most {LARGEST:,} bytes", "a larger one")
        contents = {name: (folder / name).read_bytes() for name in sorted(names)}
        manifest = (folder / MANIFEST).read_bytes()
    except OSError as problem:
        raise _refusal(version, "readable files", str(problem)) from problem
    listing, schema = _listing(contents), _schema(manifest, version)
    if _version(listing, schema)[:16] != version or manifest != _manifest(listing, schema):
        raise _refusal(version, "files with the hashes of its manifest", "other bytes")
    return contents, schema


def _schema(manifest: bytes, version: str) -> int:
    """Read the schema out of a manifest, which is not believed in anything else."""
    try:
        schema = json.loads(manifest)["schema"]
    except (LookupError, TypeError, ValueError, RecursionError) as problem:
        raise _refusal(version, "a manifest", "none that can be read") from problem
    if type(schema) is not int or schema not in _READERS:
        newer = type(schema) is int and schema > SCHEMA
        do = "update holdfast, or train again with this version" if newer else "train again"
        raise _refusal(version, f"a schema of {min(_READERS)} to {SCHEMA}", str(schema)[:20], do)
    return schema


def _listing(contents: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    return {name: {"bytes": len(content), "sha256": _sha(content)} for name, content in sorted(contents.items())}


def _manifest(listing: Mapping[str, Any], schema: int = SCHEMA) -> bytes:
    return canonical_json({"schema": schema, "version": _version(listing, schema), "files": listing})


def _version(listing: Mapping[str, Any], schema: int = SCHEMA) -> str:
    return _sha(canonical_json({"schema": schema, "files": listing}))


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _parse(contents: Mapping[str, bytes], sha256: str, known: Catalog) -> Bundle:
    weights = json.loads(contents["weights.json"])
    for name, file in _BOOSTED.items():
        if file in contents:
            weights[name]["trees"]["booster"] = contents[file].decode()
    if "calibration.json" in contents:
        weights["model"]["calibration"] = json.loads(contents["calibration.json"])
    model = ChurnModel.from_dict(weights["model"])
    signs = _catalog(json.loads(contents["indicators.json"]), sha256[:16], known)
    return Bundle(
        health=HealthScore.from_dict(weights["health"]),
        model=model,
        churn=weights["churn"],
        strict_clock=weights.get("strict_clock", False) is True,
        horizons=model.horizons_,
        learned_until=pd.Timestamp(weights["learned_until"]),
        catalog=signs,
        card=contents["card.md"].decode(),
        sha256=sha256,
        expansion=ExpansionModel.from_dict(weights["expansion"]) if "expansion" in weights else None,
        reference=_reference(json.loads(contents["reference.json"]), signs) if "reference.json" in contents else None,
    )


def _reference(stored: dict[str, Any], signs: Catalog) -> Reference:
    found = Reference.from_dict(stored)
    if set(found.signs) != set(signs.names):
        raise ValueError("a reference of the signs that the model reads")
    return found


_READERS: dict[int, Callable[[Mapping[str, bytes], str, Catalog], Bundle]] = {1: _parse}
_UNREADABLE = (  # what parsers and models raise at contents that are none
    HoldfastError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, MemoryError,
)  # fmt: skip


def definitions(signs: Iterable[Indicator]) -> list[dict[str, Any]]:
    """State what indicators measure, and what that is worth; a model reads those of its training and no other."""
    return [_definition(one) for one in signs]


def _definition(one: Indicator) -> dict[str, Any]:
    """State what an indicator measures, as a hash, and what that is worth: with either changed, a model is void."""
    curve = one.curve and one.curve.to_dict()
    worth = {"dimension": one.dimension, "healthy": one.healthy, "caps": one.caps, "curve": curve}
    return {"name": one.name, "fingerprint": one.fingerprint, **worth}


def _catalog(stored: dict[str, Any], version: str, known: Catalog) -> Catalog:
    """Find the indicators as they were defined in training."""
    known = known.adopting(stored["events"])
    do = "bring back the file that declares it ([indicators] file in the plan), or train again"
    for one in stored["indicators"]:
        if one["name"] not in known:
            raise _refusal(version, f"the indicator {one['name']}", "none of that name", do)
        if _definition(known[one["name"]]) != one:
            raise _refusal(version, f"{one['name']} as it was defined in training", "another definition", do)
    return replace(known.select([one["name"] for one in stored["indicators"]]), fixed=True)


def _refusal(
    version: str, expected: str, found: str, do: str = "restore it from a backup, or train again"
) -> BundleError:
    return BundleError(f"bundle {version}", expected, found, do)
