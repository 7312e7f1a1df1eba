"""The NaN guard, the progress reporter, and what Keras' callbacks do as they are set up here."""

import keras
import numpy as np
import pytest

from components.trainer.callbacks import (
    ProgressReporter,
    StopOnNonFinite,
    TrainingDiverged,
    build_callbacks,
    diverged,
    first_comparable_epoch,
)
from components.trainer.config import TrainingConfig

ONE = np.ones((4, 1), np.float32)


def scalar_model(weight: float = 1.0) -> keras.Model:
    """y = weight * x, trained on squared error."""
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, name="dense")]
    )
    model.set_weights([np.array([[weight]], np.float32)])
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    return model


class Poison(keras.callbacks.Callback):
    """Puts NaN into the weights before a batch of an epoch, both counted from 1."""

    def __init__(self, epoch: int, batch: int = 1):
        super().__init__()
        self._at = (epoch - 1, batch - 1)
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self._epoch, batch) == self._at:
            self.model.set_weights([np.array([[np.nan]], np.float32)])


class Weights(keras.callbacks.Callback):
    """Sets the weight at the end of each epoch's training, before the validation."""

    def __init__(self, weights: list[float]):
        super().__init__()
        self._weights = weights
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_test_begin(self, logs=None):
        weight = self._weights[self._epoch]
        self.model.set_weights([np.array([[weight]], np.float32)])


def fit_with_weights(weights, callbacks):
    """Trains a model whose validation loss after an epoch is that of the given weight."""
    model = scalar_model()
    history = model.fit(
        ONE,
        ONE,
        validation_data=(ONE, ONE),
        epochs=len(weights),
        callbacks=[Weights(weights), *callbacks],
        verbose=0,
    )
    return model, history.history


def test_nan_in_a_batch_stops_the_training_and_names_epoch_and_batch():
    with pytest.raises(TrainingDiverged, match="loss is nan in epoch 3, batch 2"):
        scalar_model().fit(
            ONE, ONE, batch_size=1, epochs=5, verbose=0, callbacks=[StopOnNonFinite(), Poison(3, 2)]
        )


def test_infinite_loss_stops_the_training():
    with pytest.raises(TrainingDiverged, match="loss is inf in epoch 1, batch 1"):
        scalar_model(weight=1e30).fit(ONE, ONE, verbose=0, callbacks=[StopOnNonFinite()])


def test_nan_in_the_validation_alone_stops_the_training():
    with pytest.raises(TrainingDiverged, match="val_loss is nan in epoch 2"):
        scalar_model().fit(
            ONE,
            ONE,
            validation_data=(ONE, ONE),
            epochs=3,
            verbose=0,
            callbacks=[StopOnNonFinite(), Weights([1.0, np.nan, 1.0])],
        )


def test_a_diverged_training_names_the_keys_to_turn():
    message = str(diverged("loss is nan in epoch 1"))
    assert message.startswith("the training diverged: loss is nan in epoch 1. Lower")
    for key in ("training.initial_lr", "model.arcface_scale", "training.mixed_precision"):
        assert key in message


def test_progress_is_reported_after_each_epoch():
    reports = []
    reporter = ProgressReporter(lambda done, total, logs: reports.append((done, total, set(logs))))
    scalar_model().fit(ONE, ONE, epochs=2, verbose=0, callbacks=[reporter])
    assert reports == [(1, 2, {"loss"}), (2, 2, {"loss"})]


@pytest.mark.parametrize(
    ("weights", "best"),
    [
        ([0.0, 0.9, 0.5, 0.4, 0.3], 0.9),  # patience runs out after epoch 4
        ([0.8, 0.5, 0.4], 0.8),  # the first epoch is the best
        ([0.0, 0.9, 0.5], 0.9),  # the epochs end before patience does
    ],
)
def test_early_stopping_restores_the_weights_of_the_best_epoch(weights, best):
    config = TrainingConfig(early_stopping_patience=2)
    model, history = fit_with_weights(weights, build_callbacks(config, "val_loss"))
    assert model.get_weights()[0] == pytest.approx(best)
    assert len(history["loss"]) == min(len(weights), weights.index(best) + 3)


def test_learning_rate_falls_when_the_validation_stops_improving():
    config = TrainingConfig(reduce_lr_patience=2, reduce_lr_factor=0.1)
    _, history = fit_with_weights([0.9, 0.5, 0.5, 0.5], build_callbacks(config, "val_loss"))
    assert history["learning_rate"] == pytest.approx([0.1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize(
    ("warmup", "monitor", "epoch"),
    [
        (0.0, "loss", 0),
        (2.0, "loss", 2),
        (1.5, "loss", 2),
        (3.5, "loss", 3),  # the last one: no loss has the whole margin in it
        (2.0, "val_loss", 0),  # always with the whole margin
        (2.0, "accuracy", 0),  # without
    ],
)
def test_a_loss_is_compared_from_the_epoch_on_that_has_the_whole_margin(warmup, monitor, epoch):
    config = TrainingConfig(epochs=4, margin_warmup=warmup)
    assert first_comparable_epoch(config, monitor) == epoch


def losses(values):
    """A callback that tells those after it other losses than were computed, one an epoch."""
    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(loss=values[epoch])
    )


def test_neither_rate_nor_best_epoch_is_judged_while_the_margin_rises():
    config = TrainingConfig(
        epochs=6,
        margin_warmup=2.0,
        early_stopping_patience=2,
        reduce_lr_patience=1,
        reduce_lr_factor=0.1,
    )
    stop, early, plateau = build_callbacks(config, "loss")
    rising = losses([0.1, 0.2, 0.5, 0.6, 0.6, 0.6])
    model = scalar_model()
    history = model.fit(
        ONE, ONE, epochs=6, verbose=0, callbacks=[stop, rising, early, plateau]
    ).history
    assert len(history["loss"]) == 5  # of the epochs from the third on, that is the best
    assert early.best_epoch == 2
    assert history["learning_rate"] == pytest.approx([0.1, 0.1, 0.01])  # from the third on, too


def test_only_a_plateau_moves_the_rate():
    kinds = {
        schedule: [type(callback).__name__ for callback in build_callbacks(config, "loss")]
        for schedule in ("plateau", "cosine", "constant")
        for config in [TrainingConfig(schedule=schedule)]
    }
    assert kinds["plateau"] == ["StopOnNonFinite", "EarlyStopping", "ReduceLROnPlateau"]
    assert kinds["cosine"] == kinds["constant"] == ["StopOnNonFinite", "EarlyStopping"]


def test_what_is_to_rise_is_best_where_it_is_highest():
    for monitor, mode in (("val_accuracy", "max"), ("val_tar", "max"), ("val_eer", "min")):
        _, early, plateau = build_callbacks(TrainingConfig(), monitor)
        assert (early.mode, plateau.mode) == (mode, mode)


def test_tensorboard_logs_are_written_where_asked(tmp_path):
    scalar_model().fit(
        ONE, ONE, verbose=0, callbacks=build_callbacks(TrainingConfig(), "loss", log_dir=tmp_path)
    )
    assert list(tmp_path.glob("train/events.out.tfevents.*"))
