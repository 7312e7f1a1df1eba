"""The devices of a training: one, all GPUs of a machine, or those of several workers.

A training on R replicas is the training on one: every replica computes its part of the same batch,
and the optimiser gets the sum. The layers that look at a whole batch, those of batch normalisation,
look at all parts of it.
"""

import json
import os
from collections.abc import Iterator
from typing import Any, Literal, Protocol

import keras
import tensorflow as tf

_CLUSTER_VARIABLE = "TF_CONFIG"


class PartedImages(Protocol):
    """Images that can be read in parts of the same batch."""

    def batches(self, first_step: int, part: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """See `loop.Images`."""


def build_strategy(strategy: Literal["auto", "one"]) -> tf.distribute.Strategy:
    """What a training runs on.

    Args:
      strategy: "auto": the workers of `TF_CONFIG` where it names several, else all GPUs of this
        machine; "one": its first device.
    """
    if strategy == "auto":
        if number_of_workers() > 1:
            return tf.distribute.MultiWorkerMirroredStrategy()
        if len(tf.config.list_logical_devices("GPU")) > 1:
            return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def number_of_workers() -> int:
    """Workers that `TF_CONFIG` names, the chief among them; 1 without it."""
    cluster = json.loads(os.environ.get(_CLUSTER_VARIABLE, "{}")).get("cluster", {})
    return max(1, sum(len(cluster.get(kind, ())) for kind in ("chief", "worker")))


def is_chief() -> bool:
    """Whether this process is the one worker that writes."""
    task = json.loads(os.environ.get(_CLUSTER_VARIABLE, "{}")).get("task", {})
    cluster = json.loads(os.environ.get(_CLUSTER_VARIABLE, "{}")).get("cluster", {})
    if number_of_workers() == 1 or task.get("type") == "chief":
        return True
    return "chief" not in cluster and task.get("index") == 0


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
    """Endless batches from a step on, each replica's part of them with it."""
    if strategy.num_replicas_in_sync == 1:
        return iter(images.batches(first_step))

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
