"""The training data: what is read, and in which order it comes."""

import numpy as np
import pytest
import tensorflow as tf

from components.trainer import validation
from components.trainer.config import TrainingConfig
from components.trainer.data import TrainingDataError, TrainingImages, load_split
from components.trainer.samplers import SAMPLERS, by_image
from components.trainer.validation import load_validation
from faces.contract import UNKNOWN_LABEL
from faces.storage import to_example
from groundfloor.draws import Draw, derived_seed

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


def config(**training) -> TrainingConfig:
    return TrainingConfig(**{"batch_size": 4, "augment": False, **training})


def numbered(number=20, people=5, **training) -> TrainingImages:
    """Images that are filled with their number, whose person is the number modulo `people`."""
    numbers = np.arange(number)
    pixels = np.broadcast_to(numbers[:, None, None, None], (number, *SHAPE)).astype(np.uint8)
    return TrainingImages.of((pixels, numbers % people), people, config(**training), seed=3)


def values(dataset):
    return [(int(pixels.max()), int(label)) for pixels, label in dataset.as_numpy_iterator()]


def taken(batches, number):
    """The numbers of the images in the first batches."""
    return [pixels[:, 0, 0, 0].tolist() for pixels, _ in batches.take(number).as_numpy_iterator()]


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


def known_images(files):
    """The images of known people in a split to validate with."""
    return load_validation(files, SHAPE, 3).known.unbatch()


def test_the_files_are_read_once_where_they_fit_into_memory(files, tmp_path):
    images, dataset = TrainingImages.read(files, SHAPE, 2, config(), 3), known_images(files)
    first, batches = values(dataset), taken(images.batches(), 4)
    for path in tmp_path.glob("*.gz"):
        path.unlink()
    assert values(dataset) == first
    assert taken(images.batches(), 4) == batches


def test_a_split_too_large_for_memory_is_read_anew(files, tmp_path, monkeypatch):
    monkeypatch.setattr(validation, "fits_in_memory", lambda _: False)
    dataset = known_images(files)
    assert len(values(dataset)) == 8
    for path in tmp_path.glob("*.gz"):
        path.unlink()
    with pytest.raises(tf.errors.NotFoundError):
        values(dataset)


def test_the_training_split_has_its_labels_and_its_batches_in_memory(files, tmp_path):
    images = TrainingImages.read(files, SHAPE, 2, config(), seed=3)
    for path in tmp_path.glob("*.gz"):
        path.unlink()
    assert sorted(images.labels) == [0] * 4 + [1] * 4
    assert images.steps_per_epoch == 2
    assert sorted(np.ravel(taken(images.batches(), 2))) == [0, 1, 2, 3, 5, 6, 7, 8]


def test_each_pixel_stays_with_its_label():
    for pixels, labels in numbered().batches().take(10).as_numpy_iterator():
        np.testing.assert_array_equal(pixels[:, 0, 0, 0] % 5, labels)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_batches_are_those_of_the_sampler_epoch_after_epoch(sampler):
    images = numbered(sampler=sampler)
    expected = [SAMPLERS[sampler](images.labels, 4, 3, epoch, 4) for epoch in range(3)]
    assert images.steps_per_epoch == 5
    assert taken(images.batches(), 15) == np.concatenate(expected).tolist()


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("first_step", [1, 4, 5, 13])
def test_from_any_step_on_the_batches_are_the_same(sampler, first_step):
    images = numbered(sampler=sampler)
    assert taken(images.batches(first_step), 8) == taken(images.batches(), 21)[first_step:][:8]


def test_from_any_step_on_the_images_are_changed_in_the_same_way():
    images = numbered(augment=True)
    everything = [pixels.numpy() for pixels, _ in images.batches().take(7)]
    for step, (pixels, _) in enumerate(images.batches(5).take(2), start=5):
        assert pixels.dtype == tf.float32
        np.testing.assert_array_equal(pixels, everything[step])
    assert not np.array_equal(everything[0], everything[5])


def test_without_changes_pixels_are_as_they_are_stored():
    assert numbered().batches().element_spec[0].dtype == tf.uint8


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_parts_of_several_workers_are_the_batch_of_one(sampler):
    images = numbered(sampler=sampler, augment=True, augmentation=["brightness", "flip"])
    whole = [batch for batch, _ in images.batches(3).take(4).as_numpy_iterator()]
    parts = [
        [batch for batch, _ in images.batches(3, part=(index, 2)).take(4).as_numpy_iterator()]
        for index in range(2)
    ]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert len(first) == len(second) == 2
        np.testing.assert_allclose(np.concatenate([first, second]), batch, atol=1e-3)


def test_a_batch_that_workers_cannot_share_evenly_is_refused():
    with pytest.raises(TrainingDataError, match="4 images cannot be dealt to 3 workers evenly"):
        numbered().batches(part=(0, 3))


def test_fewer_images_than_a_batch_are_one_batch():
    images = numbered(6, batch_size=64)
    assert (images.batch_size, images.steps_per_epoch) == (6, 1)
    assert sorted(taken(images.batches(), 1)[0]) == list(range(6))


def test_images_may_come_as_a_dataset_whose_own_order_is_its_first():
    numbers = tf.data.Dataset.range(8).map(lambda n: (tf.fill(SHAPE, tf.cast(n, tf.uint8)), n % 2))
    images = TrainingImages.of(numbers.shuffle(8, seed=1), 2, config(), seed=3)
    for _ in range(2):
        assert sorted(np.ravel(taken(images.batches(), 2))) == list(range(8))


def test_the_order_and_the_changes_are_draws_of_their_own():
    assert derived_seed(Draw.AUGMENTATION, 3) != derived_seed(Draw.TRAINING_ORDER, 3)
    assert not np.array_equal(by_image(np.zeros(20), 4, 3, 0), by_image(np.zeros(20), 4, 4, 0))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "no images"),
        ([1, 1, 1], "at least 2 identities"),
        ([0, 1, 2], r"in \[0, 2\). Received: 0 to 2"),
        ([0, 1, -1], r"in \[0, 2\). Received: -1 to 1"),
    ],
)
def test_labels_no_model_can_be_trained_on_are_refused(labels, message):
    pixels = np.zeros((len(labels), *SHAPE), np.uint8)
    with pytest.raises(TrainingDataError, match=message):
        TrainingImages.of((pixels, np.array(labels, np.int64)), 2, config(), seed=3)


def test_more_people_in_a_batch_than_there_are_is_refused():
    with pytest.raises(TrainingDataError, match=r"puts 8 people into each batch, .* has 5"):
        numbered(sampler="people", batch_size=32)


def test_an_order_of_people_is_refused_where_images_do_not_fit_into_memory(files):
    balanced = config(sampler="balanced")
    with pytest.raises(TrainingDataError, match=r"use training\.sampler: image"):
        TrainingImages.read(files, SHAPE, 2, balanced, seed=3, memory_bytes=1)
