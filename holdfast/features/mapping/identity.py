"""Who is who: the accounts and people of every source, joined to one list of accounts; each match says its ground.

One source, the hub, says what an account is. A key of any other source leads to an account of the hub by hand, by the
same key or name, by the id of a CRM, or by a mail domain that belongs to one account alone, in this order; what leads
to two accounts leads to none.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from holdfast.errors import did_you_mean
from holdfast.features.landed.files import literal
from holdfast.features.mapping.adapter import IDENTITIES
from holdfast.findings import Finding

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from holdfast.features.mapping.objects import Source

UNMATCHED = "unmatched"
_CLEANED = {
    "domain": "site_domain(domain::VARCHAR)"
}  # whatever an adapter gives, a provider of mail is nobody's domain
_COLUMNS = ("kind", "source_key", "account_key", "external_id", "crm_id", "email", "domain", "name")
_LEGAL = (
    r"\b(gmbh|mbh|ag|kg|co|ohg|ug|se|inc|llc|ltd|limited|corp|corporation|plc|bv|nv|sa|sas|sarl|srl|spa|ab|as|oy|aps|pty|"
    r"company)\b"
)


def collect(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Add the identities of a source, whose objects are laid out, to the table ``identities``."""
    con.execute(
        "CREATE TABLE IF NOT EXISTS main.identities (source VARCHAR, "
        + ", ".join(f"{name} VARCHAR" for name in _COLUMNS)
        + ")"
    )
    statement = source.adapter.statements.get(IDENTITIES)
    if statement is None:
        return
    there = [column[0] for column in con.execute(f"SELECT * FROM ({statement}) LIMIT 0").description or []]
    listed = ", ".join(_CLEANED.get(name, f"{name}::VARCHAR") if name in there else "NULL" for name in _COLUMNS)
    con.execute(f"INSERT INTO main.identities SELECT DISTINCT {literal(source.name)}, {listed} FROM ({statement})")


def list_accounts(con: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Keep which accounts the list of the hub holds, as its SQL gives them: what it names elsewhere is none."""
    con.execute("CREATE TABLE IF NOT EXISTS main.listed (account_id VARCHAR)")
    con.execute(f"INSERT INTO main.listed SELECT DISTINCT account_id::VARCHAR FROM ({statement})")


def resolve(con: duckdb.DuckDBPyConnection, hub: str, plain: Sequence[str], manual: pd.DataFrame) -> list[Finding]:
    """Write the table ``id_map`` from ``identities``: every key of every source, with its account, method and ground.

    Parameters
    ----------
    hub
        The source whose accounts are the accounts; empty where none lists them, and every key is an account.
    plain
        The sources that no vendor made: their keys may be the hub's own.
    manual
        ``source, kind, source_key, account_id``, stated by hand; nothing overrules it.

    Returns
    -------
    list of Finding
        The rows of ``manual`` that name no account of the hub, and so count for nothing.
    """
    con.execute("CREATE TABLE IF NOT EXISTS main.listed (account_id VARCHAR)")
    said = {"hub": literal(hub), "plain": ", ".join([*map(literal, plain), "NULL"])}
    con.execute(f"CREATE OR REPLACE TEMP TABLE known AS {_KNOWN.format(**said)}")
    accounts = [row[0] for row in con.execute("SELECT DISTINCT account_id FROM known ORDER BY 1").fetchall()]
    right = manual["account_id"].isin(accounts)
    con.register("manual_ids", manual[right])
    con.execute(f"CREATE OR REPLACE TEMP TABLE account_keys AS {_ACCOUNT_KEYS}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE account_map AS {_best(_ACCOUNTS.format(**said), 'source, source_key')}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE domain_map AS {_DOMAINS}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE person_keys AS {_PERSON_KEYS}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE person_map AS {_best(_PEOPLE, 'source, source_key')}")
    con.execute(f"CREATE OR REPLACE TABLE main.id_map AS {_ID_MAP}")
    con.execute("CREATE OR REPLACE TABLE main.domain_map AS SELECT domain, account_id FROM temp.domain_map")
    con.unregister("manual_ids")
    return [_unknown(row, account, hub, accounts) for row, account in manual["account_id"][~right].items()]


def _unknown(row: object, account: str, hub: str, accounts: Sequence[str]) -> Finding:
    hint = (
        did_you_mean(account, accounts) if get_close_matches(account, accounts, n=1) else f"there are {len(accounts)}"
    )
    return Finding("HF043", f"manual.csv, row {int(str(row)) + 1}", 1, f"{account!r} is no account of {hub}; {hint}")


_JOINED = "regexp_replace(lower(name), '(\\b\\pL)\\.', '\\1', 'g')"  # B.V. is BV
_FOLDED = f"nullif(trim(regexp_replace(regexp_replace({_JOINED}, '{_LEGAL}', ' ', 'g'), '[^\\pL\\pN]+', ' ', 'g')), '')"

# the accounts of the hub, by all that another source may know them by; an invoice may name one that no list holds
_KNOWN = f"""
SELECT DISTINCT source_key AS account_id, unnest(['key', 'external', 'crm', 'domain', 'name']) AS kind,
  unnest([source_key, external_id, crm_id, coalesce(domain, mail_domain(email)), {_FOLDED}]) AS value
FROM main.identities WHERE kind = 'account' AND source = {{hub}} AND source_key IS NOT NULL
  AND (source_key IN (FROM main.listed) OR NOT EXISTS (FROM main.listed))
UNION
SELECT DISTINCT source_key, 'key', source_key FROM main.identities
WHERE {{hub}} = '' AND kind = 'account' AND source_key IS NOT NULL
"""

_ACCOUNT_KEYS = f"""
SELECT DISTINCT source, source_key, unnest(['key', 'external', 'crm', 'domain', 'name']) AS kind,
  unnest([source_key, external_id, crm_id, coalesce(domain, mail_domain(email)), {_FOLDED}]) AS value
FROM main.identities WHERE kind = 'account' AND source_key IS NOT NULL
UNION
SELECT DISTINCT source, account_key, 'key', account_key FROM main.identities
WHERE kind = 'person' AND account_key IS NOT NULL
"""

# a vendor's own key means nothing to another vendor, however alike; rank, method, confidence, ground
_PAIRS = """
(VALUES ('key', 'key', 1, 'exact', 1.0, 'the same key'),
  ('external', 'key', 2, 'exact', 1.0, 'your own id'), ('external', 'external', 2, 'exact', 1.0, 'your own id'),
  ('key', 'external', 2, 'exact', 1.0, 'your own id'),
  ('crm', 'key', 3, 'crm_id', 0.95, 'the id in the CRM'), ('crm', 'crm', 3, 'crm_id', 0.95, 'the id in the CRM'),
  ('key', 'crm', 3, 'crm_id', 0.95, 'the id in the CRM'), ('external', 'crm', 3, 'crm_id', 0.95, 'the id in the CRM'),
  ('domain', 'domain', 4, 'domain', 0.9, 'the domain'), ('name', 'name', 5, 'exact', 0.8, 'the same name')
) AS pair(one, other, rank, method, confidence, ground)
"""

_ACCOUNTS = f"""
SELECT source, source_key, account_id, 0 AS rank, 'manual' AS method, 1.0 AS confidence, 'stated by hand' AS ground
FROM manual_ids WHERE kind = 'account'
UNION ALL
SELECT k.source, k.source_key, a.account_id, CASE WHEN k.source = {{hub}} THEN 1 ELSE rank END, method, confidence,
  ground || ' ' || k.value
FROM account_keys k JOIN {_PAIRS} ON pair.one = k.kind JOIN known a ON a.kind = pair.other AND a.value = k.value
WHERE (rank > 1 OR k.source IN ({{plain}}) OR {{hub}} IN ({{plain}}, k.source, ''))
  AND (k.source <> {{hub}} OR rank = 1)
"""

# a domain counts when it belongs to one account, be it by its web site or by the people known to be there
_DOMAINS = """
SELECT domain, min(account_id) AS account_id FROM (
  SELECT value AS domain, account_id FROM known WHERE kind = 'domain' AND value IS NOT NULL
  UNION
  SELECT mail_domain(i.email), m.account_id FROM main.identities i
  JOIN account_map m ON m.source = i.source AND m.source_key = i.account_key
  WHERE i.kind = 'person' AND mail_domain(i.email) IS NOT NULL
  UNION
  SELECT k.value, m.account_id FROM account_keys k JOIN account_map m USING (source, source_key)
  WHERE k.kind = 'domain' AND k.value IS NOT NULL
) GROUP BY domain HAVING count(DISTINCT account_id) = 1
"""

_PERSON_KEYS = """
SELECT DISTINCT source, source_key, account_key, unnest(['key', 'external', 'email', 'domain']) AS kind,
  unnest([source_key, external_id, lower(trim(email)), mail_domain(email)]) AS value
FROM main.identities WHERE kind = 'person' AND source_key IS NOT NULL
"""

_PEOPLE = """
WITH placed AS (
  SELECT p.*, m.account_id FROM person_keys p JOIN account_map m ON m.source = p.source AND m.source_key = p.account_key
)
SELECT source, source_key, account_id, 0 AS rank, 'manual' AS method, 1.0 AS confidence, 'stated by hand' AS ground
FROM manual_ids WHERE kind = 'person'
UNION ALL SELECT source, source_key, account_id, 1, 'exact', 1.0, 'its account in the same source' FROM placed
UNION ALL SELECT p.source, p.source_key, o.account_id, pair.rank, 'exact', pair.confidence,
  pair.ground || ' in ' || o.source
FROM person_keys p
JOIN (VALUES ('external', 'key', 2, 1.0, 'the same person'), ('external', 'external', 2, 1.0, 'the same person'),
  ('key', 'external', 2, 1.0, 'the same person'), ('email', 'email', 3, 0.95, 'the same mail address'),
  ('key', 'email', 3, 0.95, 'the same mail address')
) AS pair(one, other, rank, confidence, ground) ON pair.one = p.kind
JOIN placed o ON o.kind = pair.other AND o.value = p.value
UNION ALL SELECT p.source, p.source_key, d.account_id, 4, 'domain', 0.9, 'the mail domain ' || d.domain
FROM person_keys p JOIN domain_map d ON d.domain = p.value WHERE p.kind = 'domain'
"""

_ID_MAP = """
SELECT i.source, i.kind, i.source_key, m.account_id, i.person_id, m.method, m.confidence,
  coalesce(m.ground, 'nothing leads to one account') AS ground
FROM (
  SELECT source, 'account' AS kind, source_key, NULL::VARCHAR AS person_id FROM account_keys
  UNION
  SELECT source, kind, source_key, NULL FROM manual_ids WHERE kind = 'account'
) i
LEFT JOIN account_map m USING (source, source_key)
UNION ALL
SELECT i.source, i.kind, i.source_key, m.account_id, i.person_id, m.method, m.confidence,
  coalesce(m.ground, 'nothing leads to one account')
FROM (
  SELECT source, 'person' AS kind, source_key, coalesce(max(lower(trim(email))), any_value(source_key)) AS person_id
  FROM (
    SELECT source, source_key, email FROM main.identities WHERE kind = 'person' AND source_key IS NOT NULL
    UNION
    SELECT source, source_key, NULL FROM manual_ids WHERE kind = 'person'
  ) GROUP BY source, source_key
) i LEFT JOIN person_map m USING (source, source_key)
ORDER BY ALL
"""


def _best(matches: str, key: str) -> str:
    """Keep for each key the matches of the best rank, when they agree on one account."""
    return f"""
    SELECT {key}, min(account_id) AS account_id, min(method) AS method, min(confidence)::DOUBLE AS confidence,
      min(ground) AS ground
    FROM (SELECT * FROM ({matches}) QUALIFY rank = min(rank) OVER (PARTITION BY {key}))
    GROUP BY {key} HAVING count(DISTINCT account_id) = 1
    """


def place_mails(con: duckdb.DuckDBPyConnection, view: str, columns: Sequence[str]) -> None:
    """Write, beside a view, the account of each mail address and domain that its rows name."""
    named = [
        f"SELECT DISTINCT {name} AS value, {sql} AS domain FROM {view}"
        for name, sql in _HELP.items()
        if name in columns
    ]
    empty = "SELECT NULL::VARCHAR AS value, NULL::VARCHAR AS domain WHERE false"
    con.execute(
        f"CREATE OR REPLACE TABLE {_mails(view)} AS SELECT DISTINCT n.value, d.account_id "
        f"FROM ({' UNION '.join([*named, empty])}) n JOIN main.domain_map d ON d.domain = n.domain"
    )


def _mails(view: str) -> str:
    return view.removesuffix('"') + ' mails"'


_HELP = {"_email": "mail_domain(_email)", "_domain": "site_domain(_domain)"}


def joined(view: str, columns: Sequence[str], source: str, values: Sequence[str]) -> str:
    """Give the rows of a view their account and person, by the id map.

    A row that leads to no account keeps its key, marked as unmatched, so that it is counted and not lost.

    Parameters
    ----------
    columns
        What the view has.
    values
        SQL of the columns that are passed on, of the view as ``t``.
    """
    keys = [name for name in ("account_id", "person_id") if name in columns]
    helps = [name for name in _HELP if name in columns]
    maps = [f"{name[0]}.account_id" for name in keys] + [f"{name}_map.account_id" for name in helps]
    said = [f"t.{name}" for name in (*keys, *helps)]
    mark = literal(f"{UNMATCHED}:{source}:")
    joins = [
        f"LEFT JOIN main.id_map {name[0]} ON {name[0]}.kind = {literal(name[:-3])}"
        f" AND {name[0]}.source = {literal(source)}"
        f" AND {name[0]}.source_key = t.{name}"
        for name in keys
    ] + [f"LEFT JOIN {_mails(view)} {name}_map ON {name}_map.value = t.{name}" for name in helps]
    person = ["coalesce(p.person_id, t.person_id) AS person_id"] if "person_id" in keys else []
    found = f"coalesce({', '.join([*maps, f'{mark} || ' + _first_of(said)])}) AS account_id"
    return f"SELECT {', '.join([found, *person, *values])} FROM {view} t {' '.join(joins)}"


def _first_of(said: Sequence[str]) -> str:
    return f"coalesce({', '.join([*said, literal('')])})"
