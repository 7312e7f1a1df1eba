"""Resizing without TensorFlow gives TensorFlow's pixels, to the last bit."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from faces.images import decode
from faces.images.light.resize import RESIZE_MODES


def drawn(seed, height, width, channels):
    """Noise, or noise that rises from row to row: rounding at each level is met."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    return np.sort(pixels, axis=0) if seed % 2 else pixels


sides = st.one_of(st.integers(1, 40), st.integers(41, 300))
images = st.builds(drawn, st.integers(0, 99), sides, sides, st.sampled_from([1, 3]))
results = st.tuples(st.integers(1, 130), st.integers(1, 130))


def test_the_modes_are_those_of_the_configuration():
    assert list(RESIZE_MODES) == list(decode.RESIZE_MODES)


@pytest.mark.parametrize("mode", RESIZE_MODES)
@settings(max_examples=60, deadline=None)
@given(images, results)
def test_each_mode_gives_tensorflows_pixels(mode, image, size):
    expected = decode.RESIZE_MODES[mode](tf.constant(image), *size)
    np.testing.assert_array_equal(RESIZE_MODES[mode](image, *size), expected)


def test_a_photograph_of_megapixels_does_too():
    image = drawn(1, 1700, 2300, 3)
    expected = decode.resize_image(tf.constant(image), 112, 112)
    np.testing.assert_array_equal(RESIZE_MODES["stretch"](image, 112, 112), expected)
