# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Scores that a CS team acts on
#
# A model is worth what people do with it. This notebook takes a trained company through a week: the scores of a day, whom to call, what
# people write back, and what became of what was served. On the command line each step is one command; it stands above the cell.

# %%
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from holdfast.serving import learning, opening, pipeline
from holdfast.serving.plan import read_plan
from holdfast.serving.runs import read_scores
from holdfast.serving.starter import write_simulation

now = datetime(2026, 1, 2, 6, tzinfo=UTC)  # the library never looks at the clock; commands hand it down
file = write_simulation(Path("acme"), accounts=220, seed=5, months=22)
quick = "\n[backtest]\naudits = false\nretrain_every = 12\nbootstrap = 40\n[queue]\nhours = 6.0\ncall_hours = 1.0\n"
file.write_text(file.read_text().replace('every = "28d"', 'every = "56d"') + quick)
plan = read_plan(file)
history = opening.read_history(plan, now)

# %% [markdown]
# `holdfast train plan.toml`

# %%
today = opening.known_on(plan, history, "2025-12-30")
trained = learning.train(plan, today, now)
print(trained.summary()["verdict"])

# %% [markdown]
# ## The scores of a day
#
# `holdfast score plan.toml --at 2025-12-30`
#
# One row per account, scored or not, each that is not with its reason. Files appear whole or not at all, and scoring the same inputs
# again changes no byte.

# %%
run = pipeline.publish(plan, today, trained.bundle, now)
sorted(path.name for path in run.folder.iterdir())

# %%
scores = read_scores(run)
scores

# %% [markdown]
# The three reasons of an account are sentences with their numbers, and beside each stands the account's own past and its peers.

# %%
riskiest = scores.riskiest(1)["account_id"].iloc[0]
scores.reasons.query("account_id == @riskiest and rank <= 3")[["text", "contribution", "beside"]]

# %% [markdown]
# What to do in each band, by whom and by when, is data; so is the share of accounts that left from it in the past (the report has it).

# %%
pipeline.playbooks_of(plan).frame().head(4)

# %% [markdown]
# ## Whom to call
#
# `holdfast queue plan.toml`
#
# A call is worth risk x ARR x save rate, and costs hours. Within the hours of each CSM those are called that are worth most together. The
# save rate is an assumption and stands in the sentence.

# %%
from holdfast.serving.queue.desk import Desk

week = Desk.of(plan).week()
print(week.text())
week

# %% [markdown]
# ## What people write back
#
# `holdfast import plan.toml feedback.csv`
#
# Each run has a form, as a CSV and inside the workbook. Here the first account is scored by hand, with a reason and an end; the second
# is left in peace for two weeks. All of a file is taken, or nothing, with every bad cell named.

# %%
from holdfast.serving.feedback.keeping import import_form

first, second = week.of("call")["account_id"].iloc[:2]
form = pd.read_csv(run.folder / "feedback.csv", dtype=str, keep_default_na=False).set_index("account_id")
form.loc[first, ["set_score", "set_reason", "set_until"]] = [
    "85",
    "signed for two years, contract follows",
    "2026-02-15",
]
form.loc[second, "snooze_until"] = "2026-01-13"
form.reset_index().to_csv("filled.csv", index=False)
import_form(pipeline.workspace(plan), Path("filled.csv"), "Kim Lee", now).to_dict()

# %% [markdown]
# The score of the model stays beside what was set; the queue goes by what people said.

# %%
again = Desk.of(plan).week()
again.rows.query("account_id in [@first, @second]")[
    ["account_id", "decision", "why", "risk", "health", "override_health"]
]

# %% [markdown]
# ## What became of it
#
# `holdfast ledger plan.toml` and `holdfast replay plan.toml --at 2025-09-01`
#
# A score that was served is never rewritten. A day of last autumn, scored only now, is entered as such: it moves nothing, and its
# outcomes are read as far as they are known.

# %%
from holdfast.serving.ledger.as_served import as_served

old = opening.known_on(plan, history, "2025-09-01")
backfill = pipeline.publish(plan, old, trained.bundle, now, named=True)
print(f"served: {backfill.served}")
as_served(pipeline.ledger_of(plan), bootstrap=0)

# %%
from holdfast.serving.ledger.replay import replay

made = replay(plan, history, "2025-12-30")
print(made.text())
