"""The intervals: against resampling by hand, and what they promise."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from components.evaluator import intervals as intervals_module
from components.evaluator.intervals import bootstrap_intervals
from components.evaluator.metrics import tar_key
from components.evaluator.metrics_json import evaluate
from components.evaluator.pairs import score_pairs
from tests.evaluator.cases import all_scores, random_faces


def intervals_of(pairs, seed=0, fars=(0.1,)):
    return bootstrap_intervals(pairs, 0.5, fars=fars, ranks=[1], seed=seed)


def test_intervals_equal_those_of_writing_every_drawn_person_out():
    embeddings, labels = random_faces(seed=2, people=4, images=3)
    people, limit, target = 4, 0.5, 1 / 3
    scores, genuine = all_scores(embeddings, labels)
    first, second = np.array(list(itertools.combinations(labels, 2))).T
    draws = np.random.default_rng(7).multinomial(people, np.full(people, 1 / people), 400)
    rates = {"FAR": [], "EER": [], "AUC": [], tar_key(target): []}
    for times in draws:
        weight = np.where(genuine, times[first], times[first] * times[second])
        drawn, kind = np.repeat(scores, weight), np.repeat(genuine, weight)
        if kind.all():
            continue
        far, tar, _ = roc_curve(kind, -drawn, drop_intermediate=False)
        rates["FAR"].append(np.mean(drawn[~kind] <= limit))
        rates["EER"].append(np.interp(0, far + tar - 1, far))
        rates["AUC"].append(roc_auc_score(kind, -drawn))
        rates[tar_key(target)].append(tar[far <= target + 1e-9].max())
    pairs = score_pairs(embeddings, labels)
    result = bootstrap_intervals(pairs, limit, fars=[target], ranks=[1], seed=7)
    for key, values in rates.items():
        assert result[key] == pytest.approx(np.percentile(values, [2.5, 97.5])), key


def test_intervals_hold_the_figures_and_narrow_with_more_people():
    widths = []
    for people in (10, 80):
        embeddings, labels = random_faces(people=people, images=4)
        metrics = evaluate(
            embeddings, labels, distance="cosine", target_fars=[0.1], ranks=[1, 5], seed=0
        )
        for key, (low, high) in metrics["intervals"].items():
            assert low <= metrics[key] <= high, key
        low, high = metrics["intervals"]["EER"]
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_intervals_are_a_function_of_the_seed_and_not_of_the_tiling(monkeypatch):
    pairs = score_pairs(*random_faces())
    first = intervals_of(pairs)
    assert intervals_of(pairs, seed=1) != first
    monkeypatch.setattr(intervals_module, "INTERVAL_CELLS", 5000)
    assert intervals_of(pairs) == first


def test_thinning_the_pairs_of_a_large_set_hardly_moves_the_intervals(monkeypatch):
    pairs = score_pairs(*random_faces(people=40))
    full = intervals_of(pairs)
    monkeypatch.setattr(intervals_module, "INTERVAL_PAIRS", 2500)  # of 19,500 impostor pairs
    thinned = intervals_of(pairs)
    assert thinned != full
    for key, limits in full.items():
        assert thinned[key] == pytest.approx(limits, abs=0.01), key


def test_perfect_and_tied_sets_have_intervals_too():
    separated = score_pairs([[0.0], [0.1], [9.0], [9.1]], [0, 0, 1, 1], "euclidean")
    assert intervals_of(separated)["EER"] == [0.0, 0.0]
    tied = score_pairs([[1.0]] * 4, [0, 0, 1, 1])
    assert intervals_of(tied)["EER"] == intervals_of(tied)["AUC"] == [0.5, 0.5]


def test_a_far_that_equals_its_target_in_a_resample_is_not_above_it():
    # Whoever is drawn, half of the impostor pairs are at 1 and half at 9; genuine pairs at 2.
    matrix = np.array([[0, 2, 1, 9], [2, 0, 9, 1], [1, 9, 0, 2], [9, 1, 2, 0]])
    pairs = score_pairs(None, [0, 0, 1, 1], matrix)
    assert intervals_of(pairs, fars=[0.5])[tar_key(0.5)] == [1.0, 1.0]
    assert intervals_of(pairs, fars=[0.49])[tar_key(0.49)] == [0.0, 0.0]
