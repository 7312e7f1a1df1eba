"""Patterns of files mean the same on this machine and on a store."""

import tempfile
import uuid
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces import remote
from faces.sources import patterns
from faces.sources.patterns import files_at, is_there, names_in, names_of
from groundfloor.errors import UserError
from groundfloor.paths import Url

FILES = fsspec.filesystem("memory")

FOLDERS = st.lists(st.sampled_from(["a", "ab", "b", ".a", "c.d"]), max_size=3)
LEAVES = st.sampled_from(["a", "ab", ".a", "a.gz", "1", "a[1]", "a1"])
PATHS = st.builds(lambda above, leaf: "/".join([*above, leaf]), FOLDERS, LEAVES)
PART = st.sampled_from(
    ["*", "**", "?", "a*", "*.gz", "[ab]", "[!a]", ".*", "a**", "a[1]", "a", "ab", ".a"]
)
PATTERNS = st.lists(PART, min_size=1, max_size=4).map("/".join)


@pytest.fixture
def store():
    """An empty place in memory."""
    return Url("memory", uuid.uuid4().hex)


def put(root, *names):
    for name in names:
        FILES.pipe_file(f"{root}/{name}", b"x")


def write(root, name):
    """The file, unless a file is where it needs a folder, or the other way round."""
    try:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    except OSError:
        pass


@given(st.lists(PATHS, max_size=12), PATTERNS)
def test_a_pattern_means_the_same_files_here_and_on_a_store(paths, pattern):
    with tempfile.TemporaryDirectory() as folder:
        here, there = Path(folder), Url("memory", uuid.uuid4().hex)
        for path in paths:
            write(here, path)
        put(there, *(p.relative_to(here).as_posix() for p in here.rglob("*") if p.is_file()))
        local = [path for path in files_at(here / pattern) if path.is_file()]
        found = files_at(there / pattern)
        if not patterns.glob.has_magic(pattern):
            assert found == [there / pattern]
            return
        assert found == [there / name for name in sorted({str(p.relative_to(here)) for p in local})]
        assert names_of(found, there / pattern) == list(
            dict.fromkeys(names_of(local, here / pattern))
        )
        assert is_there(there, pattern.split("/")) == bool(local)


def test_of_a_pattern_in_the_last_part_no_deeper_folder_is_listed(store, monkeypatch):
    put(store, "set/a.tfrecord", "set/deep/b.tfrecord")
    monkeypatch.setattr(remote, "list_objects", None)
    assert files_at(store / "set" / "*.tfrecord") == [store / "set/a.tfrecord"]


def test_any_other_pattern_is_one_listing_of_its_fixed_part(store, monkeypatch):
    put(store, *(f"set/{number}/a.tfrecord" for number in range(9)))
    asked = []
    find = remote.list_objects
    monkeypatch.setattr(remote, "list_folder", None)
    monkeypatch.setattr(remote, "list_objects", lambda *each: asked.append(each) or find(*each))
    assert len(files_at(store / "set" / "*" / "*.tfrecord")) == 9
    assert [(url, begins) for url, _, begins in asked] == [(store / "set", "")]


def test_what_is_in_a_folder_is_its_files_and_folders_by_name(store, tmp_path):
    for root in (store, tmp_path):
        for name in ("span-1/a", "span-2", "other/b"):
            put(root, name) if root is store else write(root, name)
        assert names_in(root) == ["other", "span-1", "span-2"]
        assert names_in(root, "span-") == ["span-1", "span-2"]
        assert names_in(root / "none") == []


def test_a_folder_or_a_file_is_there_by_its_whole_name_alone(store, tmp_path):
    for root in (store, tmp_path):
        for name in ("sets/train.rec", "sets/faces/ann/1.jpg"):
            put(root, name) if root is store else write(root, name)
        for name in ("sets", "sets/train.rec", "sets/faces"):
            assert is_there(root, name.split("/"))
        for name in ("set", "sets/train", "sets/train.rec/1", "none/train.rec"):
            assert not is_there(root, name.split("/"))


def test_buckets_are_not_looked_for():
    with pytest.raises(UserError, match=r"a bucket must be named, .* 's3://\*/a.tfrecord'"):
        files_at(Url("s3", "*/a.tfrecord"))


def test_more_objects_than_any_set_has_are_an_error(store, monkeypatch):
    monkeypatch.setattr(patterns, "_MAX_OBJECTS", 2)
    put(store, "a/1.tfrecord", "a/2.tfrecord")
    assert len(files_at(store / "a" / "*.tfrecord")) == 2
    put(store, "a/3.tfrecord")
    for pattern in ("a/*.tfrecord", "*/*.tfrecord"):
        with pytest.raises(UserError, match="holds more than 2 objects: name a folder"):
            files_at(store / pattern)
