"""Objects on a store in memory, and what libraries say when they fail."""

import errno
import uuid

import fsspec
import pytest

from faces import remote
from faces.content import StoreError, UnreadableError, content_mark, mark_file, read_file
from groundfloor.paths import Url


@pytest.fixture
def store():
    """An empty place in memory."""
    return Url("memory", uuid.uuid4().hex)


def put(url, content=b"x"):
    fsspec.filesystem("memory").pipe_file(str(url), content)
    return url


def failing(monkeypatch, error):
    """A file system that fails so, whatever it is asked."""

    def fail(*_, **__):
        raise error

    files = fsspec.filesystem("memory", skip_instance_cache=True)
    monkeypatch.setattr(remote, "_file_system", lambda *_: files)
    for call in ("cat_file", "find", "info", "ls"):
        monkeypatch.setattr(files, call, fail)


def answer(kind, code):
    """What s3fs raises for an answer of S3."""
    error = kind("request 4711 failed")
    cause = Exception()
    cause.response = {"Error": {"Code": code}}
    error.__cause__ = cause
    return error


def test_an_object_is_read_within_bounds(store):
    put(store / "a", b"0123456789")
    assert read_file(store / "a", max_bytes=10) == b"0123456789"
    assert mark_file(store / "a") == content_mark(b"0123456789")
    with pytest.raises(UnreadableError, match="over the limit of 9 bytes"):
        read_file(store / "a", max_bytes=9)
    assert remote.read_range(store / "a", 4, 3) == b"456"
    assert remote.read_range(store / "a", 8, 5) == b"89"
    assert read_file(put(store / "empty", b"")) == b""


def test_what_is_not_there_is_unreadable(store):
    put(store / "folder" / "a")
    assert mark_file(store / "none") == "No such object"
    for name in ("none", "folder"):
        with pytest.raises(UnreadableError, match=r"^No such object"):
            read_file(store / name)
        with pytest.raises(UnreadableError, match=r"^No such object"):
            remote.facts_of(store / name)


def test_all_objects_below_a_place_are_listed_and_none_beside_it(store):
    for name in ("set/a/1", "set/b", "set2/c", "set/a/d/2"):
        put(store / name)
    assert sorted(remote.list_objects(store / "set", 99)) == ["a/1", "a/d/2", "b"]
    assert remote.list_objects(store / "set" / "b", 99) == [""]
    assert len(remote.list_objects(store / "set", most=1)) == 2
    assert remote.list_objects(store / "none", 99) == []
    assert sorted(remote.list_objects(store / "set", 99, "a/")) == ["a/1", "a/d/2"]


def test_what_is_directly_in_a_folder_is_listed_and_folders_end_with_a_slash(store):
    for name in ("set/a/1", "set/b", "set/bb/3", "set2/c", "set/a/d/2"):
        put(store / name)
    assert sorted(remote.list_folder(store / "set", 99)) == ["a/", "b", "bb/"]
    assert sorted(remote.list_folder(store / "set", 99, "b")) == ["b", "bb/"]
    assert len(remote.list_folder(store / "set", most=1)) == 2
    for name in ("none", "set/b", "se"):
        assert remote.list_folder(store / name, 99) == []


def test_a_version_differs_once_an_object_is_written_anew(store):
    before = remote.facts_of(put(store / "a", b"old"))
    assert remote.facts_of(store / "a") == before
    assert remote.facts_of(put(store / "a", b"new")) != before


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (answer(FileNotFoundError, "NoSuchKey"), "No such object"),
        (PermissionError("user 7 must not"), "cannot be read: access denied"),
        (answer(PermissionError, "AccessDenied"), "cannot be read: access denied"),
        (answer(PermissionError, "InvalidObjectState"), "cannot be read: it is archived"),
        (OSError(errno.ENAMETOOLONG, "request 4711"), "cannot be read: its name is too long"),
    ],
)
def test_what_is_wrong_with_an_object_has_the_same_words_each_time(
    monkeypatch, store, error, reason
):
    failing(monkeypatch, error)
    with pytest.raises(UnreadableError) as caught:
        read_file(store / "a")
    assert str(caught.value) == reason


class LibraryError(Exception):
    """Of a library of a store."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (answer(FileNotFoundError, "NoSuchBucket"), "NoSuchBucket"),
        (answer(PermissionError, "InvalidAccessKeyId"), "InvalidAccessKeyId"),
        (answer(PermissionError, "ExpiredToken"), "ExpiredToken"),
        (answer(OSError, "InternalError"), "InternalError"),
        (ConnectionResetError("reset"), "ConnectionResetError: reset"),
        (TimeoutError("slow"), "TimeoutError: slow"),
        (ValueError("Invalid endpoint: http://me:hunter22@x"), "ValueError: Invalid endpoint"),
        (LibraryError("api_key=hunter22"), "LibraryError: api_key="),
    ],
)
def test_what_is_wrong_with_a_store_is_no_reason_of_an_image(monkeypatch, store, error, words):
    failing(monkeypatch, error)
    for ask in (
        lambda: mark_file(store / "a"),
        lambda: remote.list_objects(store, 99),
        lambda: remote.list_folder(store, 99),
    ):
        with pytest.raises(StoreError, match=words) as caught:
            ask()
        assert str(store) in str(caught.value)
        assert "AWS_ENDPOINT_URL" in str(caught.value)
        assert not any(secret in str(caught.value) for secret in ("hunter22", "4711"))


def test_a_store_that_must_not_be_listed_is_an_error(monkeypatch, store):
    failing(monkeypatch, answer(PermissionError, "AccessDenied"))
    with pytest.raises(StoreError, match="access denied"):
        remote.list_objects(store, 99)


def test_a_mistake_of_ours_is_not_the_stores(monkeypatch, store):
    failing(monkeypatch, TypeError("ours"))
    with pytest.raises(TypeError, match="ours"):
        read_file(store / "a")


@pytest.mark.parametrize(
    ("scheme", "words"),
    [("minio", "minio:// is no kind of store"), ("https", "a web server does not list")],
)
def test_what_is_no_store_is_refused(scheme, words):
    with pytest.raises(StoreError, match=words):
        read_file(Url(scheme, "bucket/a"))
