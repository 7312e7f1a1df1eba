"""TFRecord files on a store, in memory: as on this machine, and what becomes of them meanwhile."""

import gzip
import pickle
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pytest

from faces import remote
from faces.content import StoreError, UnreadableError
from faces.record import Record
from faces.sources import SourceOptions, ranges, recognise, source_at, tfrecord
from faces.sources.example_row import FeatureNames
from faces.sources.tfrecord import TFRecordSource
from groundfloor.errors import UserError
from groundfloor.paths import Url
from tests.faces.tfrecord_files import face, record, write_tfrecord

FILES = fsspec.filesystem("memory")


@pytest.fixture
def store():
    """An empty place in memory."""
    return Url("memory", uuid.uuid4().hex)


@pytest.fixture(params=[False, True], ids=["plain", "gzip"])
def packed(request):
    return request.param


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """As if an object were large: it comes in many blocks."""
    monkeypatch.setattr(ranges, "_GROUP_BYTES", 50)


def put(url, *records, packed=False):
    content = b"".join(records)
    FILES.pipe_file(str(url), gzip.compress(content) if packed else content)
    return url


def images_of(source):
    return {each.key: source.read(each) for each in source.list().records}


def forgotten(monkeypatch):
    """As in a process that has not listed anything."""
    monkeypatch.setattr(tfrecord, "_kept", {})


@pytest.mark.parametrize(
    "place", ["set/a.tfrecord", "set/*.tfrecord", "set/**/*.tfrecord", "*/*.tfrecord", "set/[ab].*"]
)
def test_files_copied_to_a_store_are_the_same_source(place, packed, tmp_path, store):
    bad = record(b"damaged", checksum=1)
    for name, *records in (
        ("set/a", face(0), bad, face(1, "bob", image__key=None), face(2)),
        ("set/b", face(2), face(3, "eve", image__key=None)),
        ("set/deep/c", face(4), record(b"no example")),
        ("set/.d", face(5)),
        ("set/empty",),
    ):
        write_tfrecord(tmp_path / f"{name}.tfrecord", *records, packed=packed)
        put(store / f"{name}.tfrecord", *records, packed=packed)
    options = SourceOptions(features=FeatureNames())
    local = source_at(tmp_path / place, "tfrecord", options)
    there = source_at(store / place, "tfrecord", options)
    assert there.list() == local.list()
    assert images_of(there) == images_of(local)
    assert there.fingerprint() == local.fingerprint()
    assert pickle.loads(pickle.dumps(there)) == there


@pytest.mark.parametrize(
    "name", ["a.tfrecord", "a.tfrecord.gz", "train-*.tfrecord", "*/x.tfrecord"]
)
def test_they_are_recognised_by_the_names_that_they_have_here(store, name):
    assert recognise(store / name) == "tfrecord"


def test_a_process_that_never_listed_finds_the_images(store, packed, monkeypatch):
    source = TFRecordSource(put(store / "a.tfrecord", face(0), face(1), packed=packed))
    records = source.list().records
    forgotten(monkeypatch)
    assert [source.read(each) for each in records] == [b"image0", b"image1"]


def test_each_byte_is_sent_once(store, packed, monkeypatch):
    monkeypatch.setattr(ranges, "_GROUP_BYTES", 400)
    url = put(store / "a.tfrecord", *(face(number) for number in range(20)), packed=packed)
    sent = []
    read = remote.read_range
    monkeypatch.setattr(remote, "read_range", lambda *each: sent.append(each[2]) or read(*each))
    source = TFRecordSource(url)
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(source.read, source.list().records))) == 20
    assert sum(sent) == FILES.size(str(url))
    assert max(sent) <= 400


def test_what_was_listed_is_read_whatever_becomes_of_the_object(store, packed):
    url = put(store / "a.tfrecord", face(0), face(1), packed=packed)
    source = TFRecordSource(url)
    first, second = source.list().records
    put(url, face(5), packed=packed)
    assert source.read(first) == b"image0"
    FILES.rm(str(url))
    assert source.read(second) == b"image1"
    put(url, face(5), packed=packed)
    assert images_of(source) == {"5.jpg": b"image5"}
    with pytest.raises(UnreadableError, match=r"No such record in the files: '0.jpg'"):
        source.read(first)


def test_an_image_that_was_not_there_is_looked_for_anew_once_the_object_changed(store):
    url = put(store / "a.tfrecord", face(0))
    source = TFRecordSource(url)
    source.list()
    for _ in range(2):
        with pytest.raises(UnreadableError, match=r"No such record in the files: '1.jpg'"):
            source.read(Record("1.jpg", "ann"))
    put(url, face(0), face(1))
    assert source.read(Record("1.jpg", "ann")) == b"image1"
    put(store / "b.tfrecord", face(2))
    whole = TFRecordSource(store / "*.tfrecord")
    whole.list()
    put(store / "c.tfrecord", face(3))
    assert whole.read(Record("3.jpg", "ann")) == b"image3"


def test_an_object_that_changes_while_it_is_listed_is_no_listing(store, packed, monkeypatch):
    url = put(store / "a.tfrecord", face(0), face(1), packed=packed)
    read = remote.read_range

    def replacing(place, start, length):
        content = read(place, start, length)
        put(url, face(0), face(7), packed=packed)
        return content

    monkeypatch.setattr(remote, "read_range", replacing)
    with pytest.raises(StoreError, match=r"a.tfrecord' (changed|became shorter) while it was read"):
        TFRecordSource(url).list()
    monkeypatch.setattr(remote, "read_range", read)
    assert sorted(images_of(TFRecordSource(url))) == ["0.jpg", "7.jpg"]


def test_what_looks_damaged_since_the_object_changed_is_said_to_have_changed(
    store, packed, monkeypatch
):
    url = put(store / "a.tfrecord", face(0), face(1), packed=packed)
    read = remote.read_range

    def replacing(place, start, length):
        content = read(place, start, length)
        FILES.pipe_file(str(url), b"x" * FILES.size(str(url)))
        return content

    monkeypatch.setattr(remote, "read_range", replacing)
    with pytest.raises(StoreError, match=r"a.tfrecord' changed while it was read"):
        TFRecordSource(url).list()


def test_of_a_large_object_few_blocks_are_in_memory_at_once(store, monkeypatch):
    FILES.pipe_file(str(store / "a"), bytes(5000))
    asked = []
    read = remote.read_range
    monkeypatch.setattr(remote, "read_range", lambda *each: asked.append(each) or read(*each))
    monkeypatch.setattr(ranges, "_AHEAD_BYTES", 10)
    with ranges.streamed(store / "a") as stream:
        assert stream.read(1) == b"\0"
        assert len(asked) <= 5
        assert len(stream.read()) == 4999
    assert len(asked) == 100


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[:-1], "the file ends within the record|GZIP stream ends before"),
        (lambda whole: whole[: len(whole) // 3], "the file ends within|GZIP stream ends before"),
        (lambda whole: b"x" + whole, "is no TFRecord file, neither plain nor in GZIP"),
        (lambda whole: whole + b"\1" * 12, "has a wrong checksum|GZIP stream is damaged"),
    ],
)
def test_a_damaged_object_is_an_error_and_no_fault_of_its_images(
    store, packed, damage, message, monkeypatch
):
    url = put(store / "a.tfrecord", face(0), face(1), packed=packed)
    source = TFRecordSource(url)
    first = source.list().records[0]
    whole = FILES.cat_file(str(url))
    FILES.pipe_file(str(url), damage(whole))
    with pytest.raises(UserError, match=message):
        source.list()
    forgotten(monkeypatch)
    for _ in range(2):
        with pytest.raises(StoreError, match=message):
            source.read(first)


def test_an_object_that_is_not_there_is_an_error_that_names_it(store, monkeypatch):
    source = TFRecordSource(store / "a.tfrecord")
    with pytest.raises(StoreError, match=r"cannot read 'memory://.*/a.tfrecord': No such object"):
        source.list()
    with pytest.raises(UserError, match=r"no images: no file matches 'memory://.*/x-\*.tfrecord'"):
        TFRecordSource(store / "x-*.tfrecord").list()
    put(store / "a.tfrecord" / "b")
    with pytest.raises(UserError, match="No such object: it is a folder"):
        source.list()
    forgotten(monkeypatch)
    with pytest.raises(StoreError, match="No such object"):
        source.read(Record("0.jpg", "ann"))


def test_a_store_that_fails_for_a_time_is_asked_again(store, monkeypatch):
    source = TFRecordSource(put(store / "a.tfrecord", face(0)))
    read = remote.read_range

    def away(*_):
        raise StoreError("the server is away")

    monkeypatch.setattr(remote, "read_range", away)
    for ask in (source.list, lambda: source.read(Record("0.jpg", "ann"))):
        with pytest.raises(StoreError, match="the server is away"):
            ask()
    monkeypatch.setattr(remote, "read_range", read)
    assert source.read(Record("0.jpg", "ann")) == b"image0"


def test_copies_have_no_name(store, packed, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source = TFRecordSource(put(store / "a.tfrecord", face(0), packed=packed))
    assert images_of(source) == {"0.jpg": b"image0"}
    assert list(tmp_path.iterdir()) == []
