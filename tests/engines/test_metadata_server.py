"""Whole runs whose metadata is on a server of MariaDB."""

import io
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from groundfloor.errors import UserError
from pipeline.label_audit import find_run
from pipeline.metadata_config import MetadataConfig
from pipeline.metadata_store import artifacts_in, check_store, connect, opened
from pipeline.run_folder import RunFolder
from pipeline.shared_metadata import RECORD, SharedDatabase
from tests import ROOT
from tests.conftest import LENIENT, write_faces
from tests.engines.servers import free_port, mariadb

VARIABLE = "PASSWORD_OF_THE_TEST"
SMALL = [
    "data.val_split=0.2",
    "model.input_shape=[32, 32, 3]",
    "model.embedding_dim=16",
    "training.batch_size=8",
    "training.epochs=1",
    "tracking.enabled=false",
    "evaluation.bounds={EER: {max: 0.99}}",
    *(f"evaluation.{key}={json.dumps(value)}" for key, value in LENIENT.items()),
]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    try:
        with mariadb(tmp_path_factory.mktemp("db")) as database:
            yield database
    except FileNotFoundError as error:
        pytest.skip(str(error))


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


class Run:
    """A run of the command, in a process of its own."""

    def __init__(self, faces, out, server):
        settings = [f"metadata.{key}={value}" for key, value in server.model_dump().items()]
        self.out = out
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "pipeline/run_local.py", f"--data-dir={faces}"]
            + [f"--output-dir={out}"]
            + [f"--set={setting}" for setting in [*SMALL, *settings]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def done(self):
        """The nodes that were not taken from the cache."""
        printed = self.process.communicate()[0]
        assert self.process.returncode == 0, printed
        self.lines = printed.splitlines()
        finished = [line.split() for line in self.lines if re.match(r"\[\d+/\d+\] .*\d s( |$)", line)]
        assert len(finished) == 10
        return {words[1] for words in finished if words[-1] != "cache"}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("faces") / "faces", people=8, shots=5)


def files_with(text, folder):
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and text.encode() in path.read_bytes()
    ]


def test_two_runs_at_once_share_a_server_and_nothing_else(faces, server, database, tmp_path):
    runs = [Run(faces, tmp_path / name, server) for name in ("a", "b")]
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
    again = Run(faces, runs[0].out, server)
    assert again.done() <= {"LatestBlessedModel", "StatisticsBefore"}
    for form in (database.password, json.dumps(database.password)[1:-1]):
        assert files_with(form, tmp_path) == []
        assert form not in "\n".join(again.lines)


def test_a_run_that_is_killed_goes_on_and_leaves_the_others_alone(faces, server, tmp_path):
    other = SharedDatabase(server, tmp_path / "other" / RECORD)
    other.record.parent.mkdir()
    check_store(other)
    from tests.pipeline.stores import add_execution

    running = add_execution(other, "Trainer", state=2)
    killed = Run(faces, tmp_path / "run", server)
    for line in killed.process.stdout:
        if "ImageTransform" in line:
            break
    killed.process.send_signal(signal.SIGKILL)
    killed.process.communicate()
    made = Run(faces, tmp_path / "run", server).done()
    assert "ImageExampleGen" not in made
    assert "Trainer" in made
    (found,) = connect(other).get_executions_by_id([running.id])
    assert found.last_known_state == running.last_known_state
