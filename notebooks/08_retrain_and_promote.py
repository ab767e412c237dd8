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
# # Retrain and promote
#
# A model ages, and a newer one need not be better. This notebook takes a company through a quarter: a first model, a challenger that is set
# against it clause by clause, the change of the model in service, and the way back. On the command line each step is one command; it stands
# above the cell, and any scheduler may run it.

# %%
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.serving import opening, pipeline
from holdfast.serving.plan import read_plan
from holdfast.serving.promotion import service
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.promotion.retraining import retrain

now = datetime(2026, 1, 2, 6, tzinfo=UTC)  # the library never looks at the clock; commands hand it down

# %% [markdown]
# The company is small and of our own making: 170 accounts that come every week, or less often. 110 of them leave, one after the other, and
# come less often in the ten weeks before.

# %%
rng = np.random.default_rng(0)
start, weeks, leavers = pd.Timestamp("2023-01-02", tz="UTC"), 130, 110
names = [f"A{i:03d}" for i in range(170)]
visits = []
for i, name in enumerate(names):
    last = 32 + int((weeks - 32) * 0.9 * i / leavers) if i < leavers else weeks
    week = np.arange(last)
    often = rng.uniform(0.4, 1.0) * np.where((last - week < 10) & (last < weeks), 0.7, 1.0)
    came = (rng.random(last) < often) | (week == last - 1)
    visits += [(name, start + pd.Timedelta(days=7 * int(one), hours=i % 24)) for one in week[came]]

Path("acme/history").mkdir(parents=True)
accounts = pd.DataFrame({"account_id": names, "name": names, "valid_from": start})
accounts.to_csv("acme/history/accounts.csv", index=False)
pd.DataFrame(visits, columns=["account_id", "occurred_at"]).to_csv("acme/history/usage.csv", index=False)
Path("acme/plan.toml").write_text("""
[data]
path = "history"
[churn]
kind = "departure"
confirm_days = 30
[cutoffs]
every = "84d"
[horizons]
days = [30, 60]
[backtest]
audits = false
bootstrap = 40
retrain_every = 50
""")
plan = read_plan("acme")
history = opening.read_history(plan, now)

# %% [markdown]
# ## The first model
#
# `holdfast retrain acme --until 2025-03-31`
#
# It learns from what was known on that day. Where no model is in service, two things are asked for: that the signs know nothing of the
# future, which is proven by telling the history otherwise, and enough accounts that left.

# %%
today = opening.known_on(plan, history, None)
spring = opening.known_on(plan, history, f"{today.now - pd.Timedelta(days=84):%Y-%m-%d}")
first = retrain(plan, spring, now)
first.decision.gate

# %%
run = pipeline.publish(plan, spring, pipeline.bundle_of(plan), now)
print(
    f"model {run.manifest['model_version']} scored {run.manifest['counts']['scored']} accounts as of {run.manifest['as_of'][:10]}"
)

# %% [markdown]
# ## A quarter later
#
# `holdfast retrain acme`
#
# First the contract of the data is asked: an error ends it here. Then both models are judged on rows that neither had learned from. What
# too few events allow is *not judged*, and says why. Every clause can hold the challenger back by itself.

# %%
second = retrain(plan, today, now)
print(second.decision.gate.text())
second.decision.gate.frame()

# %% [markdown]
# Of the same inputs nothing is learned and nothing decided again. The command returns 10 then, and 20 when a challenger is held back.

# %%
again = retrain(plan, today, now)
again.fresh, again.promoted

# %% [markdown]
# The decision is kept beside the bundle, as a page for people and as JSON, with what deserved attention in the data.

# %%
print(*sorted(path.name for path in second.report.parent.iterdir()))
for one in second.decision.findings:
    print(one)

# %% [markdown]
# ## Side by side
#
# `holdfast compare acme`
#
# Every figure of both on the days that both backtests tested, with paired intervals that draw accounts. What lies within its interval
# around 0 is chance.

# %%
old, new, side = service.compare(plan, first.decision.version, second.decision.version)
print(side.text())
side.frame().round(3)

# %% [markdown]
# ## The way back
#
# `holdfast rollback acme --reason "..."`

# %%
back = service.roll_back(plan, "two CSMs do not recognise their accounts in it", now)
print(f"{back.bundle.version} is in service again, {back.before} is not")

# %% [markdown]
# A model that was rolled back does not return by itself: a clause of the gate asks for that. A person can put any model in service by
# `holdfast promote acme VERSION`; what the gate says against it is told, and the reason is kept.
#
# Promotions are rows that are added and never changed, each with the model that it replaces: who decides against another one than is in
# service by then is refused.

# %%
promotions = Promotions(pipeline.workspace(plan))
promotions.frame().drop(columns=["model_sha256", "recorded_at"])

# %%
service.models(plan)

# %% [markdown]
# ## What was served stays what it was
#
# `holdfast replay acme --at 2025-03-31`
#
# Models that scored a run are kept, so a day is made again with the model that scored it, whichever is in service. What another one would
# have said is told apart.

# %%
from holdfast.serving.ledger.replay import replay

day = f"{spring.now:%Y-%m-%d}"
print(replay(plan, history, day).text())
other = replay(plan, history, day, second.decision.version)
changed = other.frame().query("column == 'p60'").set_index("account_id")[["served", "replayed"]].astype(float)
changed.describe().loc[["count", "mean", "min", "max"]]

# %%
ax = changed.plot.scatter(
    "served", "replayed", s=12, title="Chance to leave within 60 days, by the model then and the next one"
)
ax.axline((0, 0), slope=1, color="grey", linewidth=0.8)
