"""A test set beside the images that are trained on."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from faces.content import content_mark, fingerprint_of
from faces.record import Listing, Record
from faces.sources.test_set import WithTestPeople, WithTestSet, people_in
from faces.splits import assign_splits, describe_splits
from groundfloor.errors import UserError


@dataclass(frozen=True)
class Given:
    """A source of the images that a test gives it."""

    images: Mapping[Record, bytes]

    def list(self):
        return Listing(sorted(self.images, key=lambda image: image.key), {}, [])

    def read(self, record):
        return next(data for image, data in self.images.items() if image.key == record.key)

    def fingerprint(self):
        raise NotImplementedError


def given(*people, shots=3, **fields):
    """Images of these people, whose keys are the same for all sources of as many."""
    records = [
        Record(f"{number}/{shot}", person, **fields)
        for number, person in enumerate(people)
        for shot in range(shots)
    ]
    return Given({record: f"{record.identity} {record.key}".encode() for record in records})


def splits_of(source, val_split=0.0):
    rules = {
        "mode": "identity_disjoint",
        "test_split": 0.2,
        "val_split": val_split,
        "own_test": True,
    }
    splits = assign_splits(source.list().records, **rules, seed=1)
    return splits, describe_splits(splits, **rules)


def test_the_second_source_is_the_test_split_and_the_first_all_else():
    source = WithTestSet(given("ann", "bob"), given("cid", "dan"))
    splits, report = splits_of(source, val_split=1 / 3)
    people = {
        split: {image.identity for image, where in splits.items() if where == split}
        for split in ("train", "val", "test")
    }
    assert people == {"train": {"ann", "bob"}, "val": {"ann", "bob"}, "test": {"cid", "dan"}}
    assert report.images == {"train": 4, "val": 2, "test": 6}
    assert report.remarks == ["the test set is its own: data.test_split is not used"]


def test_images_of_one_key_in_both_are_two_and_the_tested_one_keeps_it():
    source = WithTestSet(given("ann", "bob"), given("cid", "dan"))
    records = source.list().records
    assert len({record.key for record in records}) == len(records) == 12
    assert {record.key for record in records if record.split == "test"} == {
        f"{number}/{shot}" for number in range(2) for shot in range(3)
    }
    for record in records:
        key = record.key.removeprefix("./train/")
        assert source.read(record) == f"{record.identity} {key}".encode()


def test_people_in_both_are_an_error_that_names_them():
    source = WithTestSet(given("ann", "bob", "cid"), given("cid", "dan", "ann"))
    with pytest.raises(UserError, match=r"In both are 'ann', 'cid'$"):
        source.list()


@pytest.mark.parametrize("other", ["dan", "eve"])
def test_two_test_sets_are_an_error(other):
    mine = given("ann", "bob", split="test")
    for source in (WithTestSet(mine, given("cid", other)), WithTestPeople(mine, ["ann"])):
        with pytest.raises(UserError, match=r"there are two test sets: .* such as '0/0'"):
            source.list()


def test_named_people_are_the_test_split():
    source = WithTestPeople(given("ann", "bob", "cid", "dan"), ["dan", "bob"])
    splits, _ = splits_of(source)
    assert {image.identity for image, split in splits.items() if split == "test"} == {"bob", "dan"}
    assert {image.identity for image, split in splits.items() if split == "train"} == {"ann", "cid"}
    assert source.read(source.list().records[0]) == b"ann 0/0"


def test_a_named_person_without_an_image_is_an_error_with_the_name_that_looks_like_it():
    source = WithTestPeople(given("ann", "bob"), ["bop", "ann"])
    with pytest.raises(UserError, match=r"Not so are 'bop' \(did you mean 'bob'\?\)"):
        source.list()


def test_the_fingerprint_says_who_is_tested_and_what_is_in_both():
    images = given("ann", "bob", "cid", "dan")
    sources = [
        WithTestPeople(images, ["ann", "bob"]),
        WithTestPeople(images, ["ann", "cid"]),
        WithTestSet(images, given("eve", "fay")),
        WithTestSet(images, given("eve", "fay", shots=2)),
    ]
    prints = [source.fingerprint() for source in sources]
    assert len(set(prints)) == len(sources)
    for source, fingerprint in zip(sources, prints, strict=True):
        listing = source.list()
        marks = [content_mark(source.read(record)) for record in listing.records]
        assert fingerprint == fingerprint_of(listing, marks)


def test_the_split_column_of_what_is_trained_on_still_decides_val():
    mine = given("ann", "bob", shots=2, split="train")
    held_out = Record("held out", "ann", split="val")
    images = {**mine.images, held_out: b"ann held out"}
    _, report = splits_of(WithTestSet(Given(images), given("cid", "dan")))
    assert report.images == {"train": 4, "val": 1, "test": 6}


def test_whoever_has_one_image_is_trained_on_where_others_are_tested():
    images = {**given("ann", "bob").images, Record("9/0", "zoe"): b"zoe"}
    splits, _ = splits_of(WithTestSet(Given(images), given("cid", "dan")), val_split=0.4)
    assert {splits[image] for image in splits if image.identity == "zoe"} == {"train"}


@pytest.mark.parametrize(
    ("mine", "tests", "message"),
    [
        (("ann", "bob"), ("cid",), "the test set must be of at least 2 people"),
        (("ann",), ("cid", "dan"), "what is left to train on must be of at least 2 people"),
    ],
)
def test_too_few_people_on_either_side_are_an_error(mine, tests, message):
    with pytest.raises(UserError, match=message):
        splits_of(WithTestSet(given(*mine), given(*tests)))


def test_a_list_of_people_has_one_a_line():
    assert people_in("# tested\n ann \r\n\nbob smith\n") == ["ann", "bob smith"]
