"""Images on a server that speaks S3."""

import multiprocessing
import threading
import time

import pytest

from faces import remote
from faces.content import StoreError, UnreadableError
from faces.record import Record
from faces.sources import source_at, tfrecord
from faces.sources.spans import newest_span
from groundfloor.errors import UserError
from groundfloor.paths import Url
from tests.conftest import write_faces
from tests.faces.recordio_files import write_recordio_faces
from tests.faces.sources.tables import rows_of_folder, write_csv
from tests.faces.tfrecord_files import write_tfrecord_faces
from tests.s3_server import BUCKET, KEY_ID, SECRET, serving_s3

ROOT = Url("s3", BUCKET)


@pytest.fixture
def s3(monkeypatch):
    """A server with an empty bucket, which this process's environment leads to."""
    with serving_s3(monkeypatch) as server:
        yield server


@pytest.fixture
def faces_on_s3(s3, tmp_path):
    """A folder, and the same in the bucket: images, a manifest of them, RecordIO and TFRecords."""
    faces = write_faces(tmp_path / "set", people=3, shots=2)
    write_csv(faces / "faces.csv", rows_of_folder(faces))
    write_recordio_faces(faces, people=3, shots=2)
    write_tfrecord_faces(faces / "all.tfrecord", people=3, shots=2)
    write_tfrecord_faces(faces / "all.tfrecord.gz", people=3, shots=2, packed=True)
    s3.upload(faces)
    return faces


def source_of(s3, **objects):
    for key, content in objects.items():
        s3.put(f"set/{key}/1.jpg", content)
    return source_at(ROOT / "set")


@pytest.mark.parametrize(
    "name", ["", "faces.csv", "train.rec", "all.tfrecord", "*.tfrecord", "**/*.tfrecord.gz"]
)
def test_a_source_is_the_same_in_a_bucket(faces_on_s3, name):
    local, source = source_at(faces_on_s3 / name), source_at(ROOT / "set" / name)
    listing = source.list()
    assert listing == local.list()
    assert len(listing.records) == 6
    assert all(source.read(each) == local.read(each) for each in listing.records)
    assert source.fingerprint() == local.fingerprint()


def test_a_listing_of_many_pages_is_whole(s3, monkeypatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "7")
    keys = [f"set/p{number % 10}/{number:04}" for number in range(60)]
    for key in keys:
        s3.put(key, b"")
    assert [f"set/{image.key}" for image in source_of(s3).list().records] == sorted(keys)
    assert len(remote.list_objects(ROOT / "set", most=20)) == 21
    assert remote.list_objects(ROOT / "set/p0/0000", most=20) == [""]
    assert len(remote.list_objects(ROOT, most=100)) == 60
    for begins in ("p1/", "p"):
        of_these = [key for key in keys if key.startswith(f"set/{begins}")]
        found = remote.list_objects(ROOT / "set", 100, begins)
        assert sorted(f"set/{name}" for name in found) == sorted(of_these)
    assert remote.list_folder(ROOT / "set", 100) == [f"p{number}/" for number in range(10)]
    assert len(remote.list_folder(ROOT / "set/p1", 100)) == 6
    assert remote.list_folder(ROOT / "set/p1", 100, "00") == remote.list_folder(ROOT / "set/p1", 9)
    assert remote.list_folder(ROOT / "none", 100) == []


def test_the_newest_span_is_found_without_what_is_in_it(s3, monkeypatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in (7, 9, 10, 11):
        for image in range(6):
            s3.put(f"set/span-{number}/ann/{image}.jpg", b"x")
            s3.put(f"set/other-{number}-{image}", b"x")
    s3.put("set/span-10/train.rec", b"x")
    s3.put("set/span-12.part/train.rec", b"x")
    pages = []
    listed = remote._pages
    monkeypatch.setattr(
        remote,
        "_pages",
        lambda *each, **how: (pages.append(page) or page for page in listed(*each, **how)),
    )
    assert newest_span(ROOT / "set/span-{SPAN}").location == ROOT / "set/span-11"
    assert sum(map(len, pages)) == 5
    assert newest_span(ROOT / "set/span-{SPAN}/train.rec").span == 10
    assert newest_span(ROOT / "set/span-{SPAN}/*.rec").span == 10


def test_tfrecords_and_spans_say_what_is_wrong_with_a_store(s3, faces_on_s3, monkeypatch):
    source = source_at(ROOT / "set" / "all.tfrecord")
    first = source.list().records[0]
    monkeypatch.setattr(tfrecord, "_kept", {})
    s3.asks_who_one_is(True)
    try:
        for ask in (
            source.list,
            lambda: source.read(first),
            source_at(ROOT / "set" / "*.tfrecord").list,
            lambda: newest_span(ROOT / "set" / "span-{SPAN}"),
        ):
            with pytest.raises(StoreError, match=f"cannot read 's3://{BUCKET}/set") as caught:
                ask()
            assert SECRET not in str(caught.value)
    finally:
        s3.asks_who_one_is(False)
    assert source.read(first)
    with pytest.raises(StoreError, match=r"'s3://none/set': NoSuchBucket"):
        newest_span(Url("s3", "none/set/{SPAN}"))


def test_an_object_that_is_written_anew_is_listed_anew(s3, faces_on_s3):
    source = source_at(ROOT / "set" / "all.tfrecord")
    before = source.fingerprint()
    smaller = write_tfrecord_faces(faces_on_s3 / "smaller.tfrecord", people=2, shots=2)
    s3.put("set/all.tfrecord", smaller.read_bytes())
    assert len(source.list().records) == 4
    assert source.fingerprint() == source_at(smaller).fingerprint() != before


def test_odd_names_and_empty_objects_do_no_harm(s3):
    odd = ["ann//2.jpg", "/3.jpg", "../4.jpg", "ann/a?versionId=5.jpg"]
    sound = ["x/1.jpg", "x/1.jpg/2.jpg", "zoé ü/%20#?&=+.jpg"]
    for key in (*odd, *sound, "x", "ann/", "bob/", ""):
        s3.put(f"set/{key}", key.encode())
    source = source_of(s3, ann=b"")
    listing = source.list()
    assert [image.key for image in listing.records] == ["ann/1.jpg", *sound]
    assert sorted(image.key for image in listing.refused) == sorted(odd)
    assert listing.empty == ["bob"]
    assert [source.read(image).decode() for image in listing.records] == ["", *sound]


def test_what_is_not_there_or_too_large_is_unreadable_and_says_no_more_each_time(s3):
    source = source_of(s3, ann=b"x")
    for _ in range(2):
        with pytest.raises(UnreadableError) as caught:
            source.read(Record("ann/none.jpg", "ann"))
        assert str(caught.value) == "No such object"
    with pytest.raises(UnreadableError, match="not UTF-8"):
        source.read(Record("ann/\udcff.jpg", "ann"))
    with pytest.raises(UnreadableError, match="over the limit of 1 bytes"):
        remote.read_object(ROOT / "set" / "faces.csv", s3.put("set/faces.csv", b"12") or 1)


def test_a_bucket_that_is_not_there_is_an_error(s3):
    for name in ("set", "faces.csv", "train.rec", "a.tfrecord"):
        with pytest.raises(StoreError, match=f"'s3://none/{name}': NoSuchBucket"):
            source_at(Url("s3", f"none/{name}")).list()
    with pytest.raises(StoreError, match="'s3://none': NoSuchBucket"):
        source_at(Url("s3", "none/*.tfrecord")).list()


@pytest.mark.parametrize("name", ["", "faces.csv", "train.rec"])
def test_wrong_credentials_are_an_error_that_does_not_show_them(s3, faces_on_s3, name):
    source = source_at(ROOT / "set" / name)
    first = source.list().records[0]
    s3.asks_who_one_is(True)
    try:
        with pytest.raises(UserError) as listing:
            source_at(ROOT / "set" / name).list()
        with pytest.raises(StoreError) as reading:
            source.read(first)
        with pytest.raises(UserError):
            source.fingerprint()
    finally:
        s3.asks_who_one_is(False)
    for caught in (listing, reading):
        assert f"'s3://{BUCKET}/set" in str(caught.value)
        assert KEY_ID not in str(caught.value)
        assert SECRET not in str(caught.value)


def test_without_credentials_the_message_says_so(s3, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(StoreError, match=r"NoCredentialsError.*the credentials to list and read"):
        source_of(s3, ann=b"x").list()


def test_a_server_that_stops_fails_what_is_read_then(s3):
    source = source_of(s3, ann=b"x", bob=b"y")
    first = source.list().records[0]
    assert source.read(first) == b"x"
    s3.stop()
    for ask in (lambda: source.read(first), source.list, source.fingerprint):
        with pytest.raises(StoreError, match=f"Could not connect to the endpoint.*{s3.endpoint}"):
            ask()


def test_an_endpoint_may_be_said_in_fsspecs_own_way(s3, monkeypatch):
    source = source_of(s3, ann=b"x")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setitem(remote.fsspec.config.conf, "s3", {"endpoint_url": s3.endpoint})
    assert source.fingerprint()


def _read(source, image, expected):
    assert source.read(image) == expected


def test_many_threads_and_a_forked_process_read_at_once(s3):
    source = source_of(s3, ann=b"x")
    (image,) = source.list().records
    threads = [threading.Thread(target=_read, args=(source, image, b"x")) for _ in range(8)]
    child = multiprocessing.get_context("fork").Process(target=_read, args=(source, image, b"x"))
    for each in (child, *threads):
        each.start()
    until = time.monotonic() + 60
    for each in (child, *threads):
        each.join(max(0.1, until - time.monotonic()))
    if child.is_alive():
        child.kill()
    assert child.exitcode == 0
