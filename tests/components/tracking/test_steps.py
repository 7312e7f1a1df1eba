"""The trackers of the steps."""

import gzip
from pathlib import Path

import pytest
from mlflow import MlflowClient

from components.run_environment import TrackingStore, in_environment, store_variables
from components.tracking import outbox
from components.tracking.outbox import outboxes_below
from components.tracking.run import RUN_FILE, TrackedRun
from components.tracking.steps import (
    later_tracker,
    log_checkpoints,
    start_tracking,
    training_tracker,
)

SETTINGS = {"training": {"epochs": 2}, "seed": 7}


@pytest.fixture
def store(tmp_path):
    return TrackingStore(f"sqlite:///{tmp_path}/mlflow.db", "faces", (tmp_path / "a").as_uri())


@pytest.fixture
def train_files(tmp_path):
    path = tmp_path / "data.gz"
    path.write_bytes(gzip.compress(b"images"))
    return [str(path)]


def test_a_run_that_is_not_tracked_writes_nothing(tmp_path, train_files):
    tracker = training_tracker(tmp_path / "model_run")
    start_tracking(tracker, SETTINGS, train_files)
    log_checkpoints(tracker, tmp_path)
    tracker.log_metrics({"loss": 1.0}, step=1)
    tracker.finish(succeeded=True)
    assert not tracker.run.is_tracked
    assert [path.name for path in tmp_path.iterdir()] == ["data.gz"]


def test_checkpoints_are_logged_only_where_that_is_asked_for(tmp_path, store, train_files):
    (tmp_path / "best.keras").write_bytes(b"weights")
    with in_environment(store_variables(store)):
        tracker = training_tracker(tmp_path)
        start_tracking(tracker, SETTINGS, train_files)
        log_checkpoints(tracker, tmp_path)
    paths = {f.path for f in MlflowClient(store.uri).list_artifacts(tracker.run.run_id)}
    assert paths == {"configuration.json", "environment.json"}


@pytest.mark.parametrize("moved", [False, True])
def test_a_killed_training_goes_on_in_its_run_unless_the_store_is_another(
    tmp_path, store, train_files, moved
):
    uri = "sqlite:///elsewhere.db" if moved else store.uri
    with in_environment(store_variables(store)):
        first = training_tracker(tmp_path)
        start_tracking(first, SETTINGS, train_files)
        killed = TrackedRun(uri, "faces", first.run.run_id, "it was away", first.run.key)
        second = training_tracker(tmp_path, killed)
    assert (second.run == first.run, second.run.key == first.run.key) == (not moved, not moved)
    assert second.run.failure == ""


@pytest.mark.parametrize("place", ["run", None])
def test_what_is_missing_is_kept_in_the_runs_folder_or_else_in_the_artifact(tmp_path, place):
    unsent = str(tmp_path / place) if place else None
    store = TrackingStore("http://127.0.0.1:9", "faces", unsent_dir=unsent)
    artifact, model = tmp_path / "artifact", tmp_path / "model"
    run_file = model / RUN_FILE
    run_file.parent.mkdir(parents=True)
    lost = TrackedRun("http://127.0.0.1:9", "faces", failure="it was away")
    run_file.write_text(lost.to_json())
    with in_environment(store_variables(store)):
        later_tracker(str(model), outbox.EVALUATION, str(artifact)).log_metrics({"EER": 0.1})
    (kept,) = outboxes_below(Path(unsent or artifact))
    assert (kept.run.key, kept.step) == (lost.key, outbox.EVALUATION)
