"""Amounts in several currencies: converted as rows land, at rates that are stated; else nothing is ranked by them."""

from pathlib import Path

import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import DataError, UsageError
from holdfast.features.history import History
from holdfast.features.history.money import MONEY, Rates
from holdfast.features.history.tables import TABLES
from holdfast.serving.command import run
from holdfast.serving.ingesting import ingest, rates_from
from holdfast.serving.opening import read_history, refuse_several_currencies
from holdfast.serving.plan import parse_plan, read_plan

T = pd.Timestamp("2025-06-01", tz="UTC")
EUR = Rates("EUR", {"USD": 0.5, "JPY": 0.01})
REFUSED = 30


def _frames() -> dict[str, pd.DataFrame]:
    ids, day = list("abcd"), T - pd.Timedelta(days=100)
    currency = ["EUR", " usd", None, "JPY"]
    return {
        "accounts": pd.DataFrame({"account_id": ids, "valid_from": day, "currency": ["EUR", "USD", None, "CHF"]}),
        "usage": pd.DataFrame({"account_id": ids, "occurred_at": T}),
        "subscriptions": pd.DataFrame({"account_id": ids, "valid_from": day, "mrr": 100.0, "currency": currency}),
        "invoices": pd.DataFrame(
            {"account_id": ids, "issued_at": day, "amount": [10.0, 20.0, None, 3000.0], "currency": currency}
        ).assign(paid_at=T, amount_paid=8.0),
        "deals": pd.DataFrame({"account_id": ids, "valid_from": day, "budget_amount": 6.0, "currency": currency}),
        "goals": pd.DataFrame({"account_id": ids, "valid_from": day, "value_delivered": 4.0, "currency": currency}),
    }


def test_every_amount_that_has_a_currency_is_converted() -> None:
    amounts = {name for name, table in TABLES.items() if "currency" in table.columns}
    assert amounts == set(MONEY)
    view = History.from_frames(_frames(), rates=EUR).as_of(T + pd.Timedelta(days=1))
    by = {name: view[name].set_index("account_id") for name in MONEY}
    assert by["subscriptions"]["mrr"].tolist() == [100.0, 50.0, 100.0, 1.0]
    assert by["invoices"]["amount"].dropna().tolist() == [10.0, 10.0, 30.0]
    assert by["invoices"]["amount_paid"].tolist() == [8.0, 4.0, 8.0, 0.08]
    assert by["deals"]["budget_amount"].tolist() == [6.0, 3.0, 6.0, 0.06]
    assert by["goals"]["value_delivered"].tolist() == [4.0, 2.0, 4.0, 0.04]
    assert set(by["subscriptions"]["currency"].dropna()) == {"EUR"}
    assert by["invoices"]["currency"].tolist() == ["EUR", "EUR", "XXX", "EUR"]
    assert by["accounts"]["currency"].fillna("").tolist() == ["EUR", "EUR", "", "EUR"]


def test_revenue_is_counted_in_the_common_currency() -> None:
    history = History.from_frames(_frames(), end=T, rates=EUR)
    X = hf.catalog.measure(history, [T])
    assert X.context["arr"].droplevel("cutoff").to_dict() == {"a": 1200.0, "b": 600.0, "c": 1200.0, "d": 12.0}


def test_an_amount_without_a_rate_is_refused_by_its_currency() -> None:
    with pytest.raises(DataError, match=r"column currency: expected EUR, .* found JPY \(1 row\)") as refusal:
        History.from_frames(_frames(), rates=Rates("EUR", {"USD": 0.5}))
    assert refusal.value.exit_code == REFUSED


def test_a_store_holds_what_memory_holds(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name, frame in _frames().items():
        frame.to_parquet(source / f"{name}.parquet")
    read = History.read(source, rates=EUR)
    summary = ingest(source, tmp_path / "store", None, compact=False, rates=EUR)
    assert summary["rows"]["invoices"] == 4
    store = History.open(tmp_path / "store")
    for name in MONEY:
        one, other = (of.as_of(T + pd.Timedelta(days=1))[name] for of in (read, store))
        pd.testing.assert_frame_equal(one, other, check_dtype=False, check_categorical=False)


def _plan(folder: Path, more: str = "", path: str = "history") -> Path:
    place = folder / "history"
    place.mkdir(exist_ok=True)
    for name, frame in _frames().items():
        frame.to_csv(place / f"{name}.csv", index=False)
    file = folder / "plan.toml"
    file.write_text(f'[data]\npath = "{path}"\n{more}\n[churn]\nkind = "notice"\n', encoding="utf-8")
    return file


def test_training_and_scoring_are_refused_until_rates_are_stated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = _plan(tmp_path)
    for name in ("train", "backtest"):
        assert run([name, str(plan)]) == REFUSED
        told = capsys.readouterr().err
        assert "EUR (3 rows), JPY (3 rows), USD (3 rows)" in told
        assert 'currency = "EUR", rates = { JPY = ..., USD = ... }' in told
    assert run(["check", str(plan)]) == 1
    assert "HF018" in capsys.readouterr().out
    stated = _plan(tmp_path, 'currency = "EUR"\nrates = { USD = 0.5, JPY = 0.01 }')
    run(["train", str(stated)])  # refused for want of history alone
    assert "cutoffs" in (told := capsys.readouterr().err)
    assert "currenc" not in told


def test_a_store_that_was_not_converted_is_refused_under_a_plan_with_rates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = _plan(tmp_path, 'currency = "EUR"\nrates = { USD = 0.5, JPY = 0.01 }', path="store")
    ingested = ["ingest", str(tmp_path / "history"), str(tmp_path / "store")]
    assert run(ingested) == 0
    assert run(["check", str(plan)]) == REFUSED
    assert "holdfast ingest SOURCE STORE --currency EUR" in capsys.readouterr().err
    ingested[2] = str(tmp_path / "other")
    assert run([*ingested, "--currency", "EUR", "--rate", "USD=0.5", "--rate", "JPY=0.01"]) == 0
    plan.write_text(plan.read_text().replace('"store"', '"other"'))
    refuse_several_currencies(read_history(read_plan(plan), (T + pd.Timedelta(days=400)).to_pydatetime()))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"rates": {"USD": 0.9}}, "a currency beside the rates"),
        ({"currency": "euro"}, "what all amounts are told in"),
        ({"currency": "EUR", "rates": {"USD": 0}}, "greater than 0"),
        ({"currency": "EUR", "rates": {"USD": float("nan")}}, "finite"),
        ({"currency": "EUR", "rate": {}}, "did you mean 'rates'"),
    ],
)
def test_a_plan_says_what_is_wrong_with_its_rates(data: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_plan({"data": {"path": "h"} | data, "churn": {"kind": "notice"}})


@pytest.mark.parametrize(
    ("currency", "told", "says"),
    [
        (None, ["USD=0.9"], "add --currency EUR"),
        ("EUR", ["USD"], "CODE=NUMBER"),
        ("EUR", ["USD=x"], "CODE=NUMBER"),
        ("EUR", ["usd=0.9"], "three capital letters"),
        ("EUR", ["USD=-1"], "positive number"),
        ("EUR", ["EUR=2"], "expected 1"),
    ],
)
def test_rates_of_the_command_line_are_checked(currency: str | None, told: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        rates_from(currency, told)
