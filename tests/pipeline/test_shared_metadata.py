"""What is known of a server without one: its name in the folder, and why it cannot be used.

`tests/engines/test_metadata_server.py` has whole runs on a real one.
"""

import json
import socket

import pytest

from groundfloor.errors import UserError
from pipeline.metadata_config import MetadataConfig
from pipeline.run_folder import RunFolder
from pipeline.shared_metadata import RECORD, SharedDatabase, recorded

VARIABLE = "PASSWORD_OF_THE_TEST"


@pytest.fixture
def port():
    """A port where nothing answers."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


@pytest.fixture
def server(port):
    return MetadataConfig(
        kind="mysql",
        host="localhost",
        port=port,
        database="mlmd",
        user="runner",
        password_env=VARIABLE,
    )


def write_record(folder, server, pipeline="arcface-pipeline-1"):
    kept = {"folder": str(folder), "pipeline": pipeline, "server": server.model_dump(mode="json")}
    (folder / RECORD).write_text(json.dumps(kept))


def test_a_password_that_is_not_in_the_environment_is_named_by_its_variable(server, tmp_path):
    with pytest.raises(UserError, match=f"{VARIABLE} is not set: it must hold the password of"):
        SharedDatabase(server, tmp_path / RECORD).check()


def test_a_server_that_does_not_answer_is_named_and_nothing_is_kept(server, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "hunter22")
    database = SharedDatabase(server, tmp_path / RECORD)
    with pytest.raises(
        UserError, match=r"the database mlmd on localhost:.*no server answers"
    ) as told:
        database.check()
    assert "hunter22" not in str(told.value)
    assert not database.record.exists()


def test_the_password_is_told_to_nobody_but_the_library(server, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "hunter22")
    database = SharedDatabase(server, tmp_path / RECORD)
    config = database.connection_config().mysql
    assert (config.host, config.password) == ("127.0.0.1", "hunter22")
    assert "hunter22" not in repr(database) + str(database)


def test_the_folder_says_where_its_metadata_is_until_a_file_takes_its_place(server, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    assert RunFolder(folder).metadata_db == folder / "metadata.db"
    write_record(folder, server)
    known = RunFolder(folder)
    assert known.has_run()
    assert known.metadata_db == SharedDatabase(server, folder / RECORD)
    assert known.metadata_db.pipeline == "arcface-pipeline-1"
    own = RunFolder(folder, metadata=MetadataConfig())
    own.prepare()
    own.claim()
    assert recorded(folder) is None
    assert RunFolder(folder).metadata_db == folder / "metadata.db"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"server": {"kind": "mysql"}}', "\0"])
def test_a_record_that_is_torn_is_none(tmp_path, text):
    (tmp_path / RECORD).write_text(text)
    assert recorded(tmp_path) is None


def test_artifacts_of_a_run_whose_metadata_is_on_a_server_are_not_anothers(server, tmp_path):
    shared = tmp_path / "artifacts"
    first = RunFolder(tmp_path / "a", shared)
    first.prepare()
    first.claim()
    (tmp_path / "a/metadata.db").unlink()
    write_record(tmp_path / "a", server)
    second = RunFolder(tmp_path / "b", shared)
    second.prepare()
    with pytest.raises(UserError, match="holds the artifacts of"):
        second.claim()
