"""The report of unusable files."""

import csv
import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faces.copies import CopyReport
from faces.quarantine import Quarantine, Row, lost_people
from faces.reasons import EMPTY, NEAR_DUPLICATE, TRUNCATED
from faces.record import Record
from groundfloor.errors import UserError
from tests.faces.records import record_of, records_of

THREE_OF_TEN = Quarantine(
    10,
    (
        Row(EMPTY, "a/1", "empty file"),
        Row(EMPTY, "b/2", "empty file"),
        Row(TRUNCATED, "c/<3>\n", "broken data: cut"),
        Row(NEAR_DUPLICATE, "d/1", "a copy of 'd/2'"),
    ),
    copies=CopyReport([], [], left={"test": 1}),
)


def test_the_report_survives_being_written_and_read():
    assert Quarantine.from_json(THREE_OF_TEN.to_json()) == THREE_OF_TEN


def test_a_share_up_to_the_limit_is_accepted():
    THREE_OF_TEN.require_below(0.3)


def test_a_larger_share_is_an_error_that_names_the_reasons_and_an_example_of_each():
    with pytest.raises(UserError) as caught:
        THREE_OF_TEN.require_below(0.29)
    assert str(caught.value).splitlines() == [
        "3 of 10 files cannot be used, more than data.max_quarantined=0.29:",
        "  2 x empty, such as 'a/1': empty file",
        "  1 x truncated, such as 'c/<3>\\n': broken data: cut",
    ]


def test_reasons_are_counted_and_copies_are_no_unusable_files():
    assert THREE_OF_TEN.counts == {"empty": 2, "near duplicate": 1, "truncated": 1}
    assert list(THREE_OF_TEN.reasons) == ["a/1", "b/2", "c/<3>\n"]
    content = json.loads(THREE_OF_TEN.to_json())
    assert content["quarantined"] == 3
    assert content["counts"] == THREE_OF_TEN.counts


def test_the_table_has_a_row_an_image_with_its_reason_and_detail():
    header, *rows = csv.reader(io.StringIO(THREE_OF_TEN.to_csv(), newline=""))
    assert header == ["reason", "key", "detail"]
    assert rows == [list(row) for row in THREE_OF_TEN.rows]


@given(st.text(max_size=30), st.text(max_size=30))
@example("=cmd|' /C calc'!A0", "@SUM(1)")
@example(" +1", "\t=1")
@example("-1", "\r=1")
def test_no_cell_of_the_table_runs_as_a_formula_and_none_breaks_it(key, detail):
    table = Quarantine(1, (Row(EMPTY, key, detail),)).to_csv()
    table.encode("utf-8")
    (_, row) = csv.reader(io.StringIO(table, newline=""))
    assert len(row) == 3
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row)


def test_a_key_that_is_no_text_is_in_the_table():
    table = Quarantine(1, (Row(EMPTY, "a/\udcff\x1b.png", ""),)).to_csv()
    assert "a/\\udcff\\x1b.png" in table


def unusable(reasons):
    return {record_of(key): reason for key, reason in reasons.items()}


def test_people_whom_it_leaves_without_an_image_or_with_one_are_named():
    reasons = {"a/1": "empty file", "a/2": "empty file", "b": "a link to nowhere", "c/1": "broken"}
    lines = lost_people(records_of(["c/2", "d/2", "d/3"]), unusable(reasons | {"d/1": "broken"}))
    assert lines == [
        "nothing of 'a' can be used: 2 x empty file",
        "nothing of 'b' can be used: 1 x a link to nowhere",
        "one image of 'c' can be used: 1 x broken",
    ]


def test_whose_an_image_is_does_not_follow_from_its_key():
    lines = lost_people([Record("1", "ann"), Record("2", "ann")], {Record("ann/3", "bob"): "empty"})
    assert lines == ["nothing of 'bob' can be used: 1 x empty"]


def test_no_more_than_ten_people_are_named():
    lines = lost_people([], unusable({f"p{n:02d}/1": "broken" for n in range(12)}))
    assert len(lines) == 11
    assert lines[-1] == "and so it is with 2 more people"
