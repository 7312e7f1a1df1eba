"""Alignment without TensorFlow gives TensorFlow's pixels, and refuses the same landmarks."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from faces.images import align
from faces.images.formats import BadImageError
from faces.images.light.align import fit_template, require_face, warp
from faces.images.light.preprocess import prepare
from faces.images.preprocess import Preprocessing, batch_of
from faces.images.template import TEMPLATE
from tests.conftest import encoded
from tests.faces.images.light.test_resize import drawn
from tests.faces.images.test_plain_jpeg import drawn as picture

images = st.builds(
    drawn, st.integers(0, 99), st.integers(30, 300), st.integers(30, 300), st.just(3)
)


@st.composite
def placed(draw):
    """Landmarks of a face that is moved, turned, scaled and somewhat bent, float32 [10]."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    scale, angle = np.exp(rng.uniform(-1.5, 1.5)), rng.uniform(-3, 3)
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    bent = (TEMPLATE - 56) @ turn + rng.uniform(0, 250, 2) + rng.normal(0, scale, (5, 2))
    return bent.astype(np.float32).ravel()


@settings(max_examples=30, deadline=None)
@given(images, placed(), st.sampled_from([(112, 112), (32, 48)]))
def test_the_face_has_tensorflows_pixels(image, points, shape):
    fit = align.Fit(*(values[0] for values in align.fit_template(tf.constant([points]), *shape)))
    expected = align.warp(tf.constant(image), fit, *shape)
    got = warp(image, fit_template(points.tolist(), *shape), *shape)
    np.testing.assert_array_equal(got, expected)


def refusal(check, *arguments):
    try:
        check(*arguments)
    except BadImageError as error:
        return error.reason, str(error)
    return None


MIRRORED = TEMPLATE[[1, 0, 2, 4, 3]]


@pytest.mark.parametrize(
    "points",
    [TEMPLATE, MIRRORED, TEMPLATE / 200, TEMPLATE * 0, TEMPLATE + 900, TEMPLATE * np.nan],
    ids=["a face", "mirrored", "in shares", "one point", "outside", "no numbers"],
)
def test_the_same_landmarks_are_refused_in_the_same_words(points):
    landmarks = tuple(points.ravel().tolist())
    expected = refusal(align.require_face, landmarks, 112, 112)
    assert refusal(require_face, landmarks, 112, 112) == expected


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("landmarks", [None, tuple((TEMPLATE * 0.4).ravel().tolist())])
def test_an_image_is_prepared_as_the_signatures_prepare_it(resize, landmarks):
    image = picture(3, 50, 61)
    preprocessing = Preprocessing((32, 40, 3), resize)
    batch = batch_of([encoded(image, "png")], [landmarks], [None])
    (expected,) = preprocessing.batch(*batch).numpy()
    got = prepare(np.asarray(image), preprocessing, landmarks)
    np.testing.assert_array_equal(got, expected)
