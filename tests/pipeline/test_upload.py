"""The command that brings to MLflow what it lacks."""

import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from components.tracking import outbox
from components.tracking.outbox import Outbox
from components.tracking.run import TrackedRun
from components.tracking.tracker import Tracker
from pipeline import upload
from pipeline.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    """The folder of a run whose training MLflow has not heard of."""
    folder = RunFolder(tmp_path / "run")
    folder.prepare()
    run = TrackedRun(f"sqlite:///{folder.mlflow_db}", "faces", failure="it was away")
    tracker = Tracker(run, unsent=Outbox(folder.path, run, outbox.TRAINING))
    tracker.start({"seed": 1}, folder.mlflow_artifacts.as_uri())
    tracker.log_metrics({"loss": 0.5, "accuracy": 0.25}, step=1)
    tracker.finish(succeeded=True)
    return folder


def called(folder):
    return CliRunner().invoke(upload.app, [str(folder)])


def test_it_says_what_arrived_and_a_second_call_finds_nothing(folder):
    first, second = called(folder.path), called(folder.path)
    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr
    assert "2 points of training" in first.stdout
    assert "MLflow lacks nothing" in second.stdout
    client = MlflowClient(f"sqlite:///{folder.mlflow_db}")
    experiment = client.get_experiment_by_name("faces")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics == {"loss": 0.5, "accuracy": 0.25}


def test_it_waits_for_no_run_that_is_still_writing(folder):
    with folder.locked():
        result = called(folder.path)
    assert result.exit_code == 2
    assert "another run" in result.stderr
    assert folder.mlflow_unsent.exists()


def test_a_store_that_cannot_be_used_leaves_everything_where_it_is(folder):
    folder.mlflow_db.write_bytes(b"no database")
    result = called(folder.path)
    assert result.exit_code == 2
    assert "does not take what" in result.stderr
    assert folder.mlflow_unsent.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    result = called(tmp_path / "no")
    assert (result.exit_code, "there is no folder" in result.stderr) == (2, True)
