"""The loop of a training: steps and epochs under Keras' callbacks, going on where it was stopped.

`keras.Model.fit` restores an epoch's number and no more, sees the whole head as one dense weight,
and does not run over several workers. So the loop is written out here. The optimisers, the layers
and the callbacks are Keras'.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import keras
import tensorflow as tf

from components.trainer.checkpoints import Checkpoint, Checkpoints
from components.trainer.classifier import Classifier
from components.trainer.devices import (
    batches_for_replicas,
    gets_summed_gradients,
    summed_over_replicas,
)
from components.trainer.interruption import Interruption, signals_put_off
from components.trainer.optim.optimizers import averaged
from components.trainer.optim.schedules import Schedule
from components.trainer.state import (
    assign_values,
    best_weights_of,
    memory_of,
    recall,
    recall_best_weights,
    values_of,
    variables_by_name,
)

_log = logging.getLogger(__name__)

Figures = dict[str, float]


class TrainingInterrupted(Exception):
    """The training was asked to end, and has kept its state."""


class Images(Protocol):
    """The training images, in an order that is a function of the step alone."""

    steps_per_epoch: int

    def batches(self, first_step: int, part: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """Endless batches (pixels [B, H, W, C], labels [B]) from a step on, counted from 0.

        Args:
          first_step: where to begin.
          part: (index, count): of each batch, this of so many equal parts.
        """


@dataclass
class Progress:
    """How far a training is.

    Attributes:
      step: steps done.
      history: figure -> its value in each epoch done.
    """

    step: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)

    def add(self, figures: Mapping[str, float]) -> None:
        """Appends an epoch's figures."""
        for name, value in figures.items():
            self.history.setdefault(name, []).append(float(value))


class TrainingLoop:
    """Trains a classifier, step by step.

    Args:
      classifier: what is trained.
      optimizer: of Keras; it moves the embedding model, and the head unless that moves itself.
      schedule: rate and share of the margin in each step.
      images: to train on.
      epochs: at most so many.
      validate: called after each epoch with its number, from 1; its figures join the epoch's.
      callbacks: of Keras. Their `model` is the embedding model, with `optimizer` and
        `stop_training`.
      checkpoints: where the state is kept, and found again; None: nowhere.
      checkpoint_steps: steps between two checkpoints, beside the one at the end of each epoch.
    """

    def __init__(
        self,
        classifier: Classifier,
        optimizer: keras.optimizers.Optimizer,
        schedule: Schedule,
        images: Images,
        *,
        epochs: int,
        validate: Callable[[int], Figures] | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        checkpoints: Checkpoints | None = None,
        checkpoint_steps: int | None = None,
    ):
        self._classifier = classifier
        self._optimizer = optimizer
        self._schedule = schedule
        self._images = images
        self._epochs = epochs
        self._validate = validate
        self._callbacks = list(callbacks)
        self._checkpoints = checkpoints
        self._checkpoint_steps = checkpoint_steps
        self._strategy = tf.distribute.get_strategy()
        self._means = {name: keras.metrics.Mean(name=name) for name in ("loss", "accuracy")}
        self._model = classifier.embedding_model
        self._model.optimizer = optimizer
        self._model.stop_training = False
        gets_summed_gradients(optimizer)
        optimizer.build(classifier.trainable_variables)
        self._step = tf.function(self._compiled_step)

    def run(self) -> dict[str, list[float]]:
        """Trains to the last epoch, or until a callback stops it.

        Returns:
          The history: figure -> its value in each epoch.

        Raises:
          TrainingInterrupted: the process was asked to end; the state is kept.
          CheckpointError: the state cannot be kept.
        """
        callbacks = keras.callbacks.CallbackList(
            self._callbacks, model=self._model, epochs=self._epochs
        )
        callbacks.on_train_begin()
        progress = self._resumed()
        with signals_put_off() as interruption:
            if not self._model.stop_training:
                self._train(progress, callbacks, interruption)
        callbacks.on_train_end()
        return progress.history

    def _train(
        self,
        progress: Progress,
        callbacks: keras.callbacks.CallbackList,
        interruption: Interruption,
    ) -> None:
        for pixels, labels in self._remaining_batches(progress.step):
            epoch, batch = divmod(progress.step, self._images.steps_per_epoch)
            if batch == 0:
                callbacks.on_epoch_begin(epoch)
                self._reset_means()
            callbacks.on_train_batch_begin(batch)
            self._do_step(progress.step, pixels, labels)
            progress.step += 1
            callbacks.on_train_batch_end(batch, self._figures())
            is_last = progress.step % self._images.steps_per_epoch == 0
            if is_last:
                self._end_epoch(epoch, progress, callbacks)
            if is_last or self._is_due(progress.step) or interruption.signal is not None:
                self._save(progress)
            if interruption.signal is not None:
                self._end_interrupted(progress)
            if self._model.stop_training:
                return

    def _remaining_batches(self, step: int) -> Iterator[tuple[Any, Any]]:
        remaining = self._epochs * self._images.steps_per_epoch - step
        return islice(iter(batches_for_replicas(self._strategy, self._images, step)), remaining)

    def _do_step(self, step: int, pixels: Any, labels: Any) -> None:
        rate = self._schedule.rate(step)
        if rate is not None:
            self._optimizer.learning_rate.assign(rate)
        self._classifier.loss.margin_share.assign(self._schedule.margin_share(step))
        self._step(pixels, labels, tf.constant(step, tf.int64))

    def _compiled_step(self, pixels: Any, labels: Any, step: tf.Tensor) -> None:
        """One step of the optimiser, from the batches of all replicas."""
        of_replicas = self._strategy.run(self._replica_step, args=(pixels, labels, step))
        loss, accuracy = tf.nest.map_structure(self._summed, of_replicas)
        self._means["loss"].update_state(loss)
        self._means["accuracy"].update_state(accuracy)

    def _replica_step(
        self, pixels: tf.Tensor, labels: tf.Tensor, step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """A step, and a replica's part of the loss and of the accuracy."""
        variables = self._classifier.trainable_variables
        with tf.GradientTape() as tape:
            batch = self._classifier.forward(pixels, labels, step, training=True)
            loss = tf.reduce_mean(batch.losses) + self._classifier.penalty()
            part = loss / self._strategy.num_replicas_in_sync
            scaled = self._optimizer.scale_loss(part)
        gradients = summed_over_replicas(tape.gradient(scaled, variables))
        self._optimizer.apply(gradients, variables)
        accuracy = tf.reduce_mean(tf.cast(batch.is_right, tf.float32))
        return part, accuracy / self._strategy.num_replicas_in_sync

    def _summed(self, value: Any) -> tf.Tensor:
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)

    def _end_epoch(
        self, epoch: int, progress: Progress, callbacks: keras.callbacks.CallbackList
    ) -> None:
        figures = self._figures()
        with averaged(self._optimizer, self._classifier.trainable_variables):
            if self._validate:
                figures |= self._validate(epoch + 1)
            rate = keras.ops.convert_to_numpy(self._optimizer.learning_rate)
            figures["learning_rate"] = float(rate)
            callbacks.on_epoch_end(epoch, figures)
        progress.add(figures)

    def _figures(self) -> Figures:
        return {name: float(mean.result()) for name, mean in self._means.items()}

    def _reset_means(self) -> None:
        for mean in self._means.values():
            mean.reset_state()

    def _is_due(self, step: int) -> bool:
        return bool(self._checkpoint_steps) and step % self._checkpoint_steps == 0

    def _variables(self) -> dict[str, Any]:
        means = [variable for mean in self._means.values() for variable in mean.variables]
        return variables_by_name(
            {
                **self._classifier.variables,
                "optimizer": self._optimizer.variables,
                "means": means,
            }
        )

    def _save(self, progress: Progress) -> None:
        if self._checkpoints is None:
            return
        remembered = {
            "history": {name: list(values) for name, values in progress.history.items()},
            "callbacks": memory_of(self._callbacks),
            "stopped": bool(self._model.stop_training),
        }
        arrays = values_of(self._variables()) | best_weights_of(self._callbacks)
        self._checkpoints.save(Checkpoint(progress.step, arrays, remembered))

    def _resumed(self) -> Progress:
        """Goes on from the last checkpoint, where there is one."""
        if self._checkpoints is None:
            return Progress()
        self._checkpoints.claim()
        found = self._checkpoints.newest()
        if found is None:
            return Progress()
        arrays = recall_best_weights(self._callbacks, found.arrays)
        assign_values(self._variables(), arrays)
        recall(self._callbacks, found.progress["callbacks"])
        self._model.stop_training = found.progress["stopped"]
        epoch = found.step / self._images.steps_per_epoch
        _log.info("the training goes on from step %d, epoch %.2f", found.step, epoch)
        return Progress(found.step, dict(found.progress["history"]))

    def _end_interrupted(self, progress: Progress) -> None:
        if self._checkpoints is None:
            raise TrainingInterrupted("the training was asked to end; its state is kept nowhere")
        self._checkpoints.wait()
        message = (
            f"the training was asked to end, and is kept after step {progress.step}; the same "
            "command goes on from there"
        )
        _log.warning(message)
        raise TrainingInterrupted(message)
