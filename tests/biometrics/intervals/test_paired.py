"""The paired comparison: against resampling by hand, and how often it raises a false alarm."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import roc_auc_score, roc_curve

from biometrics.engine.pairs import score_pairs
from biometrics.errors import EvaluationError
from biometrics.figures.metrics import verification_metrics
from biometrics.figures.names import tar_key
from biometrics.intervals.bootstrap import resample_verification
from biometrics.intervals.paired import PairedComparison, compare
from tests.biometrics.cases import all_scores, random_faces
from tests.biometrics.intervals.test_bootstrap import draws_of, no_event, scored_pairs

# A candidate whose impostors are this much nearer has a true EER of 0.34 instead of 0.07.
MUCH_WORSE = 0.25


def two_models(rng, people, images, shift=0.0):
    """Pairs of the same images by two models: a candidate, with impostors `shift` nearer, and one.

    Half of what makes a person or a pair hard is so for both models.
    """
    identity = np.repeat(np.arange(people), images)
    first, second = np.array(list(itertools.combinations(identity, 2))).T

    def half_shared(size):
        shared, *own = rng.normal(size=(3, size)) * np.sqrt(0.5)
        return [shared + each for each in own]

    def scored(own, lookalike, noise, shift):
        genuine = 0.35 + 0.08 * own[first] + 0.08 * noise
        impostor = 0.7 - shift + 0.05 * (lookalike[first] + lookalike[second]) + 0.1 * noise
        return scored_pairs(np.where(first == second, genuine, impostor), identity)

    models = zip(
        half_shared(people), half_shared(people), half_shared(len(first)), (shift, 0.0), strict=True
    )
    return [scored(*model) for model in models]


def eer_and_auc(scores, genuine, times, pair_people):
    weight = np.where(genuine, times[pair_people[0]], times[pair_people].prod(axis=0))
    drawn, kind = np.repeat(scores, weight), np.repeat(genuine, weight)
    far, tar, _ = roc_curve(kind, -drawn, drop_intermediate=False)
    return np.array([np.interp(0, far + tar - 1, far), roc_auc_score(kind, -drawn)])


def test_the_interval_equals_that_of_writing_every_drawn_person_out_for_both_models():
    _, labels = random_faces(people=6, images=3)
    embeddings = [random_faces(people=6, images=3, spread=spread)[0] for spread in (1.2, 1.0)]
    (candidate, genuine), (baseline, _) = [all_scores(each, labels) for each in embeddings]
    people = np.array(list(itertools.combinations(labels, 2))).T
    value, *resamples = (
        eer_and_auc(candidate, genuine, times, people)
        - eer_and_auc(baseline, genuine, times, people)
        for times in [np.ones(6, int), *draws_of(6, seed=5)]
    )
    width = t(5).ppf(0.975) * np.sqrt(6 / 5) * np.std(resamples, axis=0, ddof=1)
    pairs = [score_pairs(each, labels) for each in embeddings]
    for position, metric in enumerate(["EER", "AUC"]):
        comparison = compare(*pairs, seed=5, metric=metric)
        assert comparison.difference == pytest.approx(value[position])
        low, high = comparison.interval()
        assert low == pytest.approx(value[position] - width[position])
        assert high == pytest.approx(value[position] + width[position])


def test_the_figures_are_those_of_each_model_and_swapping_them_turns_the_sign():
    candidate, baseline = two_models(np.random.default_rng(0), people=10, images=3)
    there, back = compare(candidate, baseline, seed=1), compare(baseline, candidate, seed=1)
    assert there.metric == "EER"
    assert there.candidate == verification_metrics(candidate)["EER"]
    assert there.baseline == verification_metrics(baseline)["EER"]
    assert there.difference == there.candidate - there.baseline == -back.difference
    low, high = back.interval()
    assert there.interval() == pytest.approx((-high, -low))


def test_other_figures_may_be_compared():
    models = two_models(np.random.default_rng(0), people=10, images=3)
    thresholds = [verification_metrics(pairs)["EER_threshold"] for pairs in models]
    for metric in ("FAR", "FRR", "AUC", tar_key(0.1)):
        comparison = compare(*models, seed=1, metric=metric, fars=[0.1])
        figures = [
            resample_verification(pairs, threshold, fars=[0.1], seed=1)[metric].value
            for pairs, threshold in zip(models, thresholds, strict=True)
        ]
        assert [comparison.candidate, comparison.baseline] == figures


def test_models_that_never_differ_are_not_shown_to_be_the_same():
    pairs = score_pairs(*random_faces(people=12))
    comparison = compare(pairs, pairs, seed=0)
    assert comparison.difference == comparison.standard_error == 0
    assert comparison.interval() == pytest.approx((-no_event(6), no_event(6)))


def test_the_interval_widens_with_the_confidence_and_ends_where_differences_do():
    comparison = PairedComparison("EER", 0.3, 0.2, standard_error=0.05, people=10, independent=5)
    assert comparison.interval() == pytest.approx((0.1 - 0.113108, 0.1 + 0.113108), abs=1e-6)
    assert comparison.interval(0.99) == pytest.approx((0.1 - 0.162492, 0.1 + 0.162492), abs=1e-6)
    assert replace(comparison, standard_error=9.0).interval() == (-1.0, 1.0)


@pytest.mark.slow
def test_equal_models_rarely_differ_significantly_and_a_much_worse_one_nearly_always():
    rng = np.random.default_rng(0)
    equal = [compare(*two_models(rng, 12, 3), seed=seed).interval() for seed in range(250)]
    false_alarms = np.mean([low > 0 or high < 0 for low, high in equal])
    assert 0 < false_alarms <= 0.07
    worse = [
        compare(*two_models(rng, 12, 3, shift=MUCH_WORSE), seed=seed).interval()
        for seed in range(50)
    ]
    assert np.mean([low > 0 for low, _ in worse]) >= 0.95


def test_pairing_narrows_the_interval_where_the_models_err_on_the_same_people():
    models = two_models(np.random.default_rng(0), people=40, images=3)
    paired = compare(*models, seed=0).standard_error
    alone = [
        resample_verification(pairs, 0.5, fars=[], seed=seed)["EER"].standard_error
        for seed, pairs in enumerate(models)
    ]
    assert 0 < paired < 0.85 * np.hypot(*alone)


def test_pairs_of_other_people_are_refused():
    embeddings, labels = random_faces()
    pairs = score_pairs(embeddings, labels)
    with pytest.raises(EvaluationError, match=r"60 images of 12 people against 59 images of 12"):
        compare(pairs, score_pairs(embeddings[1:], labels[1:]), seed=0)
    with pytest.raises(EvaluationError, match="the same images in the same order"):
        compare(pairs, score_pairs(embeddings[::-1], labels[::-1]), seed=0)


def test_a_figure_that_is_not_there_is_refused_and_the_others_are_named():
    pairs = score_pairs(*random_faces())
    with pytest.raises(EvaluationError, match=r"FAR, FRR, EER, AUC, TAR@FAR=1e-01\. Received: F1"):
        compare(pairs, pairs, seed=0, metric="F1", fars=[0.1])
