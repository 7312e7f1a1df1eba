"""Changes of the pixels, each against NumPy, Pillow or Keras' layer."""

import io

import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image

from components.trainer.augmentation.pixels import (
    OF_PIXELS,
    brightness,
    contrast,
    downscale,
    erasing,
    grey,
    jpeg,
)
from tests.conftest import draw_face

HEIGHT, WIDTH = 48, 40


def faces(number=4, channels=3):
    """Float pixels of drawn faces that hold whole numbers."""
    pixels = np.stack([np.asarray(draw_face(person, 0), np.float32) for person in range(number)])
    return pixels[..., :channels]


def drawn(*columns):
    return tf.constant(np.stack(columns, axis=1), tf.float32)


def test_brightness_adds_one_number_to_an_image():
    changed = brightness(faces(), drawn([0.0, 0.5, 0.75, 1.0]), 0.2)
    added = np.array([-51.0, 0.0, 25.5, 51.0])[:, None, None, None]
    np.testing.assert_allclose(changed, np.clip(faces() + added, 0, 255), atol=1e-3)


def test_contrast_stretches_each_channel_about_its_mean():
    changed = contrast(faces(), drawn([0.0, 0.2, 0.5, 1.0]), 0.5)
    factor = np.array([1.0, 1.1, 1.25, 1.5])[:, None, None, None]
    mean = faces().mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(
        changed, np.clip((faces() - mean) * factor + mean, 0, 255), atol=1e-2
    )


def test_grey_has_the_lightness_that_pillow_finds():
    changed = grey(faces(2), drawn([0.1, 0.9]), 0.5).numpy()
    lightness = np.asarray(draw_face(0, 0).convert("L"), np.float32)
    for channel in range(3):
        np.testing.assert_allclose(changed[0, :, :, channel], lightness, atol=1.0)
    np.testing.assert_array_equal(changed[1], faces(2)[1])


def test_what_has_one_channel_is_grey_already():
    pixels = faces(2, channels=1)
    np.testing.assert_array_equal(grey(pixels, drawn([0.1, 0.1]), 1.0), pixels)


def test_erasing_covers_a_patch_with_grey():
    pixels = tf.zeros([2, HEIGHT, WIDTH, 1])
    #                          chosen      height       width       top         left
    draws = drawn([0.1, 0.9], [0.0, 0.0], [1.0, 1.0], [0.5, 0.5], [0.0, 0.0])
    changed = erasing(pixels, draws, 0.5).numpy()
    assert not changed[1].any()
    rows, columns = (np.flatnonzero(changed[0, ..., 0].any(axis=axis)) for axis in (1, 0))
    height, width = np.sqrt(0.02) * HEIGHT, np.sqrt(0.33) * WIDTH
    assert len(rows) in (int(height), int(height) + 1)
    assert rows[0] == np.ceil((HEIGHT - height) / 2)
    assert list(columns) == list(range(int(np.ceil(width))))
    assert (changed[0, rows[0] : rows[-1] + 1, : columns[-1] + 1] == 127.5).all()


@pytest.mark.parametrize("ratio", [0.2, 0.4, 0.85])
def test_downscale_is_what_pillow_makes_of_it(ratio):
    draws = drawn([0.1, 0.9], [(ratio - 0.2) / 0.8] * 2)
    changed = downscale(tf.constant(faces(2)), draws, 0.5)
    small = round(WIDTH * ratio), round(HEIGHT * ratio)
    for channel in range(3):
        image = Image.fromarray(faces(1)[0, :, :, channel])
        down = image.resize(small, Image.Resampling.BILINEAR)
        up = down.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(changed[0, :, :, channel], np.asarray(up), atol=0.05)
    np.testing.assert_array_equal(changed[1], faces(2)[1])


def saved_as_jpeg(face, quality):
    buffer = io.BytesIO()
    face.save(buffer, "jpeg", quality=quality)
    return np.asarray(Image.open(buffer), np.float32).reshape(HEIGHT, WIDTH, -1)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_what_pillow_makes_of_it(channels):
    draws = drawn([0.1, 0.9], [0.25, 0.25])
    changed = jpeg(tf.constant(faces(2, channels)), draws, 0.5)
    face = draw_face(0, 0) if channels == 3 else draw_face(0, 0).getchannel(0)
    errors = {q: np.abs(changed[0] - saved_as_jpeg(face, q)).mean() for q in (36, 46, 56, 100)}
    assert min(errors, key=errors.get) == 46
    assert errors[46] < 1.5  # two libraries, which round differently
    np.testing.assert_array_equal(changed[1], faces(2, channels)[1])


@pytest.mark.parametrize("name", ["downscale", "jpeg"])
def test_a_batch_of_which_no_image_is_chosen_stays(name):
    changed = OF_PIXELS[name].change(tf.constant(faces(2)), drawn([0.9, 0.9], [0.5, 0.5]), 0.5)
    np.testing.assert_array_equal(changed, faces(2))


LAYERS = {
    "brightness": layers.RandomBrightness(0.15),
    "contrast": layers.RandomContrast(0.25, value_range=(0, 255)),
}


def draws_of(name, transformation):
    """The draws in [0, 1) that a layer of Keras has made its transformation from."""
    if name == "brightness":
        return (transformation["rgb_delta"].numpy().ravel() / 255 / 0.15 + 1) / 2
    return (transformation["contrast_factor"].numpy().ravel() - 1) / 0.25


@pytest.mark.parametrize("name", LAYERS)
def test_the_same_draws_give_what_the_layer_of_keras_gives(name):
    pixels, layer = faces(16), LAYERS[name]
    transformation = layer.get_random_transformation(pixels, training=True)
    draws = draws_of(name, transformation)
    assert -1e-5 <= draws.min() < draws.max() <= 1 + 1e-5  # it draws from the same range
    strength = {"brightness": 0.15, "contrast": 0.25}[name]
    changed = OF_PIXELS[name].change(tf.constant(pixels), drawn(draws), strength)
    layers_own = layer.transform_images(pixels, transformation, training=True)
    np.testing.assert_allclose(changed, layers_own, atol=0.05)


def test_patches_are_as_large_as_those_of_keras():
    pixels = np.zeros((2000, HEIGHT, WIDTH, 1), np.float32)
    layer = layers.RandomErasing((0.5, 0.5), fill_value=127.5, seed=1)
    draws = np.random.default_rng(2).random((2000, 5)).astype(np.float32)
    ours = np.asarray(erasing(pixels, draws, 0.5)) > 0
    keras_own = np.asarray(layer(pixels, training=True)) > 0
    for covered in (ours, keras_own):
        assert 0.46 < covered.any(axis=(1, 2, 3)).mean() < 0.54
    share, keras_share = (covered.mean() for covered in (ours, keras_own))
    assert share == pytest.approx(keras_share, rel=0.1)
    # Where patches lie: in each pixel as often, within what so many draws can tell.
    assert np.abs(ours.mean(axis=0) - keras_own.mean(axis=0)).max() < 0.06
