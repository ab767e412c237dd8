"""Competing exits: by choice, by failed payment, by merger; each may be churn, or end the observation."""

import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.training.exits import exits_frame, labels_by_exit

START = pd.Timestamp("2025-01-01", tz="UTC")
CUTOFF = "2025-06-01"


def company() -> hf.History:
    kinds = {"by choice": "voluntary", "unpaid": "payment", "merged": "merger"}
    when = START + pd.Timedelta(days=170)
    names = [*kinds, "stays"]
    return hf.History.from_frames(
        {
            "accounts": pd.DataFrame({"account_id": names, "valid_from": START, "known_at": START}),
            "usage": pd.DataFrame({"account_id": names, "occurred_at": START, "known_at": START, "count": 1.0}),
            "churn": pd.DataFrame(
                {"account_id": list(kinds), "kind": list(kinds.values()), "notice_at": when, "known_at": when}
            ),
        },
        end="2026-01-01",
    )


def found(churn: hf.Churn) -> dict[str, float]:
    frame = hf.label(company(), [CUTOFF], (30,), churn).frame[30]
    return {str(account): value for (account, _), value in frame.items()}


def test_a_merger_ends_the_observation_and_payment_counts_unless_it_is_excluded() -> None:
    usual = found(hf.Churn())
    assert (usual["by choice"], usual["unpaid"], usual["stays"]) == (1, 1, 0)
    assert pd.isna(usual["merged"])
    chosen = found(hf.Churn(lost=("voluntary",)))
    assert (chosen["by choice"], chosen["stays"]) == (1, 0)
    assert pd.isna(chosen["unpaid"])


def test_each_kind_is_reported_apart() -> None:
    apart = labels_by_exit(company(), [CUTOFF], (30,))
    assert list(apart) == ["voluntary", "payment", "merger"]
    assert exits_frame(apart)["events"].tolist() == [1, 1, 1]
    assert exits_frame({}).empty
    together = hf.label(company(), [CUTOFF], (30,)).events[30]
    assert together == sum(apart[kind].events[30] for kind in ("voluntary", "payment"))


def test_an_unknown_kind_of_exit_is_refused_with_a_hint() -> None:
    with pytest.raises(UsageError, match="payment"):
        hf.Churn(lost=("paymnt",))
