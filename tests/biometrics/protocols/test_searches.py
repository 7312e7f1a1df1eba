"""Searches against a plain matrix of all distances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from biometrics.embeddings import EmbeddingSet
from biometrics.engine import distances
from biometrics.engine.distances import listed_distances
from biometrics.errors import EvaluationError
from biometrics.protocols.searches import search


def embedded(people, embeddings):
    return EmbeddingSet(
        identities=people,
        keys=[str(image) for image in range(len(people))],
        embeddings=np.asarray(embeddings, np.float32),
    )


def plain_distances(embeddings, distance):
    vectors = np.asarray(embeddings, np.float64)
    if distance == "euclidean":
        return np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.rint((1 - unit @ unit.T) * 2**22) / 2**22


def plain_search(matrix, people, probe, gallery):
    nearest = {}
    for image in gallery:
        before = nearest.get(people[image], np.inf)
        nearest[people[image]] = min(before, round(matrix[probe, image], 6))
    mate = nearest.pop(people[probe], np.inf)
    others = list(nearest.values())
    rank = 0 if np.isinf(mate) else 1 + sum(other <= mate for other in others)
    return mate, min(others, default=np.inf), rank


@st.composite
def searching(draw):
    count = draw(st.integers(2, 12))
    people = draw(st.lists(st.sampled_from("abcd"), min_size=count, max_size=count))
    embeddings = draw(hnp.arrays(np.float32, (count, 3), elements=st.integers(-2, 2)))
    embeddings[np.abs(embeddings).sum(axis=1) == 0] = 1
    order = draw(st.permutations(range(count)))
    cut = draw(st.integers(1, count - 1))
    return embeddings, people, np.array(order[:cut]), np.array(order[cut:])


@given(
    case=searching(),
    distance=st.sampled_from(["cosine", "euclidean"]),
    cells=st.sampled_from([1, 7, 2**21]),
)
def test_searches_equal_those_of_a_plain_matrix_in_blocks_of_any_size(case, distance, cells):
    embeddings, people, probes, gallery = case
    test = embedded(people, embeddings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "BLOCK_CELLS", cells)
        found = search(test, distance, probes, gallery)
    matrix = plain_distances(embeddings, distance)
    for index, probe in enumerate(probes):
        mate, other, rank = plain_search(matrix, people, probe, gallery)
        assert found.mate[index] == pytest.approx(mate, abs=1e-5)
        assert found.other[index] == pytest.approx(other, abs=1e-5)
        assert found.rank[index] == rank


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_identical_embeddings_tie_in_every_search(distance):
    vector = np.random.default_rng(0).normal(size=512).astype(np.float32)
    people = [f"p{image // 2}" for image in range(300)]
    test = embedded(people, np.tile(vector, (300, 1)))
    found = search(test, distance, np.arange(0, 300, 2), np.arange(1, 300, 2))
    assert set(found.rank) == {150}
    assert set(found.mate) == set(found.other) == {0.0}
    first, second = np.triu_indices(300, 1)
    assert set(listed_distances(test.embeddings, distance, first, second)) == {0.0}


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_listed_distances_are_those_of_the_matrix(distance, monkeypatch):
    monkeypatch.setattr(distances, "BLOCK_CELLS", 20)
    embeddings = np.random.default_rng(1).normal(size=(30, 4))
    first, second = np.triu_indices(30, 1)
    np.testing.assert_allclose(
        listed_distances(embeddings, distance, first, second),
        plain_distances(embeddings, distance)[first, second],
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("row", "distance", "message"),
    [
        ([0, 0], "cosine", "not zero. Received: 1 zero rows of 3, the first of them row 2"),
        ([np.nan, 0], "euclidean", "finite. Received: NaN or infinity in 1 of 3 rows"),
        ([1, 1], "manhattan", "must be cosine, euclidean.*Received: 'manhattan'"),
    ],
)
def test_embeddings_without_a_distance_are_refused(row, distance, message):
    embeddings = [[1, 0], [0, 1], row]
    with pytest.raises(EvaluationError, match=message):
        search(embedded(list("aab"), embeddings), distance, np.array([0]), np.array([1, 2]))
