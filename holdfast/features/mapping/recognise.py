"""Recognising: which object of which vendor a landed table is, by its name, its folder and its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.features.landed.files import RawTable
from holdfast.features.mapping.adapter import Adapter, Object
from holdfast.features.mapping.own_output import is_own_field
from holdfast.features.mapping.paths import find, plain, spellings

_NEIGHBOUR = 0.5  # what it counts that other tables of the folder are of the same vendor
_EXPLAINED, _DECLARED = 0.6, 0.3  # shares of columns that tell an object without help from its name
GENERIC = {"id", "name"}  # what any list has
LISTED = GENERIC | {"created", "created_at", "email", "url"}  # and what a list has that a vendor keeps
_SUFFIXES = ("_data", "_export", "_exports", "_list", "_report")
_SHORT = {"salesforce": ("sf", "salesforce")}


@dataclass(frozen=True)
class Match:
    """What a table is taken for.

    Attributes
    ----------
    score
        How well it fits; only a comparison.
    sure
        Whether its name or the vendor's says so too; else the columns alone do.
    ground
        Why, in words.
    """

    table: RawTable
    vendor: str
    object: str
    score: float
    sure: bool
    ground: str


def recognise(tables: Sequence[RawTable], adapters: Mapping[str, Adapter]) -> list[Match]:
    """Find for each table the object that it fits best; a table that fits none is left out.

    Whatever other tables of the same folder are decides between vendors that fit about as well.
    """
    fits = {table.name: list(_fits(table, adapters.values())) for table in tables}
    first = Counter((best.table.folder, best.vendor) for one in fits.values() if (best := _best(one)) and best.sure)
    found = []
    for table in tables:
        near = [_beside(match, first[table.folder, match.vendor]) for match in fits[table.name]]
        if (best := _best(near)) is not None:
            found.append(best)
    return found


def _beside(match: Match, neighbours: int) -> Match:
    bonus = _NEIGHBOUR * (neighbours > (1 if match.sure else 0))
    return Match(match.table, match.vendor, match.object, match.score + bonus, match.sure, match.ground)


def _best(matches: Sequence[Match]) -> Match | None:
    return max(matches, key=lambda one: (one.score, one.vendor, one.object), default=None)


def _fits(table: RawTable, adapters: Iterable[Adapter]) -> Iterable[Match]:
    for adapter in adapters:
        for one in adapter.objects.values():
            match = _fit(table, adapter, one)
            if match is not None:
                yield match


def _fit(table: RawTable, adapter: Adapter, one: Object) -> Match | None:
    columns = spellings([name for name in table.columns if not is_own_field(name)])
    found = {
        name
        for name, column in one.fields.items()
        if any(find(path, columns, table.types) is not None for path in column.names)
    }
    if not found.issuperset(one.needs):
        return None
    named = not bare_names(table.stem, adapter.vendor).isdisjoint(map(plain, one.names))
    hinted = lies_with(table, adapter.vendor)
    own = {plain(path) for name in found for path in one.fields[name].names}
    if not named and GENERIC.issuperset(own.intersection(columns)) and GENERIC.issuperset(found):
        return None
    explained = sum(name in own for name in columns) / max(len(columns), 1)
    declared = len(found) / len(one.fields)
    if hinted and not named and explained < _EXPLAINED / 2:
        return None
    if not hinted and (explained < _EXPLAINED or declared < _DECLARED):
        return None
    score = 2 * named + 2 * hinted + declared + explained
    ground = f"{len(found)} of {len(one.fields)} columns of {adapter.title}'s {one.name}"
    ground += "".join(f", {what}" for what, true in (("named so", named), ("the name says the vendor", hinted)) if true)
    return Match(table, adapter.vendor, one.name, score, named or hinted, ground)


def set_aside(table: RawTable, adapters: Mapping[str, Adapter]) -> Adapter | None:
    """Give the vendor to whom a table belongs that tells nothing of customers, or None."""
    for adapter in adapters.values():
        own = {plain(name) for name in adapter.aside}
        names = bare_names(table.stem, adapter.vendor) if lies_with(table, adapter.vendor) else ()
        if any(name == one or name.startswith(f"{one}_") for name in names for one in own):
            return adapter
    return None


def lies_with(table: RawTable, vendor: str) -> bool:
    """Tell whether the name of a table or of its folder says the vendor."""
    words = plain(table.folder).split("_") + plain(table.stem).split("_")
    return any(hint in words for hint in hints(vendor))


def hints(vendor: str) -> tuple[str, ...]:
    """Give the words in names of files and folders that tell a vendor.

    Examples
    --------
    >>> hints("stripe"), hints("salesforce")
    (('stripe',), ('sf', 'salesforce'))
    """
    return _SHORT.get(vendor, (vendor,))


def bare_name(stem: str, vendor: str) -> str:
    """Strip from the name of a file the vendor before it and words such as ``_data`` behind it.

    Examples
    --------
    >>> bare_name("sf_account_history_data", "salesforce"), bare_name("Stripe Customers", "stripe")
    ('account_history', 'customers')
    """
    return min(bare_names(stem, vendor), key=len)


def bare_names(stem: str, vendor: str) -> frozenset[str]:
    """Give the names that are left while words are stripped: a list may be part of the name.

    Examples
    --------
    >>> sorted(bare_names("contact_list_data", "hubspot"))
    ['contact', 'contact_list', 'contact_list_data']
    """
    name = plain(stem)
    for hint in hints(vendor):
        name = name.removeprefix(f"{hint}_")
    left = {name}
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
        left.add(name)
    return frozenset(left)
