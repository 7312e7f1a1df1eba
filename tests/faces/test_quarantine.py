"""The report of unusable files."""

import pytest

from faces.quarantine import Quarantine, lost_people
from faces.record import Record
from groundfloor.errors import UserError
from tests.faces.records import record_of, records_of

THREE_OF_TEN = Quarantine(10, {"a/1": "empty file", "b/2": "empty file", "c/<3>\n": "truncated"})


def test_the_report_survives_being_written_and_read():
    assert Quarantine.from_json(THREE_OF_TEN.to_json()) == THREE_OF_TEN


def test_a_share_up_to_the_limit_is_accepted():
    THREE_OF_TEN.require_below(0.3)


def test_a_larger_share_is_an_error_that_names_the_reasons_and_an_example_of_each():
    with pytest.raises(UserError) as caught:
        THREE_OF_TEN.require_below(0.29)
    assert str(caught.value).splitlines() == [
        "3 of 10 files cannot be used, more than data.max_quarantined=0.29:",
        "  2 x empty file, such as 'a/1'",
        "  1 x truncated, such as 'c/<3>\\n'",
    ]


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
