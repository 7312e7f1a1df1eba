"""The head and its normalisation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.heads import CosineHead, Drawn, L2Normalisation, cosines_with, l2_normalise
from tests.components.trainer.losses.references import finite_differences, value_and_gradient


def unit(count: int, dimensions: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def head_with(centres, **arguments) -> CosineHead:
    """A head that has learned these centres, [C * k, D]."""
    sub_centres = arguments.get("sub_centres", 1)
    head = CosineHead(len(centres) // sub_centres, **arguments)
    head.build((None, len(centres[0])))
    head.set_weights([np.array(centres, np.float32)])
    return head


def test_normalisation_gives_unit_length():
    lengths = np.linalg.norm(l2_normalise(np.random.default_rng(0).normal(size=(4, 8))), axis=1)
    np.testing.assert_allclose(lengths, 1.0, rtol=1e-6)


def test_normalisation_of_float16_does_not_underflow():
    # The squares, 1e-8, are zero in float16.
    result = l2_normalise(tf.fill([1, 4], tf.constant(1e-4, tf.float16)))
    np.testing.assert_allclose(result, 0.5, rtol=1e-3)


def test_normalisation_of_zero_has_a_finite_gradient():
    value, gradient = value_and_gradient(l2_normalise, [[0.0, 0.0]])
    assert (value == 0.0).all()
    assert np.isfinite(gradient).all()


def test_gradient_of_the_normalisation_agrees_with_finite_differences():
    vectors, weights = np.random.default_rng(0).normal(size=(2, 3, 5))

    def total(x):
        return np.sum(weights * x / np.linalg.norm(x, axis=1, keepdims=True))

    _, gradient = value_and_gradient(
        lambda x: tf.reduce_sum(weights.astype(np.float32) * l2_normalise(x)), vectors
    )
    np.testing.assert_allclose(gradient, finite_differences(total, vectors), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layer", [L2Normalisation, lambda **kwargs: CosineHead(3, **kwargs)])
def test_head_and_normalisation_compute_in_float32_whatever_is_asked(layer):
    assert layer(dtype="mixed_float16").compute_dtype == "float32"


def test_head_returns_the_cosines_to_its_centres():
    head = head_with([[3.0, 0.0], [0.0, 5.0]])
    cosines = head(np.array([[0.6, 0.8]], np.float32))
    np.testing.assert_allclose(cosines, [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "received"), [({"num_classes": 1}, 1), ({"sub_centres": 0}, 0)]
)
def test_head_refuses_a_single_class_and_classes_without_a_centre(arguments, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        CosineHead(**{"num_classes": 2, **arguments})


def test_a_class_is_as_near_as_the_nearest_of_its_sub_centres():
    # The first class has its centres at 0 and 90 degrees, the second at 180 and 270.
    head = head_with([[2.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [0.0, -1.0]], sub_centres=2)
    cosines = head(np.array([[0.6, 0.8], [-0.8, 0.6]], np.float32))
    np.testing.assert_allclose(cosines, [[0.8, -0.6], [0.6, 0.8]], rtol=1e-6)


def test_sub_centres_are_the_greatest_cosine_of_numpys_product():
    centres, embeddings = unit(4 * 3, 6) * 7.0, unit(5, 6, seed=1)
    expected = (embeddings @ (centres / 7.0).T).reshape(5, 4, 3).max(axis=2)
    np.testing.assert_allclose(cosines_with(centres, embeddings, 3), expected, atol=1e-6)


def test_only_the_nearest_sub_centre_learns_from_an_image():
    embeddings = np.array([[0.6, 0.8]], np.float32)
    _, gradient = value_and_gradient(
        lambda centres: tf.reduce_sum(cosines_with(centres, embeddings, 2)),
        [[2.0, 0.0], [0.0, 2.0], [-1.0, 0.1], [0.0, -1.0]],
    )
    assert np.abs(gradient).sum(axis=1).astype(bool).tolist() == [False, True, True, False]


def test_a_head_draws_all_classes_and_the_labels_are_their_places():
    head = head_with(unit(5, 4))
    labels = np.array([3, 0, 4])
    drawn = head.draw(labels, step=7)
    assert isinstance(drawn, Drawn)
    np.testing.assert_array_equal(drawn.centres, head.centres)
    np.testing.assert_array_equal(drawn.targets, labels)
    assert drawn.rows is None
    np.testing.assert_array_equal(head.cosines(unit(3, 4), drawn), head(unit(3, 4)))


@pytest.mark.parametrize("sub_centres", [1, 3])
def test_what_is_drawn_hands_its_gradient_to_the_centres(sub_centres):
    head = head_with(unit(2 * sub_centres, 4), sub_centres=sub_centres)
    with tf.GradientTape() as tape:
        drawn = head.draw(np.array([0]), step=0)
        total = tf.reduce_sum(head.cosines(unit(1, 4, seed=1), drawn))
    (gradient,) = tape.gradient(total, head.trainable_variables)
    assert gradient.shape == (2 * sub_centres, 4)
    assert np.abs(gradient).max() > 0


def test_centres_of_a_class_are_adjacent_rows():
    head = CosineHead(num_classes=5, sub_centres=3)
    assert head(unit(2, 4)).shape == (2, 5)
    assert head.centres.shape == (15, 4)


@pytest.mark.parametrize("sub_centres", [1, 2])
def test_a_zero_embedding_and_a_zero_centre_have_a_finite_gradient(sub_centres):
    def total(features):
        return tf.reduce_sum(cosines_with(features, l2_normalise(features), sub_centres))

    value, gradient = value_and_gradient(total, np.zeros((2, 3)))
    assert value == 0.0
    assert np.isfinite(gradient).all()


def test_head_survives_serialisation():
    head = CosineHead(7, sub_centres=2, name="people")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(head))
    assert (copy.num_classes, copy.sub_centres, copy.name) == (7, 2, "people")
