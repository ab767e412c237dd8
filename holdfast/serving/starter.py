"""Where a workspace begins: a commented plan with templates, or a simulated company with its plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import UsageError
from holdfast.serving.workspace import folder_atomic, write_atomic

if TYPE_CHECKING:
    from holdfast.features.simulate import Scenario

END = "2026-01-01"  # of a simulated history
PLAN = """\
# The plan of one workspace. Paths are relative to this file. `holdfast plan plan.toml --show` prints every setting.

[data]
path = "{path}"            # a folder with one CSV or Parquet file per table, see templates/; or a mapping.toml
{end}            # the last day that counts as observed; default: read from the data
# dialect = {{ delimiter = ";", decimal = ",", dayfirst = true }}   # default: sniffed, and shown by `holdfast check`

# where amounts are in several currencies, state what all are told in, and what one unit of each other is worth:
# currency = "EUR"
# rates = {{ USD = 0.92 }}

[churn]
kind = "{churn}"               # "notice": gives notice or lets its last term end
                              # "silence": no activity for the whole horizon
                              # "departure": gone for good, confirmed by silence
# activity = ["usage"]        # silence, departure: what counts as activity, a table or table.kind
# active_days = 90            # silence, departure: at risk when active in the last so many days
# confirm_days = 90           # departure: days of silence that confirm it
# grace_days = 14             # notice: days after the end of a term before a lapse counts
# min_tenure_days = 28        # younger accounts are not at risk yet
# settlement_days = 14        # records may arrive so many days late

[cutoffs]
every = "28d"                 # the days at which the past is replayed: "28d", "7d", ... or "month"

[horizons]
days = [30, 60, 90]           # how far ahead to look

{mark}[backtest]
{mark}audits = {audits}               # audit weights and test when training, which takes as long again
# holdout = false             # true: keep the last cutoffs from every test, to be opened once

[output]
workspace = "{workspace}"             # models, runs, current scores and report
"""


def plan_text(path: str, workspace: str, end: str | None = None, churn: str = "notice", *, audits: bool = True) -> str:
    """Write a commented plan; without an end the line that would set it stays a comment."""
    stated = f"end = {end}" if end else "# end = 2026-01-01"
    return PLAN.format(
        path=path, workspace=workspace, end=stated, churn=churn, mark="# " if audits else "", audits=str(audits).lower()
    )


def write_starter(folder: Path) -> list[Path]:
    """Write ``plan.toml``, a CSV template per canonical table, and the sheets of customer success as workbook and CSV.

    The template of a table has every column in its header.

    Raises
    ------
    UsageError
        When there is a plan already; nothing is written.
    """
    plan = folder / "plan.toml"
    templates = {folder / "templates" / name: content for name, content in _templates().items()}
    for path in (plan, *templates):
        if path.exists():
            raise UsageError(str(path), "a free place", "a file", "choose another folder; nothing was overwritten")
    write_atomic(plan, plan_text("history", "out").encode())
    for path, content in templates.items():
        write_atomic(path, content)
    return [plan, *templates]


def _templates() -> dict[str, bytes]:
    from holdfast.features.history.tables import TABLES
    from holdfast.features.sheets.sheets import SHEETS
    from holdfast.serving.templates import csv_template, workbook_template

    tables = {f"{name}.csv": f"{','.join(table.columns)}\n".encode() for name, table in TABLES.items()}
    sheets = {f"customer_success/{name}.csv": csv_template(sheet) for name, sheet in SHEETS.items()}
    return {**tables, "customer_success.xlsx": workbook_template(), **sheets}


def write_simulation(
    folder: Path, accounts: int, seed: int, months: int = 36, scenario: Scenario | None = None
) -> Path:
    """Write a simulated company with a plan into a new or empty folder, whole or not at all; return the plan.

    Raises
    ------
    UsageError
        When the folder holds anything.
    """
    from holdfast.features.simulate import write_company

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(str(folder), "a new or empty folder", "files", "choose another; nothing was overwritten")
    with folder_atomic(folder) as place:
        write_company(place, accounts, seed, months, end=END, scenario=scenario)
        (place / "plan.toml").write_text(plan_text("history", "out", END), encoding="utf-8")
    return folder / "plan.toml"
