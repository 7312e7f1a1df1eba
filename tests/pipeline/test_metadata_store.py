"""The metadata store, looked at before a run."""

import multiprocessing
import os
import sqlite3
import tempfile
import time
from pathlib import Path

import pytest

from groundfloor.errors import UserError
from pipeline import metadata_store
from pipeline.metadata_store import check_store, connect, last_execution, store_id
from tests.pipeline.stores import add_execution


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "metadata.db"
    check_store(path)
    return path


def test_a_new_store_is_made_and_has_had_no_execution(store):
    assert connect(store).get_executions() == []
    assert last_execution(store) == 0


def test_a_store_keeps_its_identity_and_no_other_has_it(store, tmp_path):
    assert store_id(store) == store_id(store)
    check_store(store)
    other = tmp_path / "other.db"
    check_store(other)
    assert store_id(other) != store_id(store)


def test_the_last_execution_is_the_highest_number_given(store):
    numbers = [add_execution(store, "Trainer").id for _ in range(3)]
    assert last_execution(store) == max(numbers) == 3


def a_folder(path):
    path.unlink()
    path.mkdir()


def no_database(path):
    path.write_text("no database at all. " * 500)


def damaged_pages(path):
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(40_000))


def newer_schema(path):
    with sqlite3.connect(path) as tables:
        tables.execute("update MLMDEnv set schema_version = 99")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (a_folder, r"metadata\.db: is a folder"),
        (no_database, "the metadata store is damaged .*move it away"),
        (damaged_pages, "the metadata store is damaged .*move it away"),
        (newer_schema, "of another version of ML Metadata"),
    ],
)
def test_a_store_that_cannot_be_used_says_why_within_seconds(store, spoil, message):
    spoil(store)
    began = time.monotonic()
    with pytest.raises(UserError, match=message):
        check_store(store)
    assert time.monotonic() - began < 10


def test_a_store_that_another_program_holds_is_told(store, monkeypatch):
    monkeypatch.setattr(metadata_store, "_PATIENCE", 0.1)
    with sqlite3.connect(store) as other:
        other.execute("begin exclusive")
        with pytest.raises(UserError, match="another program holds the metadata store"):
            check_store(store)
    check_store(store)


def _check_as_nobody(path, queue):
    if os.geteuid() == 0:  # who may write whatever the permissions are
        os.setgid(12345)
        os.setuid(12345)
    try:
        queue.put(check_store(path))
    except UserError as error:
        queue.put(str(error))


def test_a_store_that_may_only_be_read_is_told():
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "metadata.db"
        check_store(path)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        process = context.Process(target=_check_as_nobody, args=(path, queue))
        process.start()
        message = queue.get(timeout=60)
        process.join()
        path.parent.chmod(0o755)
    assert "the metadata store cannot be written; check its permissions" in message


def test_an_error_keeps_what_it_came_from(store):
    no_database(store)
    with pytest.raises(UserError) as caught:
        check_store(store)
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)
