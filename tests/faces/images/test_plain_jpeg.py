"""A plain JPEG looks the same to TensorFlow and to Pillow, even a damaged one."""

import io
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from faces.images import encode
from faces.images.decode import decode_image
from faces.images.encode import encode_image
from faces.images.formats import ALLOWED, BadImageError, open_image
from faces.images.plain_jpeg import is_plain_jpeg
from tests.conftest import draw_face, encoded
from tests.faces.corpus import MAX_PIXELS
from tests.faces.corpus.jpeg import segment

FACE = draw_face(person=1, shot=1)


def is_plain(data: bytes, channels: int = 3) -> bool:
    return is_plain_jpeg(open_image(data, MAX_PIXELS), data, channels)


def drawn(seed: int, height: int, width: int) -> Image.Image:
    """Something of strong colours and smooth edges."""
    cells = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)


def outcome(data: bytes, channels: int) -> object:
    try:
        return encode_image(data, MAX_PIXELS, channels)
    except BadImageError as error:
        return error.reason, str(error)


pictures = st.builds(drawn, st.integers(0, 99), st.integers(1, 60), st.integers(1, 60))
qualities = st.sampled_from([30, 75, 90, 100])
subsamplings = st.sampled_from([0, 1, 2])


@settings(max_examples=200)
@given(pictures, qualities, subsamplings)
def test_both_decoders_give_equal_pixels(picture, quality, subsampling):
    data = encoded(picture, "jpeg", quality=quality, subsampling=subsampling)
    assert is_plain(data)
    shown = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(decode_image(tf.constant(data), 3).numpy(), shown)


@given(pictures, qualities, st.sampled_from([1, 3]))
def test_and_of_grey_ones(picture, quality, channels):
    data = encoded(picture.convert("L"), "jpeg", quality=quality)
    assert is_plain(data, channels)
    shown = np.asarray(Image.open(io.BytesIO(data)))[..., None]
    pixels = decode_image(tf.constant(data), channels).numpy()
    np.testing.assert_array_equal(pixels, np.broadcast_to(shown, pixels.shape))


@settings(max_examples=300)
@given(pictures, qualities, subsamplings, st.booleans(), st.data())
def test_what_is_damaged_is_judged_as_by_both_decoders(
    picture, quality, subsampling, has_restarts, data
):
    restarts = {"restart_marker_rows": 1} if has_restarts else {}
    content = bytearray(
        encoded(picture, "jpeg", quality=quality, subsampling=subsampling, **restarts)
    )
    start = data.draw(st.integers(2, len(content) - 3))
    removed = data.draw(st.integers(0, 50))
    content[start : min(start + removed, len(content) - 2)] = data.draw(st.binary(max_size=20))
    alone = outcome(bytes(content), channels=3)
    with mock.patch.object(encode, "is_plain_jpeg", return_value=False):
        assert outcome(bytes(content), channels=3) == alone


def with_exif(**tags: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = tags["orientation"]
    return exif.tobytes()


def with_segment(marker: int, content: bytes) -> bytes:
    data = encoded(FACE, "jpeg")
    return data[:2] + segment(marker, content) + data[2:]


@pytest.mark.parametrize(
    ("what", "data", "channels"),
    [
        ("a PNG", encoded(FACE, "png"), 3),
        ("turned by its EXIF", encoded(FACE, "jpeg", exif=with_exif(orientation=6)), 3),
        ("in passes", encoded(FACE, "jpeg", progressive=True), 3),
        ("without its end", encoded(FACE, "jpeg")[:-2], 3),
        ("with something after its end", encoded(FACE, "jpeg") + b"more", 3),
        ("colours made grey", encoded(FACE, "jpeg"), 1),
        ("colours of CMYK", encoded(FACE.convert("CMYK"), "jpeg"), 3),
        ("colours as RGB", encoded(FACE, "jpeg", keep_rgb=True), 3),
        ("colours that Adobe describes", with_segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"), 3),
        (
            "colours of a profile",
            encoded(
                FACE,
                "jpeg",
                icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
            ),
            3,
        ),
        ("many pictures", encoded(FACE, "mpo", save_all=True, append_images=[FACE]), 3),
        ("a second scan", with_segment(0xFE, b"\xff\xda"), 3),
    ],
)
def test_whatever_else_a_viewer_may_heed_is_not_plain(what, data, channels):
    assert Image.open(io.BytesIO(data)).format in {*ALLOWED, "MPO"}
    assert not is_plain(data, channels), what


def test_a_camera_s_thumbnail_is_no_scan_of_the_picture():
    thumbnail = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + encoded(FACE, "jpeg")
    assert is_plain(with_segment(0xE1, thumbnail))


def test_a_plain_one_is_decoded_once():
    with mock.patch.object(encode, "picture_of") as by_pillow:
        encode_image(encoded(FACE, "jpeg"), MAX_PIXELS, 3)
    by_pillow.assert_not_called()
