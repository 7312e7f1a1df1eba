"""The callbacks of a training: Keras' own, and the two that Keras lacks."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from components.trainer.config import MONITORS, TrainingConfig
from groundfloor.errors import UserError

# The embedding model of the best epoch, which loads wherever Keras does.
MODEL_NAME = "best.keras"


class TrainingDiverged(UserError):
    """A loss, a metric or a weight is no longer a finite number; the message says where."""


def diverged(sign: str) -> TrainingDiverged:
    """The error, with its remedy.

    Args:
      sign: what was seen, and where.
    """
    return TrainingDiverged(
        f"the training diverged: {sign}. Lower training.initial_lr or model.arcface_scale, or turn "
        "off training.mixed_precision."
    )


class StopOnNonFinite(keras.callbacks.Callback):
    """Stops the training with an error as soon as a loss or a metric is NaN or infinite.

    `keras.callbacks.TerminateOnNaN` does not name the epoch, and looks neither at the metrics nor
    at the validation. Put this one first: then no later callback saves the broken weights.

    Raises:
      TrainingDiverged: in `fit`, naming the epoch and the batch, both counted from 1.
    """

    def __init__(self):
        super().__init__()
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Checks the running means of the epoch."""
        self._check(logs, f"epoch {self._epoch + 1}, batch {batch + 1}")

    def on_epoch_end(self, epoch, logs=None):
        """Checks the validation's figures."""
        self._check(logs, f"epoch {epoch + 1}")

    def _check(self, logs: dict | None, where: str) -> None:
        for name, value in (logs or {}).items():
            if not math.isfinite(value):
                raise diverged(f"{name} is {value} in {where}")


class ProgressReporter(keras.callbacks.Callback):
    """Tells a function how far the training is, after each epoch.

    Args:
      report: called with the epochs done, the epochs at most (early stopping may end before), and
        the epoch's figures by name.
      went_on: called with the epochs done where a training goes on from a checkpoint.
    """

    def __init__(
        self,
        report: Callable[[int, int, dict[str, float]], None],
        went_on: Callable[[int], None] = lambda done: None,
    ):
        super().__init__()
        self._report = report
        self._went_on = went_on
        self._done = 0

    def on_epoch_end(self, epoch, logs=None):
        """Reports."""
        self._done = epoch + 1
        self._report(self._done, self.params["epochs"], dict(logs or {}))

    def state(self) -> dict[str, int]:
        """How far the training is."""
        return {"done": self._done}

    def restore(self, state: Mapping[str, int]) -> None:
        """Tells how far it was."""
        self._done = state["done"]
        self._went_on(self._done)


class _FromEpoch(keras.callbacks.Callback):
    """Before a callback of Keras that compares epochs: it sees them from one on.

    Args:
      start_from_epoch: counted from 0; the epochs before it cannot be compared.
      arguments: of Keras' own.
    """

    def __init__(self, *, start_from_epoch: int = 0, **arguments: Any):
        super().__init__(**arguments)
        self._start = start_from_epoch

    def on_epoch_end(self, epoch, logs=None):
        """Compares the epoch with the best one."""
        if epoch >= self._start:
            super().on_epoch_end(epoch, logs)


class ReduceLROnPlateau(_FromEpoch, keras.callbacks.ReduceLROnPlateau):
    """Keras' own, from an epoch on."""


class ModelCheckpoint(_FromEpoch, keras.callbacks.ModelCheckpoint):
    """Keras' own, from an epoch on."""


def first_comparable_epoch(config: TrainingConfig, monitor: str) -> int:
    """From which epoch on, counted from 0, a figure means the same in each.

    The loss of the training has the margin of its time in it; all others have the whole, or none.
    The last epoch has the margin nearest to the whole.
    """
    return min(math.ceil(config.margin_warmup), config.epochs - 1) if monitor == "loss" else 0


def build_callbacks(
    config: TrainingConfig, monitor: str, log_dir: Path | None = None
) -> list[keras.callbacks.Callback]:
    """The callbacks every training has.

    By itself the loss is monitored, not the accuracy: on a held-out image or two a person,
    `val_accuracy` reaches 1 early (on ORL after 15 of 60 epochs), while `val_loss`, which has the
    margin in it, still improves, and so do the embeddings.

    Args:
      config: the schedule, the patiences and the factor.
      monitor: what to hold the epochs against: a name in `MONITORS`.
      log_dir: where TensorBoard's logs go; None: no logs.
    """
    figure: dict[str, Any] = {
        "monitor": monitor,
        "mode": MONITORS[monitor],
        "start_from_epoch": first_comparable_epoch(config, monitor),
    }
    callbacks = [
        StopOnNonFinite(),
        keras.callbacks.EarlyStopping(
            **figure,
            patience=config.early_stopping_patience,
            restore_best_weights=True,
        ),
    ]
    if config.schedule == "plateau":
        callbacks.append(
            ReduceLROnPlateau(
                **figure,
                factor=config.reduce_lr_factor,
                patience=config.reduce_lr_patience,
            )
        )
    if log_dir is not None:
        callbacks.append(keras.callbacks.TensorBoard(str(log_dir), write_graph=False))
    return callbacks
