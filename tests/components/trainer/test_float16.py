"""A training in float16: the loss is scaled, and a step whose gradient overflows is left out."""

import keras
import numpy as np
import pytest

from benchmarks.resume import PEOPLE, SETTINGS, drawn_images
from components.trainer.config import TrainerSettings
from components.trainer.data import TrainingImages
from components.trainer.training import train

OVERFLOWING = 1


class Watch(keras.callbacks.Callback):
    """Gives one step a scale that overflows, and notes which steps move the weights.

    Attributes:
      moved: of each step, whether any weight moved.
      finite: of each step, whether all weights are numbers.
      scale: that the overflowing step has left.
    """

    def __init__(self):
        super().__init__()
        self.moved, self.finite = [], []
        self.scale = None

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.dynamic_scale.assign(2.0**127 if batch == OVERFLOWING else 16.0)
        self._before = self._weights()

    def on_train_batch_end(self, batch, logs=None):
        now = self._weights()
        self.moved.append(not np.array_equal(now, self._before))
        self.finite.append(bool(np.isfinite(now).all()))
        if batch == OVERFLOWING:
            self.scale = float(self.model.optimizer.dynamic_scale)

    def _weights(self):
        return np.concatenate([np.ravel(v) for v in self.model.trainable_variables])


@pytest.fixture(scope="module")
def trained():
    """A training of one epoch, of 6 steps."""
    settings = TrainerSettings.model_validate(
        SETTINGS.model_dump()
        | {"training": {"batch_size": 8, "epochs": 1, "mixed_precision": "float16"}}
    )
    images = TrainingImages.of(drawn_images(), PEOPLE, settings.training, settings.seed)
    watch = Watch()
    return train(settings, images, num_classes=PEOPLE, callbacks=[watch]), watch


def test_all_steps_but_the_overflowing_one_move_the_weights(trained):
    _, watch = trained
    assert watch.moved == [step != OVERFLOWING for step in range(6)]
    assert all(watch.finite)


def test_the_overflowing_step_halves_the_scale(trained):
    _, watch = trained
    assert watch.scale == 2.0**126


def test_the_model_that_is_delivered_computes_in_float32(trained):
    result, _ = trained
    assert result.precision == "mixed_float16"
    assert np.isfinite(result.history["loss"]).all()
    assert result.embedding_model.dtype_policy.name == "float32"
    assert {weight.dtype.name for weight in result.embedding_model.get_weights()} == {"float32"}
