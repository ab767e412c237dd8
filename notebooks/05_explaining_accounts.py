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
# # Explaining accounts
#
# A CSM acts on a reason, not on a number. This notebook goes from one account to all of them: why it is where it is, how each number
# can be checked, what has changed, what other signs would say; then which signs count at all, and whether another month would tell
# the same story.

# %%
import holdfast as hf

history = hf.simulate(accounts=250, seed=3, months=26)
cutoffs = hf.cutoffs(history, every="28d")
X, y = hf.catalog.measure(history, cutoffs), hf.label(history, cutoffs)
health, model = hf.HealthScore().fit(X, y), hf.ChurnModel().fit(X, y)
now = X.at(cutoffs[-1])

# %% [markdown]
# ## One account
#
# `explain` splits the risk of every account exactly over its signs. All accounts of the day are explained at once, since those of its
# segment are the peers that one account is compared with.

# %%
why = model.explain(now)
riskiest = model.predict_proba(now)[90].idxmax()[0]
told = hf.reasons(why, riskiest, history, health)
print(told.text())

# %% [markdown]
# Signs that say nearly the same are one reason, told by the one that says most. Every row of the frame carries the value, the account's own
# past, its place among its peers, how fresh the records are, and their ids:

# %%
told.frame()[["indicator", "contribution", "value", "own_past", "peer_percentile", "records"]].head(8)

# %% [markdown]
# It adds up, to the last digit: base, contributions and calibration give the total.

# %%
told.base + told.frame()["contribution"].sum() - told.total

# %%
ax = why.plot_waterfall(riskiest)

# %% [markdown]
# ## What has changed
#
# A ledger walks from one score to the other in steps, each of which changes one thing: time passes, data come in, the model is another.

# %%
from holdfast.features.catalog.collection import Catalog
from holdfast.models.ledger import Standing

catalog = Catalog(X.catalog, fixed=True)
then, today = (Standing(day, model, health, catalog) for day in (cutoffs[-4], cutoffs[-1]))
risk, points = hf.ledger(riskiest, history, then, today)
risk.steps()

# %% [markdown]
# ## What if
#
# Only signs that somebody can act on, and only values that comparable accounts show. It says what the models would read, not what a
# change would bring about.

# %%
changes = hf.next_band(health, now, riskiest)
print(hf.what_if(model, health, now, riskiest, changes).text() if changes else "No change within reach.")

# %% [markdown]
# ## All accounts
#
# What each sign adds for every account, and what one of them adds against its value:

# %%
ax = why.plot_beeswarm()

# %%
ax = why.plot_dependence("goal_progress")

# %% [markdown]
# ## Which signs count
#
# Four measures that answer different questions, on rows later than those that were learned from; with a mark for what leaks, for
# reasons that confuse, and for signs that nobody would miss.

# %%
found = hf.importance(hf.ChurnModel(), X, y, refits=1, without=2)
found.frame()[["title", "dimension", "share", "lost", "low", "high", "auc_30", "named", "mark"]].head(10)

# %%
ax = found.plot()

# %% [markdown]
# Where do declared curves and the data disagree about what is healthy?

# %%
found.curves()[["title", "declared", "learned", "range", "told"]].head(5)

# %% [markdown]
# ## Would another month tell the same story?
#
# Both are fitted to other accounts, and to what was known a month earlier; the first three reasons of every account are compared.

# %%
hf.stability(model, X, y, now, health=health, samples=1)
