"""Intervals against writing every drawn person's trials out."""

import numpy as np
import pytest

from biometrics.intervals.bootstrap import Resampled, draw_people
from biometrics.intervals.rates import clopper_pearson
from biometrics.intervals.trials import (
    Trials,
    accepted_intervals,
    share_intervals,
)


def test_a_share_is_resampled_by_the_people_who_search():
    person = np.array([3, 3, 3, 5, 5, 9])
    found = np.array([True, True, False, True, False, False])
    expected = []
    for draws in draw_people(3, seed=4):
        times = draws[[0, 0, 0, 1, 1, 2]]
        expected.append(np.mean(np.repeat(found, times)) - 0.5)
    interval = Resampled.of(0.5, np.array(expected), 3, 3, trials=6).interval()
    result = share_intervals({"Rank-1": found, "none": ~found & found}, person, seed=4)
    assert result["Rank-1"] == pytest.approx(interval)
    assert result["none"][0] == 0 < result["none"][1]


def test_the_accepted_share_finds_its_threshold_in_every_resample():
    rng = np.random.default_rng(0)
    first, second = np.triu_indices(6, 1)
    wanted = Trials(rng.integers(0, 6, 30).astype(np.float32), rng.integers(0, 6, 30))
    unwanted = Trials(rng.integers(2, 9, 15).astype(np.float32), first, second)
    target = 0.3
    shares = []
    for draws in draw_people(6, seed=1):
        near = np.repeat(wanted.distance, draws[wanted.first])
        far = np.repeat(unwanted.distance, draws[first] * draws[second])
        if len(near) and len(far):
            allowed = [t for t in range(-1, 12) if np.mean(far <= t) <= target + 1e-9]
            shares.append(np.mean(near <= max(allowed)))
    share = np.mean(
        wanted.distance
        <= max(t for t in range(-1, 12) if np.mean(unwanted.distance <= t) <= target)
    )
    people = len(set(wanted.first))
    expected = Resampled.of(share, np.array(shares) - share, people, people, trials=30).interval()
    assert accepted_intervals(wanted, unwanted, [target], seed=1)[target] == pytest.approx(expected)


def test_infinity_is_never_accepted():
    wanted = Trials(np.array([1, np.inf], np.float32), np.array([0, 1]))
    unwanted = Trials(np.array([5, 6], np.float32), np.array([2, 3]))
    low, high = accepted_intervals(wanted, unwanted, [0.5], seed=0)[0.5]
    assert low < 0.5 < high


def test_intervals_are_a_function_of_the_seed():
    found = {"x": np.random.default_rng(0).random(40) < 0.5}
    person = np.arange(40) // 4
    assert share_intervals(found, person, 1) == share_intervals(found, person, 1)
    assert share_intervals(found, person, 1) != share_intervals(found, person, 2)


def test_clopper_pearson_intervals_count_every_trial():
    found = np.array([True, True, False, True, False, False])
    person = np.array([3, 3, 3, 5, 5, 9])
    exact = share_intervals({"x": found}, person, seed=0, method="clopper_pearson")
    assert exact == {"x": list(clopper_pearson(3, 6))}
    wanted = Trials(np.array([1, 4, 9], np.float32), np.array([0, 0, 1]))
    unwanted = Trials(np.array([3, 5], np.float32), np.array([2, 3]))
    # One of the two unwanted may be accepted: up to 4, and with it two of the three wanted.
    exact = accepted_intervals(wanted, unwanted, [0.5], seed=0, method="clopper_pearson")
    assert exact == {0.5: list(clopper_pearson(2, 3))}
