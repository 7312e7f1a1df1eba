"""The pixels of every file of the corpus are TensorFlow's, or it is said that these are needed."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from faces.images.decode import decode_image
from faces.images.encode import encode_image
from faces.images.formats import BadImageError
from faces.images.light.decode import NeedsTensorFlowError, decode_file
from tests.conftest import encoded
from tests.faces.corpus import MAX_PIXELS, files
from tests.faces.images.test_plain_jpeg import drawn


def by_tensorflow(data, channels):
    """The pixels, or why there are none."""
    try:
        image = encode_image(data, MAX_PIXELS, channels)
    except BadImageError as error:
        return error.reason, str(error)
    return decode_image(tf.constant(image.encoded), channels).numpy()


def lightly(data, channels):
    """The same, or None where TensorFlow is needed."""
    try:
        return decode_file(data, MAX_PIXELS, channels)
    except BadImageError as error:
        return error.reason, str(error)
    except NeedsTensorFlowError:
        return None


@pytest.mark.parametrize("channels", [1, 3])
def test_every_file_has_tensorflows_pixels_or_its_refusal_or_is_left_to_it(channels):
    left = set()
    for file in files():
        light = lightly(file.data, channels)
        if light is None:
            left.add(file.kind)
        else:
            expected = by_tensorflow(file.data, channels)
            np.testing.assert_array_equal(light, expected, err_msg=f"{file.kind}, {file.name}")
    of_grey = {"PNG colour", "PNG with further chunks", "PNG with another gamma"}
    of_both = {"JPEG of other colours", "JPEG of a rare coding", "JPEG broken"}
    assert left <= of_both | (of_grey if channels == 1 else set())


pictures = st.builds(drawn, st.integers(0, 99), st.integers(1, 70), st.integers(1, 70))
kinds = st.sampled_from(
    [("jpeg", {"progressive": True}), ("jpeg", {"quality": 92}), ("png", {}), ("webp", {})]
)


@settings(max_examples=60, deadline=None)
@given(pictures, kinds, st.sampled_from(["L", "RGB"]), st.sampled_from([1, 3]))
def test_drawn_pictures_have_tensorflows_pixels(picture, kind, mode, channels):
    name, options = kind
    data = encoded(picture.convert(mode), name, **options)
    np.testing.assert_array_equal(lightly(data, channels), by_tensorflow(data, channels))


def test_all_of_the_colours_become_libpngs_grey():
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(52, -1, 3)
    data = encoded(Image.fromarray(colours), "png")
    np.testing.assert_array_equal(lightly(data, 1), by_tensorflow(data, 1))
