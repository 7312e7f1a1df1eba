"""The file of a gallery: SQLite, opened so that what is said to be done is done.

- A commit is on the disk when it returns: `synchronous = EXTRA`, which syncs the folder too.
- The journal is one that is deleted at the commit. A write-ahead log would keep what was deleted
  for as long as another process reads.
- Free pages are zeroed (`secure_delete`), and nothing temporary becomes a file.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from groundfloor.errors import UserError
from serving.gallery.sealing import PAGE

# "ArcG": what tells a gallery from other SQLite files.
APPLICATION = 0x41726347
# Raised by a change that older programs would misread.
SCHEMA = 1

# How long a writer waits for another one.
WAIT_SECONDS = 30.0

# What is personal is in the columns `sealed`, see `sealing`. A model's `state` is one of `STATES`.
_TABLES = """
CREATE TABLE model (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL CHECK (state IN ('serving', 'next', 'former')),
    identity TEXT NOT NULL
);
CREATE UNIQUE INDEX one_serves ON model (state) WHERE state = 'serving';
CREATE UNIQUE INDEX one_is_next ON model (state) WHERE state = 'next';
CREATE TABLE gallery (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    far REAL,
    changes INTEGER NOT NULL,
    removals INTEGER NOT NULL
);
CREATE TABLE person (id INTEGER PRIMARY KEY AUTOINCREMENT, sealed BLOB NOT NULL);
CREATE TABLE image (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
);
CREATE INDEX image_of_person ON image (person);
CREATE TABLE embedding (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    model INTEGER NOT NULL REFERENCES model (id) ON DELETE CASCADE,
    image INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
);
CREATE UNIQUE INDEX embedding_of_image ON embedding (model, image);
CREATE INDEX embedding_of_any_model ON embedding (image);
"""

_SETTINGS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA synchronous = EXTRA",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)

# What the promises of a gallery need, and a file or a build of SQLite may not give.
_NEEDED = {"page_size": PAGE, "secure_delete": 1, "foreign_keys": 1, "journal_mode": "delete"}

Row = tuple[Any, ...]


class Database:
    """The file of a gallery; many threads may use it, one at a time.

    Args:
      path: of the file, which is there.
      first: fills the tables of a new gallery, in the transaction that makes them; None: the file
        has to be a gallery.

    Raises:
      UserError: it is no gallery, or of a newer program, or cannot be read or written.
    """

    def __init__(self, path: Path, first: Callable[["Database"], None] | None = None):
        self.path = path
        self._lock = threading.RLock()
        with self._said():
            self._connection = sqlite3.connect(
                f"{Path(os.path.abspath(path)).as_uri()}?mode=rw",
                uri=True,
                timeout=WAIT_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            self._begin(first)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, if there is one."""
        found: Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def each(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """The rows of a query, one at a time."""
        yield from self._connection.execute(sql, values)

    def start_of(self, table: str, number: int, first: int, count: int) -> bytes | None:
        """So many bytes of a value of the column `sealed`, of which no more is read.

        Args:
          table: one of those above that has it.
          number: the id of the row.
          first: the first byte.
          count: how many.

        Returns:
          The bytes; None where there is no such row.
        """
        try:
            with self._connection.blobopen(table, "sealed", number, readonly=True) as blob:
                blob.seek(first)
                return blob.read(count)
        except sqlite3.OperationalError:
            if self.one(f"SELECT 1 FROM {table} WHERE id = ?", (number,)):
                raise
            return None

    def insert(self, table: str, **columns: Any) -> int:
        """Adds a row to one of the tables above; returns its id."""
        names, places = ", ".join(columns), ", ".join("?" * len(columns))
        done = self._connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({places})", tuple(columns.values())
        )
        return int(done.lastrowid or 0)

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs an UPDATE or DELETE; returns how many rows it met."""
        return self._connection.execute(sql, values).rowcount

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All that is read inside is of one moment."""
        with self._transaction("BEGIN"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All that is done inside is done, or nothing; nobody else writes meanwhile.

        Raises:
          UserError: others have been writing for too long, or the disk is full.
        """
        with self._transaction("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        with self._lock, self._said():
            self._connection.execute(begin)
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _begin(self, first: Callable[["Database"], None] | None) -> None:
        with self._said():
            # Before a file has tables, it says how large its pages are; later it changes nothing.
            self._connection.execute(f"PRAGMA page_size = {PAGE}")
            for setting in _SETTINGS:
                self._connection.execute(setting)
            if first and self._is_empty():
                self._make(first)
            self._check()
            self._connection.execute("PRAGMA journal_mode = DELETE")
        self._check_settings()

    def _is_empty(self) -> bool:
        return not self._pragma("application_id") and not self.one("SELECT 1 FROM sqlite_schema")

    def _make(self, first: Callable[["Database"], None]) -> None:
        with self.writing():
            if not self._is_empty():  # another process was faster
                return
            for statement in _TABLES.split(";"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
            self._connection.execute(f"PRAGMA user_version = {SCHEMA}")
            first(self)

    def _check(self) -> None:
        if self._pragma("application_id") != APPLICATION:
            raise UserError(f"{self.path} is no gallery")
        if (version := self._pragma("user_version")) != SCHEMA:
            raise UserError(
                f"{self.path} is a gallery of schema {version}, and {SCHEMA} is what this program "
                "reads: use the version that made it"
            )

    def _check_settings(self) -> None:
        for name, value in _NEEDED.items():
            if (found := self._pragma(name)) != value:
                raise UserError(
                    f"{self.path} cannot be used: SQLite's {name} is {found} there, and what is "
                    f"removed is gone only with {value}"
                )

    def _pragma(self, name: str) -> Any:
        row = self.one(f"PRAGMA {name}")
        return row[0] if row else None

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Turns what SQLite says of the file into an error that names it."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise UserError(f"{self.path}: {_reason(error)}") from None


def _reason(error: sqlite3.DatabaseError) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another process has been writing to it for {WAIT_SECONDS:.0f} s: try again"
    if code == sqlite3.SQLITE_NOTADB:
        return "it is no gallery"
    return f"the gallery cannot be used: {error}"
