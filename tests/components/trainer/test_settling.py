"""What a training does before it begins with settings that are left to the data."""

import numpy as np
import pytest
import tensorflow as tf

from components.trainer import settling
from components.trainer.settling import settle
from faces.storage import to_example
from tests.components.trainer.small import PEOPLE, patterns, small_settings


@pytest.fixture
def files(tmp_path):
    path = str(tmp_path / "data.gz")
    with tf.io.TFRecordWriter(path, options="GZIP") as writer:
        for image, label in zip(*patterns(), strict=True):
            writer.write(to_example(image, int(label), b"ann", b"ann/1", (32, 32)))
    return [path]


def test_the_images_are_counted_for_what_is_left_to_them(files):
    chosen, images = settle(small_settings(epochs="auto"), files, PEOPLE)
    assert chosen.training.epochs == 124  # as of the demo's number of images and below
    assert len(images.labels) == 18


def test_the_files_are_read_once_where_nothing_is_left_to_the_data(files, monkeypatch):
    def count(_):
        raise AssertionError("the files are read once more")

    monkeypatch.setattr(settling, "count_images", count)
    settings = small_settings()
    chosen, images = settle(settings, files, PEOPLE)
    assert chosen == settings
    np.testing.assert_array_equal(np.bincount(images.labels), [6] * PEOPLE)
