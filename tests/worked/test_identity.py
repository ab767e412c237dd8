"""Who is who, by hand: what leads to an account, what does not, and on what ground."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pytest

from holdfast.features.mapping.adapter import parse
from holdfast.features.mapping.identity import collect, joined, place_mails, resolve
from holdfast.features.mapping.objects import Source
from holdfast.features.mapping.workbench import workbench

COLUMNS = ("kind", "source_key", "account_key", "external_id", "crm_id", "email", "domain", "name")
VIEW = 'main."_rows"'
NOBODY = "nothing leads to one account"
Told = dict[str, str | None]


def account(key: str, **said: str) -> Told:
    return {"kind": "account", "source_key": key, **said}


def person(key: str, **said: str) -> Told:
    return {"kind": "person", "source_key": key, **said}


HUB = [
    account("A", external_id="acme", crm_id="001A", domain="acme.example", name="Acme GmbH"),
    account("B", external_id="bolt", crm_id="001B", domain="www.bolt.example", name="Bolt AG"),
]


def source(name: str, rows: Iterable[Told]) -> Source:
    """Make a source whose SQL names the given identities and nothing else."""
    told = " UNION ALL ".join("SELECT " + ", ".join(_cell(row, column) for column in COLUMNS) for row in rows)
    head = '/*\ntitle = "x"\nkeeps = "x"\nloses = "x"\n[objects]\n*/\n'
    return Source(name, parse(f"{head}-- table: identities\n{told}", name), ())


def _cell(row: Told, column: str) -> str:
    value = row.get(column)
    return f"NULL::VARCHAR AS {column}" if value is None else f"'{value}' AS {column}"


@pytest.fixture
def who(tmp_path):
    """Join a hub and other sources; give by source and key the account, the method and the ground."""

    def run(hub=HUB, manual=(), plain=("hub",), **others):
        stated = pd.DataFrame(list(manual), columns=["source", "kind", "source_key", "account_id"], dtype="str")
        with workbench(tmp_path) as con:
            for name, rows in {"hub": hub, **others}.items():
                collect(con, source(name, rows))
            run.findings = resolve(con, "hub", list(plain), stated)
            found = con.execute(
                "SELECT source, kind, source_key, account_id, person_id, method, confidence, ground FROM main.id_map"
            ).fetchall()
        (tmp_path / "objects.duckdb").unlink()
        run.people = {(row[0], row[2]): row[4] for row in found if row[1] == "person"}
        return {(row[0], row[2]): (row[3], row[5], row[6], row[7]) for row in found}

    return run


def test_a_key_of_the_hub_is_itself(who):
    assert who()["hub", "A"] == ("A", "exact", 1.0, "the same key A")


def test_your_own_list_knows_the_keys_of_the_hub_and_a_vendor_does_not(who):
    told = who(plain=("usage",), usage=[account("A"), account("C")], zendesk=[account("A")])
    assert told["usage", "A"] == ("A", "exact", 1.0, "the same key A")
    assert told["usage", "C"] == (None, None, None, NOBODY)
    vendors = who(plain=(), zendesk=[account("A")])
    assert vendors["zendesk", "A"] == (None, None, None, NOBODY)


@pytest.mark.parametrize(
    ("said", "method", "confidence", "ground"),
    [
        ({"external_id": "A"}, "exact", 1.0, "your own id A"),
        ({"external_id": "acme"}, "exact", 1.0, "your own id acme"),
        ({"crm_id": "001A"}, "crm_id", 0.95, "the id in the CRM 001A"),
        ({"crm_id": "A"}, "crm_id", 0.95, "the id in the CRM A"),
        ({"domain": "acme.example"}, "domain", 0.9, "the domain acme.example"),
        ({"domain": "https://www.ACME.example/about"}, "domain", 0.9, "the domain acme.example"),
        ({"email": "billing@acme.example"}, "domain", 0.9, "the domain acme.example"),
        ({"name": "ACME"}, "exact", 0.8, "the same name acme"),
        ({"name": "Acme, Inc."}, "exact", 0.8, "the same name acme"),
        ({"name": "ACME Gmbh & Co. KG"}, "exact", 0.8, "the same name acme"),
    ],
)
def test_each_way_to_an_account(said, method, confidence, ground, who):
    assert who(stripe=[account("cus_1", **said)])["stripe", "cus_1"] == ("A", method, confidence, ground)


def test_the_better_way_wins_over_the_worse(who):
    """An id says B, the domain and the name say A: ids are set on purpose."""
    both = account("cus_1", crm_id="001B", domain="acme.example", name="Acme")
    assert who(stripe=[both])["stripe", "cus_1"][:2] == ("B", "crm_id")


def test_what_leads_to_two_accounts_leads_to_none(who):
    twins = [*HUB, account("C", domain="acme.example", name="Acme AG")]
    told = who(
        twins,
        stripe=[
            account("1", domain="acme.example"),
            account("2", name="Acme"),
            account("3", external_id="A"),
            account("3", external_id="B"),
        ],
    )
    assert [told["stripe", key] for key in "123"] == [(None, None, None, NOBODY)] * 3


def test_one_key_told_twice_in_one_way_is_one(who):
    told = who(stripe=[account("1", domain="acme.example"), account("1", domain="acme.example", name="Bolt")])
    assert told["stripe", "1"][:2] == ("A", "domain")


@pytest.mark.parametrize(
    "provider",
    ["gmail.com", "GMX.de", "web.de", "yahoo.co.uk", "hotmail.fr", "outlook.com", "freenet.de", "icloud.com"],
)
def test_a_provider_of_mail_is_nobodys_domain(provider, who):
    told = who(
        [account("A", domain=provider, name="Acme")],
        zendesk=[
            account("1", domain=provider),
            account("2", email=f"x@{provider}"),
            person("3", email=f"y@{provider}"),
        ],
    )
    assert [told["zendesk", key][0] for key in "123"] == [None] * 3


def test_a_legal_form_alone_is_no_name(who):
    assert (
        who([account("A", name="AG")], stripe=[account("1", name="GmbH"), account("2", name="")])["stripe", "1"][0]
        is None
    )


def test_what_is_stated_by_hand_wins(who):
    manual = [("stripe", "account", "cus_1", "B"), ("zendesk", "person", "7", "A"), ("hub", "account", "A", "A")]
    told = who(
        manual=manual,
        stripe=[account("cus_1", external_id="A", domain="acme.example")],
        zendesk=[person("7", email="x@bolt.example")],
    )
    assert told["stripe", "cus_1"] == ("B", "manual", 1.0, "stated by hand")
    assert told["zendesk", "7"] == ("A", "manual", 1.0, "stated by hand")


def test_what_is_stated_of_a_key_that_no_list_holds_counts(who):
    told = who(manual=[("stripe", "account", "cus_9", "B"), ("stripe", "person", "x", "A")], stripe=[account("cus_1")])
    assert (told["stripe", "cus_9"][0], told["stripe", "x"][0]) == ("B", "A")


def test_what_is_stated_of_no_account_counts_for_nothing_and_is_told(who):
    told = who(manual=[("stripe", "account", "cus_1", "AA")], stripe=[account("cus_1", domain="acme.example")])
    assert told["stripe", "cus_1"][0] == "A"
    assert [(one.code, one.where) for one in who.findings] == [("HF043", "manual.csv, row 1")]


def test_accounts_come_from_the_hub_alone(who):
    """Two other sources know each other; neither is an account."""
    told = who(
        stripe=[account("1", domain="new.example", name="New")],
        zendesk=[account("2", domain="new.example", name="New")],
    )
    assert (told["stripe", "1"][0], told["zendesk", "2"][0]) == (None, None)


# --- people


def test_a_person_belongs_to_the_account_that_their_source_says(who):
    told = who(zendesk=[account("77", external_id="A"), person("5", account_key="77", email="x@bolt.example")])
    assert told["zendesk", "5"] == ("A", "exact", 1.0, "its account in the same source")


def test_a_person_is_found_by_id_by_mail_and_by_domain(who):
    told = who(
        zendesk=[
            account("77", external_id="A"),
            person("5", account_key="77", external_id="u5", email="Ann@Mail.example"),
        ],
        amplitude=[
            person("u5"),
            person("ann@mail.example"),
            person("u7", email="bob@bolt.example"),
            person("u8", email="x@nowhere.example"),
        ],
    )
    assert told["amplitude", "u5"] == ("A", "exact", 1.0, "the same person in zendesk")
    assert told["amplitude", "ann@mail.example"] == ("A", "exact", 0.95, "the same mail address in zendesk")
    assert told["amplitude", "u7"] == ("B", "domain", 0.9, "the mail domain bolt.example")
    assert told["amplitude", "u8"] == (None, None, None, NOBODY)


def test_a_domain_known_by_people_alone_counts_when_all_are_of_one_account(who):
    told = who(
        zendesk=[
            account("77", external_id="A"),
            account("78", external_id="B"),
            person("1", account_key="77", email="a@one.example"),
            person("2", account_key="77", email="b@both.example"),
            person("3", account_key="78", email="c@both.example"),
        ],
        amplitude=[person("u1", email="z@one.example"), person("u2", email="z@both.example")],
    )
    assert (told["amplitude", "u1"][0], told["amplitude", "u2"][0]) == ("A", None)


def test_a_person_in_two_accounts_is_in_none(who):
    told = who(
        zendesk=[
            account("77", external_id="A"),
            account("78", external_id="B"),
            person("5", account_key="77"),
            person("5", account_key="78"),
        ]
    )
    assert told["zendesk", "5"][0] is None


def test_one_person_has_one_id_in_all_sources_by_the_mail_address(who):
    who(
        zendesk=[person("5", email=" Ann@Acme.example ")],
        amplitude=[person("u5", email="ann@acme.example"), person("u6")],
    )
    assert who.people == {
        ("zendesk", "5"): "ann@acme.example",
        ("amplitude", "u5"): "ann@acme.example",
        ("amplitude", "u6"): "u6",
    }


def test_the_order_of_what_is_told_changes_nothing(who):
    stripe = [
        account("1", external_id="A"),
        account("2", domain="bolt.example"),
        account("2", name="Acme"),
        person("3", account_key="1", email="x@bolt.example"),
    ]
    zendesk = [account("1", crm_id="001B"), person("9", email="x@bolt.example")]
    first = who(stripe=stripe, zendesk=zendesk)
    assert who(list(reversed(HUB)), zendesk=list(reversed(zendesk)), stripe=list(reversed(stripe))) == first


# --- rows

NAMED = [
    (1, "77", None, None, None),
    (2, None, "5", None, None),
    (3, None, None, "z@bolt.example", None),
    (4, None, None, None, "WWW.Bolt.example"),
    (5, "78", "5", None, None),
    (6, "78", None, None, None),
    (7, None, "6", None, None),
    (8, None, None, "q@nowhere.example", None),
    (9, None, None, None, None),
]


def test_rows_get_their_account_by_key_by_person_and_by_mail_and_keep_what_leads_nowhere(tmp_path):
    with workbench(tmp_path) as con:
        collect(con, source("hub", HUB))
        collect(
            con,
            source(
                "zendesk", [account("77", external_id="A"), person("5", account_key="77", email="ann@acme.example")]
            ),
        )
        resolve(
            con,
            "hub",
            ["hub"],
            pd.DataFrame({"source": [], "kind": [], "source_key": [], "account_id": []}, dtype="str"),
        )
        con.execute(
            f"CREATE TABLE {VIEW} (n INTEGER, account_id VARCHAR, person_id VARCHAR, _email VARCHAR, _domain VARCHAR)"
        )
        con.executemany(f"INSERT INTO {VIEW} VALUES (?, ?, ?, ?, ?)", NAMED)  # noqa: S608
        columns = ["n", "account_id", "person_id", "_email", "_domain"]
        place_mails(con, VIEW, columns)
        rows = joined(VIEW, columns, "zendesk", ["t.n"])
        found = con.execute(f"SELECT n, account_id, person_id FROM ({rows}) ORDER BY n").fetchall()  # noqa: S608
    ann = "ann@acme.example"
    assert found == [
        (1, "A", None),
        (2, "A", ann),
        (3, "B", None),
        (4, "B", None),
        (5, "A", ann),
        (6, "unmatched:zendesk:78", None),
        (7, "unmatched:zendesk:6", "6"),
        (8, "unmatched:zendesk:q@nowhere.example", None),
        (9, "unmatched:zendesk:", None),
    ]
