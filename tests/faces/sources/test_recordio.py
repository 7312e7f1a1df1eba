"""Files of MXNet's RecordIO, written byte by byte."""

import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.content import UnreadableError, content_mark, fingerprint_of
from faces.record import Record
from faces.sources import listed_once
from faces.sources.recordio import RecordIOSource, key_of
from groundfloor.errors import UserError
from tests.faces.recordio_files import (
    END,
    MAGIC,
    MIDDLE,
    START,
    WHOLE,
    image_data,
    part,
    record,
    write_insightface,
    write_records,
)

NAN = float("nan")


def image(number=0, label=7.0, content=b"image"):
    return record(image_data(content + bytes([number]), label))


@pytest.fixture
def rec(tmp_path):
    return tmp_path / "train.rec"


def images_of(path):
    """identity and content by number."""
    source = RecordIOSource(path)
    return {int(r.key): (r.identity, source.read(r)) for r in source.list().records}


def reasons_of(path):
    return {(int(r.key), r.identity): why for r, why in RecordIOSource(path).list().refused.items()}


def test_in_a_plain_file_all_records_are_images(rec):
    write_records(rec, [image(0, 17.0), image(1, 3.0), image(2, 17.0)])
    assert RecordIOSource(rec).list().records == [
        Record("0000000000", "17"),
        Record("0000000001", "3"),
        Record("0000000002", "17"),
    ]
    assert images_of(rec) == {0: ("17", b"image\0"), 1: ("3", b"image\1"), 2: ("17", b"image\2")}


def test_the_header_and_the_records_of_people_are_no_images(rec):
    write_insightface(rec, [[b"a", b"bb"], [b"ccc"]])
    assert images_of(rec) == {1: ("0", b"a"), 2: ("0", b"bb"), 3: ("1", b"ccc")}
    listing = RecordIOSource(rec).list()
    assert (listing.refused, listing.empty, listing.remarks()) == ({}, [], [])


def test_of_labels_behind_the_header_of_a_record_the_first_is_the_person(rec):
    write_records(rec, [image(0, [5.0, 1.0]), image(1, [6.0]), image(2, [7.0] * 11)])
    assert images_of(rec) == {0: ("5", b"image\0"), 1: ("6", b"image\1"), 2: ("7", b"image\2")}


def test_keys_sort_as_their_numbers_whatever_their_order_in_the_index(rec):
    write_records(rec, {100: image(1), 9: image(2), 20: image(3)})
    assert list(images_of(rec)) == [9, 20, 100]


def test_magic_numbers_within_an_image_come_back(rec):
    contents = [MAGIC, MAGIC * 3, b"abcd" + MAGIC + b"e", b"a" + MAGIC, b"abc" + MAGIC + MAGIC]
    write_records(rec, [record(image_data(content, 1.0)) for content in contents])
    assert [content for _, content in images_of(rec).values()] == contents


def test_a_magic_number_within_the_header_of_a_record_does_not_hide_its_label(rec):
    number = struct.unpack("<I", MAGIC)[0]
    write_records(rec, [record(image_data(b"image", 4.0, number)), image(1, 5.0)])
    assert images_of(rec) == {0: ("4", b"image"), 1: ("5", b"image\1")}


@given(
    st.lists(
        st.lists(st.one_of(st.just(MAGIC), st.binary(max_size=9)), min_size=1)
        .map(b"".join)
        .filter(len),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 2**64 - 1),
    st.sampled_from([3.0, [3.0], [3.0, 1.0]]),
)
def test_whatever_was_written_comes_back(tmp_path_factory, contents, number, label):
    path = tmp_path_factory.mktemp("any") / "train.rec"
    write_records(path, [record(image_data(content, label, number)) for content in contents])
    assert images_of(path) == dict(enumerate(("3", content) for content in contents))


@pytest.mark.parametrize("label", [-1.0, 0.5, NAN, float("inf"), 2.0**24 + 2])
@pytest.mark.parametrize("behind", [False, True])
def test_a_label_that_is_no_identity_is_refused(rec, label, behind):
    write_records(rec, [image(0), image(1, [label, 0.0] if behind else label)])
    assert list(images_of(rec)) == [0]
    ((who, why),) = reasons_of(rec).items()
    assert who == (1, "unknown")
    assert why == f"the label {np.float32(label):g} is no whole number from 0 to 2^24"


DAMAGED = {
    "no magic": (b"\0" + image()[1:], "no RecordIO magic number at byte 80"),
    "end of another": (part(END, image_data(b"x", 1.0)), "a part of kind 3 at byte 80, where one"),
    "middle": (part(MIDDLE, image_data(b"x", 1.0)), "a part of kind 2 at byte 80"),
    "unknown kind": (part(5, image_data(b"x", 1.0)), "a part of kind 5 at byte 80"),
    "never ends": (part(START, b"x" * 8) + image(), "a part of kind 0 at byte 96"),
    "too long": (MAGIC + struct.pack("<I", 2**29 - 1) + bytes(40), "the file ends at byte 1"),
    "short header": (part(WHOLE, b"x" * 23), "a record of 23 bytes, less than an image's header"),
    "labels cut": (part(WHOLE, image_data(b"", [1.0] * 3)[:-1]), "ends within its 3 labels"),
    "no image": (part(WHOLE, image_data(b"", 1.0)), "a record without an image"),
    "only labels": (part(WHOLE, image_data(b"", [1.0, 2.0])), "a record without an image"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_one_damaged_record_is_refused_and_unreadable_for_the_same_reason(rec, kind):
    damaged, reason = DAMAGED[kind]
    write_records(rec, [image(0), image(1), damaged, image(3)])
    assert list(images_of(rec)) == [0, 1, 3]
    ((who, why),) = reasons_of(rec).items()
    assert who == (2, "unknown")
    assert reason in why
    for _ in range(2):
        with pytest.raises(UnreadableError) as error:
            RecordIOSource(rec).read(Record(key_of(2), "unknown"))
        assert str(error.value) == why


@pytest.mark.parametrize("left", range(1, 45))
def test_a_last_record_that_is_cut_short_anywhere_is_refused(rec, left):
    last = record(image_data(MAGIC + b"image", 1.0))  # two parts, 45 bytes and padding
    write_records(rec, [image(0), last])
    rec.write_bytes(image(0) + last[:left])
    assert reasons_of(rec) == {
        (1, "unknown"): f"the file ends at byte {len(image(0)) + left}, within the record"
    }
    assert list(images_of(rec)) == [0]


def test_the_same_record_under_two_keys_is_read_once(rec):
    write_records(rec, [image(0), image(1)])
    rec.with_suffix(".idx").write_text(f"0\t0\n1\t{len(image())}\n2\t0\n")
    assert list(images_of(rec)) == [0, 1]
    assert reasons_of(rec) == {(2, "7"): "the same record as 0000000000"}


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("0\t0\nx\t40\n", r"train.idx', line 2: 'x\\t40' is not 'key<tab>offset'"),
        ("0\t0\n1\n", "line 2: '1' is not"),
        ("0\t0\n1\t-4\n", "line 2: .* is not"),
        ("0\t0\n\n", "line 2: '' is not"),
        ("0\t0\t0\n", "line 1: .* is not"),
        ("0\t" + "9" * 19, "line 1: .* is not"),
        ("5\t0\n1\t40\n5\t40\n", "line 3: the key 5 is in line 1 already"),
        ("9\t0\n3\t4000\n", "line 2 puts record 3 at byte 4000, where only 80 bytes are"),
        ("0\t4\n1\t44\n2\t0\n", "line 1 puts record 0 at byte 4, where no record begins"),
        ("99999999999\t0\n", "line 1: the key 99999999999 is above 9999999999"),
        ("", "is empty"),
    ],
)
def test_an_index_that_disagrees_is_an_error_that_names_the_line(rec, index, message):
    write_records(rec, [image(0), image(1)])
    rec.with_suffix(".idx").write_text(index)
    with pytest.raises(UserError, match=message):
        RecordIOSource(rec).list()


def test_an_index_without_images_that_the_header_counts_is_an_error(rec):
    write_insightface(rec, [[b"a", b"bb"], [b"ccc"]])
    index = rec.with_suffix(".idx")
    lines = index.read_text().splitlines(keepends=True)
    for kept, missing in ((lines[:2] + lines[3:], 2), (lines[:3], 3)):
        index.write_text("".join(kept))
        with pytest.raises(UserError, match=f"does not have record {missing}; .* up to 3"):
            RecordIOSource(rec).list()


def test_an_image_behind_those_that_the_header_counts_is_refused(rec):
    header = record(image_data(b"", [2.0, 2.0]))
    write_records(rec, [header, image(1), image(2)])
    assert list(images_of(rec)) == [1]
    assert reasons_of(rec) == {(2, "7"): "behind the images, which the header ends at 2"}


@pytest.mark.parametrize("end", [NAN, 0.0, 2.5, -3.0])
def test_a_header_that_cannot_be_true_is_an_error(rec, end):
    write_records(rec, [record(image_data(b"", [end, 5.0])), image(1)])
    with pytest.raises(UserError, match=r"the header of .* ends its images at"):
        RecordIOSource(rec).list()


def test_a_file_that_is_not_there_or_no_recordio_is_one_error(rec, tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*No such file"):
        RecordIOSource(rec).list()
    rec.write_bytes(b"PK" * 100)
    with pytest.raises(UserError, match=r"no index .*train.idx' beside 'train.rec'"):
        RecordIOSource(rec).list()
    rec.with_suffix(".idx").write_text("0\t0\n1\t48\n")
    with pytest.raises(UserError, match="is no RecordIO file"):
        RecordIOSource(rec).list()
    rec.with_suffix(".idx").write_text("0\t5000\n")
    with pytest.raises(UserError, match="is no RecordIO file"):
        RecordIOSource(rec).list()
    rec.write_bytes(b"")
    with pytest.raises(UserError, match="is empty"):
        RecordIOSource(rec).list()
    folder = tmp_path / "folder.rec"
    folder.mkdir()
    folder.with_suffix(".idx").touch()
    with pytest.raises(UserError, match="is not a regular file"):
        RecordIOSource(folder).list()


def test_no_record_with_an_image_is_an_error_that_says_why(rec):
    write_records(rec, [record(image_data(b"", 1.0))])
    with pytest.raises(UserError, match=r"no images in .*: a record without an image"):
        RecordIOSource(rec).list()


def test_people_whom_property_counts_and_who_have_no_image_are_told(rec):
    write_records(rec, [image(0, 0.0), image(1, 3.0)])
    rec.with_name("property").write_text("5,112,112")
    assert RecordIOSource(rec).list().remarks() == ["people without an image: 3, such as '1'"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3,112,112", "counts 3 people, so that the highest label is 2, .* the label 3"),
        ("0,112,112", "counts 0 people"),
        ("many", "holds 'many', not 'people,height,width'"),
        ("5", "holds '5', not"),
        ("999999999,1,1", "holds '999999999,1,1', not"),
        ("", "holds '', not"),
    ],
)
def test_a_property_that_disagrees_is_an_error(rec, text, message):
    write_records(rec, [image(0, 0.0), image(1, 3.0)])
    rec.with_name("property").write_text(text)
    with pytest.raises(UserError, match=message):
        RecordIOSource(rec).list()


@pytest.mark.parametrize("key", ["0000000002", "1", "x", "", "²" * 10])
def test_a_key_that_is_not_in_the_index_is_unreadable(rec, key):
    write_records(rec, [image(0), image(1)])
    with pytest.raises(UnreadableError, match="No such record in the index"):
        RecordIOSource(rec).read(Record(key, "7"))


def test_the_fingerprint_is_that_of_keys_people_and_contents(rec):
    write_records(rec, [image(0), record(image_data(MAGIC, 2.0)), image(2)[:-8] + b"x" * 8])
    source = RecordIOSource(rec)
    listing = source.list()
    marks = [content_mark(source.read(r)) for r in listing.records]
    assert source.fingerprint() == fingerprint_of(listing, marks)


def test_what_changed_is_noticed_at_the_next_listing_fingerprint_and_reading(rec):
    write_records(rec, [image(0), image(1)])
    source = RecordIOSource(rec)
    before = source.fingerprint()
    write_records(rec, [image(0), image(1), image(2, 8.0)])
    assert source.fingerprint() != before
    assert list(images_of(rec)) == [0, 1, 2]
    rec.unlink()
    with pytest.raises(UnreadableError, match="No such file"):
        source.read(Record(key_of(0), "7"))


def test_a_record_that_is_damaged_after_the_listing_changes_the_fingerprint(rec):
    write_records(rec, [image(0), image(1)])
    source = RecordIOSource(rec)
    with listed_once():
        before = source.fingerprint()
        rec.write_bytes(image(0) + b"\0" * len(image(1)) + b"\0")
        after = source.fingerprint()
        assert len(source.list().records) == 2
    assert before != after


def test_within_a_scope_it_is_listed_once_and_it_travels_without_its_index(rec):
    write_records(rec, [image(number % 256) for number in range(500)])
    source = RecordIOSource(rec)
    with listed_once():
        assert source.list() is RecordIOSource(rec).list()
    assert len(pickle.dumps(source)) < 500
