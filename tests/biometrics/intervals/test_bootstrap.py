"""The intervals: against resampling by hand, and how often they hold the truth."""

import itertools
import tracemalloc
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binomtest, norm, t
from sklearn.metrics import roc_auc_score, roc_curve

from biometrics.engine.pairs import PairScores, score_pairs
from biometrics.engine.sample import PairSample
from biometrics.engine.scores import Scores
from biometrics.errors import EvaluationError
from biometrics.figures.names import ONE_ENROLLED, tar_key
from biometrics.intervals import bootstrap as intervals_module
from biometrics.intervals.bootstrap import (
    bootstrap_intervals,
    clopper_pearson,
    resample_error_rates,
    resample_verification,
    standard_error,
)
from groundfloor.draws import Draw, generator
from tests.biometrics.cases import all_scores, measured, random_faces

# A population of people who differ in how alike their own images are and in how alike they are to
# others. Each distance is normal, so the true rates are known.
GENUINE_MEAN, IMPOSTOR_MEAN = 0.35, 0.7
OWN_SPREAD, GENUINE_NOISE = 0.08, 0.08
LOOKALIKE_SPREAD, IMPOSTOR_NOISE = 0.05, 0.1
GENUINE_SPREAD = np.hypot(OWN_SPREAD, GENUINE_NOISE)
IMPOSTOR_SPREAD = np.sqrt(2 * LOOKALIKE_SPREAD**2 + IMPOSTOR_NOISE**2)


def scored_pairs(distances, identity):
    """The pairs i < j of images with these distances, in the order of `triu_indices`."""
    first, second = np.triu_indices(len(identity), 1)
    genuine = identity[first] == identity[second]

    def sample(of_kind, sign):
        order = np.flatnonzero(of_kind)[np.argsort(sign * distances[of_kind], kind="stable")]
        scores = distances[order].astype(np.float32)
        return PairSample(first[order], second[order], scores, np.ones(len(order)), len(order))

    return PairScores(
        genuine=Scores.of(distances[genuine]),
        impostor=Scores.of(distances[~genuine]),
        identity=identity,
        rank=np.ones(len(identity), np.int64),
        list_genuine=lambda: sample(genuine, -1),
        list_impostor=lambda: sample(~genuine, 1),
    )


def population_sample(rng, people, images, impostor_mean=IMPOSTOR_MEAN):
    """Distances between the images of people drawn from the population, with these people."""
    identity = np.repeat(np.arange(people), images)
    first, second = np.array(list(itertools.combinations(identity, 2))).T
    own, lookalike = rng.normal(size=(2, people))
    noise = rng.normal(size=len(first))
    genuine = GENUINE_MEAN + OWN_SPREAD * own[first] + GENUINE_NOISE * noise
    alike = LOOKALIKE_SPREAD * (lookalike[first] + lookalike[second])
    impostor = impostor_mean + alike + IMPOSTOR_NOISE * noise
    return scored_pairs(np.where(first == second, genuine, impostor), identity)


def true_figures(threshold, target, impostor_mean=IMPOSTOR_MEAN):
    def far(limit):
        return norm.cdf((limit - impostor_mean) / IMPOSTOR_SPREAD)

    def frr(limit):
        return norm.sf((limit - GENUINE_MEAN) / GENUINE_SPREAD)

    crossing = brentq(lambda limit: far(limit) - frr(limit), 0, 2)
    apart = (impostor_mean - GENUINE_MEAN) / np.hypot(GENUINE_SPREAD, IMPOSTOR_SPREAD)
    limit = impostor_mean + IMPOSTOR_SPREAD * norm.ppf(target)
    return {
        "FAR": far(threshold),
        "FRR": frr(threshold),
        "EER": far(crossing),
        "AUC": norm.cdf(apart),
        tar_key(target): 1 - frr(limit),
    }


def intervals_of(pairs, seed=0, fars=(0.1,)):
    return bootstrap_intervals(pairs, 0.5, fars=fars, ranks=[1], seed=seed)


def log_odds_interval(value, resamples, people):
    odds = np.log(value / (1 - value))
    spread = np.std(resamples, ddof=1) * np.sqrt(people / (people - 1))
    width = t(people - 1).ppf(0.975) * spread / (value * (1 - value))
    return [1 / (1 + np.exp(-limit)) for limit in (odds - width, odds + width)]


def draws_of(people, seed):
    rng = generator(Draw.RESAMPLED_PEOPLE, seed)
    return rng.multinomial(people, np.full(people, 1 / people), 400)


def test_verification_intervals_equal_those_of_writing_every_drawn_person_out():
    embeddings, labels = random_faces(seed=2, people=4, images=3)
    people, limit, target = 4, 0.5, 1 / 3
    scores, genuine = all_scores(embeddings, labels)
    first, second = np.array(list(itertools.combinations(labels, 2))).T
    rates = {"FAR": [], "FRR": [], "EER": [], "AUC": [], tar_key(target): []}
    for times in [np.ones(people, int), *draws_of(people, seed=7)]:
        weight = np.where(genuine, times[first], times[first] * times[second])
        drawn, kind = np.repeat(scores, weight), np.repeat(genuine, weight)
        if kind.all():
            continue
        far, tar, _ = roc_curve(kind, -drawn, drop_intermediate=False)
        rates["FAR"].append(np.mean(drawn[~kind] <= limit))
        rates["FRR"].append(np.mean(drawn[kind] > limit))
        rates["EER"].append(np.interp(0, far + tar - 1, far))
        rates["AUC"].append(roc_auc_score(kind, -drawn))
        rates[tar_key(target)].append(tar[far <= target + 1e-9].max())
    pairs = score_pairs(embeddings, labels)
    result = bootstrap_intervals(pairs, limit, fars=[target], ranks=[1], seed=7)
    for key, (value, *resamples) in rates.items():
        assert 0 < value < 1
        assert result[key] == pytest.approx(log_odds_interval(value, resamples, people)), key


def test_several_thresholds_share_a_resampling_that_is_that_of_each_alone():
    pairs = score_pairs(*random_faces(people=6, images=2, spread=2.0))
    thresholds = [0.2, 0.6, 1.1]
    together = resample_error_rates(pairs, thresholds, seed=4)
    for threshold, rates in zip(thresholds, together, strict=True):
        alone = resample_verification(pairs, threshold, fars=(), seed=4)
        assert set(rates) == {"FAR", "FRR"}
        for key, ours in rates.items():
            theirs = alone[key]
            np.testing.assert_array_equal(ours.resamples, theirs.resamples)
            assert replace(ours, resamples=None) == replace(theirs, resamples=None)
    assert resample_error_rates(pairs, [], seed=4) == []


def test_rank_intervals_equal_those_of_writing_every_drawn_probe_out():
    embeddings, labels = random_faces(people=9, images=4, spread=2.0)
    kept = np.flatnonzero((labels > 1) | (np.arange(len(labels)) == np.argmax(labels == 0)))
    embeddings, labels = embeddings[kept], labels[kept]  # one image of 0, none of 1, four of others
    pairs = score_pairs(embeddings, labels)
    mates = pairs.has_mate
    by_person = [pairs.rank[mates & (pairs.identity == person)] for person in range(8)]
    values = [
        np.mean(
            np.concatenate([np.tile(ranks, n) for ranks, n in zip(by_person, times, strict=True)])
            <= 1
        )
        for times in [np.ones(8, int), *draws_of(8, seed=3)]
    ]
    assert 0 < values[0] < 1
    result = bootstrap_intervals(pairs, 0.5, fars=[], ranks=[1], seed=3)
    assert result["Rank-1"] == pytest.approx(log_odds_interval(values[0], values[1:], people=7))
    single = pairs.one_enrolled
    weights = draws_of(8, seed=3)[:, single.identity] * single.weight
    values = weights @ single.probability / weights.sum(axis=1)
    figure = np.average(single.probability, weights=single.weight)
    assert result[ONE_ENROLLED] == pytest.approx(log_odds_interval(figure, values, people=7))


def test_intervals_hold_the_figures_and_narrow_with_more_people():
    widths = []
    for people in (10, 80):
        embeddings, labels = random_faces(people=people, images=4)
        metrics = measured(
            embeddings, labels, distance="cosine", target_fars=[0.1], ranks=[1, 5], seed=0
        )
        for key, (low, high) in metrics["intervals"].items():
            assert 0 <= low <= metrics[key] <= high <= 1, key
        low, high = metrics["intervals"]["EER"]
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_intervals_are_a_function_of_the_seed_and_not_of_the_tiling(monkeypatch):
    pairs = score_pairs(*random_faces())
    first = intervals_of(pairs)
    assert intervals_of(pairs, seed=1) != first
    for cells in (1, 5000):
        monkeypatch.setattr(intervals_module, "RESAMPLE_CELLS", cells)
        tiled = intervals_of(pairs)
        for key, limits in first.items():
            assert tiled[key] == pytest.approx(limits), key


def thinned(sample, tail, every):
    """The most mistaken pairs, and every k-th of the others."""
    kept = np.concatenate([np.arange(tail), np.arange(tail, len(sample.first), every)])
    copies = np.ones(len(kept))
    copies[tail:] = (len(sample.first) - tail) / (len(kept) - tail)
    return PairSample(sample.first[kept], sample.second[kept], sample.distance[kept], copies, tail)


def test_a_sample_of_the_pairs_gives_nearly_the_intervals_of_all_of_them():
    pairs = score_pairs(*random_faces(people=40))
    few = replace(
        pairs,
        list_genuine=lambda: thinned(pairs.genuine_sample, tail=250, every=2),
        list_impostor=lambda: thinned(pairs.impostor_sample, tail=2500, every=9),  # of 19,500
    )
    all_of_them, sampled = intervals_of(pairs), intervals_of(few)
    assert sampled != all_of_them
    for key, limits in all_of_them.items():
        assert sampled[key] == pytest.approx(limits, abs=0.02), key


def test_memory_is_bounded_where_resamples_times_pairs_is_not():
    identity = np.repeat(np.arange(120), 3)
    distances = np.random.default_rng(0).normal(size=360 * 359 // 2)
    pairs = scored_pairs(distances, identity)  # 400 resamples of them are 200 MiB an array
    tracemalloc.start()
    resample_verification(pairs, 0.0, fars=[0.1], seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * 2**20


def no_event(trials):
    """The rate that gives no event in so many trials in 2.5 % of the cases."""
    return 1 - 0.025 ** (1 / trials)


def test_a_figure_without_an_error_is_not_certain():
    points = [[10.0 * person + image] for person in range(8) for image in (0.0, 0.1)]
    pairs = score_pairs([*points, [990.0]], [*np.repeat(np.arange(8), 2), 8], "euclidean")
    result = intervals_of(pairs)
    people, couples, triples = no_event(8), no_event(4), no_event(3)
    assert result["FRR"] == pytest.approx([0, people])
    assert result["FAR"] == pytest.approx([0, couples])
    assert result["EER"] == pytest.approx([0, couples])
    assert result["AUC"] == pytest.approx([1 - triples, 1])
    for key in (tar_key(0.1), "Rank-1", ONE_ENROLLED):
        assert result[key] == pytest.approx([1 - people, 1]), key


def test_a_figure_that_is_always_wrong_is_not_certain_either():
    inverted = scored_pairs(np.array([9.0, 1, 1, 1, 1, 9.0]), np.array([0, 0, 1, 1]))
    figures = resample_verification(inverted, 5.0, fars=[0.1], seed=0)
    assert figures["FRR"].interval() == pytest.approx((1 - no_event(2), 1))
    assert figures["FAR"].interval() == pytest.approx((1 - no_event(1), 1))
    assert figures[tar_key(0.1)].interval() == pytest.approx((0, no_event(2)))


def test_a_figure_that_no_resample_moves_has_room_on_both_sides():
    tied = score_pairs([[1.0]] * 12, np.repeat(np.arange(6), 2))
    unseen = no_event(3)
    low, high = intervals_of(tied)["EER"]
    assert (low, high) == pytest.approx((0.5 - unseen / 2, 0.5 + unseen / 2))


def test_one_person_with_mates_says_nearly_nothing_of_how_others_are_recognised():
    embeddings, labels = random_faces(people=12, images=2, spread=4.0)
    labels[labels != 0] = 1 + np.arange(22)
    pairs = score_pairs(embeddings, labels)
    figures = resample_verification(pairs, 0.5, fars=[], seed=0)
    assert 0 < figures["EER"].value < 1
    assert np.nanstd(figures["EER"].resamples) > 0  # of the impostors
    low, high = figures["EER"].interval()
    assert high - low == pytest.approx(no_event(1))
    low, high = figures["FAR"].interval()
    assert high - low < 0.2  # there are 23 people to take for each other


def test_people_with_one_image_count_where_they_are_compared():
    embeddings, labels = random_faces(people=8, images=2)
    labels[labels > 4] = 10 + np.arange(6)  # five people with mates and six without
    figures = resample_verification(score_pairs(embeddings, labels), 0.5, fars=[0.1], seed=0)
    assert figures["FAR"].people == 11
    assert {figures[key].people for key in ("FRR", "EER", "AUC", tar_key(0.1))} == {5}


def test_rounding_is_no_spread_and_resamples_without_a_figure_do_not_count():
    assert standard_error(np.array([0.1 + 0.2, 0.3, 0.3]), people=3) == 0
    assert standard_error(np.array([1.0, np.nan, 3.0]), people=2) == pytest.approx(2.0)
    assert standard_error(np.array([1.0, np.nan]), people=2) == 0


def test_a_far_that_equals_its_target_in_a_resample_is_not_above_it():
    # Whoever is drawn, half of the impostor pairs are at 1 and half at 9; genuine pairs at 2.
    matrix = np.array([[0, 2, 1, 9], [2, 0, 9, 1], [1, 9, 0, 2], [9, 1, 2, 0]])
    pairs = score_pairs(None, [0, 0, 1, 1], matrix)
    for target, expected in ((0.5, 1.0), (0.49, 0.0)):
        figure = resample_verification(pairs, 5.0, fars=[target], seed=0)[tar_key(target)]
        assert figure.value == expected
        assert set(figure.resamples[~np.isnan(figure.resamples)]) == {expected}


@given(st.integers(0, 300), st.integers(0, 300), st.sampled_from([0.9, 0.95, 0.999]))
def test_clopper_pearson_equals_scipys_exact_interval(successes, failures, confidence):
    trials = successes + failures
    if not trials:
        assert clopper_pearson(0, 0, confidence) == (0, 1)
        return
    expected = binomtest(successes, trials).proportion_ci(confidence, method="exact")
    assert clopper_pearson(successes, trials, confidence) == pytest.approx(tuple(expected))


def test_clopper_pearson_without_an_event_is_the_rule_of_three():
    assert clopper_pearson(0, 3000, confidence=0.9)[1] == pytest.approx(3 / 3000, rel=2e-3)
    assert clopper_pearson(0, 10)[1] == pytest.approx(no_event(10))


@pytest.mark.parametrize(("successes", "trials"), [(2, 1), (-1, 1), (0, -1)])
def test_clopper_pearson_refuses_what_is_no_count(successes, trials):
    with pytest.raises(EvaluationError, match="from 0 to the number of trials"):
        clopper_pearson(successes, trials)


def test_clopper_pearson_may_be_asked_for_where_figures_are_counts():
    embeddings, labels = random_faces(people=10, images=4, spread=2.0)
    pairs = score_pairs(embeddings, labels)
    settings = {"fars": [0.1], "ranks": [1, 5], "seed": 0}
    bootstrap = bootstrap_intervals(pairs, 0.5, **settings)
    binomial = bootstrap_intervals(pairs, 0.5, **settings, method="clopper_pearson")
    accepted = int(pairs.genuine.at_most(0.5))
    assert binomial["FRR"] == list(clopper_pearson(60 - accepted, 60))
    assert binomial["FAR"] == list(clopper_pearson(int(pairs.impostor.at_most(0.5)), 720))
    assert binomial["Rank-5"] == list(clopper_pearson(int((pairs.rank <= 5).sum()), 40))
    limit = pairs.impostor.nth(72)
    assert binomial[tar_key(0.1)] == list(clopper_pearson(int(pairs.genuine.below(limit)), 60))
    for key in ("EER", "AUC", ONE_ENROLLED):
        assert binomial[key] == bootstrap[key]
    assert list(binomial) == list(bootstrap)


def test_another_method_is_refused():
    with pytest.raises(EvaluationError, match="Received: 'wald'"):
        bootstrap_intervals(
            score_pairs(*random_faces()), 0.5, fars=[], ranks=[1], seed=0, method="wald"
        )


def coverage(*, people, images, repetitions, threshold, target, impostor_mean=IMPOSTOR_MEAN):
    """How often the intervals of samples of the population hold its true figures."""
    truth = true_figures(threshold, target, impostor_mean)
    rng = np.random.default_rng(0)
    bootstrap, binomial = defaultdict(float), defaultdict(float)
    for seed in range(repetitions):
        pairs = population_sample(rng, people, images, impostor_mean)
        figures = resample_verification(pairs, threshold, fars=[target], seed=seed)
        for key, figure in figures.items():
            low, high = figure.interval()
            bootstrap[key] += (low <= truth[key] <= high) / repetitions
        for key, trials in (("FAR", pairs.impostor.total), ("FRR", pairs.genuine.total)):
            low, high = clopper_pearson(round(figures[key].value * trials), trials)
            binomial[key] += (low <= truth[key] <= high) / repetitions
    return bootstrap, binomial


@pytest.mark.slow
def test_intervals_hold_the_truth_where_taking_pairs_as_independent_does_not():
    bootstrap, binomial = coverage(people=12, images=4, repetitions=250, threshold=0.5, target=0.03)
    for key, held in bootstrap.items():
        assert 0.9 <= held <= 0.99, key
    assert binomial["FAR"] < 0.6
    assert binomial["FRR"] < 0.9


def test_intervals_of_few_people_hardly_ever_mistaken_hold_the_truth():
    bootstrap, _ = coverage(
        people=10, images=2, repetitions=200, threshold=0.6, target=0.1, impostor_mean=0.85
    )
    for key, held in bootstrap.items():
        assert 0.9 <= held <= 1, key


def test_clopper_pearson_holds_the_truth_where_trials_are_independent():
    errors = np.random.default_rng(0).binomial(200, 0.05, size=1000)
    intervals = [clopper_pearson(int(count), 200) for count in errors]
    assert 0.95 <= np.mean([low <= 0.05 <= high for low, high in intervals]) <= 0.99
