"""From encoded image to pixels."""

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faces.images.decode import (
    RESIZE_MODES,
    crop_image,
    decode_and_resize,
    decode_image,
    pad_image,
    resize_image,
)
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


@pytest.mark.parametrize("quality", [50, 90, 100])
def test_a_jpeg_is_decoded_as_viewers_do_to_the_bit(quality):
    """By the fast transform, which is TensorFlow's default, quality 100 would be off by levels."""
    data = encoded(draw_face(1, 1, (300, 200)), "jpeg", quality=quality)
    shown = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(decode_image(tf.constant(data), 3).numpy(), shown)
    assert (tf.io.decode_image(data, 3).numpy() != shown).any()


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


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_an_image_of_the_right_size_is_handed_on_and_that_is_what_resizing_gives(
    height, width, seed
):
    """`tf.image.resize` at a scale of 1, which is left out, would change nothing."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    same = tf.image.resize(image, [height, width], method="bilinear", antialias=True)
    np.testing.assert_array_equal(same.numpy(), image)
    for resize in RESIZE_MODES.values():
        np.testing.assert_array_equal(resize(tf.constant(image), height, width).numpy(), image)


def test_stretching_is_one_call_of_tensorflow():
    image = np.asarray(draw_face(1, 1, (77, 90)))
    expected = tf.image.resize(image, [32, 24], method="bilinear", antialias=True)
    expected = tf.cast(tf.clip_by_value(tf.round(expected), 0.0, 255.0), tf.uint8)
    pixels = decode_and_resize(
        tf.constant([encoded(draw_face(1, 1, (77, 90)), "png")]), (32, 24, 3)
    )
    np.testing.assert_array_equal(pixels[0], expected)


@pytest.mark.parametrize(
    ("size", "box"),
    [((200, 100), (50, 0, 150, 100)), ((60, 90), (0, 15, 60, 75)), ((31, 30), (0, 0, 30, 30))],
)
def test_crop_resizes_the_middle_as_pillow_does(size, box):
    image = draw_face(2, 1, size)
    pillows = np.asarray(image.crop(box).resize((32, 32), Image.Resampling.BILINEAR))
    ours = crop_image(tf.constant(np.asarray(image)), 32, 32).numpy()
    assert abs(ours.astype(int) - pillows).max() <= 1


def test_pad_keeps_the_whole_image_in_the_middle_of_black():
    image = draw_face(2, 1, (200, 100))
    padded = pad_image(tf.constant(np.asarray(image)), 32, 40).numpy()
    np.testing.assert_array_equal(padded[6:26], resize_image(np.asarray(image), 20, 40))
    assert not padded[:6].any()
    assert not padded[26:].any()


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([(32, 32), (48, 32), (33, 71)]))
def test_every_mode_gives_the_shape_whatever_the_image(height, width, size):
    image = tf.fill([height, width, 1], tf.constant(200, tf.uint8))
    for mode, resize in RESIZE_MODES.items():
        pixels = resize(image, *size).numpy()
        assert (pixels.shape, pixels.dtype) == ((*size, 1), np.uint8)
        assert mode == "pad" or (pixels == 200).all()
    scale = min(size[0] / height, size[1] / width)
    bright = (pixels == 200).sum()  # of pad, the last one
    sides = [max(side * scale, 1) for side in (height, width)]
    assert bright == pytest.approx(np.prod(sides), abs=1 + sum(sides) / 2)


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
