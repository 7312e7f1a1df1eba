"""ML Metadata on a server of MySQL or MariaDB, which runs in many folders share.

In the server's tables each folder of a run is a pipeline of its own: no cache and no resolver takes
what another folder has, which is not on the disk here, and no run is taken for a killed one because
it runs elsewhere. The name of the pipeline is kept in the folder, without any password: that is in
the environment alone.
"""

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from ml_metadata import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig
from pydantic import ValidationError

from groundfloor.errors import UserError
from pipeline.metadata_config import MetadataConfig

RECORD = "metadata.json"

# Seconds to wait for a server, and for another run that makes the tables.
_PATIENCE = 10
_LOCK = "arcface_metadata"

# A text of any length can be no part of a key.
_TABLES = """
create table if not exists arcface_files (
    artifact bigint not null, path text not null, size bigint not null,
    changed_ns bigint not null, sha256 char(64) not null, key (artifact))
    character set utf8mb4 collate utf8mb4_bin
"""
_DENIED, _DENIED_DATABASE, _NO_DATABASE, _NO_SERVER = 1045, 1044, 1049, 2003


@dataclass(frozen=True)
class SharedDatabase:
    """The metadata of one folder of a run on a server.

    Attributes:
      server: where it is, and who one is there.
      record: the file in the run's folder that keeps the name of its pipeline.
    """

    server: MetadataConfig
    record: Path

    def __str__(self) -> str:
        return f"the database {self.server.database} on {self.server.host}:{self.server.port}"

    @property
    def name(self) -> str:
        """How it is called in a sentence."""
        return str(self)

    @property
    def pipeline(self) -> str:
        """The name of the folder's pipeline; `check` has written it down."""
        return json.loads(self.record.read_text(encoding="utf-8"))["pipeline"]

    @property
    def password(self) -> str:
        """The password, from the environment.

        Raises:
          UserError: the variable is not set.
        """
        try:
            return os.environ[self.server.password_env]
        except KeyError:
            raise UserError(
                f"metadata: {self.server.password_env} is not set: it must hold the password of "
                f"{self.server.user} for {self}, or be empty where there is none"
            ) from None

    def connection_config(self) -> ConnectionConfig:
        """What ML Metadata is told, the password too: nothing may print it."""
        config = ConnectionConfig()
        config.mysql.host, config.mysql.port = _address(self.server.host), self.server.port
        config.mysql.database, config.mysql.user = self.server.database, self.server.user
        config.mysql.password = self.password
        return config

    @contextmanager
    def opened(self) -> Iterator["Tables"]:
        """The tables; what is changed is kept unless an error is raised."""
        with closing(self._connect()) as connection:
            yield Tables(connection)
            connection.commit()

    def check(self) -> None:
        """Makes the tables where there are none, and the name of the folder's pipeline.

        Raises:
          UserError: the server cannot be used; the message says what to do.
        """
        try:
            with self.opened() as tables, tables.locked(_LOCK):
                MetadataStore(self.connection_config())
                tables.execute(_TABLES)
                tables.execute("delete from arcface_files where false")  # may it be written?
        except (pymysql.Error, RuntimeError) as error:
            raise UserError(f"metadata: {self}: {self._remedy(error)}") from error
        self._keep_name()

    def _connect(self) -> Any:
        return pymysql.connect(
            host=_address(self.server.host),
            port=self.server.port,
            user=self.server.user,
            password=self.password,
            database=self.server.database,
            charset="utf8mb4",
            connect_timeout=_PATIENCE,
        )

    def _keep_name(self) -> None:
        """A folder that was moved or copied begins a pipeline of its own."""
        former = _read(self.record)
        folder = str(self.record.parent)
        is_same = former.get("folder") == folder and "pipeline" in former
        name = former["pipeline"] if is_same else f"arcface-pipeline-{uuid.uuid4().hex[:12]}"
        kept = {"folder": folder, "pipeline": name, "server": self.server.model_dump(mode="json")}
        if kept != former:
            new = self.record.with_name(f"{self.record.name}.new")
            new.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
            os.replace(new, self.record)

    def _remedy(self, error: Exception) -> str:
        """What an error says, and what to do about it."""
        code = error.args[0] if error.args else None
        if code == _NO_SERVER:
            return "no server answers there; start it, or mend metadata.host and metadata.port"
        if code == _DENIED:
            return (
                f"it does not let {self.server.user} in: see metadata.user, and the password in "
                f"{self.server.password_env}"
            )
        if code in (_NO_DATABASE, _DENIED_DATABASE):
            return f"there is no such database for {self.server.user}: create it, and grant it all"
        return (
            f"it cannot be used ({str(error).splitlines()[0]}). ML Metadata's client knows the "
            "authentication mysql_native_password alone, and the database must be of its version"
        )


class Tables:
    """The tables of a database, asked as those of SQLite are: with a `?` for each value.

    Args:
      connection: of pymysql.
    """

    def __init__(self, connection: Any):
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Executes a statement; what it returns has `fetchone` and `fetchall`, and is iterated."""
        cursor = self._connection.cursor()
        cursor.execute(statement.replace("?", "%s"), tuple(values))
        return cursor

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Executes a statement for each row of values."""
        self._connection.cursor().executemany(statement.replace("?", "%s"), rows)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keeps others out who ask for the same name, or lets who waits too long go on."""
        self.execute("select get_lock(?, ?)", [name, _PATIENCE])
        try:
            yield
        finally:
            self.execute("select release_lock(?)", [name])


def recorded(folder: Path) -> SharedDatabase | None:
    """The database that the run in a folder used; None: none, it used a file there."""
    record = folder / RECORD
    try:
        return SharedDatabase(MetadataConfig.model_validate(_read(record)["server"]), record)
    except (KeyError, ValidationError):
        return None


def _read(record: Path) -> dict[str, Any]:
    """What is kept in a folder; nothing where there is no record, or it is torn."""
    try:
        kept = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _address(host: str | None) -> str:
    """`localhost` is a socket's file for MySQL's client, wherever the port is."""
    return "127.0.0.1" if host in (None, "localhost") else str(host)
