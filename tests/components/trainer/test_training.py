"""A training on tiny images: what comes out, what chooses it, and what is refused."""

from dataclasses import dataclass, field

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.auto import DataFacts
from components.trainer.callbacks import ProgressReporter, TrainingDiverged
from components.trainer.data import TrainingDataError
from components.trainer.settling import settled
from components.trainer.training import TrainingResult, time_of_a_step, train
from components.trainer.validation import ValidationImages
from tests.components.trainer.small import PEOPLE, images_for, patterns, small_settings


class Weights(keras.callbacks.Callback):
    """Keeps the model's weights as they are after each epoch, and those it trains after each step.

    Put after early stopping, it sees in an epoch what early stopping keeps.
    """

    def __init__(self):
        super().__init__()
        self.of_epochs, self.of_steps = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.of_steps.append([np.array(weight) for weight in self.model.trainable_variables])

    def on_epoch_end(self, epoch, logs=None):
        self.of_epochs.append(self.model.get_weights())


@dataclass
class Trained:
    """One training that several tests look at."""

    result: TrainingResult
    weights: Weights
    progress: list[tuple[int, int]] = field(default_factory=list)


def delivered_weights(result):
    return result.embedding_model.get_layer("face_embedding_model").get_weights()


def held_out() -> ValidationImages:
    """Six images of the people of `patterns`."""
    return ValidationImages.of(*patterns(2, seed=1), batch_size=4)


def train_small(
    held_out=None, images=None, callbacks=(), model=None, *, people=(), log_dir=None, **training
):
    """Trains, two epochs where nothing else is said."""
    settings = small_settings(model, **training)
    return train(
        settings,
        images_for(settings, images),
        held_out or ValidationImages(),
        num_classes=PEOPLE,
        callbacks=callbacks,
        people=people,
        log_dir=log_dir,
    )


@pytest.fixture(scope="module")
def trained() -> Trained:
    weights, progress = Weights(), []
    reporter = ProgressReporter(lambda done, total, figures: progress.append((done, total)))
    result = train_small(held_out(), epochs=6, initial_lr=0.003, callbacks=[weights, reporter])
    return Trained(result, weights, progress)


def test_training_tells_the_people_apart(trained):
    history = trained.result.history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"}
    assert history["accuracy"][-1] > 0.7
    assert history["loss"][-1] < history["loss"][0]


def test_validation_loss_chooses_the_best_epoch(trained):
    assert trained.result.monitor == "val_loss"
    assert trained.result.best_epoch == np.argmin(trained.result.history["val_loss"]) + 1


def test_result_has_the_weights_of_the_best_epoch(trained):
    best = trained.weights.of_epochs[trained.result.best_epoch - 1]
    for weight, expected in zip(delivered_weights(trained.result), best, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_callbacks_see_every_epoch(trained):
    assert trained.progress == [(epoch, 6) for epoch in range(1, 7)]


def test_only_images_to_train_on_are_changed(monkeypatch, tiny_backbone):
    brightest = []

    def augment(pixels, *_):
        tf.py_function(lambda batch: brightest.append(batch.numpy().max()), [pixels], [])
        return tf.cast(pixels, tf.float32)

    monkeypatch.setattr("components.trainer.data.augment", augment)
    pixels, labels = patterns()
    brighter = ValidationImages.of(np.full_like(pixels, 201), labels, batch_size=6)
    result = train_small(brighter, (np.minimum(pixels, 200), labels), augment=True)
    assert "val_loss" in result.history
    assert max(brightest) == 200


def test_same_seed_gives_the_same_weights_and_history(tiny_backbone):
    first, second = (
        train_small(augment=True, model={"dropout_rate": 0.3, "embedding_dim": 4}) for _ in range(2)
    )
    assert first.history == second.history
    for one, other in zip(delivered_weights(first), delivered_weights(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_validation_images_the_training_loss_is_monitored(tiny_backbone):
    result = train_small()
    assert result.monitor == "loss"
    assert set(result.history) == {"loss", "accuracy", "learning_rate"}


@pytest.mark.parametrize("number", [3, 13])
def test_fewer_images_than_a_batch_or_one_left_over_do_no_harm(number, tiny_backbone):
    pixels, labels = patterns()
    result = train_small(images=(pixels[:number], labels[:number]))
    assert np.isfinite(result.history["loss"]).all()


def test_batches_of_one_image_train(tiny_backbone):
    result = train_small(batch_size=1, epochs=1)
    assert np.isfinite(result.history["loss"]).all()


def test_diverging_training_is_an_error_that_names_the_epoch(tiny_backbone):
    # No rate that the configuration lets through is sure to diverge on these patterns.
    settings = small_settings(epochs=5)
    training = settings.training.model_copy(update={"initial_lr": 1e30})
    settings = settings.model_copy(update={"training": training})
    with pytest.raises(TrainingDiverged, match=r"epoch \d+, batch \d+"):
        train(settings, images_for(settings), num_classes=PEOPLE)


def test_model_trained_in_mixed_precision_computes_in_float32(tiny_backbone):
    result = train_small(epochs=1, mixed_precision="float16")
    assert result.precision == "mixed_float16"
    layers = result.embedding_model._flatten_layers()
    assert {layer.compute_dtype for layer in layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_averaged_weights_are_judged_and_delivered_and_the_others_trained_on(tiny_backbone):
    weights = Weights()
    result = train_small(ema=0.5, epochs=2, monitor="loss", callbacks=[weights])
    average = weights.of_steps[0]
    averages = []
    for after_step in weights.of_steps:
        pairs = zip(average, after_step, strict=True)
        average = [0.5 * before + 0.5 * now for before, now in pairs]
        averages.append(average)
    steps = len(averages) // 2
    expected = averages[steps * result.best_epoch - 1]
    layer = result.embedding_model.get_layer("face_embedding_model")
    for weight, mean in zip(layer.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(weight, mean, atol=1e-6)


def test_accumulated_batches_make_one_step_of_the_optimiser(tiny_backbone):
    weights = Weights()
    train_small(accumulate=3, epochs=2, callbacks=[weights])
    moved = [
        any((now != before).any() for now, before in zip(after, earlier, strict=True))
        for earlier, after in zip(weights.of_steps[:-1], weights.of_steps[1:], strict=True)
    ]
    assert moved == [False, True, False, False, True]


@pytest.mark.parametrize(
    "model",
    [
        {"loss": "cosface"},
        {"loss": "softmax", "partial_fc": 0.5},
        {"loss": "combined", "sub_centres": 2},
        {"loss": "adaface", "partial_fc": 0.7, "sub_centres": 2},
    ],
)
def test_losses_and_heads_are_chosen_by_name(model, tiny_backbone):
    settings = small_settings(model, batch_size=4, epochs=4, optimizer="sgd", initial_lr=0.05)
    images = images_for(settings, patterns(4, people=8), people=8)
    result = train(settings, images, ValidationImages(), num_classes=8)
    assert result.history["loss"][-1] < result.history["loss"][0]


def test_a_training_starts_from_the_weights_of_a_file(trained, tmp_path):
    trained.result.embedding_model.save(tmp_path / "best.keras")
    result = train_small(
        epochs=1,
        optimizer="sgd",
        initial_lr=1e-9,
        model={"weights": str(tmp_path / "best.keras"), "l2_reg": 0.0},
    )
    layers = (r.embedding_model.get_layer("face_embedding_model") for r in (result, trained.result))
    for weight, first in zip(*(layer.trainable_variables for layer in layers), strict=True):
        np.testing.assert_allclose(weight, first, atol=1e-6)


def test_while_the_margin_rises_the_loss_of_no_epoch_is_the_best(tiny_backbone):
    result = train_small(epochs=3, margin_warmup=1.5)
    assert result.best_epoch == 3


def test_a_margin_that_rises_into_the_last_epoch_leaves_that_one(tiny_backbone):
    assert train_small(epochs=2, margin_warmup=1.5).best_epoch == 2


@pytest.mark.parametrize(
    ("monitor", "key"),
    [
        ("val_loss", "data.val_split"),
        ("val_accuracy", "data.val_split"),
        ("val_eer", "data.val_people"),
        ("val_tar", "data.val_people"),
    ],
)
def test_a_monitor_that_nothing_is_held_out_for_is_refused(monitor, key):
    with pytest.raises(TrainingDataError, match=f"training.monitor {monitor} .* raise {key}"):
        train_small(monitor=monitor)


def strangers(images: int, people: int) -> ValidationImages:
    pixels = np.zeros((images, 32, 32, 1), np.uint8)
    names = np.array([f"person {image % people}" for image in range(images)])
    return ValidationImages(strangers=tf.data.Dataset.from_tensor_slices((pixels, names)).batch(4))


def test_a_monitor_that_needs_more_pairs_than_there_are_is_refused():
    with pytest.raises(TrainingDataError, match=r"val_tar .* raise data.val_people"):
        train_small(strangers(6, people=3), monitor="val_tar")


def test_strangers_choose_the_best_epoch_where_nobody_else_is_held_out(tiny_backbone):
    result = train_small(strangers(6, people=3), epochs=1)
    assert result.monitor == "val_eer"
    assert set(result.history) == {"loss", "accuracy", "val_eer", "learning_rate"}


def test_strangers_who_are_not_looked_at_in_each_epoch_do_not_choose(tiny_backbone):
    result = train_small(strangers(6, people=3), epochs=2, validate_every=2)
    assert result.monitor == "loss"
    assert len(result.history["val_eer"]) == 1


def test_what_the_data_choose_is_settled_and_said(caplog):
    caplog.set_level("INFO")
    settings = small_settings(epochs="auto", batch_size="auto", initial_lr="auto")
    chosen = settled(settings, DataFacts(PEOPLE, images=300)).training
    assert "auto" not in {chosen.epochs, chosen.batch_size, chosen.initial_lr}
    assert "epochs" in caplog.text


def test_the_time_of_a_step_is_measured_before_a_training(tiny_backbone):
    settings = small_settings()
    assert 0.0 < time_of_a_step(settings, images_for(settings), PEOPLE) < 60.0


def test_copies_of_training_images_that_judge_the_training_are_told(caplog):
    train_small(ValidationImages.of(*patterns(), batch_size=4), epochs=1)
    assert "validation images are in training: 18 of 18 are the same" in caplog.text


def test_a_stranger_who_is_trained_on_is_told(caplog):
    pixels, _ = patterns(2, seed=1)
    names = np.array(["ann", "bob", "cy"] * 2)
    known = patterns(2, seed=2)
    held_out = ValidationImages.of(*known, batch_size=4, strangers=(pixels, names))
    train_small(held_out, epochs=1, people=["bob", "dan", "eve"])
    assert "validation people are in training: 1 of 3, 'bob'" in caplog.text


def test_what_the_doctor_sees_goes_to_tensorboard(tmp_path):
    train_small(epochs=4, log_dir=tmp_path)
    (file,) = (tmp_path / "steps").iterdir()
    events = tf.compat.v1.train.summary_iterator(str(file))
    seen = {value.tag: event.step for event in events for value in event.summary.value}
    assert seen["angle_own"] == 10
