"""Under what the sources know somebody, and in which cells that is found: alone, first of several, or beside others."""

from __future__ import annotations

import pyarrow as pa
import pytest

from holdfast.serving.erasure.keys import Keys

KEYS = Keys(
    frozenset({"a-1"}),
    {("crm", "account"): {"7"}},
    {"deals": [("crm", "account", {"company_id", "company_ids", "associations_companies_results_0_id"})]},
)


def told(column: str, *cells: object) -> tuple[list[bool], list[bool]]:
    rows = pa.table({column: list(cells)})
    return KEYS.held("deals", rows).tolist(), KEYS.shared("deals", rows).tolist()


@pytest.mark.parametrize("separator", [";", "; ", ",", "|", " ; "])
def test_whose_row_it_is_says_the_first_of_several_keys(separator):
    held, shared = told("Company IDs", *(separator.join(keys) for keys in (("7", "8"), ("8", "7"), ("77", "78"))))
    assert (held, shared) == ([True, False, False], [False, True, False])
    held, shared = told("Company IDs", *(separator.join(keys) for keys in (("a-1", "b"), ("b", "a-1"), ("a-11", "b"))))
    assert (held, shared) == ([True, False, False], [False, True, False])


def test_a_number_beside_others_counts_in_the_columns_that_name_somebody_alone():
    assert told("seats", "7;8", "8;7", "7") == ([False] * 3, [False] * 3)
    assert told("ids", "a-1;b", "b;a-1") == ([True, False], [False, True])


def test_what_people_wrote_is_no_list_of_keys():
    assert told("body", "a-1, please call", "7, 8 and 9", "call a-1") == ([False] * 3, [False] * 3)


def test_keys_inside_of_json_are_beside_others():
    cells = ['{"companies": {"results": [{"id": "7"}]}}', '["8", "7"]', '{"id": 7}', '["77"]', '{"id": "8"}']
    assert told("associations", *cells) == ([False] * 5, [True, True, True, False, False])
    assert told("seats", '{"used": 7}', '["a-1"]') == ([False] * 2, [False, True])


def test_a_key_that_landed_as_a_float_is_the_number_that_it_is():
    assert told("company_id", "7.0", "7.5", "77.0", "7") == ([True, False, False, True], [False] * 4)
    assert told("company_id", 7.0, 8.0, None)[0] == [True, False, False]
