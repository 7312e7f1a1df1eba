"""Reading what ImageTransform wrote, whole or in part."""

import hashlib

import numpy as np
import pytest
import tensorflow as tf

from faces.contract import UNKNOWN_LABEL, vocabulary_schema
from faces.storage import read_images, read_names, read_split, to_example

SHAPE = (4, 5, 3)


@pytest.fixture
def split(tmp_path):
    """A split of two files with three images."""
    pixels = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), np.uint8)
    examples = [
        to_example(
            pixels[index],
            index,
            f"person {index}".encode(),
            f"{index}.png".encode(),
            (40 + index, 30),
        )
        for index in range(3)
    ]
    files = [str(tmp_path / "a.gz"), str(tmp_path / "b.gz")]
    for path, part in zip(files, (examples[:2], examples[2:]), strict=True):
        with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions("GZIP")) as writer:
            for example in part:
                writer.write(example)
    return files, pixels


def test_names_are_read_without_the_images(split):
    files, pixels = split
    names = read_names(files)
    columns = (names[name] for name in ("image/key", "identity", "sha256"))
    by_key = {key: (identity, sha256) for key, identity, sha256 in zip(*columns, strict=True)}
    assert by_key == {
        f"{index}.png".encode(): (
            f"person {index}".encode(),
            hashlib.sha256(pixels[index].tobytes()).digest(),
        )
        for index in range(3)
    }
    assert sorted(names["image/height"]) == [40, 41, 42]
    assert list(names["image/width"]) == [30, 30, 30]


def test_further_columns_are_read_where_they_are_asked_for_and_empty_where_they_are_not(tmp_path):
    pixels = np.zeros(SHAPE, np.uint8)
    path = str(tmp_path / "a.gz")
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions("GZIP")) as writer:
        for key, columns in ((b"1", {"column/age": b"30"}), (b"2", {})):
            writer.write(to_example(pixels, 0, b"ann", key, (4, 5), columns=columns))
    assert "column/age" not in read_names([path])
    assert read_names([path], ["column/age"])["column/age"].tolist() == [b"30", b""]


def test_images_are_read_by_key_in_the_order_that_is_asked_for(split):
    files, pixels = split
    np.testing.assert_array_equal(
        read_images(files, SHAPE, [b"2.png", b"0.png", b"2.png"]), pixels[[2, 0, 2]]
    )
    assert read_images(files, SHAPE, []).shape == (0, *SHAPE)


def test_an_image_that_is_not_there_is_an_error(split):
    with pytest.raises(KeyError, match=r"9\.png"):
        read_images(split[0], SHAPE, [b"9.png"])


def test_a_limit_reads_the_first_images_only(split):
    files, _ = split
    assert len(read_split(files, SHAPE, 2)["image"]) == 2
    assert len(read_split(files, SHAPE)["image"]) == 3


def test_an_empty_split_has_no_names():
    assert {len(values) for values in read_names([]).values()} == {0}


def test_the_schema_describes_the_examples_that_are_stored():
    record = to_example(np.zeros((2, 3, 1), np.uint8), UNKNOWN_LABEL, b"ann", b"ann/1.jpg", (9, 8))
    stored = tf.train.Example.FromString(record).features.feature
    schema = vocabulary_schema(["bob", "ann", "eve"])
    assert {feature.name for feature in schema.feature} == set(stored)
    (label,) = (feature for feature in schema.feature if feature.name == "label")
    assert (label.int_domain.min, label.int_domain.max) == (UNKNOWN_LABEL, 2)
