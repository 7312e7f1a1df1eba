"""A folder of identities, a manifest and a RecordIO file on a store, in memory."""

import pickle
import uuid

import fsspec
import pytest

from faces import remote
from faces.content import StoreError, UnreadableError
from faces.record import Record
from faces.sources import SUFFIXES, ranges, recognise, source_at
from faces.sources.manifest import list_manifest
from faces.sources.once import listed_once
from faces.sources.remote_folder import RemoteFolderSource, list_remote_folder
from groundfloor.errors import UserError
from groundfloor.paths import Url
from tests.conftest import write_faces
from tests.faces.recordio_files import image_data, record, write_recordio_faces, write_records
from tests.faces.sources.tables import rows_of_folder, write_csv, write_parquet

FILES = fsspec.filesystem("memory")


@pytest.fixture
def store():
    """An empty place in memory."""
    return Url("memory", uuid.uuid4().hex)


def put(root, *names):
    for name in names:
        FILES.pipe_file(f"{root}/{name}", name.encode())


def named(monkeypatch, names):
    """A store whose objects have names that no folder can hold."""
    monkeypatch.setattr(remote, "list_objects", lambda *_: names)
    return Url("s3", "bucket")


def uploaded(folder, store):
    FILES.put(f"{folder}/", f"{store}/", recursive=True)
    return store


@pytest.fixture
def both(tmp_path, store):
    """The same in a folder and on a store: images, two manifests of them, and a RecordIO file."""
    faces = write_faces(tmp_path / "faces", people=3, shots=2)
    rows = rows_of_folder(faces)
    write_csv(faces / "faces.csv", rows)
    write_parquet(faces / "faces.parquet", rows)
    write_recordio_faces(tmp_path, people=3, shots=2)
    return tmp_path, uploaded(tmp_path, store)


@pytest.mark.parametrize("name", ["faces", "faces/faces.csv", "faces/faces.parquet", "train.rec"])
def test_a_source_is_the_same_on_a_store(both, name):
    here, there = both
    local, source = source_at(here / name), source_at(there / name)
    listing = source.list()
    assert listing == local.list()
    assert len(listing.records) == 6
    assert all(source.read(each) == local.read(each) for each in listing.records)
    assert source.fingerprint() == local.fingerprint()
    assert pickle.loads(pickle.dumps(source)) == source
    assert len(pickle.dumps(source)) < 1000


def test_a_place_on_a_store_is_recognised_by_its_name_alone(store):
    for suffix, name in SUFFIXES.items():
        assert recognise(store / f"Faces{suffix.upper()}") == name
    assert recognise(store / "faces") == "folder"


def test_who_an_object_is_of_is_the_first_part_of_its_name(store):
    put(store, "bob/1.jpg", "ann/deep/2.jpg", "list.csv", "ann/.DS_Store", ".git/ann/1.jpg")
    assert list_remote_folder(store).records == [
        Record("ann/deep/2.jpg", "ann"),
        Record("bob/1.jpg", "bob"),
    ]


def test_names_that_no_folder_has_are_refused_or_passed_over(monkeypatch):
    odd = ["ann//2.jpg", "/3.jpg", "../4.jpg", "ann/./5.jpg", "ann/..", "ann/6.jpg?versionId=x.jpg"]
    markers = ["ann/", "bob/", "bob/deep/", "__MACOSX/", "/"]
    both_ways = ["eve", "eve/1.jpg", "eve/1.jpg/2.jpg"]
    root = named(monkeypatch, ["ann/1.jpg", *odd, *markers, *both_ways])
    listing = list_remote_folder(root)
    assert [image.key for image in listing.records] == ["ann/1.jpg", *both_ways[1:]]
    assert sorted(image.key for image in listing.refused) == sorted(odd)
    assert listing.empty == ["bob"]
    reasons = {image.key: why for image, why in listing.refused.items()}
    assert reasons["ann//2.jpg"] == "a name with a part that is empty, . or .."


def test_what_cannot_be_meant_is_an_error(store, monkeypatch):
    with pytest.raises(UserError, match="no images in 'memory://"):
        list_remote_folder(store)
    put(store, "a.jpg")
    with pytest.raises(UserError, match=r"no images in 'memory://.*expected <identity>/<image>"):
        list_remote_folder(store)
    with pytest.raises(UserError, match=r"is one object, not a folder.*data.source names"):
        list_remote_folder(store / "a.jpg")
    root = named(monkeypatch, ["a/1", "a/2", "a/3"])
    with pytest.raises(UserError, match="more than 2 files"):
        list_remote_folder(root, max_entries=2)


def test_a_store_is_listed_once_for_a_run(store, monkeypatch):
    put(store, "ann/1.jpg")
    asked = []
    find = remote.list_objects
    monkeypatch.setattr(
        remote, "list_objects", lambda url, most: asked.append(url) or find(url, most)
    )
    with listed_once():
        assert RemoteFolderSource(store).list() == RemoteFolderSource(store).list()
    assert asked == [store]


def test_rows_of_a_manifest_on_a_store_lead_below_it(store):
    rows = ["a/1.png,ann", "a\\2.png,ann", "./a/1.png,ann", "../x.png,bob", "/y.png,bob"]
    rows += ["s3://other/z.png,bob", "..,bob"]
    table = store / "sets" / "faces.csv"
    FILES.pipe_file(str(table), "\n".join(["path,identity", *rows]).encode())
    for follow_links in (False, True):
        listing = list_manifest(table, follow_links)
        assert [image.key for image in listing.records] == ["a/1.png", "a/2.png"]
        assert sorted(listing.refused.values()) == [
            "row 4: the same file as in row 2",
            *(
                f"row {row}: not below the manifest, as all on a store must be"
                for row in range(5, 9)
            ),
        ]


def test_a_manifest_or_a_file_of_records_that_is_not_there_is_an_error(store):
    with pytest.raises(UserError, match=r"manifest 'memory://.*faces.csv': No such object"):
        source_at(store / "faces.csv").list()
    with pytest.raises(UserError, match=r"cannot read 'memory://.*train.rec': No such object"):
        source_at(store / "train.rec").list()
    put(store, "train.rec")
    with pytest.raises(UserError, match=r"no index 'memory://.*train.idx' beside 'train.rec'"):
        source_at(store / "train.rec").list()


def test_heads_are_read_in_few_ranges_whatever_their_order(tmp_path, store, monkeypatch):
    images = [bytes([number]) * (50 + 400 * (number % 3 == 0)) for number in range(40)]
    here = write_records(
        tmp_path / "set" / "train.rec",
        [record(image_data(image, number % 7)) for number, image in enumerate(images)],
    )
    index = here.with_suffix(".idx")
    lines = index.read_text().splitlines()
    offsets = [line.split()[1] for line in lines]
    index.write_text("".join(f"{40 - n}\t{offset}\n" for n, offset in enumerate(offsets)))
    for name, size in (("_AHEAD_BYTES", 300), ("_GROUP_BYTES", 2000), ("_MAX_GAP", 400)):
        monkeypatch.setattr(ranges, name, size)
    local, source = source_at(here), source_at(uploaded(here.parent, store) / "train.rec")
    assert source.list() == local.list()
    asked = []
    read = remote.read_range
    monkeypatch.setattr(remote, "read_range", lambda *each: asked.append(each) or read(*each))
    source.list()
    assert len(asked) < 20
    assert all(source.read(each) == local.read(each) for each in local.list().records)


def test_a_record_file_that_is_written_anew_is_read_anew(tmp_path, store):
    for people in (2, 3):
        here = write_recordio_faces(tmp_path / str(people), people=people, shots=2)
        source = source_at(uploaded(here.parent, store) / "train.rec")
        assert source.list() == source_at(here).list()


def test_a_record_file_that_goes_away_is_no_fault_of_its_images(tmp_path, store, monkeypatch):
    monkeypatch.setattr(ranges, "_AHEAD_BYTES", 1)
    here = write_recordio_faces(tmp_path / "set", people=2, shots=2)
    source = source_at(uploaded(here.parent, store) / "train.rec")
    first = source.list().records[0]
    with pytest.raises(UnreadableError, match="No such record"):
        source.read(Record("nobody", "0"))
    FILES.rm(f"{store}/train.rec")
    with pytest.raises(StoreError, match=r"train.rec': No such object"):
        source.read(first)
    with pytest.raises(UserError, match="No such object"):
        source.list()
    with pytest.raises(StoreError, match="No such object"):
        source.read(first)
