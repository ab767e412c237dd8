"""What a simulated company is billed: invoices, paid promptly or late, written off, or voided as a mistake."""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.features.simulate.columns import labels, pick, rows
from holdfast.features.simulate.contracts import Growth, billing
from holdfast.features.simulate.latent import Bools, Floats, Ints
from holdfast.features.simulate.world import PAYMENT, World, share

__all__ = ["invoices"]

_ISSUED, _FAILED, _PAID, _GIVEN_UP, _VOIDED = range(5)
_MISTAKEN = 0.006  # share of invoices that went out twice
_GIVEN_UP_AFTER = 60.0  # days behind the due date


def invoices(world: World, growth: Growth) -> pd.DataFrame:
    """Write invoices in versions: as issued, after failed attempts to collect, as paid; late when business is low.

    What an account whose payment failed still owes is written off; an invoice sent twice is voided within days.
    """
    rng = world.rng["invoices"]
    account, issued = _issued(world)
    due = issued + np.where(billing(world)[account] == 1, 14, 30)
    b = world.state("business", account, issued)
    failed = rng.poisson(np.exp(-2.2 - 0.7 * b))
    late = rng.gamma(2, 8, len(b)) * (rng.random(len(b)) < share(-1.5 - 0.9 * b))
    paid = np.maximum(issued + 0.5, due - rng.gamma(2, 3, len(b)) + late)
    paid = np.where(failed > 0, np.maximum(paid, due + 3), paid)
    owed = (world.exits.kind[account] == PAYMENT) & (paid > world.exits.end[account])
    bill = pd.DataFrame({
        "account": account, "issued": issued, "due": due, "failed": failed, "paid": np.where(owed, np.inf, paid),
        "amount": np.round(growth.mrr(world, account, issued) * billing(world)[account], 2),
    })  # fmt: skip
    return _rows(world, bill, _versions(world, bill, failed > 0, owed))


def _versions(world: World, bill: pd.DataFrame, failed: Bools, owed: Bools) -> pd.DataFrame:
    """Give ``place`` in the bills, ``number``, ``stage`` and the day it was ``known``, by version."""
    every, rng = np.arange(len(bill)), world.rng["corrections"]
    due, issued = bill["due"].to_numpy(), bill["issued"].to_numpy()
    known_paid = bill["paid"].to_numpy() + world.rng["invoices"].exponential(0.5, len(bill))
    twice = np.flatnonzero(rng.random(len(bill)) < _MISTAKEN)
    again = len(bill) + np.arange(len(twice))
    voided = issued[twice] + 1 + np.minimum(rng.exponential(3.0, len(twice)), 9.0)
    given_up = due[owed] + _GIVEN_UP_AFTER
    parts = (
        (every, every, _ISSUED, issued), (every[failed], every[failed], _FAILED, due[failed] + 2),
        (every, every, _PAID, known_paid), (twice, again, _ISSUED, issued[twice]), (twice, again, _VOIDED, voided),
        (every[owed], every[owed], _GIVEN_UP, given_up),
    )  # fmt: skip
    place, number, known = (np.concatenate([part[field] for part in parts]) for field in (0, 1, 3))
    stage = np.repeat([part[2] for part in parts], [len(part[0]) for part in parts])
    return pd.DataFrame({"place": place, "number": number, "stage": stage, "known": known})


def _issued(world: World) -> tuple[Ints, Floats]:
    """Give account and day of every invoice that follows from the terms."""
    rhythm = billing(world)
    per_term = (world.book.term // rhythm)[world.terms["account"]]
    term = np.repeat(np.arange(len(per_term)), per_term)
    number = np.arange(len(term)) - np.repeat(np.cumsum(per_term) - per_term, per_term)
    account = world.terms["account"].to_numpy()[term]
    issued = world.terms["start"].to_numpy()[term] + np.round(number * rhythm[account] * 30.4375) + 0.25
    keep = world.live(account, issued)
    return account[keep], issued[keep]


def _rows(world: World, bill: pd.DataFrame, version: pd.DataFrame) -> pd.DataFrame:
    bill = bill.iloc[version["place"].to_numpy()]
    account, stage, known = bill["account"].to_numpy(), version["stage"].to_numpy(), version["known"].to_numpy()
    ids, paid = labels("I", version["number"].to_numpy() + 1), stage == _PAID
    return rows(
        world, "billing", ids, account, known, "event",
        {
            "invoice_id": ids,
            "subscription_id": labels("S", account + 1),
            "amount": bill["amount"].to_numpy(),
            "currency": pick(["EUR"], np.zeros_like(account)),
            "amount_paid": np.where(paid, bill["amount"], np.nan),
            "failed_attempts": np.where(np.isin(stage, (_FAILED, _PAID, _GIVEN_UP)), bill["failed"], 0),
        },
        {
            "issued_at": bill["issued"].to_numpy(),
            "due_at": bill["due"].to_numpy(),
            "paid_at": np.where(paid, bill["paid"], np.nan),
            "written_off_at": np.where(stage == _GIVEN_UP, known, np.nan),
            "voided_at": np.where(stage == _VOIDED, known, np.nan),
        },
    )  # fmt: skip
