"""The training data: transformed examples as datasets that keep the processor busy."""

from collections.abc import Sequence

import tensorflow as tf

from faces.contract import IMAGE, LABEL, UNKNOWN_LABEL
from faces.storage import dataset_of_records, parse_examples
from groundfloor.draws import Draw, derived_seed

_PARSE_BATCH = 256
_SHUFFLE_BUFFER = 10_000

# A split whose files are larger than this, compressed, is read anew each epoch.
_MAX_CACHED_BYTES = 2 * 2**30


def load_split(files: Sequence[str], input_shape: tuple[int, int, int]) -> tf.data.Dataset:
    """Reads a split, in parallel, and keeps it in memory where it fits.

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

    dataset = (
        dataset_of_records(files)
        .batch(_PARSE_BATCH)
        .map(pixels_and_label, num_parallel_calls=tf.data.AUTOTUNE)
        .unbatch()
        .filter(lambda _, label: label != UNKNOWN_LABEL)
    )
    return dataset.cache() if _size_of(files) <= _MAX_CACHED_BYTES else dataset


def shuffled_images(dataset: tf.data.Dataset, seed: int) -> tf.data.Dataset:
    """Shuffles anew in each epoch; the files are written in a shuffled order already."""
    return dataset.shuffle(
        _SHUFFLE_BUFFER,
        seed=derived_seed(Draw.TRAINING_ORDER, seed),
        reshuffle_each_iteration=True,
    )


def _size_of(files: Sequence[str]) -> int:
    return sum(tf.io.gfile.stat(path).length for path in files)
