"""What the evaluator adds to the MLflow run of the training."""

from types import SimpleNamespace

import pytest
from mlflow import MlflowClient

from components.evaluator.outputs import track
from components.run_environment import TrackingStore, in_environment, store_variables
from components.tracking.run import RUN_FILE, TrackedRun
from components.tracking.tracker import Tracker

EVALUATION = SimpleNamespace(metrics={"EER": 0.1, "baselines": {}}, report="<html>")


@pytest.mark.parametrize("is_tracked", [True, False])
def test_only_a_run_that_is_tracked_adds_to_the_run_of_the_training(tmp_path, is_tracked):
    store = TrackingStore(f"sqlite:///{tmp_path}/mlflow.db", "faces", (tmp_path / "a").as_uri())
    tracker = Tracker(TrackedRun(store.uri, store.experiment))
    tracker.start({}, store.artifact_dir)
    path = tmp_path / "model" / RUN_FILE
    path.parent.mkdir(parents=True)
    path.write_text(tracker.run.to_json(), encoding="utf-8")
    with in_environment(store_variables(store if is_tracked else None)):
        track(str(tmp_path / "model"), EVALUATION, str(tmp_path / "evaluation"))
    logged = MlflowClient(store.uri).get_run(tracker.run.run_id).data.metrics
    assert logged == ({"test/EER": 0.1} if is_tracked else {})


def test_a_model_that_no_training_of_ours_wrote_has_no_run_to_add_to(tmp_path):
    store = TrackingStore(f"sqlite:///{tmp_path}/mlflow.db", "faces")
    with in_environment(store_variables(store)):
        track(str(tmp_path), EVALUATION, str(tmp_path))
    assert not (tmp_path / "mlflow.db").exists()
