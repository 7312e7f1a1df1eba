"""The loop of a training: steps and epochs under Keras' callbacks, going on where it was stopped.

`keras.Model.fit` restores an epoch's number and no more, sees the whole head as one dense weight,
and does not run over several workers. So the loop is written out here. The optimisers, the layers
and the callbacks are Keras'.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from components.trainer.auto import estimate
from components.trainer.building import Parts
from components.trainer.callbacks import diverged
from components.trainer.checkpoints import Checkpoint, Checkpoints
from components.trainer.devices import (
    any_worker,
    batches_for_replicas,
    gets_summed_gradients,
    is_chief,
    lost_workers_told,
    of_chief,
    summed_over_replicas,
    wait_for_workers,
)
from components.trainer.doctor.checks import check_pixels
from components.trainer.doctor.rounds import DoctorRounds
from components.trainer.doctor.statistics import batch_statistics, gradient_norm
from components.trainer.heads import Drawn
from components.trainer.interruption import Interruption, signals_put_off
from components.trainer.optim.optimizers import averaged
from components.trainer.optim.schedules import Schedule
from components.trainer.precision import loss_scale_of
from components.trainer.state import (
    are_finite,
    assign_values,
    best_weights_of,
    memory_of,
    recall,
    recall_best_weights,
    replay,
    values_of,
    variables_by_name,
)

_log = logging.getLogger(__name__)

Figures = dict[str, float]

# The first of them compiles the step.
_TIMED_STEPS = 3


class TrainingInterrupted(Exception):
    """The training was asked to end, and has kept its state."""


class Images(Protocol):
    """The training images, in an order that is a function of the step alone.

    Attributes:
      batch_size: images in a batch, of all devices.
      steps_per_epoch: batches in an epoch.
    """

    batch_size: int
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


@dataclass(frozen=True)
class Reports:
    """Who is told of a training between two epochs.

    Attributes:
      figures: called every few steps with the steps done, and what the doctor saw, by name.
      duration: told in words how long the training will take, before its first step.
    """

    figures: Callable[[int, Figures], None] = lambda step, figures: None
    duration: Callable[[str], None] = _log.info


_NO_REPORTS = Reports()


class RunningMeans:
    """Means over the steps of an epoch.

    Those of Keras' metrics are kept in parts by the workers, and would have to be asked of all.

    Args:
      names: of the figures.
    """

    def __init__(self, names: Sequence[str]):
        self._sums = {name: keras.Variable(0.0, trainable=False, name=name) for name in names}
        self._steps = keras.Variable(0.0, trainable=False, name="steps")

    @property
    def variables(self) -> list[keras.Variable]:
        """Their whole state."""
        return [*self._sums.values(), self._steps]

    def add(self, figures: Mapping[str, tf.Tensor]) -> None:
        """Adds the figures of a step, scalars of which it takes those that it has."""
        self._steps.assign_add(1.0)
        for name, total in self._sums.items():
            total.assign_add(figures[name])

    def values(self) -> Figures:
        """The means since the last reset."""
        steps = max(_number(self._steps), 1.0)
        return {name: _number(total) / steps for name, total in self._sums.items()}

    def reset(self) -> None:
        """Begins anew."""
        for variable in self.variables:
            variable.assign(0.0)


class TrainingLoop:
    """Trains a classifier, step by step.

    Args:
      parts: what is trained, and what moves it.
      schedule: rate and share of the margin in each step.
      images: to train on.
      epochs: at most so many.
      rounds: of the doctor, who ends a training that is hopeless.
      reports: who is told what is seen between two epochs.
      validate: called after each epoch with its number, from 1; its figures join the epoch's.
      callbacks: of Keras. Their `model` is the embedding model, with `optimizer` and
        `stop_training`.
      checkpoints: where the state is kept, and found again; None: nowhere.
      checkpoint_steps: steps between two checkpoints, beside the one at the end of each epoch.
    """

    def __init__(
        self,
        parts: Parts,
        schedule: Schedule,
        images: Images,
        *,
        epochs: int,
        rounds: DoctorRounds,
        reports: Reports = _NO_REPORTS,
        validate: Callable[[int], Figures] | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        checkpoints: Checkpoints | None = None,
        checkpoint_steps: int | None = None,
    ):
        self._classifier = parts.classifier
        self._optimizer = parts.optimizer
        self._schedule = schedule
        self._images = images
        self._epochs = epochs
        self._rounds = rounds
        self._reports = reports
        self._validate = validate
        self._callbacks = list(callbacks)
        self._checkpoints = checkpoints
        self._checkpoint_steps = checkpoint_steps
        self._strategy = tf.distribute.get_strategy()
        self._means = RunningMeans(("loss", "accuracy"))
        self._model = parts.classifier.embedding_model
        self._model.optimizer = parts.optimizer
        self._model.stop_training = False
        gets_summed_gradients(parts.optimizer)
        # What is in it is TensorFlow's and Keras' own: nothing that AutoGraph would have to read.
        self._step = tf.function(self._compiled_step, autograph=False)

    def run(self) -> dict[str, list[float]]:
        """Trains to the last epoch, or until a callback stops it.

        Returns:
          The history: figure -> its value in each epoch.

        Raises:
          TrainingInterrupted: the process was asked to end; the state is kept.
          CheckpointError: the state cannot be kept.
          TrainingDiverged: what was to be kept is no number.
          TrainingHopeless: the doctor says so.
          DeviceError: a batch cannot be dealt to the devices evenly, or a worker is gone.
        """
        with lost_workers_told():
            return self._run()

    def _run(self) -> dict[str, list[float]]:
        callbacks = keras.callbacks.CallbackList(
            self._callbacks,
            model=self._model,
            epochs=self._epochs,
            steps=self._images.steps_per_epoch,
            verbose=0,
        )
        callbacks.on_train_begin()
        progress = self._resumed()
        batches = self._remaining_batches(progress.step)
        first = next(batches, None)
        if first is not None and not self._model.stop_training:
            self._before_the_first_step(progress.step, *first)
            with signals_put_off() as interruption:
                self._train(chain([first], batches), progress, callbacks, interruption)
        callbacks.on_train_end()
        return progress.history

    def time_of_a_step(self) -> float:
        """Seconds that a step takes on the first batch; what it does is taken back."""
        with lost_workers_told():
            return self._time_of_a_step(0, *next(self._remaining_batches(0)))

    def _before_the_first_step(self, step: int, pixels: Any, labels: Any) -> None:
        """Looks at a batch, and tells how long the remaining steps will take."""
        parts = self._strategy.experimental_local_results(pixels)
        seen = np.concatenate([part.numpy() for part in parts])
        if len(seen) > 1:
            self._rounds.tell(check_pixels(seen))
        remaining = self._epochs * self._images.steps_per_epoch - step
        self._reports.duration(estimate(self._time_of_a_step(step, pixels, labels), remaining))

    def _time_of_a_step(self, step: int, pixels: Any, labels: Any) -> float:
        """The least of a few times, on the same batch; that of the chief for all workers."""
        variables = self._variables()
        kept = values_of(variables)
        seconds = []
        for _ in range(_TIMED_STEPS):
            began = time.perf_counter()
            float(self._do_step(step, pixels, labels)["loss"])  # waits for the device
            seconds.append(time.perf_counter() - began)
        assign_values(variables, kept)
        return of_chief(min(seconds))

    def _train(
        self,
        batches: Iterable[tuple[Any, Any]],
        progress: Progress,
        callbacks: keras.callbacks.CallbackList,
        interruption: Interruption,
    ) -> None:
        for number, (pixels, labels) in enumerate(batches):
            epoch, batch = divmod(progress.step, self._images.steps_per_epoch)
            if batch == 0:
                self._means.reset()
            if batch == 0 or number == 0:  # which goes on within an epoch
                callbacks.on_epoch_begin(epoch)
            callbacks.on_train_batch_begin(batch)
            statistics = self._do_step(progress.step, pixels, labels)
            progress.step += 1
            callbacks.on_train_batch_end(batch, self._means.values())
            self._look(progress.step, statistics)
            is_last = batch + 1 == self._images.steps_per_epoch or self._model.stop_training
            if is_last:
                self._end_epoch(epoch, progress, callbacks)
            is_asked = any_worker(interruption.signal is not None)
            if is_last or self._is_due(progress.step) or is_asked:
                self._save(progress)
            if is_asked:
                self._end_interrupted(progress)
            if self._model.stop_training:
                return

    def _remaining_batches(self, step: int) -> Iterator[tuple[Any, Any]]:
        remaining = self._epochs * self._images.steps_per_epoch - step
        return islice(iter(batches_for_replicas(self._strategy, self._images, step)), remaining)

    def _do_step(self, step: int, pixels: Any, labels: Any) -> dict[str, tf.Tensor]:
        rate = self._schedule.rate(step)
        if rate is not None:
            self._optimizer.learning_rate.assign(rate)
        self._classifier.loss.margin_share.assign(self._schedule.margin_share(step))
        return self._step(pixels, labels, tf.constant(step, tf.int64))

    def _look(self, step: int, statistics: Mapping[str, tf.Tensor]) -> None:
        """Has the doctor look, where it is time, and hands on what was seen."""
        of_head = dict(statistics)
        of_head["loss"] = of_head.pop("head_loss")  # which has no penalty in it
        self._rounds.add(of_head)
        seen = self._rounds.look(step)
        if seen:
            self._reports.figures(step, seen)

    def _compiled_step(self, pixels: Any, labels: Any, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """One step of the optimiser, from the batches of all replicas, and its figures."""
        replica_step = tf.autograph.experimental.do_not_convert(self._replica_step)
        of_replicas = self._strategy.run(replica_step, args=(pixels, labels, step))
        figures = tf.nest.map_structure(self._mean, of_replicas)
        self._means.add(figures)
        return figures

    def _replica_step(
        self, pixels: tf.Tensor, labels: tf.Tensor, step: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """A step, and the figures of a replica's part of the batch."""
        drawn = self._classifier.head.draw(labels, step)
        with tf.GradientTape() as tape:
            tape.watch(drawn.centres)
            batch = self._classifier.forward(pixels, drawn)
            head_loss = tf.reduce_mean(batch.losses)
            loss = head_loss + self._classifier.penalty()
            scaled = self._optimizer.scale_loss(loss / self._strategy.num_replicas_in_sync)
        variables = [*self._model.trainable_variables, drawn.centres]
        gradients = summed_over_replicas(tape.gradient(scaled, variables))
        norm = gradient_norm(gradients) / loss_scale_of(self._optimizer)
        self._apply(gradients, norm, drawn)
        statistics = batch_statistics(
            batch.cosines, drawn.targets, batch.norms, batch.own_with_margin
        )
        return {**statistics, "loss": loss, "head_loss": head_loss, "gradient_norm": norm}

    def _apply(self, gradients: list[tf.Tensor], norm: tf.Tensor, drawn: Drawn) -> None:
        """Moves the embedding model, and the centres: all with it, or those drawn by themselves."""
        if drawn.rows is None:
            self._optimizer.apply(gradients, self._classifier.trainable_variables)
            return
        *of_model, scaled = gradients
        of_centres = scaled / loss_scale_of(self._optimizer)
        self._optimizer.apply(of_model, self._model.trainable_variables)

        def update() -> None:
            self._classifier.head.update(drawn, of_centres, self._optimizer.learning_rate)

        # The optimiser, too, leaves a step out whose gradient is not finite in float16.
        tf.cond(tf.math.is_finite(norm), update, lambda: None)

    def _mean(self, of_replicas: Any) -> tf.Tensor:
        return self._strategy.reduce(tf.distribute.ReduceOp.MEAN, of_replicas, axis=None)

    def _end_epoch(
        self, epoch: int, progress: Progress, callbacks: keras.callbacks.CallbackList
    ) -> None:
        figures = self._means.values()
        with averaged(self._optimizer, self._classifier.trainable_variables):
            if self._validate:
                figures |= self._validate(epoch + 1)
            # Workers that measure alike, but for the last bit, must not decide differently.
            figures = {name: of_chief(value) for name, value in figures.items()}
            self._rounds.validated(figures)
            figures["learning_rate"] = _number(self._optimizer.learning_rate)
            callbacks.on_epoch_end(epoch, figures)
        progress.add(figures)

    def _is_due(self, step: int) -> bool:
        return self._checkpoint_steps is not None and step % self._checkpoint_steps == 0

    def _variables(self) -> dict[str, Any]:
        return variables_by_name(
            {
                **self._classifier.variables,
                "optimizer": self._optimizer.variables,
                "means": self._means.variables,
            }
        )

    def _save(self, progress: Progress) -> None:
        if self._checkpoints is None or not is_chief():
            return
        remembered = {
            "history": {name: list(values) for name, values in progress.history.items()},
            "callbacks": memory_of(self._callbacks),
            "rounds": self._rounds.state(),
            "stopped": bool(self._model.stop_training),
        }
        arrays = values_of(self._variables())
        if not are_finite(arrays):
            raise diverged(f"a weight is not finite after step {progress.step}")
        arrays |= best_weights_of(self._callbacks)
        self._checkpoints.save(Checkpoint(progress.step, arrays, remembered))

    def _resumed(self) -> Progress:
        """Goes on from the last checkpoint, where there is one."""
        found = self._found(self._checkpoints) if self._checkpoints else None
        if found is None:
            return Progress()
        arrays = recall_best_weights(self._callbacks, found.arrays)
        assign_values(self._variables(), arrays)
        recall(self._callbacks, found.progress["callbacks"])
        replay(self._callbacks, found.progress["history"])
        self._rounds.restore(found.progress["rounds"])
        self._model.stop_training = found.progress["stopped"]
        epoch = found.step / self._images.steps_per_epoch
        _log.info("the training goes on from step %d, epoch %.2f", found.step, epoch)
        return Progress(found.step, dict(found.progress["history"]))

    def _found(self, checkpoints: Checkpoints) -> Checkpoint | None:
        """The checkpoint that all workers go on from: the newest that the chief sees."""
        found = None
        if is_chief():
            checkpoints.claim()
            found = checkpoints.newest()
        step = int(of_chief(found.step if found else -1))
        return found if found or step < 0 else checkpoints.of_step(step)

    def _end_interrupted(self, progress: Progress) -> None:
        message = "the training was asked to end; its state is kept nowhere"
        if self._checkpoints is not None:
            self._checkpoints.wait()
            if not wait_for_workers():
                self._checkpoints.of_step(progress.step)  # or else nothing is kept
            message = (
                f"the training was asked to end, and is kept after step {progress.step}; the same "
                "command goes on from there"
            )
        _log.warning(message)
        raise TrainingInterrupted(message)


def _number(scalar: keras.Variable) -> float:
    """The value of a variable, which may have a copy on each device."""
    return float(keras.ops.convert_to_numpy(scalar))
