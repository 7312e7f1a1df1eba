"""The random changes of a batch: their draws, and what they depend on."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from components.trainer.augmentation.augment import augment
from components.trainer.augmentation.choices import CHOICES, default_strengths
from components.trainer.augmentation.draws import around_zero, between, draws_for
from components.trainer.augmentation.geometry import GEOMETRIC
from components.trainer.augmentation.pixels import OF_PIXELS

EVERY_CHANGE = {name: choice.strength for name, choice in CHOICES.items()}


def some_pixels(number=4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, 32, 32, 3), dtype=np.uint8)


def seed(step=0) -> tf.Tensor:
    return tf.constant([7, step], tf.int64)


def test_each_choice_of_the_configuration_is_one_change():
    assert sorted([*GEOMETRIC, *OF_PIXELS]) == sorted(CHOICES)


def test_images_are_changed_and_stay_in_range():
    changed = augment(some_pixels(), seed(), EVERY_CHANGE).numpy()
    assert changed.shape == some_pixels().shape
    assert changed.dtype == np.float32
    assert changed.min() >= 0.0
    assert changed.max() <= 255.0
    assert all((changed[i] != some_pixels()[i]).any() for i in range(4))


def test_the_seed_decides_the_changes():
    first, again = (augment(some_pixels(), seed(), EVERY_CHANGE) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, augment(some_pixels(), seed(step=1), EVERY_CHANGE))


def test_each_image_is_changed_in_its_own_way():
    same = np.repeat(some_pixels()[:1], 8, axis=0)
    changed = augment(same, seed(), default_strengths()).numpy()
    assert len({image.tobytes() for image in changed}) == 8


@pytest.mark.parametrize("name", CHOICES)
def test_each_change_alone_differs_between_images(name):
    same = np.repeat(some_pixels()[:1], 64, axis=0)
    changed = augment(same, seed(), {name: CHOICES[name].strength}).numpy()
    assert 1 < len({image.tobytes() for image in changed}) <= 64


def test_no_change_gives_the_pixels_as_floats():
    np.testing.assert_array_equal(augment(some_pixels(), seed(), {}), some_pixels())


def test_whole_numbers_and_floats_of_the_same_pixels_give_the_same():
    np.testing.assert_array_equal(
        augment(some_pixels(), seed(), EVERY_CHANGE),
        augment(some_pixels().astype(np.float32), seed(), EVERY_CHANGE),
    )


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_dataset_gives_the_same_images_however_many_threads_make_them(parallel):
    pixels = np.stack([some_pixels(4)] * 6)
    dataset = tf.data.Dataset.from_tensor_slices(pixels).enumerate()
    changed = dataset.map(
        lambda step, batch: augment(batch, tf.stack([7, step]), EVERY_CHANGE),
        num_parallel_calls=parallel,
    )
    for step, batch in enumerate(changed.as_numpy_iterator()):
        alone = tf.function(augment)(tf.constant(pixels[step]), seed(step), EVERY_CHANGE)
        np.testing.assert_array_equal(batch, alone)


def test_parts_of_a_batch_are_changed_as_in_the_whole():
    pixels = some_pixels(6)
    whole = augment(pixels, seed(), EVERY_CHANGE)
    parts = [
        augment(pixels[2 * index : 2 * index + 2], seed(), EVERY_CHANGE, (index, 3))
        for index in range(3)
    ]
    np.testing.assert_allclose(tf.concat(parts, axis=0), whole, atol=1e-3)


def test_changes_are_made_in_the_order_of_the_list():
    first_covered, first_lit = (
        augment(some_pixels(8), seed(), dict.fromkeys(names, 1.0))
        for names in (("erasing", "brightness"), ("brightness", "erasing"))
    )
    assert (first_lit.numpy() == 127.5).any(axis=(1, 2, 3)).all()
    assert not (first_covered.numpy() == 127.5).any(axis=(1, 2, 3)).any()


def test_draws_are_uniform_and_those_of_two_changes_unlike():
    flips, zooms = (draws_for(name, seed(), 2, 4000).numpy() for name in ("flip", "zoom"))
    for draws in (flips[:, 0], flips[:, 1], zooms[:, 0]):
        assert stats.kstest(draws, "uniform").pvalue > 0.01
    for one, other in ((flips[:, 0], flips[:, 1]), (flips[:, 0], zooms[:, 0])):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.05


def test_draws_of_consecutive_steps_are_unlike():
    first, second = (draws_for("flip", seed(step), 1, 4000).numpy().ravel() for step in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_draws_are_spread_over_the_range_that_is_asked_for():
    draws = tf.constant([0.0, 0.25, 1.0])
    np.testing.assert_allclose(around_zero(draws, 0.2), [-0.2, -0.1, 0.2], rtol=1e-6)
    np.testing.assert_allclose(between(draws, 1.0, 3.0), [1.0, 1.5, 3.0])
