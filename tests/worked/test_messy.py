"""From the untidy exports of a small company to its report: every key of every system is joined right, or to none."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.messy import Company, draw, truth, write_messy
from benchmarks.messy.hubspot import TWIN
from benchmarks.messy.lost import FOOT, STRANGERS, WITHOUT_DATE, lines
from benchmarks.messy.product import DAMAGED, REPEATED, events
from benchmarks.messy.zendesk import STRANGER
from holdfast.features.mapping.mapped import refreshed
from holdfast.serving.command import run

ACCOUNTS, EXITS = 120, 20
SYSTEMS = {"kundigungen": "lost"}  # what a source is called, where not like its system


@dataclass(frozen=True)
class Mapped:
    """The company, and the workspace that `map` left."""

    company: Company
    work: Path

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.work / "history" / f"{name}.parquet")

    def last(self, name: str, key: str) -> pd.DataFrame:
        return self.table(name).sort_values("known_at").drop_duplicates(key, keep="last").set_index(key)

    def past(self, name: str, source: str) -> pd.DataFrame:
        """Give the rows that were known before the day of the export."""
        text = (self.work / "mapping.toml").read_text("utf-8").partition(f"[sources.{source}]")[2]
        exported = pd.Timestamp(text.partition("exported_at = ")[2].split()[0])
        rows = self.table(name)
        return rows[rows["known_at"] < exported]

    @property
    def joined(self) -> pd.DataFrame:
        """Every key with the account to which it was joined, ``got``, and the one to which it belongs, ``whose``."""
        keys = pd.read_csv(self.work / "id_map.csv", dtype="str", keep_default_na=False)
        told = truth(self.company)
        hub = told[(told["system"] == "hubspot") & (told["kind"] == "account")].set_index("key")["account_id"]
        keys = keys.assign(
            system=keys["source"].replace(SYSTEMS), key=keys["source_key"].str.strip(), got=keys["account_id"].map(hub)
        )
        return keys.merge(
            told.rename(columns={"account_id": "whose"}), "outer", on=["system", "kind", "key"], indicator=True
        )


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapped]:
    folder = tmp_path_factory.mktemp("messy")
    company = draw(0, ACCOUNTS, exits=EXITS)
    write_messy(folder / "exports", company)
    assert run(["map", str(folder / "exports"), "--yes", "--out", str(folder / "work")]) == 0
    return Mapped(company, folder / "work")


def test_every_key_is_joined_to_its_account_or_to_none(mapped: Mapped) -> None:
    joined = mapped.joined
    left_out = {line.kunde.strip() for line in lines(mapped.company) if not (line.notice or line.end)}
    assert set(joined.loc[joined["_merge"] != "both", "key"]) == left_out
    joined = joined[joined["_merge"] == "both"]
    known = joined[joined["whose"].notna()]
    assert known[known["got"] != known["whose"]].empty
    assert len(known) > 10 * ACCOUNTS
    planted = {*STRANGERS, STRANGER, "cus_Zq8sTmW4kXb2Ve", "qa@werkbank-intern.example", "demo.user@gmail.com"}
    planted.add("lars@unbekannt.example")
    assert set(joined.loc[joined["got"].isna(), "key"]) == planted
    assert set(joined.loc[joined["key"] == TWIN, "method"]) == {"exact"}
    methods = joined.groupby("source")["method"].agg(set)
    assert methods["stripe"] >= {"crm_id", "domain"}
    assert methods["zendesk"] >= {"exact", "domain"}
    assert methods["events"] >= {"exact", "domain"}


def test_unmatched_rows_are_counted_and_listed(mapped: Mapped) -> None:
    unmatched = pd.read_csv(mapped.work / "unmatched.csv", keep_default_na=False).set_index("key")["rows"]
    assert set(unmatched.index) == {
        *STRANGERS, STRANGER, "qa@werkbank-intern.example", "demo.user@gmail.com", "lars@unbekannt.example"
    }  # fmt: skip
    assert unmatched["lars@unbekannt.example"] >= 10


def test_lines_that_cannot_be_read_lie_in_quarantine(mapped: Mapped) -> None:
    kept = pd.read_csv(mapped.work / "quarantine" / "events.csv")
    assert list(kept["text"]) == list(DAMAGED)
    rows = len(mapped.table("usage"))
    distinct = len(events(mapped.company))
    assert distinct <= rows <= distinct + REPEATED + 1  # no reader can tell a row that came twice from two like events


def test_the_list_of_lost_customers_is_read_with_its_dates(mapped: Mapped) -> None:
    hub = mapped.company.accounts["hubspot"]
    kept = [line for line in lines(mapped.company) if line.account_id]
    assert len(kept) == EXITS
    dated = [line for line in kept if line.notice or line.end]
    assert len(kept) - len(dated) == WITHOUT_DATE
    churn = mapped.table("churn").set_index("account_id")
    for line in dated:
        row = churn.loc[hub[line.account_id]]
        read = [None if pd.isna(row[name]) else row[name].date() for name in ("notice_at", "ended_at")]
        assert read == [line.notice, line.end], line.kunde
    assert len(churn) == len(dated) + len(STRANGERS)
    assert not churn.index.str.contains(FOOT[:10], regex=False).any()


def test_money_is_what_was_billed(mapped: Mapped) -> None:
    billed = mapped.company.last("invoices").set_index("invoice_id")
    read = mapped.last("invoices", "invoice_id")
    read.index = read.index.str.extract(r"0(I\d+)$")[0]
    assert set(read.index) == set(billed.index)
    read = read.rename_axis("invoice_id").loc[billed.index]
    assert list(read["currency"]) == list(billed["currency"])
    assert set(billed["currency"]) == {"EUR", "JPY"}
    pd.testing.assert_series_equal(read["amount"], billed["amount"], rtol=1e-12)
    paid = billed["amount_paid"].notna()
    assert (read.loc[paid, "amount_paid"] == billed.loc[paid, "amount_paid"]).all()
    assert (read.loc[paid, "paid_at"] == billed.loc[paid, "paid_at"]).all()
    assert read.loc[~paid, "paid_at"].isna().all()
    subscriptions = mapped.last("subscriptions", "subscription_id").query("status != 'canceled'")
    true = mapped.company.last("subscriptions").set_index("subscription_id")
    mrr = true["mrr"].reindex(subscriptions.index.str.extract(r"0(S\d+)$")[0]).to_numpy()
    assert len(subscriptions) > ACCOUNTS / 2
    assert subscriptions["mrr"].to_numpy() == pytest.approx(mrr, rel=0.01)


def test_deals_are_read_through_the_german_excel(mapped: Mapped) -> None:
    true = mapped.company.last("deals").set_index("deal_id")
    read = mapped.last("deals", "deal_id")
    keys = [str(30_000_000_000 + int(one[1:])) for one in true.index]
    read = read.loc[keys]
    assert read["amount"].to_numpy() == pytest.approx(true["amount"].to_numpy())
    assert read["probability"].to_numpy() == pytest.approx(true["probability"].to_numpy())
    assert list(read["kind"]) == list(true["kind"])
    assert list(read["is_won"].astype(bool)) == list(true["is_won"])
    assert (read["close_date"].dt.date.to_numpy() == true["close_date"].dt.date.to_numpy()).all()


def test_nothing_is_known_before_it_happens(mapped: Mapped) -> None:
    for name, time in (("tickets", "opened_at"), ("invoices", "issued_at"), ("deals", "valid_from")):
        rows = mapped.table(name)
        assert (rows["known_at"] >= rows[time]).all(), name
    talks = mapped.table("touchpoints")
    assert (talks["known_at"] >= talks["occurred_at"]).all()
    ended = mapped.table("subscriptions").query("status == 'canceled'")
    assert len(ended) >= EXITS / 2
    assert (ended["known_at"] >= ended["ends_at"]).all()


@pytest.mark.parametrize(
    ("name", "source", "columns"),
    [
        ("accounts", "hubspot", ["segment", "industry", "country", "employees", "owner", "lifecycle"]),
        ("deals", "hubspot", ["stage", "is_closed", "is_won", "amount", "probability", "close_date"]),
        ("subscriptions", "stripe", ["plan", "mrr", "seats", "term_end", "auto_renew"]),
        ("tickets", "zendesk", ["priority", "category", "reopens"]),
        ("invoices", "stripe", ["failed_attempts"]),
    ],
)
def test_what_is_overwritten_without_a_date_does_not_reach_the_past(
    mapped: Mapped, name: str, source: str, columns: list[str]
) -> None:
    past = mapped.past(name, source)
    assert len(past) >= ACCOUNTS / 2
    assert past[columns].isna().all(axis=None)


def test_a_rating_and_a_reply_are_dated(mapped: Mapped) -> None:
    rows = mapped.past("tickets", "zendesk")
    rated = rows[rows["satisfaction"].notna()]
    true = mapped.company.last("tickets")["satisfaction"].notna().sum()
    assert rated["ticket_id"].nunique() == true
    assert rated["satisfaction_at"].notna().all()
    early = rows[rows["solved_at"] < rows["opened_at"]]
    assert early["ticket_id"].nunique() <= 1  # the one that was closed before it was created


def test_the_same_seed_writes_the_same_bytes(mapped: Mapped, tmp_path: Path) -> None:
    first = mapped.work.parent / "exports"
    for path in write_messy(tmp_path, draw(0, ACCOUNTS, exits=EXITS)):
        assert path.read_bytes() == (first / path.relative_to(tmp_path)).read_bytes(), path


def test_a_stated_zone_and_a_stated_key_are_obeyed(mapped: Mapped) -> None:
    again = Mapped(mapped.company, mapped.work.with_name("edited"))
    shutil.copytree(mapped.work, again.work, ignore=shutil.ignore_patterns("out", "history"))
    file = again.work / "mapping.toml"
    before, mark, after = file.read_text("utf-8").partition("[sources.hubspot]")
    file.write_text(before + mark + after.replace('zone = "UTC"', 'zone = "Europe/Berlin"', 1), "utf-8")
    whose = mapped.company.accounts["hubspot"].iloc[0]
    with (again.work / "manual.csv").open("a", encoding="utf-8") as stated:
        stated.write(f"kundigungen,account,{STRANGERS[1]},{whose}\n")
    refreshed(again.work)
    churn = again.table("churn")
    assert (churn["account_id"] == whose).any()
    assert not churn["account_id"].str.contains(STRANGERS[1]).any()
    opened = again.table("deals").groupby("deal_id")["known_at"].min()
    true = mapped.company.tables["deals"].groupby("deal_id")["known_at"].min().dt.floor("min")
    assert set(opened) == set(true)
