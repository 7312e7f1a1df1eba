"""From encoded image to pixels."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from faces.images.decode import decode_and_resize, decode_image, resize_image
from tests.conftest import draw_face, encoded


def test_a_batch_of_images_of_any_size_and_format_gets_one_shape():
    batch = [
        encoded(draw_face(1, 1, size=(40, 48)), "png"),
        encoded(draw_face(2, 1, size=(300, 200)), "jpeg"),
        encoded(draw_face(3, 1).convert("L"), "png"),
    ]
    pixels = decode_and_resize(tf.constant(batch), (32, 24, 3))
    assert pixels.shape == (3, 32, 24, 3)
    assert pixels.dtype == tf.uint8


def test_the_channels_are_red_green_blue_in_this_order():
    image = Image.new("RGB", (8, 8), (200, 100, 50))
    pixels = decode_and_resize(tf.constant([encoded(image, "png")]), (8, 8, 3)).numpy()
    np.testing.assert_array_equal(np.unique(pixels.reshape(-1, 3), axis=0), [[200, 100, 50]])


def test_one_channel_is_the_luminance():
    image = Image.new("RGB", (8, 8), (200, 100, 50))
    pixels = decode_and_resize(tf.constant([encoded(image, "png")]), (8, 8, 1)).numpy()
    assert np.unique(pixels) == pytest.approx(0.299 * 200 + 0.587 * 100 + 0.114 * 50, abs=1)


def test_resizing_to_the_same_size_changes_nothing():
    image = np.asarray(draw_face(1, 1))
    np.testing.assert_array_equal(resize_image(tf.constant(image), 48, 40).numpy(), image)


def test_shrinking_averages_instead_of_picking_pixels():
    checkerboard = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None]
    small = resize_image(tf.constant(checkerboard), 8, 8).numpy()
    assert abs(small.astype(int) - 128).max() <= 8


def test_levels_are_rounded_and_not_cut_off():
    halves = np.array([[[10], [11]], [[11], [11]]], np.uint8)  # their mean is 10.75
    assert resize_image(tf.constant(halves), 1, 1).numpy().item() == 11


def test_resizing_agrees_with_pillow():
    image = draw_face(4, 1, size=(120, 90))
    ours = resize_image(tf.constant(np.asarray(image)), 32, 32).numpy()
    pillows = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR))
    assert abs(ours.astype(int) - pillows).max() <= 1


def test_a_truncated_image_is_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(tf.constant(encoded(draw_face(1, 1), "jpeg")[:500]), 3)
