"""MLflow tracking, in a real store, and without one that answers."""

import os
import re
import socket
import time

import keras
import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from biometrics.report.exports import tensorboard_scalars
from components.tracking.run import TrackedRun, credentials_in_environment
from components.tracking.tracker import Patience, Tracker
from components.trainer.model import FaceEmbeddingModel
from tests import mlflow_server
from tests.mlflow_server import TrackingServer, serving

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
    figures = {"EER": 0.1, "TAR@FAR=1e-03": 0.5, "Rank-1 (one enrolled)": 0.8}
    later.log_metrics(tensorboard_scalars(figures))
    later.log_text("<html>", "report.html")
    client = MlflowClient(store)
    assert client.get_run(tracker.run.run_id).data.metrics == {
        "test/EER": 0.1,
        "test/TAR at FAR 1e-03": 0.5,
        "test/Rank-1 one enrolled": 0.8,
    }
    assert [f.path for f in client.list_artifacts(tracker.run.run_id)] == ["report.html"]
    assert later.run.failure == ""


def test_a_training_that_was_killed_goes_on_in_its_run(tracker, store):
    tracker.log_metrics({"loss": 2.0}, step=1)
    MlflowClient(store).set_terminated(tracker.run.run_id, "KILLED")
    later = Tracker(TrackedRun.from_json(tracker.run.to_json()))
    later.start({"training.epochs": 3, "model.input_shape": "another", "seed": 1}, None)
    later.log_metrics({"loss": 1.0}, step=2)
    assert later.run == tracker.run
    run = MlflowClient(store).get_run(tracker.run.run_id)
    assert run.info.status == "RUNNING"
    assert run.data.params == {"training.epochs": "3", "model.input_shape": "[1, 2]", "seed": "1"}
    history = MlflowClient(store).get_metric_history(tracker.run.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 1.0)]


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


IMPATIENT = Patience(answer=0.2, upload=0.2, in_all=0.4)


def track_a_training(tracker, epochs=5):
    """All that a training and its evaluation log; returns the seconds that they were held up."""
    started = time.monotonic()
    tracker.start({"seed": 1}, None)
    for epoch in range(epochs):
        tracker.log_metrics({"loss": 1.0 / (epoch + 1)}, step=epoch)
    tracker.log_text("<html>", "report.html")
    tracker.finish(succeeded=True)
    return time.monotonic() - started


@pytest.fixture
def http_server():
    with serving(TrackingServer()) as server:
        yield server


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        (mlflow_server.silent, "has not answered within 0.2 seconds"),
        (mlflow_server.dripping, "has not answered within 0.2 seconds"),
        (mlflow_server.busy, "429|has not answered"),
        (mlflow_server.unavailable, "503|has not answered"),
        (mlflow_server.circular, "redirects|has not answered"),
    ],
)
@pytest.mark.parametrize("answers_before", [0, 4])
def test_no_server_holds_the_training_up(http_server, mood, reason, answers_before):
    def moody(handler):
        return len(http_server.requests) >= answers_before and mood(handler)

    http_server.mood = moody
    tracker = Tracker(TrackedRun(http_server.uri, "faces"), IMPATIENT)
    assert track_a_training(tracker) < 3.0
    assert re.search(reason, tracker.run.failure)
    later = Tracker(TrackedRun.from_json(tracker.run.to_json()), IMPATIENT)
    assert track_a_training(later) < 0.1


def test_what_one_tracker_has_waited_counts_for_the_next_one_of_the_process(http_server):
    http_server.mood = mlflow_server.silent
    for _ in range(2):
        held = track_a_training(Tracker(TrackedRun(http_server.uri, "faces"), IMPATIENT))
    assert held < 0.55  # 0.2 that every call may take, and nothing of the 0.4 is left


def test_a_slow_server_that_works_gets_everything_and_holds_up_no_epoch(http_server):
    http_server.mood = mlflow_server.slow(0.1)
    patience = Patience(answer=0.8, upload=0.8, in_all=0.0)
    tracker = Tracker(TrackedRun(http_server.uri, "faces"), patience)
    held = track_a_training(tracker, epochs=50)
    assert tracker.run.failure == ""
    assert sorted(http_server.metrics["loss"]) == sorted(1.0 / n for n in range(1, 51))
    assert held < 50 * 0.1


def test_a_server_with_another_protocol_costs_the_tracking_and_nothing_else(http_server):
    uri = http_server.uri.replace("http:", "https:")
    tracker = Tracker(TrackedRun(uri, "faces"), Patience(answer=5.0, in_all=5.0))
    track_a_training(tracker)
    assert "SSL" in tracker.run.failure


def test_a_password_reaches_the_server_and_no_record(http_server, caplog, capfd):
    http_server.asks_for_password = True
    with credentials_in_environment(http_server.uri_with_password) as recorded:
        assert recorded == http_server.uri
        tracker = Tracker(TrackedRun(recorded, "faces"))
        track_a_training(tracker)
        later = Tracker(TrackedRun.from_json(tracker.run.to_json()))
        later.log_text("{}", "metrics.json")
    assert tracker.run.failure == later.run.failure == ""
    assert http_server.refused == 0
    assert http_server.params == {"seed": "1"}
    assert len(http_server.metrics["loss"]) == 5
    assert sum(request.startswith("PUT") for request in http_server.requests) == 2
    told = tracker.run.to_json() + caplog.text + "".join(capfd.readouterr())
    assert mlflow_server.PASSWORD not in told
    assert mlflow_server.QUOTED_PASSWORD not in told
    without = Tracker(TrackedRun(recorded, "faces"))
    track_a_training(without)
    assert "who are you?" in without.run.failure


def test_a_secret_may_give_the_whole_address_on_a_cluster(http_server, monkeypatch):
    http_server.asks_for_password = True
    monkeypatch.setenv("MLFLOW_TRACKING_URI", http_server.uri_with_password)
    tracker = Tracker(TrackedRun(http_server.uri, "faces"))
    track_a_training(tracker)
    assert tracker.run.failure == ""


@pytest.mark.parametrize(
    "uri",
    [
        "http://me:hunter2@127.0.0.1:9/",
        "postgresql://me:hunter2@127.0.0.1:9/mlflow",
        "nosuchscheme://me:hunter2@host/x",
        "mysql+nosuchdriver://me:hunter2@host/x?password=hunter2",
    ],
)
def test_no_failure_tells_the_password(uri, caplog):
    with credentials_in_environment(uri) as recorded:
        tracker = Tracker(TrackedRun(recorded, "faces"), Patience(answer=5.0, in_all=5.0))
        tracker.start({}, None)
    assert tracker.run.failure
    assert "hunter2" not in tracker.run.to_json() + caplog.text


def test_a_record_of_former_times_is_read_without_its_password():
    former = '{"tracking_uri": "http://me:hunter2@host", "experiment": "e", "run_id": "1"}'
    assert TrackedRun.from_json(former) == TrackedRun("http://host", "e", "1")


def test_a_folder_that_is_called_like_a_secret_keeps_its_name():
    run = TrackedRun("sqlite:////runs/token=5/mlflow.db", "e", "1")
    assert TrackedRun.from_json(run.to_json()) == run
