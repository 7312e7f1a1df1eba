"""Fitted log-likelihood ratios: against scikit-learn, and what they promise."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from sklearn.linear_model import LogisticRegression

from biometrics.engine.pair_scores import score_pairs
from biometrics.engine.scores import Scores
from biometrics.thresholds.calibration import LOGISTIC, Calibration, posterior
from biometrics.thresholds.fit import cllr, fit_calibration
from groundfloor.errors import UserError
from tests.biometrics.cases import HAND_LABELS, HAND_MATRIX, faces, random_faces


def pairs_of(genuine, impostor, people=1000):
    """Pairs of these distances, of so many people of two images each."""
    any_pairs = score_pairs(None, HAND_LABELS, HAND_MATRIX)
    return replace(
        any_pairs,
        genuine=Scores.of(genuine),
        impostor=Scores.of(impostor),
        identity=np.repeat(np.arange(people), 2),
    )


def distances_of(scores):
    return np.repeat(scores.values, scores.counts).astype(np.float64)


def test_logistic_is_that_of_scikit_learn_with_both_kinds_weighing_the_same():
    dev = score_pairs(*random_faces(spread=1.5))
    genuine, impostor = distances_of(dev.genuine), distances_of(dev.impostor)
    # A soft target is a pair of both kinds in part.
    hit, miss = (len(genuine) + 1) / (len(genuine) + 2), 1 / (len(impostor) + 2)
    inputs = np.concatenate([genuine, genuine, impostor, impostor])[:, None]
    kinds = np.repeat([1, 0, 1, 0], np.repeat([len(genuine), len(impostor)], 2))
    weights = np.concatenate(
        [
            np.full(len(genuine), hit / len(genuine)),
            np.full(len(genuine), (1 - hit) / len(genuine)),
            np.full(len(impostor), miss / len(impostor)),
            np.full(len(impostor), (1 - miss) / len(impostor)),
        ]
    )
    peer = LogisticRegression(penalty=None, tol=1e-10, max_iter=1000).fit(inputs, kinds, weights)
    at = np.array([0.3, 0.8, 1.1])
    expected = peer.decision_function(at[:, None])
    np.testing.assert_allclose(fit_calibration(dev).llr(at), expected, atol=1e-4)


def test_logistic_finds_the_likelihood_ratio_of_two_bells():
    # ln of the ratio of two normal densities of one width is a line: here 2 * (1 - d) / 0.04.
    rng = np.random.default_rng(0)
    dev = pairs_of(rng.normal(0.8, 0.2, 20_000), rng.normal(1.2, 0.2, 200_000))
    at = np.array([0.7, 0.9, 1.0, 1.1, 1.3])
    np.testing.assert_allclose(fit_calibration(dev).llr(at), (1 - at) * 0.4 / 0.04, atol=0.1)


@given(case=faces())
def test_ratios_are_finite_fall_with_the_distance_and_stay_within_what_the_people_vouch_for(case):
    dev = score_pairs(*case, "euclidean")
    llrs = fit_calibration(dev).llr(np.linspace(-1, 8, 200))
    assert np.all(np.isfinite(llrs))
    assert np.all(np.diff(llrs) <= 0)
    people = len(dev.sizes)
    assert llrs.max() <= math.log(people * (people - 1) / 2) + 1e-12
    assert llrs.min() >= -math.log((dev.sizes > 1).sum()) - 1e-12


def test_kinds_that_are_far_apart_reach_the_limits_of_the_people_however_many_pairs_there_are():
    dev = pairs_of(np.full(50, 0.1), np.full(10_000, 1.9), people=20)
    llrs = fit_calibration(dev).llr([-1.0, 3.0])
    np.testing.assert_allclose(llrs, [math.log(190), -math.log(20)])


def test_two_people_are_never_evidence_for_one_person():
    dev = score_pairs(*random_faces(people=2, images=40, spread=0.01))
    llrs = fit_calibration(dev).llr([0.0, 2.0])
    np.testing.assert_allclose(llrs, [0, -math.log(2)], atol=1e-12)


@pytest.mark.slow
def test_answers_on_other_people_are_not_wrong_more_often_than_they_admit():
    fresh = score_pairs(*random_faces(seed=1000, people=60, images=4, spread=0.5))
    wrong, admitted = [], []
    for seed in range(40):
        dev = score_pairs(*random_faces(seed=seed, people=5, images=6, spread=0.5))
        calibration = fit_calibration(dev)
        same, other = (
            posterior(calibration.llr(distances_of(kind)), 0.5)
            for kind in (fresh.genuine, fresh.impostor)
        )
        wrong.append(np.mean(other > 0.5))
        admitted.append(np.mean((same > 0.5) * (1 - same)) + np.mean((other > 0.5) * (1 - other)))
    assert np.mean(wrong) <= np.mean(admitted)


def test_distances_that_say_nothing_or_the_contrary_have_a_ratio_of_one():
    for genuine, impostor in (([0.5] * 3, [0.5] * 9), ([0.9, 0.8, 0.9], [0.1, 0.2, 0.1])):
        calibration = fit_calibration(pairs_of(genuine, impostor))
        np.testing.assert_allclose(calibration.llr([0.1, 0.5, 0.9]), 0, atol=1e-12)


def test_cllr_is_that_of_going_through_all_pairs():
    calibration = fit_calibration(score_pairs(*random_faces()))
    test = pairs_of([0.1, 0.1, 0.1, 0.8], [0.2, 0.9, 0.9, 1.2, 1.2, 1.2])

    def mean_cost(scores, sign):
        llrs = [float(calibration.llr(d)) for d in distances_of(scores)]
        return sum(math.log2(1 + math.exp(sign * llr)) for llr in llrs) / len(llrs)

    expected = (mean_cost(test.genuine, -1) + mean_cost(test.impostor, 1)) / 2
    assert cllr(calibration, test) == pytest.approx(expected)


def test_cllr_is_one_where_nothing_is_said_and_above_where_it_misleads():
    test = pairs_of([0.1, 0.1, 0.2], [0.8, 0.9])
    nothing = Calibration(LOGISTIC, (0.0,), (0.0,))
    assert cllr(nothing, test) == pytest.approx(1)
    told_apart = Calibration(LOGISTIC, (0.2, 0.8), (5.0, -5.0))
    assert 0 < cllr(told_apart, test) < 0.01
    assert cllr(told_apart, pairs_of([0.8, 0.9], [0.1])) > 1


@pytest.mark.parametrize(("genuine", "impostor"), [([], [0.5]), ([0.5], [])])
def test_a_kind_without_pairs_is_refused(genuine, impostor):
    with pytest.raises(UserError, match="needs genuine and impostor pairs"):
        fit_calibration(pairs_of(genuine, impostor))
