"""Rank-N and the one-enrolled Rank-1: worked by hand, by going through galleries, as properties."""

import itertools

import numpy as np
import pytest
from hypothesis import given

from biometrics.figures.metrics import (
    calculate_identification_metrics,
    calculate_one_enrolled_rank1,
)
from tests.biometrics.cases import HAND_LABELS, HAND_MATRIX, faces, random_faces


def test_leave_one_out_ranks_of_the_hand_worked_case():
    # a0, a1, a2: rank 1. b0: mate at 0.6, a0 at 0.3 and a1 tied at 0.6, so rank 3.
    # b1: mate at 0.6, a0 at 0.5, so rank 2.
    ranks = calculate_identification_metrics(None, HAND_LABELS, HAND_MATRIX, ranks=(1, 2, 3))
    assert ranks == {"Rank-1": 3 / 5, "Rank-2": 4 / 5, "Rank-3": 1.0}


def test_one_enrolled_rank1_of_the_hand_worked_case():
    # a0, a1, a2 are nearer to any mate than to any b: 1 each, probes in 2 of 3 galleries.
    # b0 at 0.6 from its mate: one of a's three images is farther. b1: two of three.
    # Both are probes in 1 of 2 galleries.
    rate = calculate_one_enrolled_rank1(None, HAND_LABELS, HAND_MATRIX)
    assert rate == pytest.approx((3 * 2 / 3 + (1 / 3 + 2 / 3) / 2) / 3)


def test_one_enrolled_rank1_is_the_mean_over_every_possible_gallery():
    embeddings, labels = random_faces(seed=3, people=4, images=3, dim=2)
    embeddings, labels = embeddings[:-1], labels[:-1]
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    distance = 1 - unit @ unit.T
    images_of = [np.flatnonzero(labels == person) for person in range(4)]
    rates = []
    for gallery in itertools.product(*images_of):
        probes = np.setdiff1d(np.arange(len(labels)), gallery)
        found = labels[np.array(gallery)[distance[np.ix_(probes, gallery)].argmin(axis=1)]]
        rates.append(np.mean(found == labels[probes]))
    assert calculate_one_enrolled_rank1(embeddings, labels) == pytest.approx(np.mean(rates))


def test_ties_count_against_the_model_in_a_search():
    same = [[1.0, 1.0]] * 4
    assert calculate_identification_metrics(same, [0, 0, 1, 1], ranks=[1, 2, 3]) == {
        "Rank-1": 0.0,
        "Rank-2": 0.0,
        "Rank-3": 1.0,
    }
    assert calculate_one_enrolled_rank1(same, [0, 0, 1, 1]) == 0.0


def test_ranks_equal_those_of_sorting_each_row():
    embeddings, labels = random_faces(seed=5, dim=4)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    distance = 1 - unit @ unit.T
    np.fill_diagonal(distance, np.inf)
    hit = labels[np.argsort(distance, axis=1)] == labels[:, None]
    expected = {f"Rank-{rank}": hit[:, :rank].any(axis=1).mean() for rank in (1, 3, 10)}
    assert calculate_identification_metrics(embeddings, labels, ranks=[1, 3, 10]) == expected


def test_a_probe_without_a_mate_is_not_counted_in_rank_n():
    line = [[0.0], [0.1], [5.0], [5.1], [99.0]]
    alone = calculate_identification_metrics(line, ["a", "a", "b", "b", "alone"], "euclidean")
    assert alone == {"Rank-1": 1.0, "Rank-5": 1.0}


@given(faces())
def test_rank_n_rises_with_n_and_reaches_one(sample):
    ranks = list(range(1, len(sample[1]) + 1))
    rates = list(calculate_identification_metrics(*sample, ranks=ranks).values())
    assert rates == sorted(rates)
    assert rates[-1] == 1.0
