"""TFX's file system for buckets, on a server of S3.

`tests/engines/test_object_store.py` has whole runs on another one.
"""

from pathlib import Path

import pytest
from tfx.dsl.io import filesystem

from components import store_files
from components.store_files import fileio, on_this_machine
from tests.s3_server import BUCKET, serving_s3

ROOT = f"s3://{BUCKET}"


@pytest.fixture
def s3(monkeypatch):
    store_files._files_of.cache_clear()
    with serving_s3(monkeypatch) as server:
        for key in ("set/a.txt", "set/deep/b.txt", "other/c.txt"):
            server.put(key, key.encode())
        yield server
    store_files._files_of.cache_clear()


def test_objects_are_listed_walked_and_matched_as_files_are(s3):
    assert fileio.listdir(f"{ROOT}/set") == ["a.txt", "deep"]
    assert list(fileio.walk(f"{ROOT}/set")) == [
        (f"{ROOT}/set", ["deep"], ["a.txt"]),
        (f"{ROOT}/set/deep", [], ["b.txt"]),
    ]
    assert fileio.glob(f"{ROOT}/*/*.txt") == [f"{ROOT}/other/c.txt", f"{ROOT}/set/a.txt"]
    assert [fileio.isdir(f"{ROOT}/{name}") for name in ("set", "set/a.txt", "no")] == [1, 0, 0]
    assert [fileio.exists(f"{ROOT}/{name}") for name in ("set", "set/a.txt", "no")] == [1, 1, 0]
    assert fileio.stat(f"{ROOT}/set/a.txt")["size"] == 9


def test_an_object_is_written_copied_moved_and_removed(s3, tmp_path):
    with fileio.open(f"{ROOT}/new/x", "w") as file:
        file.write("über")
    fileio.copy(f"{ROOT}/new/x", f"{ROOT}/new/y")
    fileio.rename(f"{ROOT}/new/y", f"{ROOT}/new/z")
    fileio.copy(f"{ROOT}/new/z", str(tmp_path / "z"))
    assert (tmp_path / "z").read_text(encoding="utf-8") == "über"
    fileio.copy(str(tmp_path / "z"), f"{ROOT}/new/sent")
    fileio.remove(f"{ROOT}/new/x")
    assert fileio.listdir(f"{ROOT}/new") == ["sent", "z"]
    fileio.rmtree(f"{ROOT}/new")
    assert not fileio.exists(f"{ROOT}/new")


def test_what_is_there_is_not_overwritten_unasked(s3):
    with pytest.raises(OSError, match="is there already"):
        fileio.copy(f"{ROOT}/set/a.txt", f"{ROOT}/other/c.txt")
    fileio.copy(f"{ROOT}/set/a.txt", f"{ROOT}/other/c.txt", overwrite=True)
    with fileio.open(f"{ROOT}/other/c.txt", "rb") as file:
        assert file.read() == b"set/a.txt"


@pytest.mark.parametrize("asked", [fileio.remove, fileio.rmtree, fileio.stat, fileio.listdir])
def test_what_is_not_there_is_told_as_tfx_expects_it(s3, asked):
    with pytest.raises(filesystem.NotFoundError):
        asked(f"{ROOT}/nowhere/x")


def test_half_an_object_is_none(s3):
    def write_half():
        with fileio.open(f"{ROOT}/half", "wb") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert not fileio.exists(f"{ROOT}/half")


def test_tensorflow_gets_a_copy_for_a_while_and_a_path_as_it_is(s3, tmp_path):
    with on_this_machine(str(tmp_path)) as here:
        assert here == str(tmp_path)
    with on_this_machine(f"{ROOT}/set") as here:
        files = {path.relative_to(here).as_posix() for path in Path(here).rglob("*.txt")}
        assert files == {"a.txt", "deep/b.txt"}
    assert not Path(here).exists()
