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
# # Indicators, and how they leak
#
# A churn model is worth what its columns are worth, and most columns that look brilliant know something that nobody knew on the day. This
# notebook shows what an indicator is here, what it says where there is nothing to say, which of two clocks it goes by, and what happens to
# a column that cheats. The company is generated; we keep its tables as plain frames beside the history, since further down we read them as
# one would without a toolkit.

# %%
import pandas as pd

import holdfast as hf
from holdfast.features.simulate import simulate_frames

pd.options.display.max_colwidth = 160
frames, _ = simulate_frames(accounts=400, seed=0)
history = hf.History.from_frames(frames, end="2026-01-01")
cutoffs = hf.cutoffs(history, every="28d")

# %% [markdown]
# ## One declaration
#
# An indicator is declared once: what is measured, what it means, and what a value is worth. The column, its place in the health score, the
# direction in which the model may use it, and the sentence in a report all come from that one object.

# %%
hf.catalog["seat_penetration"]

# %% [markdown]
# The catalogue is a table of them. Read the formulas: they are made from what is measured, so they cannot be out of date. `lookback_days`
# says how far back each one looks; missing means from the beginning, and 0 means what holds on the day.

# %%
hf.catalog.frame().groupby("dimension").head(3)[["name", "dimension", "formula", "lookback_days"]]

# %% [markdown]
# ## Measured at cutoffs
#
# A cutoff is an instant at which we pretend to stand. All indicators are measured for all accounts at all cutoffs in one pass; the result
# is a snapshot, and `X.at(day)` is one day of it. Here is one account through half a year:

# %%
X, y = hf.catalog.measure(history, cutoffs), hf.label(history, cutoffs)
left = y.event_at.dropna().groupby("account_id").max().idxmax()  # the account that left last
X.indicators.loc[left][["active_users", "seat_penetration", "usage_30_change", "days_late", "goal_progress"]].tail(6)

# %% [markdown]
# ## Zero, missing and not applicable
#
# They are three things. *Zero* is measured: no ticket is open. *Missing* is known to apply, and not there: tickets, and nobody rated one.
# *Not applicable* has no meaning for the account: no ticket was there to be rated. A frame of NaN cannot tell the last two apart, and a
# model that fills both with 0 invents dissatisfied customers. `states()` keeps them apart; among today's customers:

# %%
customers = (y.on(X.index).at_risk == "").to_numpy()
now = X.rows(customers).at(cutoffs[-1])
states = now.states()
told = ["open_tickets", "csat", "reply_hours", "review_attendance", "nps_latest"]
states[told].apply(lambda column: column.value_counts()).T

# %% [markdown]
# One account of each kind for satisfaction with support. For two of them the value is NaN; the state, and the sentence that a report would
# print, say why:

# %%
examples = states["csat"].drop_duplicates().index
sentences = hf.catalog.evidence(history, examples.get_level_values("account_id"), cutoffs[-1])["csat"]
pd.DataFrame({"csat": now.indicators["csat"], "state": states["csat"]}).loc[examples].assign(
    sentence=sentences.to_numpy()
)

# %% [markdown]
# Only what applies counts as a gap: `coverage` is the share of the applicable indicators that are there, and below a quarter there is no
# health score at all.

# %%
now.coverage.describe().loc[["mean", "min", "max"]]

# %% [markdown]
# ## Two clocks
#
# Every record says when it happened and when it could be known. Most usage arrives within a day or two, some of it weeks later: a phone
# without a network, a batch that hung. **A late record does not exist before it arrived.** A feature store that filters by event time alone
# has it anyway. To see what that does we tell the same company with the second clock thrown away, which is what an export of "all events"
# is:

# %%
usage = frames["usage"].sort_values("known_at").drop_duplicates(["source", "source_id"], keep="last")
careless = hf.History.from_frames({**frames, "usage": usage.assign(known_at=usage["occurred_at"])}, end="2026-01-01")
seen_early = hf.catalog.measure(careless, cutoffs)
gap = (seen_early.indicators["usage_30"] - X.indicators["usage_30"]).rename("usage that nobody had seen")
print(f"{(gap != 0).mean():.0%} of all values of usage_30 differ")
gap.nlargest(5).to_frame()

# %% [markdown]
# Take the worst of them and stand there. The upper row is what the company could have read on that day, the lower one what an event-time
# reading makes of the same day now:

# %%
account, day = gap.idxmax()
signs = ["usage_30", "active_days", "days_since_usage", "usage_30_change"]
pd.DataFrame(
    {
        "known by then": X.indicators.loc[(account, day), signs],
        "by event time": seen_early.indicators.loc[(account, day), signs],
    }
).T

# %% [markdown]
# And these are the records in between: they had happened, and they had not arrived.

# %%
of_account = frames["usage"].query("account_id == @account")
late = of_account[(of_account["occurred_at"] <= day) & (of_account["known_at"] > day)]
print(f"{account} on {day:%Y-%m-%d}: {len(late)} records under way")
late[["source_id", "occurred_at", "known_at", "event", "count"]].tail(5)

# %% [markdown]
# A model that was trained on the lower row is served the upper one: it does worse in service than in the backtest, and nothing is broken.
#
# ## A feature that cheats
#
# The classic. Somebody wants to know how long the contract still runs and takes it from the table of subscriptions, last row per contract.
# On the day of the export that is right. For every earlier cutoff it is today's value, and the end of a contract is written into that row
# when the customer cancels.


# %%
def days_to_end(frames, cutoffs):
    today = frames["subscriptions"].sort_values("known_at").drop_duplicates("subscription_id", keep="last")
    end = today.groupby("account_id")["ends_at"].max()
    rows = {day: (end - day).dt.total_seconds() / 86_400 for day in cutoffs}
    return pd.concat(rows, names=["cutoff"]).swaplevel().to_frame("days_to_end")


# %% [markdown]
# `hf.prove` puts it to nine laws on a small company that it tells otherwise: with another future, in another order, among other neighbours.
# A number that changes although the past did not is a breach, and what made it change is narrowed down to the fewest records.

# %%
proof = hf.prove(days_to_end, reads="frames", rounds=1)
proof

# %% [markdown]
# Seven laws hold; the one on the edges of a window was not tried, since a function does not say how far back it reads. The law of the
# future is broken, and these are the fewest records that give it away: compare their `known_at` with the day of the counterexample.

# %%
pd.DataFrame(proof["future"].counterexample.records)

# %% [markdown]
# ## How much it flatters
#
# Now the same column in our own company, beside the catalogue. A decorated function is the door for what the vocabulary does not reach: it
# is handed a view of what was known at the cutoff. This one ignores the view and reaches for a table outside, which no door can prevent.

# %%
from holdfast.features.indicators.indicator import indicator

cheat = days_to_end(frames, cutoffs)["days_to_end"]


@indicator(
    needs=("subscriptions",),
    dimension="business",
    healthy="high",
    unit="days",
    title="Days to the end",
    evidence="{value:.0f} days to the end of the contract",
)
def contract_left(view):
    return cheat.xs(view.instant, level="cutoff")


flattered = hf.catalog.adding(contract_left).measure(history, cutoffs)

# %% [markdown]
# Walk forward with and without it. Folds and purging are the same, and none of that helps: the cheat is inside the column. The last column
# below is what the backtest would promise and nobody would ever see. (No intervals and one baseline here, to save time.)

# %%
quick = {"retrain_every": 9, "bootstrap": 0, "baselines": ("age",)}
honest = hf.backtest({"churn": hf.ChurnModel()}, X, y, **quick)
cheated = hf.backtest({"churn": hf.ChurnModel()}, flattered, y, **quick)
auc = pd.DataFrame(
    {
        "honest": honest.table().xs("churn", level="model")["auc"],
        "cheating": cheated.table().xs("churn", level="model")["auc"],
    }
)
auc.assign(flattery=auc["cheating"] - auc["honest"]).round(3)

# %% [markdown]
# There is a second net for what reaches around the door. A sign that alone ranks churn with an AUC above .95 (or below .05, which ranks as
# well) knows too much. `holdfast check` looks for it, and so does `hf.importance`:

# %%
from holdfast.training.leaks import leaks

for one in leaks(flattered.indicators, y.on(flattered.index).frame):
    print(one)

# %% [markdown]
# 0.02: the shorter the time to the end, the surer the exit. Nothing else of the catalogue is named. The net has holes: a cheat that tells
# only half of the truth stays below .95, and that is what the proof is for. Use both.
#
# ## A sign of your own, honestly
#
# The usual way is not a function but a declaration. It combines what can be read of a table and cannot name the future. In a notebook the
# variable becomes its name through `called`; in a file named in the plan (`[indicators] file = "our_signs.py"`) that happens by itself.

# %%
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import subscriptions
from holdfast.features.indicators.sources import usage as uses

exports_per_seat = Indicator(
    uses.sum("count", days=30, event="export").named("exports") / subscriptions.active().sum("seats").named("seats"),
    dimension="product",
    healthy="high",
    unit="exports per seat",
    title="Exports per seat",
    curve=bands((0, 0), (0.5, 60), (2, 100)),
    evidence="{exports:.0f} exports in the last 30 days over {seats:.0f} seats",
    applies=subscriptions.active().sum("seats"),
).called("exports_per_seat")
exports_per_seat

# %% [markdown]
# Prove it before you believe it. Among the laws is one on the edges of its window: a record at the last microsecond counts, one a
# microsecond later does not.

# %%
print(hf.prove(exports_per_seat, rounds=1).verdict)

# %% [markdown]
# From here on it is a sign like any other: a column, a state, a sentence with its numbers, a place in the score and in the model.

# %%
ours = hf.catalog.adding(exports_per_seat)
today = ours.measure(history, cutoffs[-1:])
chosen = list(now.indicators.index.get_level_values("account_id")[:5])
pd.DataFrame(
    {
        "value": today.indicators["exports_per_seat"].droplevel("cutoff").loc[chosen],
        "points": 100 * today.curved()["exports_per_seat"].droplevel("cutoff").loc[chosen],
        "sentence": ours.evidence(history, chosen, cutoffs[-1])["exports_per_seat"],
    }
)
