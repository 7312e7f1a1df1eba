"""What the plots draw, and the worst pairs."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from biometrics.engine.pair_scores import score_pairs
from biometrics.engine.sample import PairSample
from biometrics.engine.scores import Scores
from biometrics.figures.curves import MOST_POINTS, cmc, compute_curves, error_curve, landmarks
from biometrics.figures.metrics import calculate_identification_metrics, error_rates
from biometrics.figures.trials import TrialScores
from biometrics.figures.worst_pairs import ScoredPair, find_worst_pairs
from tests.biometrics.cases import HAND_LABELS, HAND_MATRIX, all_scores, random_faces


def test_curve_points_are_exact_and_their_number_is_bounded():
    pairs = score_pairs(*random_faces(people=60, images=5, spread=1.5))
    curves = compute_curves(pairs)
    assert pairs.impostor.total > 40_000
    assert len(curves.distances) <= 1024
    far, frr = error_rates(pairs, curves.distances)
    np.testing.assert_array_equal(curves.far, far)
    np.testing.assert_array_equal(curves.frr, frr)
    assert curves.far[0] <= 1 / pairs.impostor.total
    assert (curves.far[-1], curves.frr[-1]) == (1, 0)


@pytest.mark.parametrize("length", [1, 2, 3, 255, 10**4, 10**9])
def test_landmarks_are_few_and_have_both_ends_and_what_is_next_to_them(length):
    positions = landmarks(length)
    assert len(positions) <= min(length, 512)
    assert (np.diff(positions) > 0).all()
    assert {0, length - 1, min(1, length - 1), max(length - 2, 0)} <= set(positions)


def test_histograms_hold_every_pair_and_the_cmc_starts_at_rank_1():
    embeddings, labels = random_faces()
    pairs = score_pairs(embeddings, labels)
    curves = compute_curves(pairs)
    assert curves.genuine_share.sum() == pytest.approx(1)
    assert curves.impostor_share.sum() == pytest.approx(1)
    assert len(curves.bin_edges) == 61
    assert len(curves.cmc) == 20
    ranks = calculate_identification_metrics(embeddings, labels)
    assert (curves.cmc[0], curves.cmc[4]) == (ranks["Rank-1"], ranks["Rank-5"])


def test_curves_of_identical_embeddings_can_be_drawn():
    curves = compute_curves(score_pairs([[1.0]] * 4, [0, 0, 1, 1]))
    assert curves.genuine_share.sum() == curves.impostor_share.sum() == 1
    np.testing.assert_array_equal(curves.cmc, [0, 0, 1])


def test_the_error_rates_of_many_trials_have_a_bounded_number_of_exact_points():
    rng = np.random.default_rng(0)
    mates = np.append(rng.normal(1, 0.3, 5000), np.inf)  # one is never found
    scores = TrialScores(Scores.of(mates), Scores.of(rng.normal(2, 0.3, 5000)))
    curve = error_curve(scores, "fpir", "fnir")
    assert list(curve) == ["threshold", "fpir", "fnir"]
    assert 500 < len(curve["threshold"]) <= MOST_POINTS
    assert np.isfinite(curve["threshold"]).all()
    np.testing.assert_array_equal(
        (curve["fpir"], curve["fnir"]), error_rates(scores, curve["threshold"])
    )
    assert curve["threshold"][0] == np.float32(mates.min())


def test_a_cmc_has_every_rank_of_a_few_and_both_ends_of_many():
    few = cmc(np.array([1, 1, 3]))
    assert few["rank"].tolist() == [1, 2, 3]
    assert few["rate"] == pytest.approx([2 / 3, 2 / 3, 1])
    ranks = np.arange(1, 9001)
    many = cmc(ranks)
    assert len(many["rank"]) <= MOST_POINTS
    assert (many["rank"][0], many["rank"][-1]) == (1, 9000)
    assert many["rate"] == pytest.approx(many["rank"] / 9000)


def test_worst_pairs_of_the_hand_worked_case():
    worst = find_worst_pairs(score_pairs(None, HAND_LABELS, HAND_MATRIX), count=2)
    assert [(pair.first, pair.second) for pair in worst.false_accepts] == [(0, 3), (0, 4)]
    assert [(pair.first, pair.second) for pair in worst.false_rejects] == [(3, 4), (1, 2)]
    assert [pair.distance for pair in worst.false_rejects] == pytest.approx([0.6, 0.4])


def test_worst_pairs_name_images_by_their_place_in_the_input():
    embeddings, labels = random_faces(seed=4, people=6, images=3)
    scores, genuine = all_scores(embeddings, labels, "euclidean")
    places = np.array(list(itertools.combinations(range(len(labels)), 2)))
    worst = find_worst_pairs(score_pairs(embeddings, labels, "euclidean"), count=3)
    nearest = places[~genuine][np.argsort(scores[~genuine])[:3]]
    assert [(pair.first, pair.second) for pair in worst.false_accepts] == [
        tuple(place) for place in nearest
    ]


def test_there_may_be_fewer_worst_pairs_than_asked_for():
    worst = find_worst_pairs(score_pairs([[0.0], [1.0], [5.0]], [0, 0, 1], "euclidean"), count=10)
    assert worst.false_rejects == (ScoredPair(0, 1, 1.0),)
    assert worst.false_accepts == (ScoredPair(1, 2, 4.0), ScoredPair(0, 2, 5.0))


def test_the_random_part_of_a_sample_has_no_worst_pairs():
    pairs = score_pairs(None, HAND_LABELS, HAND_MATRIX)
    sample = PairSample(
        first=np.array([4, 0, 1]),
        second=np.array([0, 3, 2]),
        distance=np.float32([0.1, 0.2, 0.05]),
        copies=np.array([1.0, 1.0, 7.0]),
        tail=2,
    )
    worst = find_worst_pairs(replace(pairs, list_impostor=lambda: sample))
    assert [(pair.first, pair.second) for pair in worst.false_accepts] == [(0, 4), (0, 3)]
