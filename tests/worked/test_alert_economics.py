"""What alerts cost and what they are worth, counted by hand; and a rehearsal of a small company, end to end."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.snapshot import Snapshot
from holdfast.serving.alerts import rehearsal
from holdfast.serving.alerts.rehearsal import ANY, economics, rehearse
from holdfast.serving.opening import known_on, read_history
from holdfast.serving.plan import read_plan
from holdfast.serving.starter import write_simulation

FIRST = pd.Timestamp("2026-01-01", tz="UTC")
DAYS = pd.date_range(FIRST, periods=15, freq="10D")  # 140 days, 20 weeks


def day(n: float) -> pd.Timestamp:
    return FIRST + pd.Timedelta(days=n)


def openings(*rows: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame([(a, r, day(n)) for a, r, n in rows], columns=["account_id", "rule", "day"])


def test_alerts_are_counted_by_week_and_held_against_exits() -> None:
    index = pd.MultiIndex.from_product([["A", "B", "C"], DAYS], names=["account_id", "cutoff"])
    event_at = pd.Series(pd.NaT, index=index, dtype="datetime64[us, UTC]")
    y = pd.Series(0.0, index=index)
    event_at["A"], event_at["B"] = day(120), day(50)  # B left too early to have been looked ahead to for 90 days
    y[event_at.notna().to_numpy() & (index.get_level_values("cutoff") >= day(30))] = 1.0
    y[index.get_level_values("cutoff") > day(100)] = np.nan  # not settled yet
    told = openings(
        ("A", "drop", 0),  # stood before the rehearsal began, and too early to warn of the exit
        ("A", "drop", 60),
        ("A", "band", 60),
        ("A", "drop", 100),
        ("C", "drop", 20),
        ("C", "band", 120),
        ("", "data_gap", 70),  # no account's
    )
    rows = economics(told, pd.concat([told, openings(("C", "drop", 40))]), event_at, y, DAYS).set_index("rule")
    assert rows["per_week"].to_dict() == pytest.approx(
        dict.fromkeys(rows.index, 0.0) | {"drop": 3 / 20, "band": 2 / 20, ANY: 4 / 20}
    )
    assert rows.loc["drop", "untamed_per_week"] == pytest.approx(4 / 20)
    assert rows.loc["drop", "followed"] == pytest.approx(2 / 4)  # A on days 60 and 100, of four that are settled
    assert rows.loc["band", "followed"] == 1  # that of C is not settled
    assert rows.loc["drop", ["exits_warned", "days_before"]].tolist() == [1, 60]  # of A, first on day 60
    assert rows.loc["silence", "exits_warned"] == 0
    assert np.isnan(rows.loc["silence", "days_before"])
    assert rows["usual"].nunique() == 1


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    path = write_simulation(folder, 150, 3, 20)
    text = path.read_text(encoding="utf-8").replace('every = "28d"', 'every = "56d"')
    path.write_text(text, encoding="utf-8")
    return path


def test_a_rehearsal_tells_what_switching_alerts_on_would_mean(plan: Path) -> None:
    settings = read_plan(plan)
    history = known_on(settings, read_history(settings, pd.Timestamp("2026-06-01", tz="UTC").to_pydatetime()), None)
    found = rehearse(settings, history, 20, 4)
    one = found.rows.set_index("rule").loc[ANY]
    assert 0 < one["per_week"] <= one["untamed_per_week"]
    assert one["per_csm_week"] == pytest.approx(one["per_week"] / 4)
    assert found.end == history.now
    assert found.text().startswith(f"From {found.begin:%Y-%m-%d} to {found.end:%Y-%m-%d}: ")
    assert np.isnan(found.listed_per_week)  # nothing is trained
    assert found.to_dict()["csms"] == 4
    with pytest.raises(UsageError, match="fewer weeks"):
        rehearse(settings, history, 80)


def test_what_is_infinite_is_missing_to_a_rehearsal(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is to the scores of a day."""
    asked = read_plan(plan)
    history = known_on(asked, read_history(asked, pd.Timestamp("2026-06-01", tz="UTC").to_pydatetime()), None)
    days, measured, spoilt = pd.date_range(end=history.now, periods=3, freq="7D"), Catalog.measure, "usage_30"

    def measure(catalog: Catalog, of: History, at: pd.DatetimeIndex, *more: Any, **how: Any) -> Snapshot:
        X = measured(catalog, of, at, *more, **how)
        late = np.asarray(X.index.get_level_values("cutoff") >= days[-2])
        return replace(X, indicators=X.indicators.assign(**{spoilt: X.indicators[spoilt].mask(late, np.inf)}))

    monkeypatch.setattr(Catalog, "measure", measure)
    _, X, _ = rehearsal._measured(asked, history, days)
    assert not np.isinf(X.indicators.to_numpy()).any()
    assert X.indicators.loc[X.index.get_level_values("cutoff") >= days[-2], spoilt].isna().all()
    assert X.indicators[spoilt].notna().any()
