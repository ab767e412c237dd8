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
# # Training, and which weights deserve to be published
#
# A health score is a list of weights that people steer by. Somebody sets them by hand, churn teaches others, and the two are held against
# each other here: how sure the learned ones are, which deserve none, whether they hold from one refit to the next, and when they should
# replace what is in use. The company is generated, so at one point we may look at the truth. Cutoffs lie eight weeks apart, which is enough
# to learn weights and halves the work.

# %%
import json

import pandas as pd

import holdfast as hf
from holdfast.features.simulate import simulate_frames

frames, truth = simulate_frames(accounts=800, seed=0)
history = hf.History.from_frames(frames, end="2026-01-01")
cutoffs = hf.cutoffs(history, every="56d")
X = hf.catalog.measure(history, cutoffs)
y = hf.label(history, cutoffs).on(X.index)
y

# %% [markdown]
# ## What is set by hand
#
# The template is data: shares by dimension, and inside a dimension a level for each sign, from none to high. What is not named is medium;
# changes and trends are low. It needs no churn at all and stands as a baseline in every backtest.

# %%
from holdfast.models.template import Template

Template.named("40-30-30")

# %% [markdown]
# ## What churn teaches
#
# `HealthScore` learns non-negative weights by a hazard regression with the template as prior, as strong as validation forward in time wants
# it. Contract, segment and tenure stand beside the score and never enter it. The notes say what a reader must know:

# %%
health = hf.HealthScore().fit(X, y)
print(*health.notes, sep="\n")

# %% [markdown]
# Printed as weights are set by hand: they sum to 100, with subtotals, beside the template. The 90 % intervals come from drawing accounts
# anew, since the rows of one account are not independent. Dimensions first: where an interval leaves out the template's figure, the data
# disagree with whoever set it.

# %%
from holdfast.models.audit import inference, weight_table

table = weight_table(health, X, y, replicates=30)
table[table["indicator"] == ""].drop(columns="indicator").round(1)

# %% [markdown]
# The signs that gained and lost most. A wide interval beside a large weight is a weight that another sample would give to somebody else.

# %%
signs = table[table["indicator"] != ""].assign(moved=lambda one: one["weight"] - one["template"]).sort_values("moved")
pd.concat([signs.tail(6).iloc[::-1], signs.head(6)])[
    ["title", "dimension", "weight", "low", "high", "template", "moved"]
].round(1)

# %% [markdown]
# ## Which deserve zero?
#
# The prior never lets a weight reach zero, so the table above cannot tell. A plain regression can: no prior, no sign, errors clustered by
# account. `protects` is what a better value takes off the log-hazard.

# %%
plain = inference(health, X, y)
plain["deserves"].value_counts().to_frame()

# %% [markdown]
# Do not delete everything that says *zero*. It says that the sign cannot be told from nothing **beside a hundred others that say much the
# same**, with so many exits. The few at the top stand by themselves. Those *less than zero* deserve a look: there the declared direction
# and the data disagree, by chance or because the sign means something else here.

# %%
columns = ["title", "dimension", "protects", "low", "high", "deserves"]
pd.concat([plain[plain["deserves"] == "weight"].head(6), plain[plain["deserves"] == "less than zero"]])[columns].round(
    2
)

# %% [markdown]
# ## By segment
#
# From 100 churned accounts on a segment has weights of its own, with the common ones as prior; below that it uses the common ones, and the
# notes above said so. Here the two hardly differ, although the law of this company does weigh product higher for small customers: with
# hardly more than a hundred exits the prior still holds them together, and it should.

# %%
dimension = health.table_.set_index("indicator")["dimension"]
by_segment = {"all": health.weights_, **health.segments_}
shares = pd.DataFrame({name: 100 * one.groupby(dimension).sum() for name, one in by_segment.items()})
print("churned:", health.heard_)
shares.round(1)

# %% [markdown]
# ## Held against the truth
#
# Here is what no company can do. The generator knows the hidden state of each dimension and the law by which it leads to churn. A weight
# alone is not what a dimension counts, since a dimension that is the same for everybody moves nobody; weight times spread between accounts
# is. In per cent:

# %%
from holdfast.features.simulate.world import WEIGHTS

names = ["product", "relationship", "business"]
hidden = (
    pd.merge_asof(
        X.index.to_frame(index=False).sort_values("cutoff"),
        truth.sort_values("at"),
        left_on="cutoff",
        right_on="at",
        by="account_id",
    )
    .set_index(["account_id", "cutoff"])
    .loc[X.index]
)
template = hf.HealthScore.template()


def counts(weight, spread):
    return 100 * weight[names] * spread[names] / (weight[names] * spread[names]).sum()


pd.DataFrame(
    {
        "true": counts(pd.Series(WEIGHTS.mean(axis=0), names), hidden[names].std()),
        "learned": counts(shares["all"], health.dimensions(X).std()),
        "template": counts(
            pd.Series({"product": 40, "relationship": 30, "business": 30}), template.dimensions(X).std()
        ),
    }
).round(0)

# %% [markdown]
# The template means to say 40/30/30 and in effect says far more product than that, because the signs of usage spread most. Learning takes
# that back. It does not land on the truth, which a few hundred exits do not tell, but it lies much nearer. That shows in the order of the
# accounts: rank correlation of the score with the true hazard, which should be as negative as can be.

# %%
risk = hidden["log_hazard"]
pd.Series(
    {
        name: one.score(X).corr(risk, method="spearman")
        for name, one in {"template": template, "learned": health}.items()
    },
    name="with the true hazard",
).round(2).to_frame()

# %% [markdown]
# ## From refit to refit
#
# Weights that jump teach a team to ignore them. So learn again as it would have been done half a year and a year ago, on the labels as they
# were known then, and look at the shares side by side.

# %%
refits = {}
for day in cutoffs[[-7, -4]]:
    then = y.known(day)
    settled = then.frame.notna().any(axis=1).to_numpy()
    refits[f"{day:%Y-%m}"] = hf.HealthScore(alphas=(health.alpha_,)).fit(X.rows(settled), then.rows(settled))
refits[f"{cutoffs[-1]:%Y-%m}"] = health
pd.DataFrame(
    {
        day: {**one.weights.groupby("dimension")["weight"].sum(), "accounts churned": one.evidence_}
        for day, one in refits.items()
    }
).round(1)

# %% [markdown]
# ## The gate
#
# `publish_gate` asks three things of new weights: enough exits, a gain on later rows that is more than luck, and no dimension that moves by
# more than ten points at once. From the template to the first learned weights:

# %%
from holdfast.training.gate import publish_gate

publish_gate(template, health, X, y)

# %% [markdown]
# They predict better, and still the gate is shut: a dimension moves too far. That is not a verdict on the weights. It says that a person
# should decide, tell the team beforehand, and watch the bands, since many accounts change theirs overnight. From one refit to the next it
# is another matter:

# %%
before = refits[f"{cutoffs[-4]:%Y-%m}"]
publish_gate(before, health, X, y)

# %% [markdown]
# What moves is small, and so is what is gained. Then leave what is in use: a team that has learned to read a score is worth more than the
# last thousandth. How many accounts would change their band today, if the weights were replaced:

# %%
now = X.rows((y.at_risk == "").to_numpy()).at(cutoffs[-1])
bands = {
    name: hf.ACTION.names_of(one.score(now).dropna())
    for name, one in {"template": template, "last refit": before, "new": health}.items()
}
pd.DataFrame(
    {
        f"from the {name}": {"band changes": int((bands[name] != bands["new"]).sum()), "of": len(now)}
        for name in ("template", "last refit")
    }
).T

# %% [markdown]
# ## The churn model beside it
#
# The score is for people, the churn model for probabilities. How much it dares to learn depends on how many accounts churned: below 200 a
# regression that is anchored at the template stands alone, from 200 on boosted trees join. The same company as known a year ago, and today:

# %%
then = y.known(cutoffs[-7])
settled = then.frame.notna().any(axis=1).to_numpy()
small = hf.ChurnModel().fit(X.rows(settled), then.rows(settled))
large = hf.ChurnModel().fit(X, y)
for name, model in {"a year ago": small, "today": large}.items():
    print(f"{name}: {model.evidence_} accounts churned. {'; '.join(model.notes) or 'boosted trees have joined'}")

# %% [markdown]
# **Calibration.** The model of a year ago has never seen the year since. Put its probabilities for that year into fifths and count what
# came: the two columns should be of one size.

# %%
later = (X.index.get_level_values("cutoff") >= cutoffs[-7]) & y.frame[90].notna().to_numpy()
p, came = small.predict_proba(X.rows(later))[90], y.frame.loc[later, 90]
fifth = pd.qcut(p.rank(method="first"), 5, labels=["lowest", "2", "3", "4", "highest"])
pd.DataFrame({"said": p, "came": came}).groupby(fifth, observed=True).mean().rename_axis("fifth").round(3)

# %% [markdown]
# **Intervals.** Each account's probability comes with bounds. They are wide, and honestly so: a few hundred exits do not tell one account's
# risk to the point. One law gives all horizons, so 30, 60 and 90 days never contradict one another; where the probability leaps from one to
# the next, a renewal decision falls between them.

# %%
said, bounds = large.predict_proba(now), large.predict_interval(now)
riskiest = said[90].nlargest(5).index
pd.concat([said.add_prefix("p"), bounds[90].add_prefix("p90_")], axis=1).loc[riskiest].droplevel("cutoff").round(3)

# %% [markdown]
# ## The same again
#
# Same data, same seed, same bytes; the refit of a year ago, once more. If two people get different weights, they did not have the same
# data.

# %%
again = hf.HealthScore(alphas=(health.alpha_,)).fit(X.rows(settled), then.rows(settled))
same = json.dumps(again.to_dict()) == json.dumps(refits[f"{cutoffs[-7]:%Y-%m}"].to_dict())
same

# %% [markdown]
# ## When to publish
#
# - **Publish** when the gate is open: enough exits, a gain on rows that came later, no jump.
# - **Publish by decision** when only the jump is too large: from template to learned once, with the list of accounts that change their
#   band, and a word to the team.
# - **Do not publish** when nothing is gained on later rows, however plausible the new weights look; or below 50 exits, where the template
#   stands (`learn = false` under `[health]` keeps it for good).
# - **Do not refit** because one prominent customer left. Refit on a calendar, and when a source is added or falls away.
# - A weight that nobody believes is a reason to look at the sign (`hf.importance`, its curve, its evidence), not to overrule the figure. If
#   it stays wrong, give it level `none`: what has no level in the template never gets a weight.
