"""Adapters: how the tables of one vendor become canonical rows, each declared in one SQL file.

A file begins with a comment that is TOML: which objects the vendor has, under which names their columns land in the
various layouts, and what the source keeps and loses. Then follows one SELECT per canonical table, headed by a line
``-- table: NAME``. The SELECT reads *objects*, which always have every declared column, in its declared type, whatever
the layout; see `holdfast.features.mapping.objects`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.history.tables import TABLES

KINDS = ("text", "time", "number", "flag", "json")
IDENTITIES = "identities"
_HEAD = re.compile(r"\A\s*/\*(.*?)\*/", re.DOTALL)
_TABLE = re.compile(r"^-- table: (\w+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Field:
    """A column of an object, and the names under which it may land.

    Attributes
    ----------
    kind
        text, time, number, flag or json.
    names
        Dotted paths, the best first; ``plan.amount`` finds ``plan_amount``, ``plan__amount``, ``Plan Amount`` and the
        JSON in ``plan``.
    """

    name: str
    kind: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Inside:
    """Where a list lies when it has no table of its own.

    Attributes
    ----------
    object
        The parent, whose key goes into the columns ``<parent>_<key>``, such as ``subscription_id``.
    path
        Where in the parent, such as ``items.data``.
    """

    object: str
    path: str


@dataclass(frozen=True)
class Object:
    """A thing that the vendor keeps, as it lands.

    Attributes
    ----------
    names
        What its table or file may be called.
    needs
        The columns without which a table is not this object.
    key
        The columns that name one thing; its versions share them. Empty for events, which never change.
    recorded
        The times that are written when something happens: the export is no older than they are.
    fields
        Every column that the SELECTs may read.
    """

    name: str
    names: tuple[str, ...]
    needs: tuple[str, ...]
    key: tuple[str, ...]
    recorded: tuple[str, ...]
    fields: Mapping[str, Field]
    inside: Inside | None = None


@dataclass(frozen=True)
class Adapter:
    """One vendor.

    Attributes
    ----------
    vendor
        The name of the file without its ending, and the ``source`` of its rows.
    keeps, loses
        The history that the source keeps and what it overwrites, in words.
    statements
        One SELECT per canonical table, and one for ``identities``.
    text
        The file.
    aside
        Tables that tell nothing of customers, though their columns read so: the vendor's own lists of staff, of forms
        and the like. What begins with such a name and an underscore belongs to it.
    """

    vendor: str
    title: str
    keeps: str
    loses: str
    objects: Mapping[str, Object]
    statements: Mapping[str, str]
    text: str = field(repr=False)
    aside: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """The canonical tables that it fills."""
        return tuple(name for name in self.statements if name != IDENTITIES)


def parse(text: str, vendor: str) -> Adapter:
    """Read an adapter from the text of its file.

    Raises
    ------
    UsageError
        When the head is no TOML or lacks a key, or a SELECT is headed by the name of no table.

    Examples
    --------
    >>> one = parse('''/*
    ... title = "Till"
    ... keeps = "everything"
    ... loses = "nothing"
    ... [objects.sale]
    ... names = ["sales"]
    ... needs = ["id"]
    ... text.id = ["Sale ID"]
    ... */
    ... -- table: usage
    ... SELECT id AS source_id FROM sale''', "till")
    >>> one.tables, one.objects["sale"].fields["id"].names
    (('usage',), ('id', 'Sale ID'))
    """
    where = f"{vendor}.sql"
    head = _HEAD.match(text)
    if head is None:
        raise UsageError(where, "a leading comment /* ... */ in TOML", "none", "begin with the objects that it reads")
    try:
        said = tomllib.loads(head.group(1))
        objects = {name: _object(name, one) for name, one in said["objects"].items()}
        told = (said["title"], said["keeps"], said["loses"])
    except tomllib.TOMLDecodeError as problem:
        raise UsageError(f"{where}, leading comment", "TOML", str(problem), "correct that line") from None
    except KeyError as problem:
        do = "add it; see the adapters that come with holdfast"
        raise UsageError(f"{where}, leading comment", f"the key {problem.args[0]}", "none", do) from None
    statements = dict(_statements(text[head.end() :], where))
    return Adapter(vendor, *told, objects, statements, text, tuple(said.get("aside", ())))


def _object(name: str, said: Mapping[str, Any]) -> Object:
    prefixes = said.get("prefixes", [])
    fields = {
        column: Field(column, kind, _paths(column, names, prefixes))
        for kind in KINDS
        for column, names in said.get(kind, {}).items()
    }
    inside = Inside(**said["inside"]) if "inside" in said else None
    names, needs, key, recorded = (tuple(said.get(part, ())) for part in ("names", "needs", "key", "recorded"))
    return Object(name, names, needs, key, recorded, fields, inside)


def _paths(column: str, names: list[str], prefixes: list[str]) -> tuple[str, ...]:
    plain = [column, *names]
    return tuple(dict.fromkeys([*(f"{prefix}{name}" for name in plain for prefix in prefixes), *plain]))


def _statements(text: str, where: str) -> Iterator[tuple[str, str]]:
    parts = _TABLE.split(text)
    for name, statement in zip(parts[1::2], parts[2::2], strict=True):
        if name not in (*TABLES, IDENTITIES):
            raise UsageError(f"{where}, -- table: {name}", "a canonical table", repr(name), did_you_mean(name, TABLES))
        yield name, statement.strip().removesuffix(";").rstrip()


@cache
def shipped() -> Mapping[str, Adapter]:
    """Read the adapters that come with holdfast, by vendor."""
    folder = files("holdfast.features.mapping") / "adapters"
    found = sorted((one for one in folder.iterdir() if one.name.endswith(".sql")), key=lambda one: one.name)
    return {name: parse(one.read_text(encoding="utf-8"), name) for one in found if (name := one.name[:-4])}
