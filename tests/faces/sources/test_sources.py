"""Sources are found by name, or by the place."""

import pickle

import pytest

from faces.content import UnreadableError
from faces.record import Record
from faces.sources import SOURCES, SUFFIXES, SourceOptions, find_source, recognise, source_at
from faces.sources.example_row import FeatureNames
from faces.sources.folder import FolderSource
from faces.sources.manifest import ManifestSource
from faces.sources.tfrecord import TFRecordSource
from groundfloor.errors import UserError
from tests.conftest import write_faces
from tests.faces.recordio_files import write_recordio_faces
from tests.faces.sources.tables import rows_of_folder, write_csv
from tests.faces.tfrecord_files import write_tfrecord_faces


def _folder(folder):
    return write_faces(folder / "faces", people=2, shots=2)


def _manifest(folder):
    faces = _folder(folder)
    return write_csv(faces / "faces.csv", rows_of_folder(faces))


def _recordio(folder):
    return write_recordio_faces(folder / "faces", people=2, shots=2)


def _tfrecord(folder):
    return write_tfrecord_faces(folder / "faces.tfrecord", people=2, shots=2)


# name -> writes 2 images each of 2 people, and says where they are.
WRITERS = {
    "folder": _folder,
    "manifest": _manifest,
    "recordio": _recordio,
    "tfrecord": _tfrecord,
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_lists_reads_and_travels(name, tmp_path):
    source = find_source(name, WRITERS[name](tmp_path))
    listing = source.list()
    assert len(listing.records) == 4
    assert [record.key for record in listing.records] == sorted(
        record.key for record in listing.records
    )
    travelled = pickle.loads(pickle.dumps(source))
    assert travelled.list() == listing
    assert travelled.fingerprint() == source.fingerprint()
    assert all(travelled.read(record) == source.read(record) for record in listing.records)


@pytest.mark.parametrize("name", SOURCES)
def test_an_image_that_is_not_there_is_unreadable(name, tmp_path):
    source = find_source(name, WRITERS[name](tmp_path))
    with pytest.raises(UnreadableError, match="No such"):
        source.read(Record("nobody/1.png", "nobody"))


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_is_recognised_by_what_it_reads(name, tmp_path):
    location = WRITERS[name](tmp_path)
    assert recognise(location) == name
    assert source_at(location) == find_source(name, location)


def test_a_misspelt_name_is_an_error_that_says_which_was_meant(tmp_path):
    with pytest.raises(UserError, match=r"no kind of source 'foldr' \(did you mean folder\?\)"):
        find_source("foldr", tmp_path)
    with pytest.raises(UserError, match=r"no kind of source 'bucket' \(known: folder, manifest"):
        find_source("bucket", tmp_path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_recognised_by_the_end_of_its_name_and_a_folder_is_a_folder(suffix, tmp_path):
    assert recognise(tmp_path / f"Faces{suffix.upper()}") == SUFFIXES[suffix]
    (tmp_path / f"folder{suffix}").mkdir()
    assert recognise(tmp_path / f"folder{suffix}") == "folder"


def test_what_no_source_reads_is_an_error_that_says_what_they_read(tmp_path):
    accepted = r"a folder, or a file that ends with \.csv, .*\.rec, .*or a pattern of TFRecords"
    with pytest.raises(UserError, match=f"nowhere': No such file or directory; .*{accepted}"):
        recognise(tmp_path / "nowhere")
    (tmp_path / "faces.txt").write_text("path,identity\n")
    with pytest.raises(UserError, match=f"faces.txt': it is not {accepted}; data.source"):
        recognise(tmp_path / "faces.txt")


def test_a_name_that_is_given_decides_and_options_reach_the_source(tmp_path):
    table = tmp_path / "faces.txt"
    names = FeatureNames(identity="who")
    options = SourceOptions(follow_links=True, features=names)
    assert source_at(table, "manifest", options) == ManifestSource(table, True)
    assert source_at(table, "tfrecord", options) == TFRecordSource(table, names)
    assert source_at(tmp_path / "x.csv", "folder") == FolderSource(tmp_path / "x.csv")


@pytest.mark.parametrize(
    "name",
    [
        "a.tfrecord",
        "a.TFRecords",
        "a.tfrecord.gz",
        "a.tfrecords.gz",
        "train.tfrecord-00000-of-00016",
        "data_tfrecord-00000-of-00001.gz",
        "train-*.tfrecord",
        "*/*.tfrecord.gz",
        "data_tfrecord-*",
        "train.tfrecord-?????-of-00016",
        "[ab].tfrecords",
    ],
)
def test_tfrecords_are_recognised_by_their_usual_names(name, tmp_path):
    assert recognise(tmp_path / name) == "tfrecord"


@pytest.mark.parametrize("name", ["*", "tfrecords/*", "a.gz", "mytfrecord_list.txt", "*.jpg"])
def test_what_is_not_called_so_is_not_taken_for_tfrecords(name, tmp_path):
    with pytest.raises(UserError, match="or a pattern of TFRecords"):
        recognise(tmp_path / name)


def test_a_folder_is_a_folder_whatever_its_name(tmp_path):
    (tmp_path / "all.tfrecord").mkdir()
    assert recognise(tmp_path / "all.tfrecord") == "folder"
