"""Training images that do not fit into memory: read from their shards, in an order that is known.

The shards of an epoch are shuffled and read a few at a time; the images of these few are shuffled
among themselves. ImageTransform deals images to shards by a hash and bounds what a shard holds, so
that a few of them are a fair sample, and fit into memory. The order is computed from the labels
alone: where a training goes on, earlier shards are not opened, and of the ones at hand no image
that was seen is parsed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from components.trainer.samplers import steps_per_epoch
from faces.contract import IMAGE, LABEL, UNKNOWN_LABEL
from faces.storage import dataset_of_records, parse_examples
from groundfloor.draws import Draw, generator

# Shards whose images are shuffled together: twice their bytes are in memory, and twice more while
# the next are read.
_SHARDS_AT_ONCE = 4
_PARSE_BATCH = 256


@dataclass(frozen=True)
class Shard:
    """One file of a split.

    Attributes:
      path: of the gzipped TFRecords.
      labels: int64 [R], of each record; `UNKNOWN_LABEL` where it is no training class's.
    """

    path: str
    labels: np.ndarray


@dataclass(frozen=True)
class Stretch:
    """A few shards, and what of them is read.

    Attributes:
      shards: numbers of shards, in the order in which they are read one after another.
      places: int64 [P], of the records among all records of these shards, in training's order.
    """

    shards: np.ndarray
    places: np.ndarray


def read_shards(files: Sequence[str]) -> list[Shard]:
    """Reads the labels of a split, and no pixels."""
    return [Shard(path, _labels_in(path)) for path in files]


def count_images(files: Sequence[str]) -> int:
    """How many images of training classes the files of a split hold."""
    return sum(int((shard.labels != UNKNOWN_LABEL).sum()) for shard in read_shards(files))


class StreamedImages:
    """Batches of images that are read as they are needed.

    Args:
      shards: of the split, with their labels.
      input_shape: height, width and channels of the stored pixels.
      batch_size: B.
      seed: of the configuration.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        input_shape: tuple[int, int, int],
        batch_size: int,
        seed: int,
    ):
        self._shards = shards
        self._input_shape = input_shape
        self._seed = seed
        self.labels = np.concatenate([shard.labels for shard in shards] or [_NO_LABELS])
        self.labels = self.labels[self.labels != UNKNOWN_LABEL]
        self.batch_size = min(batch_size, len(self.labels))

    def batches(self, first_step: int, rows: slice) -> tf.data.Dataset:
        """Endless batches from a step on, counted from 0; of each batch these rows."""

        def stretches() -> Iterator[tuple[list[str], np.ndarray]]:
            for stretch in self._stretches(first_step):
                yield [self._shards[shard].path for shard in stretch.shards], stretch.places

        def pixels_and_labels(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            parsed = parse_examples(serialized[rows], self._input_shape)
            return parsed[IMAGE], parsed[LABEL]

        signature = tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int64)
        return (
            tf.data.Dataset.from_generator(stretches, output_signature=signature)
            .map(_records_of)
            .prefetch(1)
            .unbatch()
            .batch(self.batch_size, drop_remainder=True)
            .map(pixels_and_labels, num_parallel_calls=tf.data.AUTOTUNE)
        )

    def _stretches(self, first_step: int) -> Iterator[Stretch]:
        """What is read from a step on, without an end."""
        steps = steps_per_epoch(len(self.labels), self.batch_size)
        epoch, step = divmod(first_step, steps)
        seen = step * self.batch_size
        while True:
            yield from _from(_epoch(self._shards, self._seed, epoch), seen, steps * self.batch_size)
            epoch, seen = epoch + 1, 0


_NO_LABELS = np.empty(0, np.int64)


def _labels_in(path: str) -> np.ndarray:
    features = {LABEL: tf.io.FixedLenFeature([], tf.int64)}
    batches = dataset_of_records([path]).batch(_PARSE_BATCH)
    labels = [tf.io.parse_example(serialized, features)[LABEL].numpy() for serialized in batches]
    return np.concatenate(labels or [_NO_LABELS])


def _records_of(files: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Some of the records in a few files, string [P]."""
    records = tf.data.TFRecordDataset(files, "GZIP")
    everything = records.batch(tf.int64.max).get_single_element()
    return tf.gather(everything, places)


def _epoch(shards: Sequence[Shard], seed: int, epoch: int) -> Iterator[Stretch]:
    """All images of a training class, each once."""
    draws = generator(Draw.TRAINING_ORDER, seed, str(epoch))
    order = draws.permutation(len(shards))
    for start in range(0, len(order), _SHARDS_AT_ONCE):
        chosen = order[start : start + _SHARDS_AT_ONCE]
        labels = np.concatenate([shards[shard].labels for shard in chosen])
        yield Stretch(chosen, draws.permutation(np.flatnonzero(labels != UNKNOWN_LABEL)))


def _from(stretches: Iterator[Stretch], first: int, end: int) -> Iterator[Stretch]:
    """The images from one of them on and before another, counted over the stretches."""
    done = 0
    for stretch in stretches:
        places = stretch.places[max(0, first - done) : max(0, end - done)]
        done += len(stretch.places)
        if len(places):
            yield Stretch(stretch.shards, places)
