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
# # Your own data
#
# From the CSV files on a shared drive to a first verdict. Nobody's exports are clean, and what goes wrong here goes wrong quietly: a model
# is trained on half of the contracts and nobody notices. So this notebook looks at what was understood before anything is learned, makes
# mistakes on purpose, and ends with what to do when there is too little to learn from.
#
# The first cell plays the shared drive: six lists of an invented company as its systems hand them out, with semicolons, decimal commas,
# German dates and a German list of lost customers. With files of your own, skip it and let `exports` be your folder. (One month of invoices
# was forgotten. Let us see who notices.)

# %%
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

import holdfast as hf
from holdfast.features.simulate import simulate_frames

pd.options.display.max_colwidth = 160
place = Path(mkdtemp())
exports = place / "exports"
exports.mkdir()

frames, _ = simulate_frames(accounts=240, seed=4, months=26)
latest = {name: frame.drop_duplicates("source_id", keep="last") for name, frame in frames.items()}
customers = latest["accounts"].drop_duplicates("account_id", keep="last")
contracts = frames["subscriptions"].query("status == 'active'").drop_duplicates(["subscription_id", "term_start"])
invoices = latest["invoices"][latest["invoices"]["issued_at"].dt.strftime("%Y-%m") != "2025-03"]


def export(name, table, columns, headers):
    written = table[columns.split()].set_axis(headers.split(", "), axis=1)
    day = {"events": "%Y-%m-%dT%H:%M:%SZ", "tickets": "%d.%m.%Y %H:%M"}.get(name, "%d.%m.%Y")
    written.to_csv(exports / f"{name}.csv", sep=";", decimal=",", index=False, date_format=day)


of_contract = "subscription_id account_id plan mrr seats term_start term_end notice_days auto_renew"
in_contract = "Contract, Customer ID, Package, Monthly amount, Licences, Start, End, Notice period days, Auto renewal"
of_invoice = "invoice_id account_id issued_at due_at paid_at amount currency"
in_invoice = "Invoice number, Customer ID, Invoice date, Due date, Paid on, Amount, Currency"
export("customers", customers, "account_id name segment country owner", "Customer ID, Company, Tier, Country, CSM")
export("contracts", contracts, of_contract, in_contract)
export("invoices", invoices, of_invoice, in_invoice)
export(
    "tickets",
    latest["tickets"],
    "ticket_id account_id opened_at first_reply_at solved_at",
    "Ticket, Customer ID, Created, First reply, Solved",
)
export(
    "events",
    latest["usage"],
    "source_id account_id person_id occurred_at known_at event",
    "event_id, customer_id, user_id, timestamp, received_at, event_name",
)
export(
    "kuendigungen",
    latest["churn"],
    "account_id notice_at ended_at reason",
    "Kundennummer, Kündigung eingegangen, Vertragsende, Grund",
)
print("".join((exports / "contracts.csv").read_text().splitlines(keepends=True)[:3]))

# %% [markdown]
# ## What is what
#
# `holdfast map exports --yes --out work` does this on the command line. It recognises each list by its headers, finds out who is who, and
# writes a mapping that you can edit, with a ground for every choice. Read `read_as` line by line: an empty one was left unread.

# %%
from holdfast.serving.mapping import map_places

work = map_places([exports], place / "work", lambda _: True)
work.readings[["table", "rows", "first", "last", "read_as", "ground"]]

# %% [markdown]
# Every choice stands there with its ground. The time zones deserve a look: where no zone is written, UTC is assumed. A support desk that
# exports Berlin time moves every ticket by one or two hours, and some over midnight into another day: then `zone = "Europe/Berlin"` in
# `work/mapping.toml`.

# %%
work.choices

# %% [markdown]
# Who is who: how many keys of each source lead to an account. Here all of them do; on real data expect a column `unmatched`, and say in
# `work/manual.csv` whose those are, the most frequent first.

# %%
work.matches

# %% [markdown]
# ## The history
#
# A history is read through the mapping. What was noticed on the way in stands under it, each with a code. Do not scroll past it.

# %%
history = hf.History.read(place / "work", end="2026-01-01")
history.report()[["code", "severity", "where", "count", "message", "remedy"]]

# %% [markdown]
# ## The quiet mistake
#
# `HF005` on subscriptions: every single contract was left out. The list tells when a term starts and ends, but not since when its price and
# its seats hold. Had somebody raised the seats last week, today's number would stand in the whole past, and a backtest would see the
# future. So what is not dated is not used:

# %%
history.tables

# %% [markdown]
# Only you can know whether that is right. This company writes a new line for each term and never edits an old one, so a line holds since
# its term began. Saying so takes one column, `valid_from`. If lines are edited in place, do not say it: `holdfast capture` the list daily
# instead, and it is true from then on. After mapping anew, look whether subscriptions are there:

# %%
dated = contracts.assign(valid_from=contracts["term_start"])
export("contracts", dated, f"{of_contract} valid_from", f"{in_contract}, valid_from")
work = map_places([exports], place / "work", lambda _: True, anew=True)
history = hf.History.read(place / "work", end="2026-01-01")
history

# %% [markdown]
# ## On what ground
#
# Every record has two clocks, when it happened and when it could be known, and `known_basis` says on what ground the second is told. The
# events carry the time at which the server received them: there the past can be replayed as it came. Where nothing says it, the time of the
# event is taken and counts as *assumed*: records that came late look punctual, and a backtest may look too good.

# %%
pd.DataFrame({name: history.facts_of(name).bases for name in history.tables}).T.fillna(0).astype(int)

# %% [markdown]
# `History.read(..., strict_clock=True)` leaves out whatever is assumed, for those who must be sure. Table by table, what a backtest may
# use:

# %%
from holdfast.features.capture.truth import true_since

true_since(history)

# %% [markdown]
# ## Mistakes that stop
#
# A folder with tables under their canonical names needs no mapping (`holdfast init work` writes templates). There a wrong column or date is
# an error rather than a guess; it says where, what was expected, what was found, and what to do. A misspelled column:

# %%
canonical = place / "canonical"
canonical.mkdir()
(canonical / "accounts.csv").write_text("account_id;name\nA1;Northwind\nA2;Contoso\n")
(canonical / "usage.csv").write_text("account_id;occured_at\nA1;31.12.2025\nA2;30.12.2025\n")
try:
    hf.History.read(canonical)
except hf.HoldfastError as problem:
    print(str(problem).replace(str(place), "."))

# %% [markdown]
# And two colleagues who write dates differently. `03/04/2025` alone could be either; one that can only be one of them settles it for the
# whole column, and the first that contradicts is named with its row:

# %%
(canonical / "usage.csv").write_text("account_id;occurred_at\nA1;31.12.2025\nA2;12/30/2025\n")
try:
    hf.History.read(canonical)
except hf.HoldfastError as problem:
    print(str(problem).replace(str(place), "."))

# %% [markdown]
# ## What deserves attention
#
# What was read can still be wrong. The contract of the data looks at freshness, volume, keys, units, activity after the end, and hindsight.
# The forgotten month is found, with its table and what was to be expected. `holdfast check work/plan.toml` tells all of this, and proves
# the indicators on your data besides.

# %%
from holdfast.findings import findings_frame
from holdfast.serving.contract.contract import contract

noticed = findings_frame(contract(history, grace_days=14))
noticed.query("code != 'HF059'")[["code", "severity", "where", "message", "remedy"]]

# %% [markdown]
# ## What can be measured
#
# The catalogue measures what these six lists carry and leaves out the rest, with the reason. Relationship is nearly blind here: of all that
# happens between people, only tickets were exported.

# %%
cutoffs = hf.cutoffs(history, every="28d")
X = hf.catalog.measure(history, cutoffs)
dimension = {one.name: one.dimension for one in (*hf.catalog, *X.catalog)}
lost = pd.Series(X.left_out)
lost = lost[lost.str.startswith("needs")]
pd.DataFrame(
    {
        "measured": pd.Series([one.dimension for one in X.catalog]).value_counts(),
        "left out": lost.index.map(dimension).value_counts(),
    }
)

# %% [markdown]
# What to fetch next, by the number of signs that it would bring. Take this list to whoever owns the other systems:

# %%
lost.value_counts().rename_axis("reason").rename("signs").head(8).to_frame()

# %% [markdown]
# ## The first verdict
#
# First count. Read `accounts` (how many different ones churned), not `events`: the same exit is seen from several cutoffs.

# %%
y = hf.label(history, cutoffs, churn="notice")
y

# %%
result = hf.backtest({"churn": hf.ChurnModel()}, X, y, retrain_every=6)
result

# %% [markdown]
# Below 50 accounts of the rarer outcome there is no order of models, and the verdict says so instead of ranking noise. That is a result:
# what is missing is not a better algorithm. The churn model says as much of itself:

# %%
model = hf.ChurnModel().fit(X, y)
print(*model.notes, sep="\n")

# %% [markdown]
# ## When there is too little
#
# **Nothing is learned from a handful.** With fewer than five exits a fit is refused. The first two months of sixty accounts:

# %%
first = (X.index.get_level_values("cutoff") < cutoffs[0] + pd.Timedelta(days=60)) & (
    X.index.get_level_values("account_id") < "A0060"
)
try:
    hf.ChurnModel().fit(X.rows(first), y.on(X.index).rows(first))
except hf.HoldfastError as problem:
    print(problem)

# %% [markdown]
# **The template needs no exits.** It weighs the signs as an experienced team would, says what it could not see, and ranks from the first
# day:

# %%
template = hf.HealthScore.template()
now = X.rows((y.on(X.index).at_risk == "").to_numpy()).at(cutoffs[-1])
pd.DataFrame({"health": template.score(now), "coverage": now.coverage["all"]}).droplevel("cutoff").nsmallest(
    5, "health"
).round(2)

# %% [markdown]
# **Another definition may have more to tell.** Where nobody writes down when notice was given, usage still tells who fell silent. It is
# another question (whoever is silent for a month may come back, and fewer stay silent for a quarter), so it has another answer, and models
# of the two are not to be compared. Accounts that churned by each:

# %%
silence = hf.label(history, cutoffs, churn="silence")
pd.DataFrame({"notice": y.summary()["accounts"], "silence": silence.summary()["accounts"]})

# %% [markdown]
# **The past cannot be had again.** Old invoices and the list of lost customers of earlier years are the cheapest gain: each exit counts.
# And run `holdfast capture work/plan.toml` daily from today on, so that next year's backtest knows what prices, owners and stages were.
