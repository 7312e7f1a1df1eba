"""Small pictures of whatever a file holds."""

import base64
import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from faces.report.thumbnails import MAX_BYTES, SIDE, address_of
from tests.conftest import draw_face, encoded
from tests.faces.corpus import files

START = "data:image/jpeg;base64,"


def picture_of(address):
    assert address.startswith(START)
    return Image.open(io.BytesIO(base64.b64decode(address.removeprefix(START))))


@pytest.mark.parametrize("image_format", ["png", "jpeg"])
def test_a_large_image_becomes_a_small_one(image_format):
    picture = picture_of(address_of(encoded(draw_face(1, 1, (400, 300)), image_format)))
    assert picture.size == (SIDE, SIDE * 3 // 4)


@pytest.mark.parametrize("image_format", ["png", "jpeg", "bmp"])
def test_of_half_a_file_the_first_half_is_shown(image_format):
    whole = encoded(Image.effect_noise((100, 100), 90).convert("RGB"), image_format)
    half = np.asarray(picture_of(address_of(whole[: len(whole) // 2])), float)
    first, last = (half[:20], half[-20:]) if image_format != "bmp" else (half[-20:], half[:20])
    assert first.std() > 10 * last.std()
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("data", [b"", b"text", bytes(MAX_BYTES + 1)], ids=["", "text", "zeros"])
def test_of_what_is_no_image_nothing_is_shown(data):
    assert address_of(data) is None


def test_float_pixels_are_not_shown():
    assert address_of(encoded(Image.new("F", (9, 9), float("nan")), "tiff")) is None


def test_nothing_in_the_corpus_keeps_a_thumbnail_from_being_tried():
    shown = [address_of(file.data) for file in files()]
    assert sum(address is not None for address in shown) > 400
    assert max(len(address) for address in shown if address) < 20_000
