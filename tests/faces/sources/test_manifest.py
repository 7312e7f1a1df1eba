"""What a manifest lists, and what it refuses."""

import os

import pytest

from faces.content import UnreadableError
from faces.record import Record
from faces.sources.manifest import ManifestSource, key_of, list_manifest
from faces.sources.once import listed_once
from groundfloor.errors import UserError
from tests.faces.sources.tables import write_csv, write_parquet


@pytest.fixture
def home(tmp_path):
    """The folder of a manifest, with an image."""
    folder = tmp_path / "home"
    (folder / "a").mkdir(parents=True)
    (folder / "a/1.png").write_bytes(b"one")
    return folder


def listing_of(folder, *rows, header="path,identity", **options):
    return list_manifest(write_csv(folder / "faces.csv", rows, header), **options)


def reasons_of(listing):
    return {record.key: reason for record, reason in listing.refused.items()}


def test_images_are_sorted_by_their_path_and_are_whose_the_table_says(home):
    listing = listing_of(home, ("b/2.png", "ann"), ("a/1.png", "bob"))
    assert listing.records == [Record("a/1.png", "bob"), Record("b/2.png", "ann")]
    assert (reasons_of(listing), listing.remarks()) == ({}, [])


def test_the_split_of_a_row_is_that_of_its_record_and_an_empty_one_is_none(home):
    header = "path,identity,split"
    listing = listing_of(home, ("a", "ann", "test"), ("b", "ann", ""), header=header)
    assert [record.split for record in listing.records] == ["test", None]


def test_columns_that_nothing_reads_are_one_remark(home):
    listing = listing_of(home, ("a", "ann", 30, "x"), header="path,identity,,")
    assert listing.remarks() == ["columns that are not used: (without a name), (without a name)"]


def test_further_columns_and_the_face_go_into_the_record(home):
    listing = listing_of(home, ("a", "ann", 30, "1 2 3 4"), header="path,identity,age,box")
    assert listing.records == [Record("a", "ann", box=(1, 2, 3, 4), columns=(("age", "30"),))]


def test_a_row_whose_box_cannot_be_is_refused_with_its_number(home):
    rows = [("a", "ann", "3 2 1 4"), ("b", "ann", "")]
    listing = listing_of(home, *rows, header="path,identity,box")
    assert [record.key for record in listing.records] == ["b"]
    (why,) = listing.refused.values()
    assert why == "row 2: box: right must be above left, and bottom above top"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a/1.png", "a/1.png"),
        ("a\\1.png", "a/1.png"),
        ("./a//./1.png", "a/1.png"),
        ("b/../a/1.png", "a/1.png"),
        ("//a/1.png", "/a/1.png"),
        ("../1.png", "../1.png"),
    ],
)
def test_a_key_is_the_path_with_forward_slashes(path, key):
    assert key_of(path) == key


def test_a_row_without_path_or_identity_is_refused_with_its_number(home):
    listing = listing_of(home, ("", "ann"), ("a/1.png", ""), ("b", "bob"))
    assert listing.records == [Record("b", "bob")]
    assert reasons_of(listing) == {
        "./faces.csv:2": "row 2: no path",
        "./faces.csv:3": "row 3: no identity",
    }


def test_a_character_0_in_parquet_is_a_refused_row(home):
    path = write_parquet(home / "f.parquet", [("a\0", "ann"), ("b", "b\0"), ("c", "ann")])
    assert reasons_of(list_manifest(path)) == {
        "./f.parquet:1": "row 1: a character 0 in it",
        "./f.parquet:2": "row 2: a character 0 in it",
    }


def test_a_path_that_is_there_twice_is_read_once(home):
    listing = listing_of(home, ("x", "ann"), ("x", "ann"), (".//x", "ann"))
    assert listing.records == [Record("x", "ann")]
    assert reasons_of(listing) == {
        "./faces.csv:3": "row 3: the same file as in row 2",
        "./faces.csv:4": "row 4: the same file as in row 2",
    }


def test_a_path_of_two_people_is_nobodys(home):
    listing = listing_of(home, ("x", "ann"), ("x", "bob"), ("x", "ann"), ("y", "bob"))
    assert listing.records == [Record("y", "bob")]
    assert reasons_of(listing) == {
        "x": "row 2: the same file as in row 3, of another person",
        "./faces.csv:3": "row 3: the same file as in row 2, of another person",
        "./faces.csv:4": "row 4: the same file as in row 3, of another person",
    }


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_two_names_of_one_file_are_the_same_file(home, link):
    link(home / "a/1.png", home / "2.png")
    listing = listing_of(home, ("a/1.png", "ann"), (home / "a/1.png", "ann"), ("2.png", "ann"))
    assert [record.key for record in listing.records] == ["a/1.png"]
    assert len(listing.refused) == 2


@pytest.fixture
def outside(home):
    path = home.parent / "out.png"
    path.write_bytes(b"out")
    (home / "link.png").symlink_to(path)
    (home / "up").symlink_to(home.parent)
    return path


@pytest.mark.parametrize("path", ["../out.png", "/absolute", "link.png", "up/out.png"])
def test_what_leads_out_of_the_folder_is_read_only_where_the_configuration_says_so(
    path, home, outside
):
    path = str(outside) if path == "/absolute" else path
    rows = [("a/1.png", "ann"), (path, "bob")]
    assert reasons_of(listing_of(home, *rows)) == {
        path: f"row 3: out of the manifest's folder, in {str(outside)!r}; "
        "data.follow_links: true reads it"
    }
    listing = listing_of(home, *rows, follow_links=True)
    assert listing.refused == {}
    source = ManifestSource(home / "faces.csv", follow_links=True)
    assert source.read(Record(path, "bob")) == b"out"


def test_an_absolute_path_within_the_folder_is_read(home):
    listing = listing_of(home, (home / "a/1.png", "ann"))
    assert [record.key for record in listing.records] == [str(home / "a/1.png")]


def test_paths_are_relative_to_where_the_table_really_lies(home, tmp_path):
    path = write_csv(home / "faces.csv", [("a/1.png", "ann")])
    (tmp_path / "link.csv").symlink_to(path)
    source = ManifestSource(tmp_path / "link.csv")
    (record,) = source.list().records
    assert source.read(record) == b"one"


def test_an_image_that_is_missing_is_listed_and_unreadable(home):
    source = ManifestSource(write_csv(home / "faces.csv", [("gone.png", "ann")]))
    (record,) = source.list().records
    with pytest.raises(UnreadableError, match="No such file"):
        source.read(record)


def test_a_manifest_of_which_nothing_can_be_read_is_an_error_that_says_why(home):
    with pytest.raises(UserError, match=r"no images in .*faces.csv.* such as .*: row 2: no path"):
        listing_of(home, ("", "ann"))


def test_a_manifest_of_too_many_rows_is_an_error(home):
    with pytest.raises(UserError, match="more than 1 rows"):
        listing_of(home, ("a", "ann"), ("b", "ann"), max_rows=1)


@pytest.mark.parametrize(
    "rows",
    [
        [("a/1.png", "bob", "train")],
        [("a/1.png", "ann", "test")],
        [("a/2.png", "ann", "train")],
        [("a/1.png", "ann", "train"), ("", "ann", "train")],
    ],
    ids=["person", "split", "path", "refused"],
)
def test_the_fingerprint_sees_a_change_of_a_row(rows, home):
    (home / "a/2.png").write_bytes(b"one")
    header = "path,identity,split"
    source = ManifestSource(write_csv(home / "faces.csv", [("a/1.png", "ann", "train")], header))
    before = source.fingerprint()
    assert source.fingerprint() == before
    write_csv(home / "faces.csv", rows, header)
    assert source.fingerprint() != before


def test_the_fingerprint_sees_a_further_column_since_the_report_names_it(home):
    source = ManifestSource(write_csv(home / "faces.csv", [("a/1.png", "ann")]))
    before = source.fingerprint()
    write_csv(home / "faces.csv", [("a/1.png", "ann", 30)], "path,identity,age")
    assert source.fingerprint() != before


def test_the_fingerprint_sees_a_change_of_a_file(home):
    source = ManifestSource(write_csv(home / "faces.csv", [("a/1.png", "ann")]))
    before = source.fingerprint()
    (home / "a/1.png").write_bytes(b"two")
    assert source.fingerprint() != before


def test_within_a_scope_the_table_is_read_once(home):
    source = ManifestSource(write_csv(home / "faces.csv", [("a/1.png", "ann")]))
    with listed_once():
        listing = source.list()
        source.path.unlink()
        assert source.list() is listing
