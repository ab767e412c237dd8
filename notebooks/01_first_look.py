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
# # A first look
#
# Which accounts will leave, how do we know, and how far can that be believed? This notebook walks the whole way on a generated
# company whose churn law is known: history, indicators, labels, backtest, one account explained, scores. With your own data, replace
# the first line by `hf.History.read("data/")`.

# %%
import holdfast as hf

history = hf.simulate(accounts=400, seed=0)
history

# %% [markdown]
# ## Indicators as they were known
#
# A cutoff is an instant at which we pretend to stand. Every indicator at a cutoff reads only what was *known* by then: a note that
# was written two weeks late does not exist before it was written.

# %%
cutoffs = hf.cutoffs(history, every="28d")
X = hf.catalog.measure(history, cutoffs)
X

# %% [markdown]
# One declaration per indicator holds its formula, direction, unit and curve. The catalogue is a table:

# %%
hf.catalog.frame()[["name", "dimension", "healthy", "unit", "title"]].head(12)

# %% [markdown]
# ## Labels
#
# 1 gave notice within the horizon, 0 did not, missing where the window has not been fully observed: for *every* account, not only for
# those that stayed.

# %%
y = hf.label(history, cutoffs, horizons=(30, 60, 90), churn="notice")
y

# %% [markdown]
# ## The proof
#
# Walk forward in time: fit on what was settled by a day, predict the cutoffs after it, move on. Beside the models stand four
# baselines; the verdict says what beats the best of them, or that nothing does.

# %%
models = {"template": hf.HealthScore.template(), "health": hf.HealthScore(), "churn": hf.ChurnModel()}
result = hf.backtest(models, X, y)
result

# %%
ax = result.plot_calibration()

# %%
ax = result.plot_lead_time()

# %% [markdown]
# ## Today's book
#
# The same models, fitted on everything that is settled, read the last cutoff.

# %%
health, model = hf.HealthScore().fit(X, y), hf.ChurnModel().fit(X, y)
health.weights.head(10)

# %%
today = X.cutoffs[-1]
now = X.at(today)
scores = hf.score(now, health, model, history)
book = scores.frame()
book.loc[book.score_status == "scored"].nlargest(5, "p90")[
    ["account_id", "account_name", "health", "band", "p30", "p60", "p90", "driver_1"]
]

# %% [markdown]
# ## Why
#
# Contributions add up exactly to the model's log-hazard; positive raises the risk. Each comes with its evidence: the account's own past, its
# place among the peers of its segment, and the records behind it.

# %%
riskiest = book.loc[book.score_status == "scored"].nlargest(1, "p90")["account_id"].iloc[0]
explanation = model.explain(now)
hf.reasons(explanation, riskiest, history, health)

# %%
explanation.importance().head(10)
