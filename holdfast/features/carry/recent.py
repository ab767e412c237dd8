"""Leaves that look no further back than the tail: measured by the kernel, from the records that are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from holdfast.features.carry.plan import Plan, chosen
from holdfast.features.carry.rows import Rows, Words
from holdfast.features.history.records import Records
from holdfast.features.indicators.conditions import Condition
from holdfast.features.indicators.expression import Window
from holdfast.features.kernel.arrays import Floats, Ints
from holdfast.features.kernel.clock import Clock
from holdfast.features.kernel.encoded import Encoded
from holdfast.features.kernel.part import Block, Part
from holdfast.features.kernel.windows import Windows, offsets
from holdfast.features.time import FOREVER

_ACCOUNTS = 10_000  # measured at a time
Group = tuple[tuple[Condition, ...], list[Window]]


def recently(plan: Plan, rows: Rows, words: dict[str, Words], accounts: int, instant: int) -> dict[Window, Floats]:
    """Measure all such leaves at a cutoff; rows are ordered."""
    groups: dict[tuple[Condition, ...], list[Window]] = {}
    for leaf in plan.having("recent"):
        groups.setdefault(chosen(leaf), []).append(leaf)
    found: dict[Window, Floats] = {}
    for filters, leaves in groups.items():
        mine = rows.take(rows.chosen(plan.selections.index(filters)))
        found |= _measured(leaves, _encoded(plan, mine, words, leaves), accounts, instant)
    return found


def _encoded(plan: Plan, rows: Rows, words: dict[str, Words], leaves: Iterable[Window]) -> Encoded:
    columns: dict[str, object] = {}
    for name in sorted({leaf.column for leaf in leaves if leaf.column}):
        if name in plan.texts:
            columns[name] = pd.Categorical.from_codes(rows.codes[name], words[name].index, validate=False)
        else:
            columns[name] = rows.numbers[name]
    frame = pd.DataFrame(columns, index=range(len(rows)))
    forever = np.full(len(rows), FOREVER)
    return Encoded(plan.table, Records(rows.account.astype(np.int32), rows.at, rows.known, forever, frame))


def _measured(leaves: list[Window], encoded: Encoded, accounts: int, instant: int) -> dict[Window, Floats]:
    cutoff: Ints = np.array([instant])
    clock = Clock.of(cutoff, {offset for leaf in leaves for offset in offsets(leaf)})
    blocks = [Block(start, min(start + _ACCOUNTS, accounts)) for start in range(0, accounts, _ACCOUNTS)]
    parts = [Windows(Part.of(encoded, block), clock) for block in blocks]
    return {
        leaf: np.concatenate([windows(replace(leaf, filters=()))[:, 0] for windows in parts] or [np.zeros(0)])
        for leaf in leaves
    }
