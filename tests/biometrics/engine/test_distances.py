"""Distances of single pairs are those that the engine counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biometrics.engine.distances import distance_between, listed_distances
from biometrics.engine.pair_scores import score_pairs
from biometrics.errors import EvaluationError
from biometrics.figures.metrics import middle_of_gap

STEP = 2**-21
DIMENSIONS = st.sampled_from([2, 8, 128, 512, 513])
few = settings(max_examples=30)


def unit_faces(seed, dim, people=4):
    """Float32 [4 * people, D] embeddings of length 1, as a model gives them, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(people), 4)
    vectors = rng.normal(size=(people, dim))[labels] + rng.normal(size=(len(labels), dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[0] *= 1 + 2**-22  # as rounding does with some of many
    return vectors.astype(np.float32), labels


def engines(embeddings, labels, distance):
    """The images of all pairs, int [P] each, and the engine's distances of them, float32 [P]."""
    pairs = score_pairs(embeddings, labels, distance)
    samples = (pairs.genuine_sample, pairs.impostor_sample)
    return tuple(
        np.concatenate([getattr(sample, field) for sample in samples])
        for field in ("first", "second", "distance")
    )


def ours(embeddings, first, second, distance):
    """The distance of each pair of images, taken alone."""
    return [
        distance_between(embeddings[i], embeddings[j], distance)
        for i, j in zip(first, second, strict=True)
    ]


@few
@given(seed=st.integers(0, 1000), dim=DIMENSIONS)
def test_a_euclidean_distance_is_that_of_the_engine(dim, seed):
    embeddings, labels = unit_faces(seed, dim)
    first, second, distance = engines(embeddings, labels, "euclidean")
    assert ours(embeddings, first, second, "euclidean") == distance.tolist()


@few
@given(seed=st.integers(0, 1000), dim=DIMENSIONS)
def test_a_cosine_distance_is_that_of_the_engine_to_two_steps(dim, seed):
    embeddings, labels = unit_faces(seed, dim)
    first, second, distance = engines(embeddings, labels, "cosine")
    alone = np.array(ours(embeddings, first, second, "cosine"))
    np.testing.assert_allclose(alone, distance, rtol=0, atol=2 * STEP)
    np.testing.assert_array_equal(np.rint(alone / STEP) * STEP, alone)
    assert np.mean(alone == distance) > 0.7


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_the_verdict_is_that_of_the_evaluation_at_every_threshold_between_two_distances(distance):
    embeddings, labels = unit_faces(0, 128, people=25)
    first, second, counted = engines(embeddings, labels, distance)
    order = np.argsort(counted, kind="stable")
    alone = np.array(ours(embeddings, first[order], second[order], distance))
    counted = counted[order]
    gaps = np.flatnonzero(np.diff(counted) >= 5 * STEP)
    assert len(gaps) > 1000
    for gap in gaps:
        threshold = float(middle_of_gap(counted[gap], counted[gap + 1]))
        np.testing.assert_array_equal(alone <= threshold, counted <= threshold)


@few
@given(seed=st.integers(0, 1000), dim=DIMENSIONS)
def test_a_listed_cosine_distance_is_the_same_number(seed, dim):
    embeddings, _ = unit_faces(seed, dim)
    first, second = np.triu_indices(len(embeddings), 1)
    listed = listed_distances(embeddings, "cosine", first, second)
    assert ours(embeddings, first, second, "cosine") == listed.tolist()


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@few
@given(seed=st.integers(0, 1000), dim=DIMENSIONS)
def test_the_order_of_the_two_does_not_matter_and_equal_ones_are_at_zero(distance, seed, dim):
    (first, second, *_), _ = unit_faces(seed, dim)
    there = distance_between(first, second, distance)
    assert there == distance_between(second, first, distance) == np.float32(there)
    assert distance_between(first, first, distance) == 0


def test_the_cosine_looks_at_the_direction_alone_and_ends_at_two():
    assert distance_between([1e-3, 0.0], [-7.0, 0.0], "cosine") == 2
    assert distance_between([2, 0], [3, 0], "cosine") == 0


@pytest.mark.parametrize(
    ("first", "second", "distance", "message"),
    [
        ([1.0], [2.0], "manhattan", "cosine, euclidean or.*'manhattan'"),
        ([1.0], [1.0, 2.0], "cosine", r"vectors of one length.*\(1,\) and \(2,\)"),
        ([[1.0]], [[1.0]], "cosine", r"vectors of one length.*\(1, 1\)"),
        ([1.0, 0.0], [0.0, 0.0], "cosine", "not zero"),
        ([1.0, np.nan], [0.0, 0.0], "euclidean", "must be finite"),
    ],
)
def test_what_has_no_distance_is_refused(first, second, distance, message):
    with pytest.raises(EvaluationError, match=message):
        distance_between(first, second, distance)
