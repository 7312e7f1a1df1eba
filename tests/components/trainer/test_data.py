"""The training data as datasets."""

import numpy as np
import pytest
import tensorflow as tf

from components.trainer import data
from components.trainer.data import load_split, shuffled_images
from faces.contract import UNKNOWN_LABEL
from faces.storage import to_example

SHAPE = (4, 3, 1)


@pytest.fixture
def files(tmp_path):
    """Two files of five images; image i is filled with i, and every fifth has no label."""
    paths = [str(tmp_path / f"data-{shard}.gz") for shard in range(2)]
    for shard, path in enumerate(paths):
        with tf.io.TFRecordWriter(path, options="GZIP") as writer:
            for index in range(5 * shard, 5 * shard + 5):
                pixels = np.full(SHAPE, index, np.uint8)
                label = UNKNOWN_LABEL if index % 5 == 4 else index % 2
                writer.write(to_example(pixels, label, b"ann", b"ann/%d" % index, (48, 40)))
    return paths


def values(dataset):
    return [(int(pixels.max()), int(label)) for pixels, label in dataset.as_numpy_iterator()]


def test_images_come_with_their_labels_always_in_the_same_order(files):
    expected = [(0, 0), (1, 1), (2, 0), (3, 1), (5, 1), (6, 0), (7, 1), (8, 0)]
    assert sorted(values(load_split(files, SHAPE))) == expected
    assert values(load_split(files, SHAPE)) == values(load_split(files, SHAPE))


def test_pixels_keep_their_shape_and_type(files):
    pixels, label = load_split(files, SHAPE).element_spec
    assert pixels == tf.TensorSpec(SHAPE, tf.uint8)
    assert label == tf.TensorSpec([], tf.int64)


def test_images_without_a_training_class_are_left_out(files):
    assert UNKNOWN_LABEL not in {label for _, label in values(load_split(files, SHAPE))}


def test_a_split_without_files_is_empty():
    assert values(load_split([], SHAPE)) == []


def test_the_files_are_read_once_where_they_fit_into_memory(files, tmp_path):
    dataset = load_split(files, SHAPE)
    first = values(dataset)
    for path in tmp_path.glob("*.gz"):
        path.unlink()
    assert values(dataset) == first


def test_a_split_too_large_for_memory_is_read_anew(files, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "_MAX_CACHED_BYTES", 1)
    dataset = load_split(files, SHAPE)
    assert len(values(dataset)) == 8
    for path in tmp_path.glob("*.gz"):
        path.unlink()
    with pytest.raises(tf.errors.NotFoundError):
        values(dataset)


def test_shuffling_differs_by_epoch_and_repeats_with_the_seed(files):
    def two_epochs(seed):
        dataset = shuffled_images(load_split(files, SHAPE), seed)
        return values(dataset), values(dataset)

    first, second = two_epochs(seed=3)
    assert sorted(first) == sorted(second)
    assert first != second
    assert two_epochs(seed=3) == (first, second)
