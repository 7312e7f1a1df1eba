"""MLflow tracking, in a real store, and without one that answers."""

import os
import socket

import keras
import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from components.trainer.model import FaceEmbeddingModel
from components.trainer.tracking import TrackedRun, Tracker

SHAPE = (32, 32, 1)


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def tracker(store, tmp_path):
    tracker = Tracker(TrackedRun(store, "faces"))
    tracker.start({"training.epochs": 3, "model.input_shape": [1, 2]}, (tmp_path / "a").as_uri())
    return tracker


def test_a_run_has_its_parameters_and_one_point_a_metric_an_epoch(tracker, store):
    tracker.log_metrics({"loss": 2.0, "val_loss": 3.0}, step=1)
    tracker.log_metrics({"loss": 1.0, "val_loss": 2.0}, step=2)
    tracker.finish(succeeded=True)
    client = MlflowClient(store)
    run = client.get_run(tracker.run.run_id)
    assert run.data.params == {"training.epochs": "3", "model.input_shape": "[1, 2]"}
    history = client.get_metric_history(tracker.run.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 1.0)]
    assert run.info.status == "FINISHED"


def test_a_later_process_goes_on_with_the_same_run(tracker, store):
    tracker.finish(succeeded=True)
    later = Tracker(TrackedRun.from_json(tracker.run.to_json()))
    later.log_metrics({"test/EER": 0.1, "TAR@FAR=1e-03": 0.5, "Rank-1 (one enrolled)": 0.8})
    later.log_text("<html>", "report.html")
    client = MlflowClient(store)
    assert client.get_run(tracker.run.run_id).data.metrics == {
        "test/EER": 0.1,
        "TAR at FAR 1e-03": 0.5,
        "Rank-1 one enrolled": 0.8,
    }
    assert [f.path for f in client.list_artifacts(tracker.run.run_id)] == ["report.html"]
    assert later.run.failure == ""


def test_two_runs_share_one_experiment(tracker, store):
    second = Tracker(TrackedRun(store, "faces"))
    second.start({}, None)
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("faces")
    assert len(client.search_runs([experiment.experiment_id])) == 2


def test_the_keras_model_is_logged_with_its_signature_and_loads_again(tracker, store, monkeypatch):
    model = FaceEmbeddingModel(SHAPE, 8, dropout_rate=0.0, l2_reg=0.0)
    tracker.log_keras_model(model, SHAPE, 8)
    assert tracker.run.failure == ""
    experiment = MlflowClient(store).get_experiment_by_name("faces")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    (logged,) = mlflow.search_logged_models([experiment.experiment_id], output_format="list")
    uri = f"models:/{logged.model_id}"
    signature = mlflow.models.get_model_info(uri).signature
    assert signature.inputs.inputs[0].shape == (-1, *SHAPE)
    assert signature.outputs.inputs[0].shape == (-1, 8)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE)).astype("float32")
    loaded = mlflow.keras.load_model(uri)
    np.testing.assert_allclose(loaded(pixels), model(pixels), atol=1e-6)
    assert isinstance(loaded, keras.Model)


def test_the_stores_of_later_runs_are_left_as_they_were(tracker, monkeypatch):
    model = FaceEmbeddingModel(SHAPE, 8, dropout_rate=0.0, l2_reg=0.0)
    mlflow.set_tracking_uri(None)
    tracker.log_keras_model(model, SHAPE, 8)
    assert "MLFLOW_TRACKING_URI" not in os.environ
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    tracker.log_keras_model(model, SHAPE, 8)
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://elsewhere"


def test_a_failed_training_leaves_a_failed_run(tracker, store):
    tracker.finish(succeeded=False)
    assert MlflowClient(store).get_run(tracker.run.run_id).info.status == "FAILED"


def test_a_server_that_is_down_costs_a_warning_and_nothing_else(caplog):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    tracker = Tracker(TrackedRun(f"http://127.0.0.1:{port}", "faces"))
    tracker.start({"a": 1}, None)
    tracker.log_metrics({"loss": 1.0})
    tracker.log_text("text", "name")
    tracker.finish(succeeded=True)
    assert tracker.run.run_id is None
    assert "MLflow tracking stopped, the pipeline goes on" in caplog.text
    assert tracker.run.failure


def test_a_store_that_breaks_half_way_is_given_up_once(tracker, caplog, tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database any more")
    tracker.log_metrics({"loss": 1.0}, step=1)
    tracker.log_metrics({"loss": 1.0}, step=2)
    tracker.finish(succeeded=True)
    assert caplog.text.count("MLflow tracking stopped") == 1
    assert "database" in tracker.run.failure


def test_without_tracking_nothing_happens():
    tracker = Tracker(TrackedRun("", ""))
    tracker.log_metrics({"loss": 1.0})
    tracker.log_text("text", "name")
    tracker.finish(succeeded=True)
    assert tracker.run == TrackedRun("", "")
