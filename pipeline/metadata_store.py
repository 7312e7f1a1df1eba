"""The run's ML Metadata store, looked at before anything heavy is loaded.

ML Metadata keeps its tables in an SQLite file; two of ours lie beside them, so that what they say
is lost together with what it is about: the identity of the store, and the files of its artifacts.
"""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig, SqliteMetadataSourceConfig

from groundfloor.errors import UserError

# Seconds to wait for another program to let go of the file.
_PATIENCE = 3.0

_TABLES = """
create table if not exists arcface_store (id text not null);
create table if not exists arcface_files (
    artifact integer not null, path text not null, size integer not null,
    changed_ns integer not null, sha256 text not null, primary key (artifact, path));
"""


def check_store(path: Path) -> None:
    """Makes the store where there is none, and sees that it can be read and written.

    Raises:
      UserError: it is damaged, locked, not writable, or of another version of ML Metadata.
    """
    try:
        with opened(path) as tables:
            (verdict, *_), *_ = tables.execute("pragma quick_check(1)").fetchall()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            tables.executescript("begin immediate; rollback;")
        connect(path)
        with opened(path) as tables:
            tables.executescript(_TABLES)
            tables.execute("delete from arcface_store where false")  # may it be written?
    except (sqlite3.Error, RuntimeError) as error:
        raise UserError(f"{path}: {_remedy(path, str(error))}") from error


def connect(path: Path) -> MetadataStore:
    """ML Metadata's own access to the store."""
    config = ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return MetadataStore(config)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The tables of the store; what is changed is kept unless an error is raised."""
    with closing(sqlite3.connect(path, timeout=_PATIENCE)) as tables, tables:
        yield tables


def store_id(path: Path) -> str:
    """What tells this store from every other; drawn when it is first asked for."""
    with opened(path) as tables:
        known = tables.execute("select id from arcface_store").fetchone()
        if known:
            return known[0]
        drawn = uuid.uuid4().hex
        tables.execute("insert into arcface_store values (?)", [drawn])
        return drawn


def last_execution(path: Path) -> int:
    """The highest id of an execution that the store has given so far; 0 in a new store."""
    with opened(path) as tables:
        (last,) = tables.execute("select coalesce(max(id), 0) from Execution").fetchone()
        return last


def is_locked(message: str) -> bool:
    """Whether an error of SQLite, however wrapped, says that another program is in the way."""
    return "database is locked" in message or "database table is locked" in message


def _remedy(path: Path, message: str) -> str:
    """What an error says, and what to do about it."""
    if path.is_dir():
        return "is a folder, where the metadata store should be; move it away"
    if is_locked(message):
        return "another program holds the metadata store; close it and run again"
    if "greater than library version" in message or "schema_version" in message:
        return (
            "the metadata store is of another version of ML Metadata; run with the version that "
            f"wrote it, or name another output folder ({message.splitlines()[0]})"
        )
    if "readonly" in message or "unable to open" in message:
        return f"the metadata store cannot be written; check its permissions ({message})"
    if "full" in message:
        return message
    return (
        f"the metadata store is damaged ({message.splitlines()[0]}). Put a copy back, or move it "
        "away: the next run then makes everything anew, and sets the old artifacts aside"
    )
