"""FaceTrainer, run for real."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from mlflow import MlflowClient

from benchmarks.steps import run_example_gen, run_transform
from components.run_environment import TrackingStore
from components.tracking import outbox
from components.tracking.outbox import outboxes_below
from components.tracking.run import RUN_FILE, TrackedRun
from components.trainer import devices
from components.trainer.callbacks import MODEL_NAME
from components.trainer.checkpoints import Checkpoints
from components.trainer.config import TrainerSettings
from components.trainer.devices import DeviceError
from components.trainer.export import ServingModule
from groundfloor import progress
from groundfloor.errors import UserError
from pipeline.config import load_config
from serving.signatures import EMBEDDING_KEY, PIXELS_SIGNATURE
from tests.conftest import draw_face, write_faces
from tests.stages import SHORT_TRAINING, SMALL_MODEL, run_trainer


@pytest.fixture(scope="module")
def transformed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    faces = write_faces(folder / "faces", people=6, shots=5)
    examples = run_example_gen(faces, folder / "gen", val_split=0.2)["examples"]
    return run_transform(examples, folder / "transform", tuple(SMALL_MODEL.input_shape))


@pytest.fixture(scope="module")
def trained(transformed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    tracking = TrackingStore(
        f"sqlite:///{folder}/mlflow.db",
        "faces",
        (folder / "mlflow").as_uri(),
        log_checkpoints=True,
        configuration={"data": {"credit": "drawn"}, "training": {"epochs": 99}},
    )
    steps = []
    progress.listen(steps.append)
    try:
        outputs = run_trainer(transformed, folder, tracking=tracking)
    finally:
        progress.unlisten(steps.append)
    return outputs, tracking, steps


def tracked_run(outputs):
    path = Path(outputs["model"].uri) / "Format-Serving" / RUN_FILE
    return TrackedRun.from_json(path.read_text(encoding="utf-8"))


def test_the_model_artifact_holds_a_saved_model_that_embeds(trained):
    outputs, _, _ = trained
    model = tf.saved_model.load(f"{outputs['model'].uri}/Format-Serving")
    pixels = tf.zeros((2, 32, 32, 3), tf.uint8)
    assert model.signatures[PIXELS_SIGNATURE](pixels=pixels)[EMBEDDING_KEY].shape == (2, 16)


def test_the_model_run_holds_model_history_and_tensorboard(trained):
    outputs, _, _ = trained
    folder = Path(outputs["model_run"].uri)
    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= history.keys()
    assert {len(values) for values in history.values()} == {2}
    assert (folder / MODEL_NAME).is_file()
    assert list((folder / "tensorboard").rglob("events.out.*"))


def in_a_bare_process(folder, pixels, *arguments):
    """What models give that are loaded without this project: name -> embeddings."""
    np.savez(folder / "pixels.npz", pixels=pixels)
    files = [folder / "embeddings.npz", folder / "pixels.npz"]
    script = Path(__file__).with_name("bare_process.py")
    run = subprocess.run(
        [sys.executable, "-I", script, *files, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return dict(np.load(files[0]))


def test_the_delivered_models_load_without_this_project_and_embed_as_the_served_one(
    trained, tmp_path
):
    outputs, tracking, _ = trained
    pixels = np.stack([np.asarray(draw_face(person, 0, size=(32, 32))) for person in range(4)])
    served = tf.saved_model.load(f"{outputs['model'].uri}/Format-Serving")
    expected = served.signatures[PIXELS_SIGNATURE](pixels=tf.constant(pixels))[EMBEDDING_KEY]
    client = MlflowClient(tracking.uri)
    experiment = client.get_experiment_by_name("faces")
    (logged,) = client.search_logged_models([experiment.experiment_id])
    embeddings = in_a_bare_process(
        tmp_path,
        pixels,
        Path(outputs["model_run"].uri) / MODEL_NAME,
        tracking.uri,
        f"models:/{logged.model_id}",
    )
    assert set(embeddings) == {"keras", "mlflow", "pyfunc"}
    for name, values in embeddings.items():
        np.testing.assert_allclose(values, expected, atol=1e-5, err_msg=name)


def test_mlflow_has_the_parameters_and_a_point_an_epoch(trained):
    outputs, tracking, _ = trained
    run_id = tracked_run(outputs).run_id
    client = MlflowClient(tracking.uri)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["training.epochs"] == "2"
    assert run.data.params["model.arcface_margin"] == "0.5"
    for metric in ("loss", "val_loss", "accuracy", "val_accuracy"):
        steps = [point.step for point in client.get_metric_history(run_id, metric)]
        assert steps == [1, 2]
    experiment = client.get_experiment_by_name("faces")
    assert len(client.search_logged_models([experiment.experiment_id])) == 1


def test_mlflow_has_what_the_run_comes_from(trained):
    outputs, tracking, _ = trained
    run_id = tracked_run(outputs).run_id
    client = MlflowClient(tracking.uri)
    run = client.get_run(run_id)
    assert run.data.params["data.credit"] == "drawn"
    assert len(run.data.tags["arcface_pipeline.data_digest"]) == 64
    assert run.data.tags["arcface_pipeline.tensorflow"] == tf.__version__
    assert "system/cpu_utilization_percentage" in run.data.metrics
    assert {"configuration.json", "environment.json", "checkpoints"} == {
        file.path for file in client.list_artifacts(run_id)
    }
    (kept,) = (file for file in client.list_artifacts(run_id, "checkpoints") if "best" in file.path)
    best = Path(outputs["model_run"].uri) / MODEL_NAME
    assert kept.file_size == best.stat().st_size
    configuration = client.download_artifacts(run_id, "configuration.json")
    settings = load_config(Path(configuration))
    assert settings.training.epochs == 2  # as trained, whatever the pipeline was given
    assert settings.data.credit == "drawn"


def test_the_duration_and_then_every_epoch_are_reported(trained):
    _, _, steps = trained
    told = [(step.unit, step.done, step.total) for step in steps]
    assert told == [("epochs", 0, 2), ("epochs", 1, 2), ("epochs", 1, 2)]
    assert "steps" in steps[0].note
    assert "val_loss" in steps[1].note


def placed(folder, **training):
    """A short training that keeps its state and its logs in folders of its own."""
    places = {"checkpoint_dir": folder / "state", "log_dir": folder / "logs"}
    return SHORT_TRAINING.model_copy(update={**places, **training})


def test_folders_named_in_the_configuration_are_used(transformed, tmp_path, monkeypatch):
    kept, remove = [], Checkpoints.remove

    def look_and_remove(self):
        self.wait()
        kept.extend(path.parent.name for path in tmp_path.glob("state/training-*/*/state.json"))
        remove(self)

    monkeypatch.setattr(Checkpoints, "remove", look_and_remove)
    run_trainer(transformed, tmp_path, training=placed(tmp_path, epochs=1))
    assert len(kept) == 1
    assert not list((tmp_path / "state").iterdir())  # the training is complete
    assert list((tmp_path / "logs").rglob("events.out.*"))


def test_an_attempt_after_one_that_failed_goes_on_from_what_that_had_done(
    transformed, tmp_path, monkeypatch
):
    def fail(*_):
        raise OSError("no space left")

    training = placed(tmp_path, early_stopping_patience="auto", batch_size="auto")
    with monkeypatch.context() as patched:
        patched.setattr(ServingModule, "save", fail)
        with pytest.raises(OSError, match="no space left"):
            run_trainer(transformed, tmp_path / "first", training=training)
    steps = []
    progress.listen(steps.append)
    try:
        outputs = run_trainer(transformed, tmp_path / "second", training=training)
    finally:
        progress.unlisten(steps.append)
    assert [(step.done, step.total, step.note) for step in steps] == [(2, 2, "done before")]
    history = Path(outputs["model_run"].uri) / "history.json"
    assert len(json.loads(history.read_text(encoding="utf-8"))["loss"]) == 2
    assert (Path(outputs["model"].uri) / "Format-Serving/saved_model.pb").exists()


def test_a_tracking_server_that_is_down_does_not_cost_the_model(transformed, tmp_path):
    tracking = TrackingStore("http://127.0.0.1:9", "faces")
    outputs = run_trainer(transformed, tmp_path, tracking=tracking)
    assert (Path(outputs["model"].uri) / "Format-Serving/saved_model.pb").exists()
    assert tracked_run(outputs).run_id is None
    assert tracked_run(outputs).failure
    (kept,) = outboxes_below(Path(outputs["model_run"].uri))
    assert sorted({point.step for point in kept.points()}) == [1, 2]
    assert {item.kind for item in kept.items} >= {outbox.PARAMS, outbox.MODEL, outbox.STATUS}


def test_a_training_that_diverges_says_when_and_fails_its_run(transformed, tmp_path, monkeypatch):
    # No rate that the configuration lets through is sure to diverge on these faces.
    training = SHORT_TRAINING.model_copy(update={"initial_lr": 1e30})
    settings = TrainerSettings(model=SMALL_MODEL, training=training, seed=1)
    monkeypatch.setattr(TrainerSettings, "model_validate", lambda _: settings)
    tracking = TrackingStore(
        f"sqlite:///{tmp_path}/mlflow.db", "faces", (tmp_path / "mlflow").as_uri()
    )
    with pytest.raises(UserError, match=r"diverged: .* in epoch 1"):
        run_trainer(transformed, tmp_path, training=training, tracking=tracking)
    client = MlflowClient(tracking.uri)
    experiment = client.get_experiment_by_name("faces")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"


def test_a_worker_that_is_not_the_chief_writes_nothing_and_says_who_has_the_model(
    transformed, tmp_path, monkeypatch
):
    cluster = {
        "cluster": {"worker": ["10.0.0.1:1", "10.0.0.2:1"]},
        "task": {"type": "worker", "index": 1},
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    monkeypatch.setattr(devices, "_strategy_of_workers", tf.distribute.get_strategy)
    monkeypatch.setattr(devices, "_sum_of_workers", lambda number: number)
    tracking = TrackingStore(f"sqlite:///{tmp_path}/mlflow.db", "faces")
    with pytest.raises(DeviceError, match="the chief has the model"):
        run_trainer(transformed, tmp_path, tracking=tracking)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
