"""Copies in a source, and what follows from them."""

import json
from dataclasses import asdict
from typing import NamedTuple

import imagehash
import numpy as np
import pytest

from faces.copies import (
    KEPT_PAIRS,
    Copies,
    CopyPair,
    CopyReport,
    find_copies,
    leaking_pairs,
    remarks_on_leaks,
    report_of,
    without_leaks,
)
from faces.likeness import thumbnail_of
from groundfloor.errors import UserError
from tests.conftest import encoded
from tests.faces.photographs import CHANGES, photograph
from tests.faces.records import record_of, records_of


class Look(NamedTuple):
    pixels_sha256: str
    phash: int
    is_flat: bool


def find(images):
    """The copies among images by key."""
    records = records_of(images)
    looks = {
        record: Look(
            encoded(images[record.key], "png").hex(),
            int(str(imagehash.phash(images[record.key])), 16),
            is_flat=False,
        )
        for record in records
    }

    def thumbnails(asked):
        return np.stack([thumbnail_of(encoded(images[record.key], "png")) for record in asked])

    return find_copies(looks, thumbnails)


def splits_of(**keys):
    return {record: split for split, some in keys.items() for record in records_of(some)}


def pictures(*groups):
    return [records_of(group) for group in groups]


def test_equal_and_nearly_equal_pictures_are_found_and_others_are_not():
    copies = find(
        {
            "a/1": photograph(1),
            "a/2": photograph(1, shot=1),
            "b/1": photograph(2),
            "b/2": CHANGES["JPEG 75"](photograph(2)),
            "c/1": photograph(1),
        }
    )
    pairs = [(pair.keys, pair.likeness == 1.0) for pair in copies.pairs()]
    assert pairs == [(("a/1", "c/1"), True), (("b/1", "b/2"), False)]
    assert copies.cut == 0


def test_plain_images_are_nobodys_copies():
    looks = dict.fromkeys(records_of(["a/1", "b/1"]), Look("black", 0, is_flat=True))
    assert find_copies(looks, lambda _: pytest.fail("nothing to compare")).pairs() == []


def test_nothing_is_looked_at_where_no_hash_is_near():
    looks = {record_of("a/1"): Look("1", 0, False), record_of("b/1"): Look("2", 2**32 - 1, False)}
    find_copies(looks, lambda _: pytest.fail("nothing to compare"))


@pytest.mark.parametrize(
    ("here", "there", "leaves"),
    [
        ("train", "test", "b/1"),
        ("test", "train", "a/1"),
        ("train", "val", "b/1"),
        ("val", "test", "b/1"),
        ("test", "test", None),
        ("train", "train", None),
    ],
)
@pytest.mark.parametrize("near", [True, False])
def test_the_copy_of_an_earlier_split_leaks(here, there, leaves, near):
    first, second = records_of(["a/1", "b/1"])
    copies = Copies([[first], [second]], [(0, 1, 0.999)]) if near else Copies([[first, second]])
    leaks = copies.leaks({first: here, second: there})
    assert [record.key for record in leaks] == ([leaves] if leaves else [])


def test_each_copy_of_a_picture_leaks_and_names_the_first_of_the_earliest_split():
    copies = Copies(pictures(["a/1", "b/1", "b/2"], ["c/1", "d/1"]), [(0, 1, 0.9995)])
    splits = splits_of(test=["a/1", "b/2", "c/1"], val=["d/1"], train=["b/1"])
    leaks = {record.key: source.key for record, source in copies.leaks(splits).items()}
    assert leaks == dict.fromkeys(["a/1", "b/2", "c/1", "d/1"], "b/1")


def test_likeness_is_not_handed_on_from_copy_to_copy():
    copies = Copies(pictures(["a/1"], ["b/1"], ["c/1"]), [(0, 1, 0.999), (1, 2, 0.999)])
    splits = splits_of(train=["a/1"], test=["b/1", "c/1"])
    assert [record.key for record in copies.leaks(splits)] == ["b/1"]


def test_pairs_within_a_person_and_across_people_are_told_apart():
    copies = Copies(pictures(["a/1", "a/2"], ["a/3", "b/1"]), [(0, 1, 0.9995)])
    splits = splits_of(train=["a/1", "a/2", "a/3", "b/1"])
    report = report_of(copies, {}, splits, removed=True)
    assert [pair.keys for pair in report.within] == [("a/1", "a/2")]
    assert [pair.keys for pair in report.across] == [("a/3", "b/1"), ("a/1", "b/1")]
    assert report.remarks() == [
        "copies of one picture under two people's names, probably label errors: 2, such as 'a/3' "
        "of 'a' and 'b/1' of 'b'",
        "copies of one picture within a person: 1, such as 'a/1' and 'a/2'",
    ]


def test_what_is_cut_is_said():
    assert "not all of these were compared" in CopyReport(cut=3).remarks()[0]


def test_a_few_pairs_stand_for_many():
    copies = Copies(pictures([f"a/{n:03d}" for n in range(KEPT_PAIRS + 5)]))
    report = report_of(copies, {}, splits_of(train=[r.key for r in copies.pictures[0]]), removed=1)
    assert (len(report.within), report.within_count) == (KEPT_PAIRS, KEPT_PAIRS + 4)


@pytest.mark.parametrize("removed", [True, False])
def test_what_leaves_and_what_stays_is_counted_by_split(removed):
    copies = Copies(pictures(["a/1", "a/2", "b/1"]))
    splits = splits_of(train=["a/1"], val=["a/2"], test=["b/1"])
    leaks = copies.leaks(splits)
    report = report_of(copies, leaks, splits, removed=removed)
    counts = {"val": 1, "test": 1}
    assert (report.left, report.leaked) == ((counts, {}) if removed else ({}, counts))
    told = remarks_on_leaks(leaks, splits) if removed else report.remarks()[2:]
    assert len(told) == 2
    assert "the test split" in told[1]
    assert [pair.keys for pair in leaking_pairs(leaks)] == [("a/2", "a/1"), ("b/1", "a/1")]


def test_the_report_survives_being_written_and_read():
    pair = CopyPair(("a/1", "b/\udcff"), ("a", "b"), 0.9991)
    report = CopyReport([pair], [pair], 1, 1, {"test": 2}, {}, 4)
    assert CopyReport.from_dict(json.loads(json.dumps(asdict(report)))) == report


TEST_SPLIT = ["a/1", "a/2", "b/1", "b/2", "c/1"]


def test_images_that_leak_leave_the_splits():
    splits = splits_of(train=["d/1"], test=[*TEST_SPLIT, "c/2"])
    kept = without_leaks(splits, records_of(["a/1", "a/2"]))
    assert {record.key for record in splits} - {record.key for record in kept} == {"a/1", "a/2"}


@pytest.mark.parametrize(
    ("leaking", "told"),
    [(["a/1"], "1 people with 2 or more"), (["a/1", "a/2", "b/1", "b/2"], "1 people with 1 or")],
)
def test_a_test_split_without_enough_people_is_an_error(leaking, told):
    with pytest.raises(UserError, match=told):
        without_leaks(splits_of(train=["d/1"], test=TEST_SPLIT), records_of(leaking))
