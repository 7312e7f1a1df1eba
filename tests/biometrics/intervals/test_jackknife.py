"""How sure the rates are at each distance: against leaving out each person by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from scipy.stats import t

from biometrics.engine.pair_scores import score_pairs
from biometrics.figures.metrics import error_rates
from biometrics.intervals.jackknife import crossing_interval, far_curve
from biometrics.intervals.rates import Rate
from biometrics.thresholds.operating_points import curve_of
from tests.biometrics.cases import HAND_LABELS, HAND_MATRIX, faces, random_faces


def distances_between(embeddings):
    """Of all images, float64 [N, N]: the same of two of them, whoever is left out."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.round((1.0 - unit @ unit.T) * 2**21) / 2**21


def error_without_each(distances, labels, rate):
    """The jackknife error of `rate`, a function of pairs, with each person's images taken away."""
    people = np.unique(labels)
    rates = []
    for person in people:
        rest = labels != person
        rates.append(rate(score_pairs(None, labels[rest], distances[np.ix_(rest, rest)])))
    return np.sqrt((len(people) - 1) * np.var(rates, axis=0))


def test_the_error_of_each_far_is_that_of_leaving_out_each_person():
    embeddings, labels = random_faces(people=6, images=4)
    labels[:5] = labels[5]  # of different sizes
    distances = distances_between(embeddings)
    curve = far_curve(score_pairs(None, labels, distances))
    expected = error_without_each(
        distances, labels, lambda pairs: error_rates(pairs, curve.distances)[0]
    )
    np.testing.assert_allclose(curve.error, expected, atol=1e-9)


@given(case=faces())
def test_a_curve_has_each_impostor_distance_once_and_its_far(case):
    pairs = score_pairs(*case, "euclidean")
    curve = far_curve(pairs)
    np.testing.assert_array_equal(curve.distances, pairs.impostor.values)
    np.testing.assert_array_equal(curve.far, error_rates(pairs, curve.distances)[0])
    assert np.all(curve.error >= 0)
    low, high = curve.limits(0.9)
    assert np.all(low <= curve.far)
    assert np.all(curve.far <= high)


def test_a_pair_of_the_sample_counts_as_often_as_it_has_copies():
    pairs = score_pairs(*random_faces(people=6, images=4))
    sample = pairs.impostor_sample
    doubled = type(sample)(
        sample.first, sample.second, sample.distance, 2 * sample.copies, sample.tail
    )
    twice = replace(pairs, list_impostor=lambda: doubled)
    # Twice the errors among as many pairs.
    small = far_curve(pairs).error[:40]
    np.testing.assert_allclose(far_curve(twice).error[:40], 2 * small, rtol=1e-6)


def test_the_limits_are_those_of_a_rate():
    curve = far_curve(score_pairs(*random_faces(people=9, images=3)))
    low, high = curve.limits(0.9)
    for place in (0, 30, len(curve.far) - 1):
        expected = Rate(curve.far[place], curve.error[place], 9, 4).interval(confidence=0.9)
        assert (low[place], high[place]) == pytest.approx(expected)


def test_of_two_people_the_error_does_not_show():
    curve = far_curve(score_pairs(None, HAND_LABELS, HAND_MATRIX))
    assert not curve.error.any()
    assert curve.interval_of(0.5, 0.95) is None
    assert curve.largest_below(0.5, 0.9) is None


def test_the_largest_far_has_the_last_limit_that_is_not_above():
    curve = far_curve(score_pairs(*random_faces(people=30, images=4)))
    largest = curve.largest_below(0.1, 0.9)
    upper = curve.limits(0.9)[1]
    assert upper[curve.far == largest] <= 0.1
    assert np.all(upper[curve.far > largest] > 0.1)
    low, high = curve.interval_of(0.1, 0.95)
    inside = (curve.distances > low) & (curve.distances < high)
    lower, upper = curve.limits(0.95)
    assert np.all((lower[inside] < 0.1) & (upper[inside] > 0.1))


def test_the_crossing_is_where_no_difference_of_the_rates_is_within_its_error():
    embeddings, labels = random_faces(people=8, images=5, spread=1.5)
    distances = distances_between(embeddings)
    pairs = score_pairs(None, labels, distances)
    scores = curve_of(pairs).distances
    gap = np.subtract(*error_rates(pairs, scores))
    error = error_without_each(
        distances, labels, lambda rest: np.subtract(*error_rates(rest, scores))
    )
    width = t.ppf(0.975, 7) * error
    low, high = crossing_interval(pairs, scores, 0.95)
    assert low == scores[np.argmax(gap + width >= 0)]
    assert high == scores[np.argmax(gap - width >= 0) - 1]


@pytest.mark.parametrize("people", [2, 6])
def test_a_crossing_that_nobody_moves_is_not_known(people):
    embeddings, labels = random_faces(people=people, images=4, spread=0.01)
    pairs = score_pairs(embeddings, labels)
    assert crossing_interval(pairs, curve_of(pairs).distances, 0.95) is None
