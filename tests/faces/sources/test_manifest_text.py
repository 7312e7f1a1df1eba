"""A manifest that is written: what is read of it is what went in."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.contract import SPLITS
from faces.record import Record
from faces.sources.manifest import list_manifest
from faces.sources.manifest_text import can_be_listed, manifest_text

HOME = "/data/faces"
# As the reader of a manifest gives them: without white space around, and never empty.
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).map(
    str.strip
)
NAMES = WORDS.filter(bool)
PIXELS = st.floats(-1e6, 1e6)
LANDMARKS = st.lists(st.tuples(PIXELS, PIXELS), min_size=5, max_size=5, unique=True).map(
    lambda points: tuple(number + 0.0 for point in points for number in point)
)
BOXES = st.tuples(PIXELS, PIXELS, PIXELS, PIXELS).filter(
    lambda box: box[0] < box[2] and box[1] < box[3]
)
COLUMNS = ("age", "=1+1", "a b")


@st.composite
def record_lists(draw):
    keys = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    has_split, has_columns = draw(st.booleans()), draw(st.booleans())
    return [
        Record(
            f"{HOME}/{key}",
            draw(NAMES),
            draw(st.sampled_from(SPLITS)) if has_split else None,
            draw(st.none() | LANDMARKS),
            draw(st.none() | BOXES),
            tuple((name, draw(WORDS)) for name in COLUMNS) if has_columns else (),
        )
        for key in keys
    ]


ODD = ("/a/b, c.jpg", '/a/"b".jpg', "/a/x;y\tz.jpg", "/ä/b c.jpg", "/a/b\r.jpg", "/a/b\nc.jpg")


def read_back(text, folder):
    path = folder / "manifest.csv"
    path.write_bytes(text.encode())
    return list(list_manifest(path, follow_links=True).records)


@given(records=record_lists())
def test_what_is_read_is_what_was_written(records, tmp_path_factory):
    kept = [record for record in records if can_be_listed(record, record.key)]
    if kept:
        text = manifest_text(kept, lambda record: record.key)
        there = read_back(text, tmp_path_factory.mktemp("manifest"))
        assert there == sorted(kept, key=lambda record: record.key)


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/a/ b/c.jpg ", "ann"),
        ("/a/back\\slash.jpg", "ann"),
        ("/a/../b.jpg", "ann"),
        ("/a/\udce9.jpg", "ann"),
        ("/a/b.jpg", " ann"),
        ("/a/b.jpg", ""),
    ],
)
def test_a_name_that_a_manifest_would_change_cannot_be_listed(path, identity):
    assert not can_be_listed(Record("key", identity), path)


def test_odd_names_can_be_listed_and_are_read_back(tmp_path):
    records = [Record(path, f"=ann\r{number}") for number, path in enumerate(ODD)]
    assert all(can_be_listed(record, record.key) for record in records)
    there = read_back(manifest_text(records, lambda record: record.key), tmp_path)
    assert {(record.key, record.identity) for record in there} == {
        (record.key, record.identity) for record in records
    }


def test_a_split_is_written_where_all_images_have_one_and_the_rest_where_any_has():
    points = tuple(map(float, range(10)))
    records = [
        Record("a", "ann", "train", points, columns=(("age", "7"),)),
        Record("b", "bob", None, None, (1.0, 2.0, 3.0, 4.5)),
    ]
    header, first, second = manifest_text(records, lambda record: record.key).splitlines()
    assert header == "path,identity,x1,y1,x2,y2,x3,y3,x4,y4,x5,y5,box,age"
    assert first == "a,ann,0.0,1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0,,7"
    assert second == "b,bob,,,,,,,,,,,1.0 2.0 3.0 4.5,"


def test_columns_whose_name_would_make_another_table_of_it_are_left_out(tmp_path):
    columns = tuple((name, "1") for name in ("a;b", "a\tb", "a\nb", "plain", "path"))
    record = Record(os.fspath(tmp_path / "x.jpg"), "ann", columns=columns)
    (back,) = read_back(manifest_text([record], lambda record: record.key), tmp_path)
    assert (back.key, back.columns) == (record.key, (("plain", "1"),))
