"""Counted distances answer as the sorted array of all of them would."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from biometrics.engine.scores import Scores
from tests.biometrics.cases import expanded

distances = st.lists(st.integers(0, 6).map(lambda step: step / 4), min_size=1, max_size=30)


@given(distances, st.lists(st.floats(-1, 3, width=32), min_size=1, max_size=5))
def test_numbers_below_and_at_most_are_those_of_the_sorted_array(sample, limits):
    scores, plain = Scores.of(sample), np.sort(np.float32(sample))
    np.testing.assert_array_equal(expanded(scores), plain)
    np.testing.assert_array_equal(scores.below(limits), np.searchsorted(plain, np.float32(limits)))
    np.testing.assert_array_equal(
        scores.at_most(limits), np.searchsorted(plain, np.float32(limits), side="right")
    )


@given(distances)
def test_the_nth_distance_and_the_histogram_are_those_of_the_sorted_array(sample):
    scores, plain = Scores.of(sample), np.sort(np.float32(sample))
    np.testing.assert_array_equal(scores.nth(np.arange(len(plain))), plain)
    edges = np.linspace(0, 1.5, 4)
    np.testing.assert_array_equal(scores.histogram(edges), np.histogram(plain, edges)[0])
    assert scores.total == len(sample)
