"""The devices of a training: one, all GPUs of a machine, or those of several workers.

A training on R replicas is the training on one: every replica computes its part of the same batch,
and the optimiser gets the sum. The layers that look at a whole batch, those of batch normalisation,
look at all parts of it.

Several workers run the same program and go through the same steps. One of them, the chief, is the
only one that writes: checkpoints, logs, tracking and the model.
"""

import functools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import keras
import tensorflow as tf

from components.trainer.config import TrainingConfig
from groundfloor.errors import UserError

_CLUSTER_VARIABLE = "TF_CONFIG"

# What a collective operation ends with when a worker is gone, or does not answer any more.
_GONE = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


class DeviceError(UserError):
    """Settings and devices do not go together, or a worker is gone; the message says which."""


class PartedImages(Protocol):
    """Images that can be read in parts of the same batch.

    Attributes:
      batch_size: images in a batch, of all devices.
    """

    batch_size: int

    def batches(self, first_step: int, part: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """See `loop.Images`."""


def build_strategy(strategy: Literal["auto", "one"]) -> tf.distribute.Strategy:
    """What a training runs on.

    Where there are several workers, the first call waits until all of them are there. TensorFlow
    wants it before any of its operations.

    Args:
      strategy: "auto": the workers of `TF_CONFIG` where it names several, else all GPUs of this
        machine; "one": its first device.

    Raises:
      DeviceError: there are several workers, and this process has used TensorFlow before, or is to
        train on one device.
    """
    if number_of_workers() > 1:
        if strategy == "one":
            raise DeviceError(
                f"training.strategy is one, and {_CLUSTER_VARIABLE} names several workers: set it "
                f"to auto, or start one process without {_CLUSTER_VARIABLE}"
            )
        return _strategy_of_workers()
    if strategy == "auto" and len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


@functools.cache
def _strategy_of_workers() -> tf.distribute.Strategy:
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise DeviceError(
            f"{_CLUSTER_VARIABLE} names several workers, which have to be joined before anything "
            "else that TensorFlow does: call components.trainer.devices.build_strategy first"
        ) from error


def check_devices(training: TrainingConfig, replicas: int) -> None:
    """Refuses what does not work on several devices.

    Args:
      training: the optimiser's settings.
      replicas: number of devices of all workers.

    Raises:
      DeviceError: gradients are accumulated, which Keras' optimisers do on one device only.
    """
    if replicas > 1 and training.accumulate > 1:
        raise DeviceError(
            f"training.accumulate works on one device, and there are {replicas}: set it to 1 and "
            "raise training.batch_size, which they share, or set training.strategy to one"
        )


def number_of_workers() -> int:
    """Workers that `TF_CONFIG` names, the chief among them; 1 without it.

    Raises:
      DeviceError: it is no JSON object.
    """
    cluster = _cluster().get("cluster", {})
    return max(1, sum(len(cluster.get(kind, ())) for kind in ("chief", "worker")))


def is_chief() -> bool:
    """Whether this process is the one worker that writes."""
    task = _cluster().get("task", {})
    if number_of_workers() == 1 or task.get("type") == "chief":
        return True
    return "chief" not in _cluster()["cluster"] and task.get("index") == 0


def _cluster() -> dict[str, Any]:
    text = os.environ.get(_CLUSTER_VARIABLE) or "{}"
    try:
        cluster = json.loads(text)
    except ValueError:
        cluster = None
    if not isinstance(cluster, dict):
        raise DeviceError(f"{_CLUSTER_VARIABLE} must be a JSON object. Received: {text[:200]}")
    return cluster


def of_chief(number: float) -> float:
    """The chief's number, for every worker; all of them have to ask."""
    return _sum_of_workers(number if is_chief() else 0.0)


def any_worker(flag: bool) -> bool:
    """Whether it is so on any worker; all of them have to ask."""
    return _sum_of_workers(float(flag)) > 0.0


def wait_for_workers() -> bool:
    """Returns when every worker has come here: True; or when one of them is gone: False.

    One that was here may go before this one has noticed that all were.
    """
    try:
        _sum_of_workers(0.0)
    except _GONE:
        return False
    return True


def _sum_of_workers(number: float) -> float:
    if number_of_workers() == 1:
        return number
    strategy = _strategy_of_workers()
    here = strategy.num_replicas_in_sync // number_of_workers()
    return float(_summed(tf.constant(number / here, tf.float64)))


@tf.function(autograph=False)
def _summed(number: tf.Tensor) -> tf.Tensor:
    strategy = _strategy_of_workers()
    of_replicas = strategy.run(lambda: tf.identity(number))
    return strategy.reduce(tf.distribute.ReduceOp.SUM, of_replicas, axis=None)


@contextmanager
def lost_workers_told() -> Iterator[None]:
    """Says in one message that another worker is gone, where an operation inside ends for that.

    TensorFlow notices by itself: the workers ask for each other all the time.

    Raises:
      DeviceError: a worker is gone.
    """
    try:
        yield
    except _GONE as error:
        if number_of_workers() == 1:
            raise
        raise lost_worker() from error


def lost_worker() -> DeviceError:
    """The error of a worker that another one has left alone."""
    return DeviceError(
        "another worker of the training is gone, or cannot be reached; this one ends. Start all "
        "workers again: with checkpoints, the same commands go on from the last checkpoint"
    )


def synchronise_batch_statistics(model: keras.Model) -> None:
    """Lets batch normalisation see the whole batch, and not the part of its replica."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def gets_summed_gradients(optimizer: keras.optimizers.Optimizer) -> None:
    """Tells an optimiser of Keras that the gradients it gets are the sums over the replicas.

    It would add them up itself, but only after it has clipped each replica's own.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner._all_reduce_sum_gradients = list


def summed_over_replicas(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """The sums of the gradients, for a replica within `Strategy.run`."""
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)


def batches_for_replicas(
    strategy: tf.distribute.Strategy, images: PartedImages, first_step: int
) -> Iterator[tuple[Any, Any]]:
    """Endless batches from a step on, each replica's part of them with it.

    Raises:
      DeviceError: a batch cannot be dealt out evenly.
    """
    if strategy.num_replicas_in_sync == 1:
        return iter(images.batches(first_step))
    _check_parts(images.batch_size, strategy.num_replicas_in_sync)

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        workers = context.num_input_pipelines
        replicas = context.num_replicas_in_sync // workers
        batches = images.batches(first_step, (context.input_pipeline_id, workers))
        return batches.flat_map(lambda *batch: _parts(batch, replicas))

    return iter(strategy.distribute_datasets_from_function(of_worker))


def _parts(batch: tuple[tf.Tensor, ...], number: int) -> tf.data.Dataset:
    """A batch in so many equal parts, one behind the other."""
    return tf.data.Dataset.from_tensor_slices(
        tuple(tf.reshape(value, [number, -1, *value.shape[1:]]) for value in batch)
    )


def _check_parts(batch_size: int, replicas: int) -> None:
    if batch_size % replicas:
        raise DeviceError(
            f"a batch of {batch_size} images cannot be dealt to {replicas} devices evenly: set "
            "training.batch_size to a multiple of their number, or training.strategy to one"
        )
