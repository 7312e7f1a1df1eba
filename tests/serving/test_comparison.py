"""Two images as a model sees them."""

import dataclasses

import numpy as np
import pytest

from biometrics.thresholds.measured_sizes import describe_sizes
from serving.comparison import SeenImage, compare_images
from tests.biometrics.packs import threshold_pack

RIGHT, UP = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)


def seen(name, embedding, level=0, side=32):
    return SeenImage(name, side, side, np.full((2, 2, 1), level, np.uint8), embedding)


@pytest.mark.parametrize(
    ("distance", "expected"), [("cosine", (0.0, 1.0, 2.0)), ("euclidean", (0.0, 2**0.5, 2.0))]
)
def test_the_distance_is_the_one_of_the_pack(distance, expected):
    pack = dataclasses.replace(threshold_pack(), distance=distance)
    distances = [
        compare_images(seen("a", RIGHT), seen("b", other, 1), pack).distance
        for other in (RIGHT, UP, -RIGHT)
    ]
    assert distances == pytest.approx(expected)


def test_distances_are_rounded_as_the_evaluation_rounds_them():
    """Else a pair at the threshold could be on its other side."""
    near = np.array([1.0, 1e-4], np.float32)
    near /= np.linalg.norm(near)
    distance = compare_images(seen("a", RIGHT), seen("b", near, 1), threshold_pack()).distance
    assert (distance * 2**21).is_integer()


def test_without_a_pack_the_distance_is_the_cosine_and_nothing_is_unlike():
    pair = compare_images(seen("a", RIGHT), seen("b", UP, 1), None)
    assert (pair.distance, pair.unlike, pair.is_one_image) == (1.0, {}, False)
    assert pair.is_as_measured


def test_equal_pixels_are_one_image():
    pair = compare_images(seen("a", RIGHT), seen("b", RIGHT), threshold_pack())
    assert pair.is_one_image
    assert not pair.is_as_measured


def test_an_image_of_another_size_than_measured_is_named():
    sizes = describe_sizes([32] * 12, [32] * 12)
    pack = dataclasses.replace(threshold_pack(), measured_sizes=sizes)
    pair = compare_images(seen("a", RIGHT), seen("small", UP, 1, side=8), pack)
    assert pair.unlike == {"small": ["shorter side 8, where 32 to 32 was measured"]}
    assert not pair.is_as_measured


def test_an_image_that_is_not_prepared_as_the_models_own_is_named_without_a_pack_too():
    image = dataclasses.replace(seen("a", RIGHT), unprepared=("it is taken as it is",))
    for pack in (threshold_pack(), None):
        pair = compare_images(image, seen("b", UP, 1), pack)
        assert pair.unlike == {"a": ["it is taken as it is"]}
        assert not pair.is_as_measured
