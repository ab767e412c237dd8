"""Labels against SQL: each kind written down once more, on days that coincide often."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest

from holdfast.features.history import History
from holdfast.training.labels import Churn, label

START = pd.Timestamp("2024-01-01")
CUTOFFS = pd.date_range("2024-02-10", "2024-11-30", freq="10D", tz="UTC")
HORIZONS = (10, 20, 40)
END = pd.Timestamp("2024-12-20")
ACCOUNTS = [f"a{i:02d}" for i in range(40)]
RULE = {"active_days": 30, "confirm_days": 25, "grace_days": 5, "min_tenure_days": 20, "settlement_days": 7}


def days(rng: np.random.Generator, size: int) -> pd.Series:
    return pd.Series(START + pd.to_timedelta(rng.integers(0, 345, size), unit="D"))


def company(seed: int) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    usage = pd.DataFrame({"account_id": rng.choice(ACCOUNTS, 900, p=_uneven(rng)), "occurred_at": days(rng, 900)})
    usage["known_at"] = usage["occurred_at"] + pd.to_timedelta(rng.choice([0, 0, 0, 4, 20], 900), unit="D")
    exits = pd.DataFrame({"account_id": rng.choice(ACCOUNTS, 25, replace=False), "notice_at": days(rng, 25)})
    exits["known_at"] = exits["notice_at"] + pd.to_timedelta(rng.choice([0, 0, 6], 25), unit="D")
    exits["kind"] = rng.choice(["voluntary", "payment", "merger"], 25)
    terms = pd.DataFrame({"account_id": np.repeat(ACCOUNTS, 6), "n": np.tile(np.arange(6), len(ACCOUNTS))})
    length = rng.choice([30, 50], len(terms))
    gap = rng.choice([0, 0, 0, 0, 4, 5, 6, 30], len(terms))
    ends = pd.Series(length + gap).groupby(terms["account_id"]).cumsum()
    terms["term_end"] = START + pd.to_timedelta(ends - gap, unit="D")
    terms["valid_from"] = START + pd.to_timedelta(ends - gap - length, unit="D")
    terms["subscription_id"] = terms["account_id"] + "-" + terms.pop("n").astype(str)
    born = pd.DataFrame(
        {"account_id": ACCOUNTS, "valid_from": START + pd.to_timedelta(rng.integers(0, 60, 40), unit="D")}
    )
    return {"accounts": born, "usage": usage, "churn": exits, "subscriptions": terms}


def _uneven(rng: np.random.Generator) -> np.ndarray:
    weight = rng.exponential(size=len(ACCOUNTS)) ** 2
    return np.asarray(weight / weight.sum())


GRID = """
WITH grid AS (
  SELECT a.account_id, c.cutoff, h.horizon, a.valid_from
  FROM accounts a, cutoffs c, horizons h WHERE a.valid_from <= c.cutoff
)
"""

SILENCE = """
SELECT account_id, cutoff, horizon,
  CASE WHEN cutoff + to_days(horizon + 7) > $end THEN NULL
       WHEN valid_from + INTERVAL 20 DAY > cutoff THEN NULL
       WHEN NOT EXISTS (SELECT 1 FROM usage u WHERE u.account_id = g.account_id AND u.known_at <= cutoff
                        AND occurred_at <= cutoff AND occurred_at > cutoff - INTERVAL 30 DAY) THEN NULL
       WHEN EXISTS (SELECT 1 FROM usage u WHERE u.account_id = g.account_id
                    AND occurred_at > cutoff AND occurred_at <= cutoff + to_days(horizon)) THEN 0 ELSE 1 END AS y
FROM grid g
"""

DEPARTURE = """
, leaves AS (
  SELECT account_id, occurred_at FROM (
    SELECT account_id, occurred_at, lead(occurred_at) OVER (PARTITION BY account_id ORDER BY occurred_at) AS next
    FROM (SELECT DISTINCT account_id, occurred_at FROM usage))
  WHERE next IS NULL OR next > occurred_at + INTERVAL 25 DAY
)
SELECT account_id, cutoff, horizon,
  CASE WHEN cutoff + to_days(horizon + 25 + 7) > $end THEN NULL
       WHEN valid_from + INTERVAL 20 DAY > cutoff THEN NULL
       WHEN NOT EXISTS (SELECT 1 FROM usage u WHERE u.account_id = g.account_id AND u.known_at <= cutoff
                        AND occurred_at <= cutoff AND occurred_at > cutoff - INTERVAL 25 DAY) THEN NULL
       WHEN EXISTS (SELECT 1 FROM leaves l WHERE l.account_id = g.account_id
                    AND l.occurred_at <= cutoff + to_days(horizon)
                    AND l.occurred_at >= (SELECT max(occurred_at) FROM usage u
                                          WHERE u.account_id = g.account_id AND occurred_at <= cutoff))
       THEN 1 ELSE 0 END AS y
FROM grid g
"""

LISTED = """
, exits AS (SELECT account_id, greatest(notice_at, known_at) AS gone, kind <> 'merger' AS lost FROM churn)
SELECT account_id, cutoff, horizon,
  CASE WHEN cutoff + to_days(horizon + 7) > $end THEN NULL
       WHEN valid_from + INTERVAL 20 DAY > cutoff THEN NULL
       WHEN EXISTS (SELECT 1 FROM exits e WHERE e.account_id = g.account_id AND gone <= cutoff) THEN NULL
       ELSE (SELECT CASE WHEN bool_or(lost) THEN 1 WHEN count(*) > 0 THEN NULL ELSE 0 END FROM exits e
             WHERE e.account_id = g.account_id AND gone > cutoff AND gone <= cutoff + to_days(horizon)) END AS y
FROM grid g
"""

LAPSED = """
, lapses AS (
  SELECT account_id, term_end + INTERVAL 5 DAY AS gone FROM subscriptions s
  WHERE NOT EXISTS (SELECT 1 FROM subscriptions n WHERE n.account_id = s.account_id AND n.valid_from > s.valid_from
                    AND n.valid_from <= s.term_end + INTERVAL 5 DAY)
)
SELECT account_id, cutoff, horizon,
  CASE WHEN cutoff + to_days(horizon + 7) > $end THEN NULL
       WHEN valid_from + INTERVAL 20 DAY > cutoff THEN NULL
       WHEN NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.account_id = g.account_id AND s.valid_from <= cutoff
                        AND cutoff < s.term_end + INTERVAL 5 DAY) THEN NULL
       WHEN EXISTS (SELECT 1 FROM lapses l WHERE l.account_id = g.account_id
                    AND gone > cutoff AND gone <= cutoff + to_days(horizon)) THEN 1 ELSE 0 END AS y
FROM grid g
"""


def ask(tables: dict[str, pd.DataFrame], query: str) -> pd.DataFrame:
    with duckdb.connect() as con:
        for name, frame in tables.items():
            con.register(name, frame)
        con.register("cutoffs", pd.DataFrame({"cutoff": CUTOFFS.tz_convert(None)}))
        con.register("horizons", pd.DataFrame({"horizon": HORIZONS}))
        rows = con.execute(GRID + query, {"end": END.to_pydatetime()}).df()
    rows["cutoff"] = rows["cutoff"].dt.tz_localize("UTC").dt.as_unit("us")
    return rows.pivot(index=["account_id", "cutoff"], columns="horizon", values="y").astype(float).sort_index()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("kind", "query", "used"),
    [
        ("silence", SILENCE, ["accounts", "usage"]),
        ("departure", DEPARTURE, ["accounts", "usage"]),
        ("notice", LISTED, ["accounts", "usage", "churn"]),
        ("notice", LAPSED, ["accounts", "usage", "subscriptions"]),
    ],
    ids=["silence", "departure", "churn list", "end dates"],
)
def test_labels_equal_those_of_sql(kind: str, query: str, used: list[str], seed: int) -> None:
    tables = {name: company(seed)[name] for name in used}
    if "churn" in used:  # the list alone: activity after the exit must not count as a return
        left = tables["churn"].set_index("account_id")["notice_at"].reindex(tables["usage"]["account_id"]).to_numpy()
        tables["usage"] = tables["usage"][~(tables["usage"]["occurred_at"].to_numpy() > left)]
    y = label(History.from_frames(tables, end=END), CUTOFFS, HORIZONS, Churn(kind, **RULE))  # type: ignore[arg-type]
    expected = ask(tables, query)
    pd.testing.assert_frame_equal(y.frame, expected, check_names=False, check_column_type=False, check_index_type=False)
    assert expected.notna().any(axis=None)
    assert set(np.unique(expected.to_numpy()[np.isfinite(expected.to_numpy())])) == {0.0, 1.0}
