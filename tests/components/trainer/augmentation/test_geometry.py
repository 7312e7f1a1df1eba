"""Changes of where things are, against SciPy on coordinates and against Keras' layers."""

import math

import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy.ndimage import map_coordinates

from components.trainer.augmentation.geometry import GEOMETRIC, moved

HEIGHT, WIDTH = 24, 31
SIZE = (HEIGHT, WIDTH)


def some_pixels(number=3, channels=3):
    return np.random.default_rng(0).uniform(0, 255, (number, *SIZE, channels)).astype(np.float32)


def some_draws(name, number=3):
    shape = (number, GEOMETRIC[name].draws)
    return np.random.default_rng(len(name)).random(shape).astype(np.float32)


def matrices(name, draws, strength):
    return GEOMETRIC[name].matrices(tf.constant(draws, tf.float32), strength, SIZE)


def source_of(name, draws, strength, y, x):
    """Where a change takes what it shows at (y, x), from its definition."""
    signed = (2 * draws - 1) * strength
    centre_y, centre_x = (HEIGHT - 1) / 2, (WIDTH - 1) / 2
    if name == "flip":
        return (y, WIDTH - 1 - x) if draws[0] < strength else (y, x)
    if name == "shift":
        return y - signed[1] * HEIGHT, x - signed[0] * WIDTH
    if name == "rotation":
        turned = np.exp(1j * signed[0]) * ((x - centre_x) + 1j * (y - centre_y))
        return turned.imag + centre_y, turned.real + centre_x
    factor = 1 + signed[0]
    return (y - centre_y) * factor + centre_y, (x - centre_x) * factor + centre_x


def expected(pixels, steps):
    """Each image by SciPy, from the last change back to the first."""
    changed = np.empty_like(pixels)
    for number, image in enumerate(pixels):
        y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
        for name, draws, strength in reversed(steps):
            y, x = source_of(name, draws[number], strength, y, x)
        for channel in range(image.shape[-1]):
            changed[number, :, :, channel] = map_coordinates(
                image[:, :, channel], [y, x], order=1, mode="nearest"
            )
    return changed


STEPS = {
    "flip": [("flip", 0.5)],
    "shift": [("shift", 0.2)],
    "rotation": [("rotation", 0.6)],
    "zoom": [("zoom", 0.3)],
    "all": [("flip", 0.5), ("shift", 0.1), ("rotation", 0.3), ("zoom", 0.2)],
    "all, backwards": [("zoom", 0.2), ("rotation", 0.3), ("shift", 0.1), ("flip", 0.5)],
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_pixels_come_from_where_the_definition_says(steps):
    pixels = some_pixels()
    drawn = [(name, some_draws(name), strength) for name, strength in steps]
    changed = moved(tf.constant(pixels), [matrices(*step) for step in drawn])
    np.testing.assert_allclose(changed, expected(pixels, drawn), atol=0.02)


def test_a_flip_copies_pixels_as_they_are():
    pixels = some_pixels(2)
    changed = moved(tf.constant(pixels), [matrices("flip", [[0.1], [0.9]], 0.5)])
    np.testing.assert_array_equal(changed, [pixels[0, :, ::-1], pixels[1]])


LAYERS = {
    "shift": layers.RandomTranslation(0.06, 0.06, fill_mode="nearest"),
    "rotation": layers.RandomRotation(0.15 / (2 * math.pi), fill_mode="nearest"),
    "zoom": layers.RandomZoom(0.08, fill_mode="nearest"),
}


def draws_of(name, transformation):
    """The draws in [0, 1) that a layer of Keras has made its transformation from."""
    if name == "shift":
        signed = transformation["translations"].numpy() / (WIDTH, HEIGHT) / 0.06
    elif name == "rotation":
        signed = np.radians(transformation["angle"].numpy())[:, None] / 0.15
    else:
        signed = (transformation["height_zoom"].numpy() - 1.0) / 0.08
    return (signed + 1) / 2


@pytest.mark.parametrize("name", LAYERS)
def test_the_same_draws_give_what_the_layer_of_keras_gives(name):
    pixels, layer = some_pixels(16), LAYERS[name]
    transformation = layer.get_random_transformation(pixels, training=True)
    draws = draws_of(name, transformation)
    assert -1e-5 <= draws.min() < draws.max() <= 1 + 1e-5  # it draws from the same range
    strength = {"shift": 0.06, "rotation": 0.15, "zoom": 0.08}[name]
    changed = moved(tf.constant(pixels), [matrices(name, draws, strength)])
    np.testing.assert_allclose(
        changed, layer.transform_images(pixels, transformation, training=True), atol=0.05
    )
