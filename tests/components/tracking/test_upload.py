"""What MLflow has not taken arrives later, once: with MLflow's own server, killed half-way."""

import json
import shutil

import numpy as np
import pytest
from mlflow import MlflowClient, pyfunc

from components.tracking import outbox
from components.tracking.client import CHAMPION
from components.tracking.outbox import Outbox, outboxes_below
from components.tracking.run import TrackedRun, credentials_in_environment
from components.tracking.tracker import Patience, Tracker
from components.tracking.upload import UploadError, upload
from components.trainer.model import FaceEmbeddingModel, flip_averaged, portable
from tests import mlflow_server
from tests.mlflow_server import TrackingServer, serving
from tests.real_mlflow import RealServer

SHAPE = (32, 32, 3)
HASTY = Patience(answer=5.0, upload=60.0, in_all=5.0)


@pytest.fixture(scope="module")
def model():
    return flip_averaged(portable(FaceEmbeddingModel(SHAPE, 8, dropout_rate=0.0, l2_reg=0.0)))


@pytest.fixture
def server(tmp_path):
    server = RealServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path}/mlflow.db"


def new_tracker(uri, place, step=outbox.TRAINING, run=None):
    run = run or TrackedRun(uri, "faces")
    return Tracker(run, HASTY, unsent=Outbox(place, run, step))


def lost_tracker(store, place, **options):
    """A tracker whose store cannot be used yet; `mend` makes it one that can."""
    run = TrackedRun(store, "faces", failure="it was away")
    return new_tracker(store, place, run=run, **options)


def points_of(client, run_id, name):
    return [(point.step, point.value) for point in client.get_metric_history(run_id, name)]


def the_run(client):
    experiment = client.get_experiment_by_name("faces")
    (run,) = client.search_runs([experiment.experiment_id])
    return run


def test_a_server_that_is_killed_half_way_has_everything_once_in_the_end(
    server, tmp_path, model, caplog, monkeypatch
):
    tracker = new_tracker(server.uri, tmp_path / "run")
    tracker.start({"training.epochs": 6}, None)
    for step in (1, 2, 3):
        tracker.log_metrics({"loss": 1.0 / step, "val_loss": float("nan")}, step)
    tracker.log_text("{}", "configuration.json")
    server.kill()
    for step in (4, 5, 6):
        tracker.log_metrics({"loss": 1.0 / step}, step)
    tracker.log_keras_model(model, SHAPE, 8)
    tracker.finish(succeeded=True)
    later = new_tracker(
        server.uri, tmp_path / "run", outbox.PUSH, TrackedRun.from_json(tracker.run.to_json())
    )
    later.register("faces", {"thresholds_sha256": "abc"})
    assert caplog.text.count("MLflow tracking stopped") == 1

    kept = outboxes_below(tmp_path / "run")
    assert [item.step for item in kept] == [outbox.TRAINING, outbox.PUSH]
    with pytest.raises(UploadError, match="does not take what"):
        upload(kept[0])
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    server.start()
    for folder in ("run", "copy"):  # as if the first upload had been killed before its end
        for item in outboxes_below(tmp_path / folder):
            upload(item)
        assert list((tmp_path / folder).iterdir()) == []

    client = MlflowClient(server.uri)
    run = the_run(client)
    assert run.info.run_id == tracker.run.run_id
    assert run.info.status == "FINISHED"
    assert points_of(client, run.info.run_id, "loss") == [(n, 1.0 / n) for n in range(1, 7)]
    assert len(client.get_metric_history(run.info.run_id, "val_loss")) == 3
    (logged,) = client.search_logged_models([run.info.experiment_id])
    (version,) = client.search_model_versions("name = 'faces'")
    assert version.source == f"models:/{logged.model_id}"
    assert client.get_model_version_by_alias("faces", CHAMPION).version == version.version
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SHAPE), dtype=np.uint8)
    loaded = pyfunc.load_model(f"models:/faces@{CHAMPION}")
    np.testing.assert_allclose(loaded.predict(pixels), model(pixels), atol=1e-5)


def test_a_run_that_the_store_never_heard_of_begins_when_it_did(store, tmp_path):
    tracker = lost_tracker(store, tmp_path / "run")
    artifacts = (tmp_path / "artifacts").as_uri()
    tracker.start({"seed": 1}, artifacts, owner="me", tags={"data_digest": "d"})
    tracker.log_metrics({"loss": 0.5}, step=1)
    tracker.finish(succeeded=False)
    (kept,) = outboxes_below(tmp_path)
    upload(kept)
    run = the_run(MlflowClient(store))
    assert run.info.start_time == kept.start.time
    assert run.info.status == "FAILED"
    assert run.data.params == {"seed": "1"}
    assert run.data.tags["data_digest"] == "d"
    assert run.data.metrics == {"loss": 0.5}


def test_all_steps_of_a_lost_run_come_together_in_one(store, tmp_path):
    tracker = lost_tracker(store, tmp_path)
    tracker.start({"seed": 1}, (tmp_path / "artifacts").as_uri())
    tracker.finish(succeeded=True)
    run = TrackedRun.from_json(tracker.run.to_json())
    evaluation = new_tracker(store, tmp_path, outbox.EVALUATION, run)
    evaluation.log_metrics({"test/EER": 0.1})
    evaluation.log_text("<html>", "report.html")
    for kept in outboxes_below(tmp_path):
        upload(kept)
    client = MlflowClient(store)
    run = the_run(client)
    assert run.data.params == {"seed": "1"}
    assert run.data.metrics == {"test/EER": 0.1}
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["report.html"]
    assert run.info.status == "FINISHED"


def test_what_a_killed_training_had_logged_arrives_and_its_run_is_killed(store, tmp_path):
    tracker = lost_tracker(store, tmp_path)
    tracker.start({}, (tmp_path / "artifacts").as_uri())
    tracker.log_metrics({"loss": 1.0}, step=1)
    (kept,) = outboxes_below(tmp_path)  # and no more comes
    upload(kept)
    run = the_run(MlflowClient(store))
    assert (run.info.status, run.data.metrics) == ("KILLED", {"loss": 1.0})


def test_a_checkpoint_is_kept_and_arrives_even_if_the_training_removes_it(store, tmp_path):
    checkpoint = tmp_path / "best.keras"
    checkpoint.write_bytes(b"weights")
    tracker = lost_tracker(store, tmp_path)
    tracker.start({}, (tmp_path / "artifacts").as_uri())
    tracker.log_file(checkpoint, "checkpoints")
    tracker.finish(succeeded=True)
    checkpoint.unlink()
    (kept,) = outboxes_below(tmp_path)
    upload(kept)
    client = MlflowClient(store)
    (file,) = client.list_artifacts(the_run(client).info.run_id, "checkpoints")
    assert (file.path, file.file_size) == ("checkpoints/best.keras", len(b"weights"))


def test_an_older_model_that_arrives_late_is_registered_and_takes_no_alias(store, tmp_path, model):
    late = new_tracker(store, tmp_path / "late", outbox.PUSH)
    late.start({}, (tmp_path / "artifacts").as_uri())
    late.log_keras_model(model, SHAPE, 8)
    kept_back = lost_tracker(store, tmp_path / "late", step=outbox.PUSH)
    kept_back.run = TrackedRun(
        store, "faces", run_id=late.run.run_id, failure="it was away", key=late.run.key
    )
    kept_back.register("faces", {})
    younger = new_tracker(store, tmp_path / "younger")
    younger.start({}, None)
    younger.log_keras_model(model, SHAPE, 8)
    younger.register("faces", {})
    (kept,) = outboxes_below(tmp_path / "late")
    assert "a younger one stays its champion" in upload(kept)[-1]
    client = MlflowClient(store)
    assert len(client.search_model_versions("name = 'faces'")) == 2
    champion = client.get_model_version_by_alias("faces", CHAMPION)
    assert champion.run_id == younger.run.run_id


def test_no_credentials_are_kept_and_the_upload_finds_them_in_the_environment(tmp_path):
    with serving(TrackingServer(asks_for_password=True)) as server:
        server.mood = mlflow_server.unavailable
        with credentials_in_environment(server.uri_with_password) as recorded:
            tracker = new_tracker(recorded, tmp_path)
            tracker.start({"seed": 1}, None)
            tracker.log_metrics({"loss": 1.0}, step=1)
            tracker.finish(succeeded=True)
        text = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
        assert json.loads(text.splitlines()[0])["content"]["run"]["tracking_uri"] == server.uri
        assert mlflow_server.PASSWORD not in text
        assert mlflow_server.QUOTED_PASSWORD not in text
        server.mood = lambda handler: False
        (kept,) = outboxes_below(tmp_path)
        with pytest.raises(UploadError, match="who are you"):
            upload(kept)
        with credentials_in_environment(server.uri_with_password):
            upload(kept)
        assert server.params == {"seed": "1"}
        assert server.metrics == {"loss": [1.0]}
