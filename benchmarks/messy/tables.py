"""The canonical tables of a small German company, in its dress: ``python -m benchmarks.messy --out DIR --tables``.

300 accounts, 14 months, 25 exits, in files with ``;``, decimal comma and 31.12.2025, two encodings, no header columns.
The list of exits is a spreadsheet that people keep by hand. Drawn from the simulated company; ``holdfast train
DIR/plan.toml`` and ``holdfast score DIR/plan.toml`` run on it as it is.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.messy.company import END, selected

WITHOUT_NOTICE, WITHOUT_DATE, UNKNOWN_IDS = 3, 2, 3

_PLAN = f"""
[data]
path = "exports"
end = {END}

[churn]
kind = "notice"

[cutoffs]
every = "28d"

[horizons]
days = [30, 60, 90]
"""
_ENCODINGS = {"accounts": "utf-8-sig", "usage": "utf-8-sig"}  # the other systems still write cp1252
_REMARKS = ("Rückruf Vertrieb", "", "siehe E-Mail", "Größe falsch?", "")


def write_exports(folder: Path, seed: int = 0) -> Path:
    """Write the exports to ``folder/exports`` and a plan beside them; return the path of the plan."""
    exports = folder / "exports"
    exports.mkdir(parents=True, exist_ok=True)
    for name, frame in exported(seed).items():
        encoding = _ENCODINGS.get(name, "cp1252")
        frame.to_csv(
            exports / f"{name}.csv",
            sep=";",
            decimal=",",
            index=False,
            encoding=encoding,
            errors="replace",
            lineterminator="\r\n",
        )
    plan = folder / "plan.toml"
    plan.write_text(_PLAN.lstrip(), encoding="utf-8")
    return plan


def exported(seed: int = 0) -> dict[str, pd.DataFrame]:
    """Draw the company and give its tables with the columns that it has, dates as German text."""
    tables = selected(seed)
    last = {name: frame.drop_duplicates("source_id", keep="last") for name, frame in tables.items()}
    columns = {
        "accounts": ["account_id", "name", "segment", "industry", "country", "owner"],
        "tickets": [
            "ticket_id",
            "account_id",
            "opened_at",
            "first_reply_at",
            "solved_at",
            "priority",
            "category",
            "satisfaction",
        ],
        "invoices": ["invoice_id", "account_id", "issued_at", "due_at", "paid_at", "amount", "currency"],
    }
    frames = {name: last[name][wanted] for name, wanted in columns.items()}
    frames["accounts"] = frames["accounts"].drop_duplicates("account_id", keep="last")
    frames["usage"] = last["usage"][["account_id", "person_id", "occurred_at", "event", "kind", "count"]]
    frames["subscriptions"] = _contracts(tables["subscriptions"])
    frames["churn"] = _list_of_exits(tables["churn"])
    return {name: _in_german(frame) for name, frame in frames.items()}


def _contracts(versions: pd.DataFrame) -> pd.DataFrame:
    """Give one line per contract term, as the contract file has it: no status, no notice, an end once it is over."""
    ended = versions[versions["status"] == "canceled"].set_index("subscription_id")["ends_at"]
    terms = versions[versions["status"] == "active"].drop_duplicates(["subscription_id", "term_start"])
    last = ~terms.duplicated("subscription_id", keep="last")
    terms = terms.assign(valid_from=terms["term_start"], valid_to=terms["subscription_id"].map(ended).where(last))
    flag = terms["auto_renew"].map({True: "ja", False: "nein"})
    return terms.assign(auto_renew=flag)[
        [
            "subscription_id", "account_id", "valid_from", "valid_to", "plan", "mrr", "seats", "term_start", "term_end",
            "term_months", "auto_renew", "notice_days",
        ]
    ]  # fmt: skip


def _list_of_exits(churn: pd.DataFrame) -> pd.DataFrame:
    """Keep the list by hand: some dates forgotten, some ids of another system, remarks in a column of their own."""
    rows = churn[["account_id", "notice_at", "ended_at", "reason"]].reset_index(drop=True).copy()
    told = rows.index[rows["notice_at"].notna()]
    forgotten = told[1::3]
    rows.loc[forgotten[:WITHOUT_NOTICE], "notice_at"] = pd.NaT
    rows.loc[forgotten[WITHOUT_NOTICE : WITHOUT_NOTICE + WITHOUT_DATE], ["notice_at", "ended_at"]] = pd.NaT
    strangers = rows.tail(UNKNOWN_IDS).assign(account_id=[f"K-{1000 + i}" for i in range(UNKNOWN_IDS)])
    rows = pd.concat([rows, strangers], ignore_index=True)
    return rows.assign(Bemerkung=[_REMARKS[i % len(_REMARKS)] for i in range(len(rows))])


def _in_german(frame: pd.DataFrame) -> pd.DataFrame:
    """Write dates as 31.12.2025, and numbers that are whole without a decimal."""
    dates = frame.select_dtypes("datetimetz").columns
    numbers = frame.select_dtypes("float").columns
    whole = [name for name in numbers if (frame[name].dropna() % 1 == 0).all()]
    return frame.assign(**{name: _german_date(frame[name]) for name in dates}).astype(dict.fromkeys(whole, "Int64"))


def _german_date(times: pd.Series) -> pd.Series:
    pattern = "%d.%m.%Y %H:%M" if times.name in ("opened_at", "first_reply_at", "solved_at") else "%d.%m.%Y"
    text: pd.Series = times.dt.strftime(pattern)
    return text
