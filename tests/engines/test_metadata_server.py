"""Whole runs whose metadata is on a server of MariaDB."""

import os
import signal
import subprocess

import pytest
from ml_metadata.proto.metadata_store_pb2 import Execution

from engines.servers import mariadb, needed
from pipeline.label_audit import find_run
from pipeline.metadata_config import MetadataConfig
from pipeline.metadata_store import artifacts_in, check_store, connect
from pipeline.run_folder import RunFolder
from pipeline.shared_metadata import RECORD, SharedDatabase
from tests.conftest import write_faces
from tests.engines.commands import Run, files_with
from tests.pipeline.stores import add_execution

VARIABLE = "PASSWORD_OF_THE_TEST"


@pytest.fixture(scope="module")
def database():
    with mariadb() as database:
        yield database


@pytest.fixture
def server(database, monkeypatch):
    """The section of the configuration; the password is in the environment."""
    monkeypatch.setenv(VARIABLE, database.password)
    return MetadataConfig(
        kind="mysql",
        host="127.0.0.1",
        port=database.port,
        database=database.name,
        user=database.user,
        password_env=VARIABLE,
    )


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("faces") / "faces", people=8, shots=5)


def settings(server):
    given = server.model_dump().items()
    return ["tracking.enabled=false", *(f"metadata.{key}={value}" for key, value in given)]


def test_two_runs_at_once_share_a_server_and_nothing_else(faces, server, database, tmp_path):
    runs = [Run(faces, tmp_path / name, settings(server)) for name in ("a", "b")]
    made = [run.done() for run in runs]
    assert all(made_by == made[0] and "Trainer" in made_by for made_by in made)
    folders = [RunFolder(run.out) for run in runs]
    for folder in folders:
        artifacts = artifacts_in(folder.metadata_db)
        assert {artifact.uri.startswith(str(folder.path)) for artifact in artifacts} == {True}
        assert find_run(folder).model.is_relative_to(folder.path)
        assert not (folder.path / "metadata.db").exists()
    assert folders[0].metadata_db.pipeline != folders[1].metadata_db.pipeline
    (folders[0].path / "latest/metrics.json").unlink()
    again = Run(faces, runs[0].out, settings(server))
    assert again.done() <= {"LatestBlessedModel", "StatisticsBefore"}
    assert files_with(database.trace, tmp_path) == []
    assert database.trace not in "\n".join(again.lines)
    rows = everything_in(database)
    assert folders[0].metadata_db.pipeline in rows
    assert database.trace not in rows


def everything_in(database):
    (program,) = needed("mariadb-dump")
    address = ["--protocol=tcp", "--host=127.0.0.1", f"--port={database.port}"]
    dumped = subprocess.run(
        [program, "--no-defaults", *address, f"--user={database.user}", database.name],
        env=os.environ | {"MYSQL_PWD": database.password},
        check=True,
        capture_output=True,
        text=True,
    )
    return dumped.stdout


def test_a_run_that_is_killed_goes_on_and_leaves_the_others_alone(faces, server, tmp_path):
    other = SharedDatabase(server, tmp_path / "other" / RECORD)
    other.record.parent.mkdir()
    check_store(other)
    running = add_execution(other, "Trainer", Execution.RUNNING)
    killed = Run(faces, tmp_path / "run", settings(server))
    for line in killed.process.stdout:
        if "ImageTransform" in line:
            break
    killed.process.send_signal(signal.SIGKILL)
    killed.process.communicate()
    made = Run(faces, tmp_path / "run", settings(server)).done()
    assert "ImageExampleGen" not in made
    assert "Trainer" in made
    (found,) = connect(other).get_executions_by_id([running.id])
    assert found.last_known_state == running.last_known_state
