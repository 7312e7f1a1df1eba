"""The training data: which images there are, and batches of them that keep the processor busy."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, Self

import numpy as np
import tensorflow as tf

from components.trainer.augmentation.augment import augment
from components.trainer.config import TrainingConfig
from components.trainer.samplers import SAMPLERS, steps_per_epoch
from components.trainer.streaming import StreamedImages, read_shards
from faces.contract import IMAGE, LABEL, UNKNOWN_LABEL
from faces.storage import dataset_of_records, parse_examples
from groundfloor.draws import Draw, derived_seed
from groundfloor.errors import UserError

_PARSE_BATCH = 256

# A split whose files are larger than this, compressed, is read anew each epoch.
_MAX_CACHED_BYTES = 2 * 2**30
# Batches made while the step before them is computed.
_BATCHES_AHEAD = 2


class TrainingDataError(UserError):
    """The training split cannot train a model as it was asked to; the message says why."""


class TrainingImages:
    """The images to train on, in an order that is a function of the seed and the step alone.

    So the number of a step is all that a training has to keep in order to go on with the very same
    batches. Every epoch has an order of its own; images left over after the last whole batch of an
    epoch are left out of it, since a small batch would spoil the statistics of batch normalisation.

    Make it by `read` or `of`.

    Args:
      source: of the batches, before they are changed.
      num_classes: number of identities C; labels are in [0, C).
      changes: of the images, name -> strength, in their order; see `augmentation.choices`.
      seed: of the order and the changes.

    Attributes:
      labels: int64 [N], of all images.
      batch_size: images in each batch: fewer than asked for where there are fewer images.
      steps_per_epoch: batches in an epoch.

    Raises:
      TrainingDataError: no images, fewer than two identities, or a label out of range.
    """

    def __init__(self, source: "Source", num_classes: int, changes: Mapping[str, float], seed: int):
        _check_labels(source.labels, num_classes)
        self._source = source
        self._changes = changes
        self._seed = seed
        self.labels = source.labels
        self.batch_size = source.batch_size
        self.steps_per_epoch = steps_per_epoch(len(source.labels), source.batch_size)

    @classmethod
    def read(
        cls,
        files: Sequence[str],
        input_shape: tuple[int, int, int],
        num_classes: int,
        config: TrainingConfig,
        seed: int,
        *,
        memory_bytes: int = _MAX_CACHED_BYTES,
    ) -> Self:
        """Of a split's files: in memory where they fit, and read anew in each epoch otherwise.

        Args:
          files: see `components.shards.shard_files`. Images whose identity is not a training class
            are left out.
          input_shape: height, width and channels of the stored pixels.
          num_classes: number of identities C.
          config: batch size, sampler and augmentation.
          seed: of the order and the changes.
          memory_bytes: how large, compressed, files may be that are held in memory.

        Raises:
          TrainingDataError: as for the class; or the sampler needs all images in memory.
        """
        if fits_in_memory(files, memory_bytes):
            return cls.of(load_split(files, input_shape), num_classes, config, seed)
        if config.sampler != "image":
            raise TrainingDataError(
                f"the training split is too large to be held in memory, where training.sampler "
                f"{config.sampler} needs it: use training.sampler: image"
            )
        source = StreamedImages(read_shards(files), input_shape, config.batch_size, seed)
        return cls(source, num_classes, config.changes, seed)

    @classmethod
    def of(
        cls,
        images: tf.data.Dataset | tuple[np.ndarray, np.ndarray],
        num_classes: int,
        config: TrainingConfig,
        seed: int,
    ) -> Self:
        """Of images that fit into memory.

        Args:
          images: single (pixels [H, W, C] in [0, 255], integer label), which are read once; or all
            pixels [N, H, W, C] and their labels [N].
          num_classes: number of identities C.
          config: batch size, sampler and augmentation.
          seed: of the order and the changes.

        Raises:
          TrainingDataError: as for the class; or fewer people than the sampler puts into a batch.
        """
        dataset = images
        if not isinstance(images, tf.data.Dataset):
            dataset = tf.data.Dataset.from_tensor_slices(images)
        source = ImagesInMemory(*_all_of(dataset), config, seed)
        return cls(source, num_classes, config.changes, seed)

    def batches(self, first_step: int = 0, part: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """Endless batches from a step on.

        Args:
          first_step: counted from 0, over all epochs.
          part: (index, count): the one of so many equal parts of each batch that a worker takes.
            The parts together are the very batches that one worker gets.

        Returns:
          A dataset of (pixels [B, H, W, C], labels int64 [B]), B being `batch_size` by the number
          of parts. Pixels are float32 in [0, 255] where they are changed, and as stored otherwise.

        Raises:
          TrainingDataError: the batch cannot be cut into so many equal parts.
        """
        index, count = part
        if self.batch_size % count:
            raise TrainingDataError(
                f"a batch of {self.batch_size} images cannot be dealt to {count} workers evenly: "
                "set training.batch_size to a multiple of their number"
            )
        each = self.batch_size // count
        batches = self._source.batches(first_step, slice(index * each, (index + 1) * each))
        if self._changes:
            batches = self._changed(batches, first_step, part)
        return batches.prefetch(_BATCHES_AHEAD)

    def as_stored(self, most: int) -> Iterator[np.ndarray]:
        """So many images as they are stored, [H, W, C] each, the first in training's order."""
        steps = min(self.steps_per_epoch, max(1, most // self.batch_size))
        batches = self._source.batches(0, slice(0, self.batch_size)).take(steps)
        return (image for pixels, _ in batches for image in pixels.numpy())

    def _changed(
        self, batches: tf.data.Dataset, first_step: int, part: tuple[int, int]
    ) -> tf.data.Dataset:
        seed = derived_seed(Draw.AUGMENTATION, self._seed)

        def change(step: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
            pixels, labels = batch
            return augment(pixels, tf.stack([seed, step]), self._changes, part), labels

        return batches.enumerate(first_step).map(change, num_parallel_calls=tf.data.AUTOTUNE)


class Source(Protocol):
    """Images as they are stored, in training's order.

    Attributes:
      labels: int64 [N].
      batch_size: images in each batch.
    """

    labels: np.ndarray
    batch_size: int

    def batches(self, first_step: int, rows: slice) -> tf.data.Dataset:
        """Endless batches from a step on, counted from 0; of each batch these rows."""


class ImagesInMemory:
    """All images in one tensor, of which each batch picks its own.

    Args:
      pixels: [N, H, W, C].
      labels: int64 [N].
      config: batch size and sampler.
      seed: of the order.

    Raises:
      TrainingDataError: fewer people than the sampler puts into a batch.
    """

    def __init__(self, pixels: tf.Tensor, labels: np.ndarray, config: TrainingConfig, seed: int):
        if config.sampler == "people":
            _check_people(labels, config.batch_size // config.people_images)
        with tf.device("CPU:0"):
            self._pixels, self._labels = pixels, tf.constant(labels, tf.int64)
        self.labels = labels
        self.batch_size = config.batch_size
        if config.sampler != "people":
            self.batch_size = min(config.batch_size, len(labels))
        self._sampler = SAMPLERS[config.sampler]
        self._images_per_person = config.people_images
        self._seed = seed

    def batches(self, first_step: int, rows: slice) -> tf.data.Dataset:
        """Endless batches from a step on, counted from 0; of each batch these rows."""

        def orders() -> Iterator[np.ndarray]:
            epoch, step = divmod(first_step, steps_per_epoch(len(self.labels), self.batch_size))
            while True:
                yield self._order_of(epoch)[step:, rows]
                epoch, step = epoch + 1, 0

        def pick(places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.gather(self._pixels, places), tf.gather(self._labels, places)

        signature = tf.TensorSpec([None, rows.stop - rows.start], tf.int64)
        return (
            tf.data.Dataset.from_generator(orders, output_signature=signature)
            .prefetch(1)
            .unbatch()
            .map(pick, num_parallel_calls=tf.data.AUTOTUNE)
        )

    def _order_of(self, epoch: int) -> np.ndarray:
        return self._sampler(
            self.labels, self.batch_size, self._seed, epoch, self._images_per_person
        )


def load_split(files: Sequence[str], input_shape: tuple[int, int, int]) -> tf.data.Dataset:
    """Reads a split, in parallel, anew each time.

    Images whose identity is not a training class are left out.

    Args:
      files: see `components.shards.shard_files`; there may be none.
      input_shape: height, width and channels of the stored pixels.

    Returns:
      A dataset of single (uint8 [H, W, C] pixels, int64 label), always in the same order.
    """

    def pixels_and_label(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parsed = parse_examples(serialized, input_shape)
        return parsed[IMAGE], parsed[LABEL]

    return (
        dataset_of_records(files)
        .batch(_PARSE_BATCH)
        .map(pixels_and_label, num_parallel_calls=tf.data.AUTOTUNE)
        .unbatch()
        .filter(lambda _, label: label != UNKNOWN_LABEL)
    )


def fits_in_memory(files: Sequence[str], memory_bytes: int = _MAX_CACHED_BYTES) -> bool:
    """Whether a split's images are held in memory, by the bytes of its files as they are."""
    return sum(tf.io.gfile.stat(path).length for path in files) <= memory_bytes


def _all_of(dataset: tf.data.Dataset) -> tuple[tf.Tensor, np.ndarray]:
    """Pixels [N, H, W, C] and labels int64 [N] of single images."""
    with tf.device("CPU:0"):
        pairs = list(dataset.batch(_PARSE_BATCH))
        if not pairs:
            return tf.zeros([0, 1, 1, 1], tf.uint8), np.empty(0, np.int64)
        pixels = tf.concat([pixels for pixels, _ in pairs], axis=0)
    return pixels, np.concatenate([labels.numpy() for _, labels in pairs]).astype(np.int64)


def _check_labels(labels: np.ndarray, num_classes: int) -> None:
    """Refuses labels that no training can use."""
    if labels.size == 0:
        raise TrainingDataError("the training split has no images")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise TrainingDataError(
            f"the labels of the training split must be in [0, {num_classes}). "
            f"Received: {labels.min()} to {labels.max()}"
        )
    if np.unique(labels).size < 2:
        raise TrainingDataError(
            "the training split must have images of at least 2 identities. Received: 1 identity"
        )


def _check_people(labels: np.ndarray, people_per_batch: int) -> None:
    num_people = np.unique(labels).size
    if num_people < people_per_batch:
        raise TrainingDataError(
            f"the sampler people puts {people_per_batch} people into each batch, and the training "
            f"split has {num_people}: lower training.batch_size or raise training.images_per_person"
        )
