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
# # How good would it have been?
#
# A backtest walks forward over the past: fit to what was known on a day, predict the cutoffs after it, move on. This notebook reads one
# as a data scientist does, then as a CS lead does, and judges a score that was made elsewhere by the same protocol.

# %%
import holdfast as hf

history = hf.simulate(accounts=250, seed=5, months=26)
cutoffs = hf.cutoffs(history, every="28d")
X, y = hf.catalog.measure(history, cutoffs), hf.label(history, cutoffs)
models = {"template": hf.HealthScore.template(), "health": hf.HealthScore(), "churn": hf.ChurnModel()}
result = hf.backtest(models, X, y, retrain_every=6)
print(result.verdict)

# %% [markdown]
# ## For the data scientist
#
# All predictions lie in one long frame; everything else is a view of it. All models of a horizon are measured on the same rows, and
# intervals draw accounts, not rows.

# %%
result.frame().head()

# %%
result.table()

# %% [markdown]
# What the best model gains over the best baseline comes with a paired interval:

# %%
[(one.model, one.baseline, one.horizon, round(one.difference, 3), round(one.low, 3)) for one in result.comparisons]

# %%
ax = result.plot_calibration()

# %% [markdown]
# Nothing that was learned from reaches into a test: the count of label cells whose window was still open is zero everywhere.

# %%
from holdfast.training.folds import folds, overlaps

labels = y.on(X.index)
overlaps(labels, folds(labels, 6))

# %% [markdown]
# ## For the CS lead
#
# A team calls so many accounts at each cutoff. Whom would it have called in time, what were they worth, and how long did they stand on the list?

# %%
caught = result.capacity(10)
print(caught.text("churn"))
caught

# %%
ax = result.plot_lead_time()

# %% [markdown]
# ## The customers that were lost
#
# One by one: health and warnings 90, 60 and 30 days before, as they were known then, by a score that learned nothing from them.

# %%
lost = hf.autopsy(X, y, hf.HealthScore.template(), history, last=6, predictions=result.frame())
print(lost.text())
lost

# %%
lost.signs.query("state == 'warned'")[["account_id", "title", "sentence"]].head(10)

# %% [markdown]
# ## A score that was made elsewhere
#
# Two lists are enough: account, date, score; and who was lost, when. Here the template plays the part of a platform's score.

# %%
at_risk = (labels.at_risk == "").to_numpy()
scores = hf.HealthScore.template().score(X)[at_risk].dropna().rename("score").reset_index()
churned = labels.event_at.dropna().groupby("account_id").max().rename("date").reset_index()
judged = hf.audit(scores.rename(columns={"cutoff": "date"}), churned)
print(judged.text())
judged.bands
