"""A training from Python alone, on a few drawn faces."""

import json
import logging
from dataclasses import dataclass

import keras
import numpy as np
import pytest
import tensorflow as tf
from mlflow import MlflowClient

from components.trainer import devices
from components.trainer.callbacks import MODEL_NAME
from components.trainer.training import TrainingResult
from components.trainer.weights import read_weights
from pipeline.face_model_trainer import (
    SAVED_MODEL,
    WEIGHTS_NAME,
    CallbacksError,
    FaceModelTrainer,
)
from serving.embedder import Embedder
from tests.conftest import write_faces
from tests.fast_tier import needs

SMALL = """
data: {val_split: 0.2}
model: {input_shape: [32, 32, 3], embedding_dim: 16, arcface_scale: auto}
training: {batch_size: 8, epochs: 2}
"""


class Counting(keras.callbacks.Callback):
    """Counts the epochs."""

    def __init__(self):
        super().__init__()
        self.epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1


class Failing(keras.callbacks.Callback):
    """Fails before the first step."""

    def on_train_begin(self, logs=None):
        raise ZeroDivisionError


@dataclass
class Trained:
    """One training that several tests look at."""

    trainer: FaceModelTrainer
    result: TrainingResult
    own: Counting
    log: list[str]


def new_trainer(folder, *overrides):
    (folder / "small.yaml").write_text(SMALL, encoding="utf-8")
    return FaceModelTrainer(
        folder / "small.yaml",
        "from-python",
        output_dir=folder / "out",
        overrides=[f"data.input_dir={folder / 'faces'}", *overrides],
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    write_faces(home / "faces", people=8, shots=5)
    (home / "faces/person00/notes.png").write_bytes(b"no image")
    return home


@pytest.fixture(scope="module")
def trained(home):
    trainer, own, log = new_trainer(home), Counting(), []
    heard = logging.Handler()
    heard.emit = lambda record: log.append(record.getMessage())
    logging.getLogger("pipeline").addHandler(heard)
    result = trainer.train([*trainer.get_callbacks(), own])
    logging.getLogger("pipeline").removeHandler(heard)
    return Trained(trainer, result, own, log)


def run_of(trainer):
    client = MlflowClient(f"sqlite:///{trainer.output_dir / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("from-python")
    (run, *_) = client.search_runs([experiment.experiment_id])  # the latest first
    return client, run


def test_it_needs_no_pipeline():
    assert needs("pipeline.face_model_trainer") == {"keras", "mlflow", "tensorflow"}


def test_images_that_cannot_be_used_are_counted_by_reason(trained):
    assert "1 of 41 files are not used: 1 x not an image" in trained.log


def test_the_training_images_and_those_held_out_are_apart(trained):
    images, held_out = trained.trainer.prepare_data()
    splits = trained.trainer.faces.splits
    assert len(images.labels) == len(splits["train"].keys)
    assert held_out.num_known == len(splits["val"].keys)
    assert set(splits["test"].identities).isdisjoint(splits["train"].identities)


def test_the_result_has_the_figures_of_each_epoch(trained):
    history = trained.result.history
    assert {name: len(values) for name, values in history.items()} == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"), 2
    )
    assert trained.result.monitor == "val_loss"


def test_callbacks_are_those_of_keras(trained):
    for kind in ("EarlyStopping", "ReduceLROnPlateau", "TensorBoard", "ModelCheckpoint"):
        callbacks = trained.trainer.get_callbacks()
        assert any(isinstance(one, getattr(keras.callbacks, kind)) for one in callbacks), kind


def test_a_callback_of_ones_own_is_called(trained):
    assert trained.own.epochs == 2


def test_the_model_is_saved_for_keras_and_for_image_files(trained):
    folder, test = trained.trainer.output_dir, trained.trainer.faces.splits["test"]
    expected = trained.result.embedding_model(test.pixels)
    model = keras.saving.load_model(folder / MODEL_NAME)
    np.testing.assert_allclose(model(test.pixels), expected, atol=1e-6)
    embedder = Embedder(folder / SAVED_MODEL)
    for key, embedding in zip(test.keys, expected, strict=True):
        path = trained.trainer.config.data.input_dir / key
        seen = embedder.see(path, path.read_bytes())
        np.testing.assert_allclose(seen.embedding, embedding, atol=1e-5)


def test_the_weights_of_the_best_epoch_are_kept_for_a_later_training(trained):
    saved = read_weights(trained.trainer.output_dir / WEIGHTS_NAME)
    delivered = read_weights(trained.trainer.output_dir / MODEL_NAME)
    assert saved.keys() >= delivered.keys() != set()
    for name, weights in delivered.items():
        for weight, best in zip(weights, saved[name], strict=True):
            np.testing.assert_array_equal(weight, best)


def test_the_training_is_tracked_under_its_experiment(trained):
    client, run = run_of(trained.trainer)
    assert run.info.status == "FINISHED"
    assert run.data.params["training.epochs"] == "2"
    assert float(run.data.params["model.arcface_scale"]) > 0  # not "auto"
    points = client.get_metric_history(run.info.run_id, "val_loss")
    assert [point.value for point in points] == trained.result.history["val_loss"]
    fingerprint = trained.trainer.faces.fingerprint
    assert run.data.tags["arcface_pipeline.source_fingerprint"] == fingerprint
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files >= {"configuration.json", "environment.json"}
    assert client.search_logged_models([run.info.experiment_id])


def test_callbacks_that_do_not_restore_the_best_epoch_are_refused(trained):
    with pytest.raises(CallbacksError, match="restores the best weights by val_loss"):
        trained.trainer.train([Counting()])
    other = keras.callbacks.EarlyStopping(monitor="loss", restore_best_weights=True)
    with pytest.raises(CallbacksError, match="get_callbacks"):
        trained.trainer.train([other])


def test_a_training_that_fails_is_tracked_as_failed(trained):
    with pytest.raises(ZeroDivisionError):
        trained.trainer.train([*trained.trainer.get_callbacks(), Failing()])
    _, run = run_of(trained.trainer)
    assert run.info.status == "FAILED"


def test_nothing_is_tracked_where_the_configuration_says_so(home, tmp_path):
    trainer = new_trainer(home, "tracking.enabled=false")
    trainer.output_dir = tmp_path / "out"
    with pytest.raises(ZeroDivisionError):
        trainer.train([*trainer.get_callbacks(), Failing()])
    assert not (tmp_path / "out/mlflow.db").exists()


def test_a_worker_that_is_not_the_chief_trains_and_writes_nothing(home, monkeypatch):
    cluster = {
        "cluster": {"worker": ["10.0.0.1:1", "10.0.0.2:1"]},
        "task": {"type": "worker", "index": 1},
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    monkeypatch.setattr(devices, "_strategy_of_workers", tf.distribute.get_strategy)
    monkeypatch.setattr(devices, "_sum_of_workers", lambda number: number)
    trainer = new_trainer(home, "training.epochs=1")
    trainer.output_dir = home / "of-another-worker"
    assert len(trainer.train().history["loss"]) == 1
    assert not [path for path in trainer.output_dir.rglob("*") if path.is_file()]
