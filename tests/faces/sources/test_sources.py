"""Sources are found by name."""

import pickle

import pytest

from faces.content import UnreadableError
from faces.record import Record
from faces.sources import SOURCES, find_source
from groundfloor.errors import UserError
from tests.conftest import write_faces
from tests.faces.recordio_files import write_recordio_faces

WRITERS = {"folder": write_faces, "recordio": write_recordio_faces}


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_lists_reads_and_travels(name, tmp_path):
    source = find_source(name, WRITERS[name](tmp_path / "faces", people=2, shots=2))
    listing = source.list()
    assert [record.key for record in listing.records] == sorted(
        record.key for record in listing.records
    )
    travelled = pickle.loads(pickle.dumps(source))
    assert travelled.list() == listing
    assert travelled.fingerprint() == source.fingerprint()
    assert all(travelled.read(record) == source.read(record) for record in listing.records)


@pytest.mark.parametrize("name", SOURCES)
def test_an_image_that_is_not_there_is_unreadable(name, tmp_path):
    source = find_source(name, WRITERS[name](tmp_path / "faces", people=2, shots=2))
    with pytest.raises(UnreadableError, match="No such"):
        source.read(Record("nobody/1.png", "nobody"))


def test_a_misspelt_name_is_an_error_that_says_which_was_meant(tmp_path):
    with pytest.raises(UserError, match=r"no kind of source 'foldr' \(did you mean folder\?\)"):
        find_source("foldr", tmp_path)
    with pytest.raises(UserError, match=r"no kind of source 'bucket' \(known: folder, recordio\)"):
        find_source("bucket", tmp_path)
