"""How numbers and images are written."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from biometrics.report.formats import difference, percent, png_address


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "0"),
        (1.2e-5, "0.0012"),
        (0.0004, "0.040"),
        (0.0832, "8.3"),
        (0.5, "50.0"),
        (0.9996, "99.960"),
        (1, "100"),
        (1e-9, "< 0.000001"),
        (1 - 1e-9, "> 99.999999"),
    ],
)
def test_rates_are_as_precise_as_their_nearness_to_0_and_1_asks(rate, text):
    assert percent(rate) == f"{text}\u202f%"


def test_a_difference_is_in_points_but_for_the_auc():
    assert difference("EER", -0.0125) == "\u22121.25"
    assert difference("AUC", 0.0125) == "+0.0125"


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_embedded_losslessly_and_not_larger_than_needed(channels):
    small = np.random.default_rng(0).integers(0, 256, (20, 30, channels), np.uint8)
    image = Image.open(io.BytesIO(base64.b64decode(png_address(small).partition(",")[2])))
    np.testing.assert_array_equal(np.asarray(image).reshape(small.shape), small)
    large = png_address(np.zeros((500, 250, channels), np.uint8))
    assert Image.open(io.BytesIO(base64.b64decode(large.partition(",")[2]))).size == (56, 112)
