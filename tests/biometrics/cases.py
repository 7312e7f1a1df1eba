"""What the tests of the figures share: a case worked by hand, and random ones."""

import itertools

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from biometrics.engine.pairs import score_pairs
from biometrics.protocols.all_pairs import measure_pairs
from biometrics.settings import ProtocolSettings

# Three images of person a, two of person b.
# Genuine: 0.1, 0.2, 0.4 (a) and 0.6 (b). Impostor: 0.3, 0.5, 0.6, 0.7, 0.8, 0.9.
HAND_LABELS = ["a", "a", "a", "b", "b"]
HAND_MATRIX = np.array(
    [
        [0.0, 0.1, 0.2, 0.3, 0.5],
        [0.1, 0.0, 0.4, 0.6, 0.7],
        [0.2, 0.4, 0.0, 0.8, 0.9],
        [0.3, 0.6, 0.8, 0.0, 0.6],
        [0.5, 0.7, 0.9, 0.6, 0.0],
    ]
)


def random_faces(seed=0, people=12, images=5, dim=8, spread=1.0):
    """Embeddings float64 [people * images, dim] that cluster by person, and labels, shuffled."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(people), images))
    centres = rng.normal(size=(people, dim))
    return centres[labels] + spread * rng.normal(size=(len(labels), dim)), labels


def measured(embeddings, labels, **settings):
    """The body of metrics.json of all pairs of these embeddings."""
    shared = ProtocolSettings(**settings)
    return measure_pairs(score_pairs(embeddings, labels, shared.distance), shared)


def all_scores(embeddings, labels, distance="cosine"):
    """Distances of all pairs i < j, float32, and whether they are genuine, by a plain loop."""
    pairs = list(itertools.combinations(range(len(labels)), 2))
    vectors = np.asarray(embeddings, np.float64)
    if distance == "cosine":
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        scores = [1 - unit[i] @ unit[j] for i, j in pairs]
    else:
        scores = [np.linalg.norm(vectors[i] - vectors[j]) for i, j in pairs]
    return np.array(scores, np.float32), np.array([labels[i] == labels[j] for i, j in pairs])


def expanded(scores):
    """All distances of a `Scores`, sorted."""
    return np.repeat(scores.values, scores.counts)


@st.composite
def faces(draw):
    """Small sets with many ties: grid embeddings, at least one genuine and one impostor pair."""
    count = draw(st.integers(3, 12))
    labels = draw(hnp.arrays(np.int64, count, elements=st.integers(0, 4)))
    sizes = np.bincount(labels)
    assume(sizes.max() > 1 and np.count_nonzero(sizes) > 1)
    embeddings = draw(hnp.arrays(np.float32, (count, 3), elements=st.integers(-2, 2)))
    assume((np.abs(embeddings).sum(axis=1) > 0).all())
    return embeddings, labels
