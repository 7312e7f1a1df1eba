"""Training images that are read from their shards as they are needed."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from components.trainer import streaming
from components.trainer.config import TrainingConfig
from components.trainer.data import TrainingDataError, TrainingImages
from components.trainer.streaming import Shard, StreamedImages, read_shards
from faces.contract import UNKNOWN_LABEL
from faces.storage import to_example

SHAPE = (4, 3, 1)
SIZES = (5, 8, 0, 3, 9, 4, 6)
KNOWN = [number for number in range(sum(SIZES)) if number % 7 != 6]
WHOLE = slice(0, 4)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Seven files, one of them empty; image i is filled with i, and every seventh has no label."""
    folder = tmp_path_factory.mktemp("shards")
    numbers = itertools.count()
    paths = [str(folder / f"data-{shard}.gz") for shard in range(len(SIZES))]
    for path, size in zip(paths, SIZES, strict=True):
        with tf.io.TFRecordWriter(path, options="GZIP") as writer:
            for number in itertools.islice(numbers, size):
                label = UNKNOWN_LABEL if number % 7 == 6 else number % 3
                pixels = np.full(SHAPE, number, np.uint8)
                writer.write(to_example(pixels, label, b"ann", b"ann/%d" % number, (48, 40)))
    return paths


@pytest.fixture
def images(files) -> StreamedImages:
    return StreamedImages(read_shards(files), SHAPE, batch_size=4, seed=3)


def taken(batches, number):
    """The numbers of the images in the first batches."""
    return [pixels[:, 0, 0, 0].tolist() for pixels, _ in batches.take(number).as_numpy_iterator()]


def test_labels_are_known_without_pixels(files, monkeypatch):
    monkeypatch.setattr(tf.io, "decode_raw", None)  # nothing could be decoded
    assert [len(shard.labels) for shard in read_shards(files)] == list(SIZES)
    labels = StreamedImages(read_shards(files), SHAPE, 4, 3).labels
    np.testing.assert_array_equal(labels, [number % 3 for number in KNOWN])


def test_each_pixel_stays_with_its_label(images):
    for pixels, labels in images.batches(0, WHOLE).take(20).as_numpy_iterator():
        assert pixels.shape == (4, *SHAPE)
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels[:, 0, 0, 0] % 3, labels)


def test_an_epoch_has_each_image_once_but_for_less_than_a_batch(images):
    steps = len(KNOWN) // 4
    batches = taken(images.batches(0, WHOLE), 2 * steps)
    for epoch in (batches[:steps], batches[steps:]):
        drawn = np.ravel(epoch).tolist()
        assert len(set(drawn)) == len(drawn) == 4 * steps
        assert set(drawn) <= set(KNOWN)
    assert batches[:steps] != batches[steps:]


def test_the_seed_decides_the_order(files, images):
    same, other = (StreamedImages(read_shards(files), SHAPE, 4, seed) for seed in (3, 4))
    assert taken(images.batches(0, WHOLE), 20) == taken(same.batches(0, WHOLE), 20)
    assert taken(images.batches(0, WHOLE), 20) != taken(other.batches(0, WHOLE), 20)


@pytest.mark.parametrize("at_once", [1, 4])
def test_from_any_step_on_the_batches_are_the_same(images, monkeypatch, at_once):
    monkeypatch.setattr(streaming, "_SHARDS_AT_ONCE", at_once)
    everything = taken(images.batches(0, WHOLE), 20)
    for first_step in (1, 2, 5, 6, 7, 9, 16):
        assert taken(images.batches(first_step, WHOLE), 2) == everything[first_step:][:2]


def test_shards_that_were_seen_are_not_opened_and_no_seen_image_is_read(images):
    epoch = [stretch for stretch, _ in zip(images._stretches(0), range(2), strict=False)]
    seen = len(epoch[0].places) // 4 * 4 + 4
    (rest,) = itertools.islice(images._stretches(seen // 4), 1)
    np.testing.assert_array_equal(rest.shards, epoch[1].shards)
    overlap = seen - len(epoch[0].places)
    np.testing.assert_array_equal(rest.places, epoch[1].places[overlap:])


def test_no_more_shards_than_a_few_are_in_a_stretch():
    shards = [Shard(f"{number}", np.zeros(10, np.int64)) for number in range(50)]
    stretches = itertools.islice(StreamedImages(shards, SHAPE, 10, 1)._stretches(0), 40)
    assert {len(stretch.shards) for stretch in stretches} == {4, 2}


def test_a_training_that_goes_on_parses_no_image_that_was_seen(images):
    (rest,) = itertools.islice(images._stretches(2), 1)
    (whole,) = itertools.islice(images._stretches(0), 1)
    np.testing.assert_array_equal(rest.places, whole.places[8:])


def test_rows_are_a_part_of_the_same_batch(images):
    whole = taken(images.batches(3, WHOLE), 9)
    parts = [taken(images.batches(3, slice(start, start + 2)), 9) for start in (0, 2)]
    assert [first + second for first, second in zip(*parts, strict=True)] == whole


def test_a_split_too_large_for_memory_is_streamed_and_changed(files):
    config = TrainingConfig(batch_size=4, augmentation=["brightness", "flip"])
    images = TrainingImages.read(files, SHAPE, 3, config, seed=3, memory_bytes=1)
    assert images.steps_per_epoch == len(KNOWN) // 4
    everything = [pixels.numpy() for pixels, _ in images.batches().take(12)]
    for pixels, expected in zip(images.batches(7).take(5), everything[7:], strict=True):
        np.testing.assert_array_equal(pixels[0], expected)


def test_a_large_split_without_images_is_refused():
    with pytest.raises(TrainingDataError, match="no images"):
        TrainingImages.read([], SHAPE, 3, TrainingConfig(), seed=3, memory_bytes=-1)
