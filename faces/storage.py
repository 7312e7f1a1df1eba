"""How a transformed image is stored: tf.train.Example with raw pixels, and how it is read back."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from faces.contract import IDENTITY, IMAGE, IMAGE_HEIGHT, IMAGE_KEY, IMAGE_WIDTH, LABEL

# Pixels are stored raw, in files of gzip: `benchmarks/storage.py` prints the alternatives.
_BATCH_IMAGES = 256
_FEATURES: Mapping[str, tf.io.FixedLenFeature] = {
    IMAGE: tf.io.FixedLenFeature([], tf.string),
    LABEL: tf.io.FixedLenFeature([], tf.int64),
    IDENTITY: tf.io.FixedLenFeature([], tf.string),
    IMAGE_KEY: tf.io.FixedLenFeature([], tf.string),
    IMAGE_HEIGHT: tf.io.FixedLenFeature([], tf.int64),
    IMAGE_WIDTH: tf.io.FixedLenFeature([], tf.int64),
}


def to_example(
    pixels: np.ndarray,
    label: int,
    identity: bytes,
    key: bytes,
    size: tuple[int, int],
    *,
    columns: Mapping[str, bytes] | None = None,
) -> bytes:
    """Serializes one image.

    Args:
      pixels: uint8 [height, width, channels].
      label: index into the identity vocabulary, or UNKNOWN_LABEL.
      identity: UTF-8 name of the person.
      key: UTF-8 path of the image relative to its source.
      size: height and width of the image before it was resized.
      columns: feature -> value of what else its source says of it, UTF-8.
    """
    return serialized_example(
        {
            IMAGE: pixels.tobytes(),
            LABEL: label,
            IDENTITY: identity,
            IMAGE_KEY: key,
            IMAGE_HEIGHT: size[0],
            IMAGE_WIDTH: size[1],
            **(columns or {}),
        }
    )


def serialized_example(values: Mapping[str, bytes | int | Sequence[float]]) -> bytes:
    """A serialized tf.train.Example of one value a feature, or of a list of floats, maybe empty.

    Equal values give equal bytes.
    """
    example = tf.train.Example()
    for name, value in values.items():
        feature = example.features.feature[name]
        if isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        else:
            feature.float_list.value.extend(value)
    return example.SerializeToString(deterministic=True)


def parse_examples(
    serialized: tf.Tensor, input_shape: tuple[int, int, int]
) -> dict[str, tf.Tensor]:
    """Parses a batch of what `to_example` made.

    Args:
      serialized: string [N].
      input_shape: height, width and channels of the stored pixels.

    Returns:
      `image` uint8 [N, height, width, channels], `label` int64 [N], `identity` string [N],
      `image/key` string [N], `image/height` and `image/width` int64 [N].
    """
    parsed = tf.io.parse_example(serialized, _FEATURES)
    # fixed_length would cut a wrong size to fit; decode_raw and reshape refuse it.
    pixels = tf.io.decode_raw(parsed[IMAGE], tf.uint8)
    return parsed | {IMAGE: tf.reshape(pixels, [-1, *input_shape])}


def read_split(
    files: Sequence[str], input_shape: tuple[int, int, int], limit: int = -1
) -> dict[str, np.ndarray]:
    """Reads a split into memory, in the order of its files, which ImageTransform has shuffled.

    Args:
      files: see `components.shards.shard_files`.
      input_shape: height, width and channels of the stored pixels.
      limit: images to read, from the first on; -1 means all.

    Returns:
      As `parse_examples`, as NumPy arrays; strings are object (bytes) [N].
    """
    serialized = list(dataset_of_records(files).take(limit).as_numpy_iterator())
    parsed = parse_examples(tf.constant(serialized, tf.string), input_shape)
    return {name: tensor.numpy() for name, tensor in parsed.items()}


def read_names(files: Sequence[str], further: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Reads what the images of a split are, and not the images, in the order of its files.

    Args:
      files: see `components.shards.shard_files`.
      further: features of the source's further columns to read, see `contract.COLUMN_PREFIX`.

    Returns:
      `identity`, `image/key` and what is in `further`, object (bytes) [N], of the latter b"" where
      an image lacks it; `sha256` object (bytes) [N], of the pixels; `image/height` and
      `image/width` object (int) [N], before the image was resized.
    """
    text = tf.io.FixedLenFeature([], tf.string, default_value="")
    features = {**_FEATURES, **dict.fromkeys(further, text)}
    copied = (IDENTITY, IMAGE_KEY, IMAGE_HEIGHT, IMAGE_WIDTH, *further)
    columns: dict[str, list[Any]] = {name: [] for name in (*copied, "sha256")}
    for serialized in dataset_of_records(files).batch(_BATCH_IMAGES):
        parsed = tf.io.parse_example(serialized, features)
        for name in copied:
            columns[name].extend(parsed[name].numpy().tolist())
        columns["sha256"].extend(
            hashlib.sha256(pixels).digest() for pixels in parsed[IMAGE].numpy()
        )
    return {name: np.array(values, object) for name, values in columns.items()}


def read_images(
    files: Sequence[str], input_shape: tuple[int, int, int], keys: Sequence[bytes]
) -> np.ndarray:
    """Reads the images with these keys, uint8 [K, H, W, C] in the order of the keys.

    Raises:
      KeyError: there is no such image.
    """
    found: dict[bytes, np.ndarray] = {}
    wanted = set(keys)
    for serialized in dataset_of_records(files).batch(_BATCH_IMAGES):
        parsed = parse_examples(serialized, input_shape)
        for key, pixels in zip(parsed[IMAGE_KEY].numpy(), parsed[IMAGE].numpy(), strict=True):
            if key in wanted:
                found[key] = pixels
    images = np.empty((len(keys), *input_shape), np.uint8)
    for index, key in enumerate(keys):
        images[index] = found[key]
    return images


def dataset_of_records(files: Sequence[str]) -> tf.data.Dataset:
    """The serialized examples of a split, in the order of its files, read ahead in parallel.

    Args:
      files: see `components.shards.shard_files`; there may be none.
    """
    return tf.data.TFRecordDataset(
        tf.constant(files, tf.string),
        compression_type="GZIP",
        num_parallel_reads=min(len(files), 4) or None,
    )
