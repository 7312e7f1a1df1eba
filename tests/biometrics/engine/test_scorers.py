"""Distances as keys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics.engine.scorers import (
    MARGIN,
    STEPS,
    CosineScorer,
    EuclideanScorer,
    MatrixScorer,
)


def test_cosines_that_rounding_puts_beyond_one_have_the_distance_of_one():
    at_0 = CosineScorer.origin + MARGIN
    at_2, last = at_0 + 2 * STEPS, CosineScorer.origin + CosineScorer.size - 1
    keys = np.array([CosineScorer.origin, at_0 - 1, at_0, at_0 + 1, at_2 - 1, at_2, at_2 + 1, last])
    scorer = CosineScorer(np.eye(2), np.arange(2))
    assert scorer.distances(keys).tolist() == [0, 0, 0, 2**-21, 2 - 2**-21, 2, 2, 2]
    same_or_less = [at_0, at_0, at_0, at_0 + 1, at_2 - 1, last, last, last]
    assert scorer.largest_equal(keys).tolist() == same_or_less


@given(st.integers(0, 1000), st.integers(2, 40))
def test_a_cosine_key_is_the_distance_to_the_nearest_step(seed, dim):
    vectors = np.random.default_rng(seed).normal(size=(6, dim))
    scorer = CosineScorer(vectors, np.arange(6))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    keys = scorer.keys(slice(0, 6), slice(0, 6))
    assert keys.dtype == np.int32
    np.testing.assert_allclose(scorer.distances(keys), 1 - unit @ unit.T, atol=2**-21)


def test_a_workspace_changes_nothing():
    vectors = np.random.default_rng(0).normal(size=(6, 5))
    scorer = CosineScorer(vectors, np.arange(6))
    workspace = np.full(100, np.nan, np.float32)
    np.testing.assert_array_equal(
        scorer.keys(slice(0, 2), slice(1, 6), workspace), scorer.keys(slice(0, 2), slice(1, 6))
    )


@pytest.mark.parametrize("scorer_class", [CosineScorer, EuclideanScorer])
def test_rows_are_the_images_in_the_order_that_is_given(scorer_class):
    vectors = np.random.default_rng(0).normal(size=(6, 5))
    order = np.array([4, 1, 5])
    of_three = scorer_class(vectors, order).keys(slice(0, 3), slice(0, 3))
    of_all = scorer_class(vectors, np.arange(6))
    # Steps of the Euclidean distance depend on the longest vector that is there.
    np.testing.assert_allclose(
        scorer_class(vectors, order).distances(of_three),
        of_all.distances(of_all.keys(order, order)),
        atol=2**-19,
    )


def test_a_matrix_keeps_its_own_distances():
    matrix = np.array([[0, 0.3, 1e9], [0.3, 0, 1e-9], [1e9, 1e-9, 0]])
    scorer = MatrixScorer(matrix, np.array([2, 0, 1]))
    keys = scorer.keys(slice(0, 3), slice(0, 3))
    np.testing.assert_array_equal(
        scorer.distances(keys), matrix[np.ix_([2, 0, 1], [2, 0, 1])].astype(np.float32)
    )


def test_the_step_is_of_the_size_of_the_rounding_of_a_product():
    rng = np.random.default_rng(0)
    people = rng.normal(size=(50, 512))[np.arange(1000) // 20]
    embeddings = people + 0.3 * rng.normal(size=people.shape)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    single = embeddings.astype(np.float32)
    double = single.astype(np.float64)
    error = np.abs(single @ single.T - double @ double.T).max()
    # The step is 2^-21: finer ones would count noise, much coarser ones would lose what is there.
    assert 2**-23 < error < 2**-20
