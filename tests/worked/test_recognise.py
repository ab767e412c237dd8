"""What a landed table is taken for: by its name, its folder and its columns, and never by the order of any."""

from __future__ import annotations

import random

import pytest

from holdfast.features.history.dialect import Dialect
from holdfast.features.landed.raw import RawTable
from holdfast.features.mapping.adapter import parse, shipped
from holdfast.features.mapping.generic import adapter_text, propose
from holdfast.features.mapping.mapfile import read_mapping
from holdfast.features.mapping.recognise import recognise, set_aside
from tests.mapping_world import mapped


def landed(name: str, columns: str, folder: str = "exports") -> RawTable:
    names = tuple(columns.split(","))
    stem = name.rpartition("/")[2].lower()
    return RawTable(name, folder, stem, (), "csv", names, dict.fromkeys(names, "VARCHAR"), "nothing", Dialect(), 0, 0)


STRIPE = landed("stripe/customer", "id,email,name,created,currency,delinquent,metadata", "stripe")
ZENDESK = landed(
    "zendesk/ticket", "id,organization_id,requester_id,created_at,updated_at,status,subject,priority", "zendesk"
)
OWN = landed("usage", "account_id,user_id,occurred_at,event")


def taken(*tables: RawTable) -> dict[str, tuple[str, str, bool]]:
    return {one.table.name: (one.vendor, one.object, one.sure) for one in recognise(tables, shipped())}


def test_the_folder_says_the_vendor():
    assert taken(STRIPE, ZENDESK, OWN) == {
        "stripe/customer": ("stripe", "customer", True),
        "zendesk/ticket": ("zendesk", "ticket", True),
    }


@pytest.mark.parametrize("name", ["stripe_customers", "Stripe Customers", "stripe-customer-export", "customers"])
def test_the_name_says_it_too(name):
    assert taken(landed(name, ",".join(STRIPE.columns)))[name][:2] == ("stripe", "customer")


def test_a_table_without_what_an_object_needs_is_none():
    assert taken(landed("stripe/invoice", "number,note", "stripe")) == {}


def test_an_id_and_a_name_are_no_object_unless_the_table_is_called_so():
    roles = landed("hubspot/role_data", "id,name,requires_billing_write", "hubspot")
    lists = landed("hubspot/contact_list_data", "id,name,created_at,updated_at", "hubspot")
    unlike = landed("hubspot/segments", "list_id,name", "hubspot")
    told = taken(roles, lists, unlike)
    assert {name: one[:2] for name, one in told.items()} == {
        lists.name: ("hubspot", "contact_list"),
        unlike.name: ("hubspot", "contact_list"),
    }


def test_an_id_and_a_name_beside_the_tables_of_a_vendor_are_no_list_of_accounts():
    assert propose(landed("hubspot/team_data", "id,name", "hubspot")) is None
    assert propose(landed("hubspot/companies", "id,name", "hubspot")) is not None
    assert propose(landed("export", "id,name")) is not None


def test_what_any_list_of_a_vendor_has_makes_no_list_of_accounts():
    for columns in ("id,created_at,name,url", "id,name,time_zone,created_at", "id,name,email"):
        assert propose(landed("zendesk/views", columns, "zendesk")) is None
        assert propose(landed("exports/views", columns)) is not None


SIDE = {
    "zendesk/group_data": "id,_fivetran_deleted,created_at,name,updated_at,url",
    "zendesk/schedule_data": "end_time,id,start_time,name,time_zone,created_at",
    "zendesk/ticket_form_history_data": "id,updated_at,active,created_at,display_name,name",
    "hubspot/users_data": "id,email,role_id,primary_team_id,is_super_admin",
    "intercom/admin_data": "id,name,job_title,email,_fivetran_deleted",
    "stripe/account_data": "id,business_type,company_name,country,created,email",
    "stripe/subscription_discount_data_postgres": "id,coupon_id,customer_id,end,invoice_id,start,subscription_id",
}


def test_no_object_of_a_vendor_is_set_aside():
    for vendor, adapter in shipped().items():
        for name in (name for one in adapter.objects.values() for name in one.names):
            assert set_aside(landed(f"{vendor}/{name}", "id", vendor), shipped()) is None


def test_what_a_vendor_keeps_of_itself_is_left_out_with_a_word(tmp_path):
    ticket = f"{','.join(ZENDESK.columns)}\n1,7,9,2026-01-05,2026-01-06,open,Help,high\n"
    lists = {f"{name}.csv": f"{columns}\n{'1,' * columns.count(',')}1\n" for name, columns in SIDE.items()}
    listed = "id,name,created_at,shared_tickets\n7,Acme,2026-01-01,false\n"
    work = mapped(tmp_path, {"zendesk/tickets.csv": ticket, "zendesk/organizations.csv": listed, **lists})
    mapping = read_mapping(work / "mapping.toml")
    assert [one.name for one in mapping.entries] == ["zendesk"]
    assert set(mapping.left) == set(SIDE)
    assert mapping.left["stripe/account_data"] == "Stripe keeps it beside its customers: it is no list of them"


def test_the_order_of_tables_and_columns_decides_nothing():
    tables = [
        STRIPE,
        ZENDESK,
        OWN,
        landed("invoices", "id,customer,amount_due,created,status,currency"),
        landed("users", "id,email,name,created_at,organization_id"),
    ]
    first = taken(*tables)
    for seed in range(5):
        shuffled = []
        for one in random.Random(seed).sample(tables, len(tables)):  # noqa: S311
            columns = random.Random(seed).sample(one.columns, len(one.columns))  # noqa: S311
            shuffled.append(landed(one.name, ",".join(columns), one.folder))
        assert taken(*shuffled) == first


def test_every_object_is_found_under_its_own_names_in_a_folder_of_its_vendor():
    """A table with all declared columns that is called like the object, in the vendor's folder, is that object."""
    for vendor, adapter in shipped().items():
        for one in adapter.objects.values():
            if one.inside is not None and not one.names:
                continue
            for name in one.names:
                table = landed(f"{vendor}/{name}", ",".join(one.fields), vendor)
                found = taken(table)
                assert found[table.name][:2] == (vendor, one.name), (vendor, name, found)


# --- what no vendor made


def test_a_list_of_your_own_is_proposed_without_what_is_overwritten():
    proposal = propose(landed("Kunden", "Kundennummer,Firma,Branche,Status"))
    assert proposal is not None
    read = {"account_id": "Kundennummer", "name": "Firma", "industry": "Branche", "lifecycle": "Status"}
    assert (proposal.canonical, dict(proposal.columns)) == ("accounts", read)
    assert list(proposal.left) == ["Status"]
    today = parse(adapter_text(proposal), "own").statements["accounts"].split("UNION ALL")[0]
    assert '"industry"' in today
    assert '"lifecycle"' not in today


def test_a_table_like_none_is_none():
    assert propose(landed("colours", "colour,shape")) is None


@pytest.mark.parametrize("name", ['"', "*/", "'; DROP TABLE x; --", "a\nb", "\\", "{0}", "%s"])
def test_what_is_proposed_is_an_adapter_whatever_the_names(name):
    proposal = propose(landed(f"usage {name}".replace("\n", " "), f"account_id,occurred_at,event,{name}"))
    assert proposal is not None
    adapter = parse(adapter_text(proposal), "own")
    assert adapter.tables == ("usage",)
    assert proposal.table.stem in adapter.objects["rows"].names


def test_the_plainest_of_two_spellings_is_read_whatever_the_order():
    for columns in ("Account ID,account_id,occurred_at,event", "account_id,Account ID,occurred_at,event"):
        proposal = propose(landed("usage", columns))
        assert proposal is not None
        assert proposal.columns["account_id"] == "account_id"


def test_a_list_that_is_like_accounts_by_its_columns_alone_gives_way_to_a_vendor(tmp_path):
    """Tags have an id and a name too; what an account is, the help desk knows better."""
    tickets = "id,organization_id,requester_id,created_at,updated_at,status,subject,priority"
    files = {
        "intercom/tag.csv": "id,name\n1,vip\n2,beta\n",
        "zendesk/organization.csv": "id,external_id,name,shared_tickets,created_at\n7,a,Acme,false,2026-01-01\n",
        "zendesk/ticket.csv": f"{tickets}\n1,7,5,2026-01-02T00:00:00Z,2026-01-02T00:00:00Z,open,a,low\n",
    }
    work = mapped(tmp_path, files)
    assert read_mapping(work / "mapping.toml").accounts == "zendesk"
    named = mapped(tmp_path / "named", {**files, "accounts.csv": "account_id,name\na,Acme\n"})
    assert read_mapping(named / "mapping.toml").accounts == "accounts"
