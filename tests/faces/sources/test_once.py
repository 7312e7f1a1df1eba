"""A source is listed once within a scope, and anew outside of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from faces.record import Listing
from faces.sources.folder import FolderSource
from faces.sources.once import listed_once, once
from groundfloor.errors import UserError
from tests.conftest import write_faces


@pytest.fixture
def source(tmp_path):
    return FolderSource(write_faces(tmp_path / "faces", people=2, shots=2))


def test_outside_of_a_scope_nothing_is_remembered(source, scanned):
    source.list()
    (source.root / "person00/new.png").write_bytes(b"x")
    assert len(source.list().records) == 5
    assert scanned.count(str(source.root)) == 2


def test_within_a_scope_a_folder_is_walked_through_once_however_it_is_spelt(source, scanned):
    link = source.root.parent / "link"
    link.symlink_to(source.root)
    with listed_once():
        listing = source.list()
        assert FolderSource(link).list() is listing
        source.fingerprint()
        with listed_once():  # a scope inside uses what is known
            assert source.list() is listing
        assert source.list() is listing
    assert len(scanned) == len(set(scanned)) == 3


def test_another_option_is_another_listing(source):
    with listed_once():
        assert source.list() is not FolderSource(source.root, follow_links=True).list()


def test_when_the_scope_ends_it_is_forgotten_even_by_an_error(source, scanned):
    def list_and_fail():
        with listed_once():
            source.list()
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        list_and_fail()
    source.list()
    assert scanned.count(str(source.root)) == 2


def test_a_listing_that_failed_is_tried_again(tmp_path):
    source = FolderSource(tmp_path / "faces")
    with listed_once():
        with pytest.raises(UserError):
            source.list()
        write_faces(source.root, people=1, shots=1)
        assert len(source.list().records) == 1


def test_contents_are_read_anew_and_what_is_added_is_left_to_the_next_run(source):
    with listed_once():
        before = source.fingerprint()
        (source.root / "person00/new.png").write_bytes(b"x")
        assert source.fingerprint() == before
        (source.root / "person00/0.png").write_bytes(b"x")
        changed = source.fingerprint()
        (source.root / "person00/0.png").unlink()
        assert len({before, changed, source.fingerprint()}) == 3


def test_who_asks_while_another_is_listing_waits_for_it():
    calls = []

    def list_source():
        calls.append(1)
        return Listing([], {}, [])

    with listed_once(), ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: once("source", list_source), range(8)))
    assert len(calls) == 1
    assert all(listing is found[0] for listing in found)
