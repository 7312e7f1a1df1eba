"""The additive angular margin, and the loss in the form that `compile` takes."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.trainer.losses.arcface import ArcFace, ArcFaceLoss, add_angular_margin
from tests.components.trainer.losses.references import (
    arcface_cosine,
    reference_losses,
    value_and_gradient,
)

MARGINS = st.floats(0.0, 1.5)
COSINES = st.floats(-1.0, 1.0, width=32)


def test_margin_turns_a_right_angle_into_minus_the_sine_of_the_margin():
    assert add_angular_margin(tf.constant([0.0]), 0.5).numpy() == pytest.approx(-math.sin(0.5))


def test_margin_of_thirty_degrees_turns_sixty_degrees_into_a_right_angle():
    result = add_angular_margin(tf.constant([0.5]), math.pi / 6).numpy()
    assert result == pytest.approx(0.0, abs=1e-6)


def test_margin_falls_back_to_a_subtraction_beyond_pi_minus_margin():
    result = add_angular_margin(tf.constant([-0.95]), 0.5).numpy()
    assert result == pytest.approx(-0.95 - 0.5 * math.sin(0.5))


@given(COSINES, MARGINS)
def test_margin_agrees_with_the_arc_cosine_in_float64(cosine, margin):
    result = float(add_angular_margin(tf.constant(cosine), margin))
    # Where the two branches meet, rounding decides which is taken; they differ there.
    if abs(cosine + math.cos(margin)) > 1e-6:
        assert result == pytest.approx(arcface_cosine(math.acos(cosine), margin), abs=5e-4)


@given(st.floats(-1.0, 1.0), MARGINS)
def test_margin_never_raises_a_cosine(cosine, margin):
    result = float(add_angular_margin(tf.constant(cosine, tf.float32), margin))
    assert result <= cosine + 1e-6


@given(MARGINS, st.sampled_from([1.0, 1.0 + 1e-7, 1.0 - 6e-8, -1.0, -1.0 - 1e-7, -1.0 + 6e-8]))
def test_margin_and_its_gradient_are_finite_at_the_ends_of_the_range(margin, cosine):
    value, gradient = value_and_gradient(lambda c: add_angular_margin(c, margin), [cosine])
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


def test_gradient_of_the_margin_is_that_of_the_angle():
    _, gradient = value_and_gradient(lambda c: add_angular_margin(c, 0.5), [0.3])
    theta = math.acos(0.3)
    assert gradient[0] == pytest.approx(math.sin(theta + 0.5) / math.sin(theta), rel=1e-5)


def test_loss_of_two_classes_worked_by_hand():
    # s = 2, m = pi/6: the target's cosine 0.5 becomes 0, so the logits are 0 and 2 * 0.5 = 1.
    loss = ArcFaceLoss(margin=math.pi / 6, scale=2.0)(np.array([0]), np.array([[0.5, 0.5]]))
    assert float(loss) == pytest.approx(math.log(1.0 + math.e), rel=1e-6)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1.0, 64.0))
def test_loss_without_margin_is_the_cross_entropy_of_the_scaled_softmax(seed, scale):
    rng = np.random.default_rng(seed)
    cosines = rng.uniform(-1, 1, (5, 7)).astype(np.float32)
    labels = rng.integers(0, 7, 5)
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, scale * cosines)
    assert float(ArcFaceLoss(0.0, scale)(labels, cosines)) == pytest.approx(
        float(expected), rel=1e-5, abs=1e-6
    )


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0), st.floats(1.0, 64.0))
def test_loss_agrees_with_an_independent_float64_implementation(seed, margin, scale):
    rng = np.random.default_rng(seed)
    cosines = rng.uniform(-0.999, 0.999, (5, 7)).astype(np.float32)
    labels = rng.integers(0, 7, 5)
    expected = reference_losses(
        cosines, labels, scale, lambda theta, _: arcface_cosine(theta, margin)
    ).mean()
    assert float(ArcFaceLoss(margin, scale)(labels, cosines)) == pytest.approx(
        expected, rel=1e-4, abs=1e-4
    )


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=3, max_size=3),
    st.integers(0, 2),
    MARGINS,
    st.floats(1.0, 128.0),
)
def test_loss_and_gradient_are_finite_at_the_ends_of_the_range(cosines, label, margin, scale):
    loss = ArcFaceLoss(margin, scale)
    value, gradient = value_and_gradient(lambda c: loss(np.array([label]), c), [cosines])
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_loss_takes_labels_as_a_column_too():
    cosines = np.array([[0.9, 0.1], [0.2, 0.3]], np.float32)
    loss = ArcFaceLoss(0.3, 16.0)
    assert float(loss(np.array([[0], [1]]), cosines)) == float(loss(np.array([0, 1]), cosines))


def test_loss_of_float16_cosines_is_computed_in_float32():
    cosines = tf.constant([[0.5, 0.25]], tf.float16)
    loss = ArcFaceLoss(0.5, 64.0)(np.array([0]), cosines)
    assert loss.dtype == tf.float32
    assert float(loss) == float(ArcFaceLoss(0.5, 64.0)(np.array([0]), tf.cast(cosines, tf.float32)))


@pytest.mark.parametrize("loss", [ArcFace, ArcFaceLoss])
@pytest.mark.parametrize("arguments", [{"margin": -0.1}, {"margin": 1.6}, {"scale": 0.0}])
def test_loss_refuses_impossible_arguments(loss, arguments):
    with pytest.raises(ValueError, match="Received"):
        loss(**arguments)


def test_layer_and_keras_loss_are_the_same():
    rng = np.random.default_rng(0)
    cosines, labels = rng.uniform(-1, 1, (6, 5)).astype(np.float32), rng.integers(0, 5, 6)
    of_images = ArcFace(0.4, 16.0)(cosines, labels, np.ones(6, np.float32))
    assert float(ArcFaceLoss(0.4, 16.0)(labels, cosines)) == pytest.approx(
        float(np.mean(of_images)), rel=1e-6
    )


def test_loss_survives_serialisation():
    loss = ArcFaceLoss(0.4, 24.0)
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    assert (copy.margin, copy.scale) == (0.4, 24.0)
