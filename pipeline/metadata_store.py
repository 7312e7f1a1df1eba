"""The run's ML Metadata store, looked at before anything heavy is loaded.

ML Metadata keeps its tables in an SQLite file, or on a server (`shared_metadata`); two of ours lie
beside them, so that what they say is lost together with what it is about: the identity of the
store, and the files of its artifacts.
"""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import (
    Artifact,
    ConnectionConfig,
    Execution,
    SqliteMetadataSourceConfig,
)

from groundfloor.errors import UserError
from pipeline.shared_metadata import SharedDatabase, Tables

Place = Path | SharedDatabase

# Seconds to wait for another program to let go of the file.
_PATIENCE = 3.0

_TABLES = """
create table if not exists arcface_store (id text not null);
create table if not exists arcface_files (
    artifact integer not null, path text not null, size integer not null,
    changed_ns integer not null, sha256 text not null, primary key (artifact, path));
"""


def check_store(place: Place) -> None:
    """Makes the store where there is none, and sees that it can be read and written.

    Raises:
      UserError: it is damaged, locked, not writable, not reached, or of another version of ML
        Metadata.
    """
    if isinstance(place, SharedDatabase):
        place.check()
    else:
        _check_file(place)


def _check_file(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE)) as tables, tables:
            (verdict, *_), *_ = tables.execute("pragma quick_check(1)").fetchall()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            tables.executescript("begin immediate; rollback;")
        connect(path)
        with closing(sqlite3.connect(path, timeout=_PATIENCE)) as tables, tables:
            tables.executescript(_TABLES)
            tables.execute("delete from arcface_store where false")  # may it be written?
    except (sqlite3.Error, RuntimeError) as error:
        raise UserError(f"{path}: {_remedy(path, str(error))}") from error


def connection_config(place: Place) -> ConnectionConfig:
    """How ML Metadata gets to the store; of a server, with the password."""
    if isinstance(place, SharedDatabase):
        return place.connection_config()
    config = ConnectionConfig()
    config.sqlite.filename_uri = str(place)
    config.sqlite.connection_mode = SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return config


def connect(place: Place) -> MetadataStore:
    """ML Metadata's own access to the store."""
    return MetadataStore(connection_config(place))


def pipeline_of(place: Place) -> str | None:
    """The pipeline that the run's folder has in a store of many; None: the store has no other."""
    return place.pipeline if isinstance(place, SharedDatabase) else None


def artifacts_in(place: Place) -> list[Artifact]:
    """The artifacts of the run's folder."""
    store, pipeline = connect(place), pipeline_of(place)
    if pipeline is None:
        return store.get_artifacts()
    context = store.get_context_by_type_and_name("pipeline", pipeline)
    return store.get_artifacts_by_context(context.id) if context else []


def executions_in(place: Place) -> list[Execution]:
    """The executions of the run's folder."""
    store, pipeline = connect(place), pipeline_of(place)
    if pipeline is None:
        return store.get_executions()
    context = store.get_context_by_type_and_name("pipeline", pipeline)
    return store.get_executions_by_context(context.id) if context else []


@contextmanager
def opened(place: Place) -> Iterator[sqlite3.Connection | Tables]:
    """The tables of the store; what is changed is kept unless an error is raised."""
    if isinstance(place, SharedDatabase):
        with place.opened() as tables:
            yield tables
        return
    with closing(sqlite3.connect(place, timeout=_PATIENCE)) as connection, connection:
        yield connection


def store_id(place: Place) -> str:
    """What tells this folder's store from every other; drawn when it is first asked for."""
    if isinstance(place, SharedDatabase):
        return place.pipeline
    with opened(place) as tables:
        known = tables.execute("select id from arcface_store").fetchone()
        if known:
            return known[0]
        drawn = uuid.uuid4().hex
        tables.execute("insert into arcface_store values (?)", [drawn])
        return drawn


def last_execution(place: Place) -> int:
    """The highest id of an execution that the store has given so far; 0 in a new store."""
    with opened(place) as tables:
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
