"""The public data sets become canonical tables without losing what their description states."""

import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from holdfast.features.history import History

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks lie beside the package, not in it
from benchmarks.messy import ACCOUNTS, EXITS, exported, write_exports
from benchmarks.sources import SOURCES, data_folder, write

needs_data = pytest.mark.skipif(
    data_folder() is None, reason="the data sets are not here: set HOLDFAST_DATA to their folder"
)


def _written(name: str, out: Path) -> Path:
    data = data_folder()
    assert data is not None
    return write(SOURCES[name], data, out)


@needs_data
def test_ravenstack_keeps_every_row_and_both_uses_of_a_repeated_id(tmp_path: Path) -> None:
    folder = _written("ravenstack", tmp_path).parent / "history"
    tables = {path.stem: pd.read_parquet(path) for path in folder.iterdir()}
    assert {name: len(frame) for name, frame in tables.items()} == {
        "accounts": 500, "churn": 600, "subscriptions": 5_000 + 486, "tickets": 2_000, "usage": 25_000,
    }  # fmt: skip
    assert tables["usage"]["source_id"].is_unique
    assert tables["usage"]["source_id"].str.count("-").gt(1).sum() == 21
    assert tables["usage"]["account_id"].notna().all()
    assert tables["churn"]["account_id"].nunique() == 352
    assert tables["accounts"].loc[tables["accounts"]["account_id"] == "A-2e4581", "valid_from"].item() == pd.Timestamp(
        "2024-10-16", tz="UTC"
    )
    assert tables["tickets"]["satisfaction"].dropna().between(0, 1).all()
    signed = tables["tickets"]["account_id"].map(tables["accounts"].set_index("account_id")["valid_from"])
    assert (tables["tickets"]["opened_at"] < signed).mean() == pytest.approx(0.539, abs=0.001)
    history = History.read(folder)
    assert (len(history.accounts), history.now) == (500, pd.Timestamp("2024-12-31", tz="UTC"))


@needs_data
def test_crm5_has_one_version_per_billing_period_and_product(tmp_path: Path) -> None:
    plan = _written("fightchurn_crm5_reset", tmp_path)
    folder = plan.parent / "history"
    subscriptions, accounts = (pd.read_parquet(folder / f"{name}.parquet") for name in ("subscriptions", "accounts"))
    assert (len(accounts), len(subscriptions)) == (1_355, 37_224)
    assert not subscriptions.duplicated(["subscription_id", "valid_from"]).any()
    assert (subscriptions["known_at"] == subscriptions["valid_from"]).all()
    assert (subscriptions["term_end"] > subscriptions["known_at"]).all()
    assert subscriptions.loc[~subscriptions["plan"].str.contains("_(?:mthly|biann|annual)$"), "seats"].isna().all()
    usage = pd.read_parquet(folder / "usage.parquet", columns=["occurred_at", "known_at", "event"])
    assert len(usage) == 1_392_035
    assert usage["event"].nunique() == 25
    assert (usage["known_at"] - usage["occurred_at"] == pd.Timedelta(days=1)).all()
    assert str(tomllib.loads(plan.read_text())["data"]["end"]) == "2024-01-01"


@needs_data
def test_an_order_is_an_invoice_and_a_return_is_not(tmp_path: Path) -> None:
    folder = _written("online_retail", tmp_path).parent / "history"
    invoices, usage, accounts = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("invoices", "usage", "accounts")
    )
    assert len(invoices) == 18_536
    assert invoices["invoice_id"].is_unique
    assert not invoices["invoice_id"].str.startswith("C").any()
    assert set(invoices["account_id"]) == set(accounts["account_id"])
    assert set(usage["event"]) == {"order", "article", "return"}
    assert (usage["event"] == "order").sum() == len(invoices)
    assert accounts["account_id"].str.fullmatch(r"\d{5}").all()


@needs_data
def test_every_purchase_of_cdnow_is_kept(tmp_path: Path) -> None:
    folder = _written("cdnow", tmp_path).parent / "history"
    assert len(pd.read_parquet(folder / "invoices.parquet")) == 69_659
    assert len(pd.read_parquet(folder / "accounts.parquet")) == 23_570


def test_the_messy_company_is_as_small_and_as_untidy_as_promised(tmp_path: Path) -> None:
    plan = write_exports(tmp_path)
    tables = exported()
    exits = tables["churn"]
    assert len(tables["accounts"]) == ACCOUNTS
    known = exits[exits["account_id"].isin(tables["accounts"]["account_id"])]
    assert (len(known), len(exits) - len(known)) == (EXITS, 3)
    assert (known["notice_at"].isna() & known["ended_at"].isna()).sum() == 2
    first = (plan.parent / "exports" / "invoices.csv").read_text("cp1252").splitlines()[1]
    assert first.count(";") == 6
    assert any(part.replace(",", "").isdigit() and "," in part for part in first.split(";"))
    history = History.read(plan.parent / "exports", end="2026-01-01")
    assert len(history.accounts) == ACCOUNTS
    assert {finding.code for finding in history.findings} >= {"HF003", "HF004", "HF005", "HF009"}
