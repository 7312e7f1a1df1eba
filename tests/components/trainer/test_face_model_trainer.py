"""Training on tiny images: what comes out, and which data are refused."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from components.trainer.face_model_trainer import FaceModelTrainer, TrainingResult

from components.trainer.callbacks import CHECKPOINT_NAME, ProgressReporter, TrainingDiverged
from components.trainer.config import ModelConfig, TrainingConfig
from components.trainer.data import TrainingDataError

MODEL = ModelConfig(input_shape=[32, 32, 1], embedding_dim=8, dropout_rate=0.0, arcface_scale=16.0)


def patterns(images_per_class: int = 6, num_classes: int = 3, seed: int = 0):
    """Noisy images of a few patterns, easy to tell apart: uint8 pixels and labels."""
    bases = np.random.default_rng(99).integers(0, 200, (num_classes, 32, 32, 1))
    labels = np.tile(np.arange(num_classes), images_per_class)
    noise = np.random.default_rng(seed).integers(0, 55, (len(labels), 32, 32, 1))
    return (bases[labels] + noise).astype(np.uint8), labels


def dataset(pixels, labels) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((pixels, labels)).shuffle(100, seed=3)


def trainer(epochs: int = 2, **training) -> FaceModelTrainer:
    defaults = {"batch_size": 6, "epochs": epochs, "initial_lr": 0.01, "augment": False}
    return FaceModelTrainer(MODEL, TrainingConfig(**{**defaults, **training}), seed=1)


@dataclass
class Trained:
    """One training that several tests look at."""

    result: TrainingResult
    checkpoint_dir: Path
    progress: list[tuple[int, int]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Trained:
    checkpoint_dir = tmp_path_factory.mktemp("checkpoint")
    progress = []
    result = trainer(epochs=6, augment=True).train(
        dataset(*patterns()),
        dataset(*patterns(2, seed=1)),
        num_classes=3,
        checkpoint_dir=checkpoint_dir,
        callbacks=[ProgressReporter(lambda done, total, logs: progress.append((done, total)))],
    )
    return Trained(result, checkpoint_dir, progress)


def test_training_tells_the_classes_apart(trained):
    history = trained.result.history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}
    assert history["accuracy"][-1] > 0.7
    assert history["loss"][-1] < history["loss"][0]


def test_validation_loss_chooses_the_best_epoch(trained):
    assert trained.result.monitor == "val_loss"
    assert trained.result.best_epoch == np.argmin(trained.result.history["val_loss"]) + 1


def test_result_has_the_weights_of_the_best_epoch(trained):
    checkpoint = keras.saving.load_model(trained.checkpoint_dir / CHECKPOINT_NAME)
    expected = checkpoint.get_layer("face_embedding_model").get_weights()
    weights = trained.result.embedding_model.get_layer("face_embedding_model").get_weights()
    for weight, best in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(weight, best)


def test_only_images_to_train_on_are_changed(monkeypatch):
    brightest = []

    def augment(pixels, *_):
        tf.py_function(lambda batch: brightest.append(batch.numpy().max()), [pixels], [])
        return tf.cast(pixels, tf.float32)

    monkeypatch.setattr("components.trainer.data.augment", augment)
    pixels, labels = patterns()
    result = trainer(augment=True).train(
        dataset(np.minimum(pixels, 200), labels),
        dataset(np.full_like(pixels, 201), labels),
        num_classes=3,
    )
    assert "val_loss" in result.history
    assert max(brightest) == 200


def test_callbacks_see_every_epoch(trained):
    assert trained.progress == [(epoch, 6) for epoch in range(1, 7)]


def test_same_seed_gives_the_same_embeddings():
    pixels, labels = patterns()
    first, second = (
        trainer(augment=True).train(dataset(pixels, labels), None, num_classes=3) for _ in range(2)
    )
    np.testing.assert_allclose(first.history["loss"], second.history["loss"], rtol=1e-5)
    np.testing.assert_allclose(
        first.embedding_model(pixels), second.embedding_model(pixels), atol=1e-4
    )


def test_without_validation_images_the_training_loss_is_monitored():
    no_images = dataset(*patterns()).take(0)
    result = trainer(epochs=1).train(dataset(*patterns()), no_images, num_classes=3)
    assert result.monitor == "loss"
    assert "val_loss" not in result.history


def test_fewer_images_than_a_batch_and_no_validation_split_are_enough():
    result = trainer(batch_size=64).train(dataset(*patterns(1)), None, num_classes=3)
    assert np.isfinite(result.history["loss"]).all()


def test_one_image_left_over_after_the_batches_does_no_harm():
    pixels, labels = patterns()
    result = trainer(epochs=3).train(dataset(pixels[:13], labels[:13]), None, num_classes=3)
    assert np.isfinite(result.history["loss"]).all()


def test_diverging_training_is_an_error_that_names_the_epoch():
    # No rate that the configuration lets through is sure to diverge on these patterns.
    config = TrainingConfig(batch_size=6, epochs=5).model_copy(update={"initial_lr": 1e30})
    with pytest.raises(TrainingDiverged, match=r"epoch \d+, batch \d+"):
        FaceModelTrainer(MODEL, config).train(dataset(*patterns()), None, num_classes=3)


def test_model_trained_in_mixed_precision_computes_in_float32():
    result = trainer(epochs=1, mixed_precision=True).train(
        dataset(*patterns()), None, num_classes=3
    )
    assert result.precision == "mixed_float16"
    layers = result.embedding_model._flatten_layers()
    assert {layer.compute_dtype for layer in layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "no images"),
        ([1, 1, 1], "at least 2 identities"),
        ([0, 1, 2], r"in \[0, 2\). Received: 0 to 2"),
        ([0, 1, -1], r"in \[0, 2\). Received: -1 to 1"),
    ],
)
def test_labels_no_model_can_be_trained_on_are_refused(labels, message):
    pixels = np.zeros((len(labels), 32, 32, 1), np.uint8)
    data = tf.data.Dataset.from_tensor_slices((pixels, np.array(labels, np.int64)))
    with pytest.raises(TrainingDataError, match=message):
        trainer().train(data, None, num_classes=2)
