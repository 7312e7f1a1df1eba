"""Intervals of figures of pairs of nobody knows whom."""

import numpy as np
import pytest
from scipy.stats import norm

from biometrics.engine.scores import Scores
from biometrics.figures.metrics import verification_metrics
from biometrics.figures.trials import TrialScores
from biometrics.intervals.by_pairs import _coarse, pair_intervals
from biometrics.intervals.rates import clopper_pearson


def drawn(seed, genuine=150, impostor=400, apart=2.0):
    rng = np.random.default_rng(seed)
    return TrialScores(
        Scores.of(rng.normal(size=genuine)), Scores.of(rng.normal(size=impostor) + apart)
    )


def test_rates_have_the_exact_binomial_interval_at_the_threshold():
    scores = drawn(0)
    found = pair_intervals(scores, 1.0, fars=[0.1], seed=0)
    accepted = int(scores.impostor.at_most(1.0))
    rejected = 150 - int(scores.genuine.at_most(1.0))
    assert found["FAR"] == list(clopper_pearson(accepted, 400))
    assert found["FRR"] == list(clopper_pearson(rejected, 150))
    assert list(found) == ["FAR", "FRR", "EER", "AUC", "TAR@FAR=1e-01"]


def test_the_interval_of_the_auc_is_as_wide_as_delongs():
    """DeLong, DeLong and Clarke-Pearson (1988), from the shares that each pair is beaten by."""
    rng = np.random.default_rng(3)
    genuine, impostor = rng.normal(size=300), rng.normal(size=500) + 1.2
    scores = TrialScores(Scores.of(genuine), Scores.of(impostor))
    nearer = genuine[:, None] < impostor
    error = np.sqrt(nearer.mean(1).var(ddof=1) / 300 + nearer.mean(0).var(ddof=1) / 500)
    low, high = pair_intervals(scores, 0.0, fars=(), seed=0)["AUC"]
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.12)


def test_the_interval_of_the_eer_holds_the_true_one_about_as_often_as_it_says():
    true = norm.cdf(-1.0)  # of two normal distributions that are 2 apart
    held = 0
    for seed in range(40):
        low, high = pair_intervals(drawn(seed), 1.0, fars=(), seed=seed)["EER"]
        held += low <= true <= high
    assert 34 <= held <= 40


def test_without_an_error_the_interval_is_as_wide_as_the_pairs_leave_open():
    low, high = pair_intervals(drawn(0, apart=50.0), 25.0, fars=(), seed=0)["EER"]
    assert low == 0
    assert high == pytest.approx(clopper_pearson(0, 150)[1])


def test_many_values_are_made_few_without_moving_the_figures_by_much():
    scores = drawn(1, genuine=20_000, impostor=60_000)
    few = _coarse(scores)
    assert len(np.union1d(few.genuine.values, few.impostor.values)) <= 4096
    assert (few.genuine.total, few.impostor.total) == (20_000, 60_000)
    for key in ("EER", "AUC"):
        exact = verification_metrics(scores)[key]
        assert verification_metrics(few)[key] == pytest.approx(exact, abs=1e-3)
