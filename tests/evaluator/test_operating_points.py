"""Thresholds chosen on some people and measured on others: by hand, and as properties."""

import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.draws import Draw, generator
from components.errors import UserError
from components.evaluator import operating_points
from components.evaluator.calibration import cllr
from components.evaluator.intervals import bootstrap_intervals, clopper_pearson
from components.evaluator.metrics import error_rates, true_accept_rate, verification_metrics
from components.evaluator.operating_points import (
    choose_operating_points,
    dev_people,
    study_thresholds,
)
from components.evaluator.pairs import score_pairs
from components.evaluator.threshold_pack import ThresholdPack
from tests.evaluator.cases import HAND_LABELS, HAND_MATRIX, all_scores, faces, random_faces

# --- Who is in which part -----------------------------------------------------------------------

names = st.lists(st.sampled_from("abcdefghijkl"), max_size=40)


def sides(identities, seed=0, share=0.5):
    """person -> the sides that their images are on."""
    found = {}
    for identity, is_dev in zip(identities, dev_people(identities, seed, share), strict=True):
        found.setdefault(identity, set()).add(bool(is_dev))
    return found


@given(names, st.integers(0, 5))
def test_a_person_is_on_one_side_whatever_the_order(identities, seed):
    found = sides(identities, seed)
    assert all(len(person) == 1 for person in found.values())
    assert sides(sorted(identities), seed) == found


@given(names, st.floats(0.05, 0.95))
def test_the_share_is_met_to_a_person_among_those_with_mates_and_those_without(identities, share):
    sizes, found = Counter(identities), sides(identities, share=share)
    for kind in (
        [person for person in sizes if sizes[person] > 1],
        [person for person in sizes if sizes[person] == 1],
    ):
        dev = sum(found[person] == {True} for person in kind)
        # The nearest whole number, or one more or less where a part would have no mates.
        assert abs(dev - share * len(kind)) <= 0.5 + 1e-9 or min(dev, len(kind) - dev) == 1


@given(names, st.floats(0.05, 0.95))
def test_two_people_with_mates_are_enough_for_a_part_each(identities, share):
    sizes, found = Counter(identities), sides(identities, share=share)
    mated = {frozenset(found[person]) for person in sizes if sizes[person] > 1}
    if sum(size > 1 for size in sizes.values()) > 1:
        assert mated == {frozenset({True}), frozenset({False})}


@given(names, st.sampled_from([1, 2]), st.floats(0.05, 0.95))
def test_a_new_person_moves_one_other_at_most(identities, images, share):
    before = sides(identities, share=share)
    after = sides([*identities, *["somebody new"] * images], share=share)
    assert sum(after[person] != before[person] for person in before) <= 1


def test_another_seed_gives_another_choice():
    identities = [f"person {index}" for index in range(40)] * 2
    choices = [dev_people(identities, seed) for seed in range(5)]
    assert len({choice.tobytes() for choice in choices}) == 5
    assert all(choice.sum() == 40 for choice in choices)


def test_of_odd_numbers_of_both_kinds_half_of_the_people_choose():
    found = sides([*"aabbcc", *"def"])
    assert sum(person == {True} for person in found.values()) == 3


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_that_leaves_a_part_empty_is_refused(share):
    with pytest.raises(UserError, match="share of the dev people"):
        dev_people(["a", "b"], 0, share)


# --- Thresholds ---------------------------------------------------------------------------------


@pytest.fixture
def without_rate_intervals(monkeypatch):
    """Leaves out what the intervals' own tests look at, for speed."""
    rates = dict.fromkeys(("FAR", "FRR"), SimpleNamespace(interval=lambda: (0.0, 1.0)))
    monkeypatch.setattr(
        operating_points,
        "resample_error_rates",
        lambda pairs, thresholds, seed: [rates] * len(thresholds),
    )


def chosen(dev, test, fars):
    """The operating points alone."""
    return choose_operating_points(dev, test, fars, seed=0).points


def test_the_thresholds_of_the_hand_worked_case(without_rate_intervals, monkeypatch):
    monkeypatch.setattr(operating_points, "impostor_pairs_needed", lambda far: 0)
    # Genuine 0.1, 0.2, 0.4, 0.6; impostor 0.3, 0.5, 0.6, 0.7, 0.8, 0.9.
    hand = score_pairs(None, HAND_LABELS, HAND_MATRIX)
    eer, none, one, two, three = chosen(hand, hand, [0.16, 1 / 6, 0.49, 0.5])
    assert eer.threshold == pytest.approx(0.55)
    # No impostor may pass: between genuine 0.2 and impostor 0.3.
    assert none.threshold == pytest.approx(0.25)
    # One may: the last score before impostor 0.5 is genuine 0.4. Two: 0.5 itself, before 0.6.
    assert one.threshold == pytest.approx(0.45)
    assert two.threshold == pytest.approx(0.55)
    assert three.threshold == pytest.approx(0.65)
    assert [point.dev.false_accepts for point in (none, one, two, three)] == [0, 1, 2, 3]
    assert [point.dev.false_rejects for point in (none, one, two, three)] == [2, 1, 1, 0]
    assert (one.dev.FAR, one.dev.FRR) == (1 / 6, 1 / 4)
    assert (one.dev.genuine_pairs, one.dev.impostor_pairs) == (4, 6)
    assert (one.dev.identities, one.dev.images) == (2, 5)


@given(case=faces(), far=st.floats(0.01, 0.99))
def test_the_thresholds_are_those_behind_eer_and_tar(case, far):
    pairs = score_pairs(*case, "euclidean")
    curve = operating_points.curve_of(pairs)
    eer, at_far = operating_points._chosen_thresholds(curve, [far])
    assert eer == np.float32(verification_metrics(pairs)["EER_threshold"])
    false_accepts, false_rejects = error_rates(pairs, at_far)
    assert false_accepts <= far
    assert 1 - false_rejects == pytest.approx(true_accept_rate(pairs, far))


def test_where_the_nearest_pairs_are_impostors_no_pair_is_accepted_at_a_low_far():
    pairs = score_pairs(None, ["a", "a", "b"], [[0, 0.5, 0], [0.5, 0, 0.2], [0, 0.2, 0]])
    _, threshold = operating_points._chosen_thresholds(operating_points.curve_of(pairs), [0.4])
    assert error_rates(pairs, threshold) == (0, 1)
    assert threshold < 0


def test_the_threshold_is_chosen_on_dev_and_measured_on_test(without_rate_intervals):
    dev, test = (score_pairs(*random_faces(seed=seed, people=8)) for seed in (0, 1))
    (eer, at_far) = chosen(dev, test, [0.05])
    assert eer.threshold == verification_metrics(dev)["EER_threshold"]
    scores, genuine = all_scores(*random_faces(seed=1, people=8))
    for point in (eer, at_far):
        accepted = scores <= np.float32(point.threshold)
        assert point.test.false_accepts == pytest.approx(accepted[~genuine].sum(), abs=1)
        assert point.test.false_rejects == pytest.approx((~accepted)[genuine].sum(), abs=1)
        assert point.test.false_accepts / (~genuine).sum() == point.test.FAR
        assert point.test.false_rejects / genuine.sum() == point.test.FRR
        assert (point.test.identities, point.test.images) == (8, 40)
    assert at_far.dev.FAR <= 0.05
    # Nothing of the test people has gone into it.
    assert [point.threshold for point in chosen(dev, dev, [0.05])] == [
        eer.threshold,
        at_far.threshold,
    ]


def test_a_far_without_enough_dev_impostor_pairs_is_unsupported(without_rate_intervals):
    many = score_pairs(*random_faces(people=12, images=3))
    few = score_pairs(*random_faces(people=6, images=2))
    assert (many.impostor.total, few.impostor.total) == (594, 60)
    result = choose_operating_points(many, few, [0.1, 1e-2, 1e-3], seed=0)
    assert [point.name for point in result.points] == ["EER", "FAR=1e-01", "FAR=1e-02"]
    assert result.unsupported == {"FAR=1e-03": 3000}
    result = choose_operating_points(few, many, [0.1, 1e-2], seed=0)
    assert [point.name for point in result.points] == ["EER", "FAR=1e-01"]
    assert result.unsupported == {"FAR=1e-02": 300}


# --- Intervals ----------------------------------------------------------------------------------


def test_the_interval_of_a_threshold_is_that_of_writing_every_drawn_person_out(
    without_rate_intervals,
):
    embeddings, labels = random_faces(seed=2, people=4, images=3)
    dev = score_pairs(embeddings, labels)
    eers, at_fars = [], []
    for times in generator(Draw.RESAMPLED_PEOPLE, 0).multinomial(4, np.full(4, 1 / 4), 400):
        left, right = dev.identity[[dev.genuine_sample.first, dev.genuine_sample.second]]
        genuine = np.sort(np.repeat(dev.genuine_sample.distance, times[left]))
        left, right = dev.identity[[dev.impostor_sample.first, dev.impostor_sample.second]]
        impostor = np.sort(np.repeat(dev.impostor_sample.distance, times[left] * times[right]))
        if len(genuine) and len(impostor):
            scores = np.unique(np.concatenate([genuine, impostor])).astype(np.float64)
            far = np.array([np.mean(impostor <= score) for score in scores])
            frr = np.array([np.mean(genuine > score) for score in scores])
            middles = np.append((scores[1:] + scores[:-1]) / 2, scores[-1])
            crossing = np.argmax(far >= frr)
            nearer = min([crossing, max(crossing - 1, 0)], key=lambda at: abs(far[at] - frr[at]))
            eers.append(middles[nearer])
            # Below all scores where the nearest impostor pairs are too many already.
            allowed = np.flatnonzero(far <= 0.2)
            at_fars.append(middles[allowed[-1]] if len(allowed) else scores[0])
    eer, at_far = chosen(dev, dev, [0.2])
    assert eer.interval == pytest.approx(np.percentile(eers, [2.5, 97.5]))
    assert at_far.interval == pytest.approx(np.percentile(at_fars, [2.5, 97.5]))


def test_the_intervals_of_the_rates_are_those_of_the_test_people_at_that_threshold():
    dev, test = (score_pairs(*random_faces(seed=seed, people=8)) for seed in (0, 1))
    (eer,) = choose_operating_points(dev, test, [], seed=3).points
    expected = bootstrap_intervals(test, eer.threshold, fars=(), ranks=(), seed=3)
    assert set(eer.test.intervals) == {"FAR", "FRR"}
    for key, interval in eer.test.intervals.items():
        assert list(interval) == expected[key]


def test_the_intervals_of_the_rates_may_be_those_of_clopper_and_pearson():
    dev, test = (score_pairs(*random_faces(seed=seed, people=8)) for seed in (0, 1))
    (eer,) = choose_operating_points(dev, test, [], seed=3, intervals="clopper_pearson").points
    assert eer.test.intervals == {
        "FAR": clopper_pearson(eer.test.false_accepts, eer.test.impostor_pairs),
        "FRR": clopper_pearson(eer.test.false_rejects, eer.test.genuine_pairs),
    }
    bootstrap = choose_operating_points(dev, test, [], seed=3).points[0]
    assert eer.interval == bootstrap.interval


def test_the_interval_holds_the_threshold_and_narrows_with_more_people(without_rate_intervals):
    widths = []
    for people in (10, 80):
        dev = score_pairs(*random_faces(people=people, images=4))
        for point in chosen(dev, dev, [0.05]):
            low, high = point.interval
            assert low < point.threshold < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_a_sample_of_the_pairs_gives_nearly_the_interval_of_all(without_rate_intervals):
    dev = score_pairs(*random_faces(people=30, images=6))
    every_other = replace(dev, list_impostor=lambda: half(dev))
    for all_pairs, sampled in zip(
        chosen(dev, dev, [0.05]), chosen(every_other, dev, [0.05]), strict=True
    ):
        assert sampled.threshold == all_pairs.threshold
        assert sampled.interval == pytest.approx(all_pairs.interval, abs=0.02)


def half(pairs):
    """The nearest 500 impostor pairs, and every other one of the rest for two."""
    sample = pairs.impostor_sample
    kept = np.append(np.arange(500), np.arange(500, len(sample.first), 2))
    copies = np.where(kept < 500, 1.0, 2.0)
    return type(sample)(
        sample.first[kept], sample.second[kept], sample.distance[kept], copies, tail=500
    )


# --- The whole study ----------------------------------------------------------------------------


def study(embeddings, identities, **options):
    settings = {"distance": "cosine", "target_fars": [0.1, 1e-3], "seed": 0} | options
    return study_thresholds(embeddings, identities, **settings)


def test_a_study_scores_each_part_apart():
    embeddings, labels = random_faces()
    identities = [f"person {label}" for label in labels]
    result = study(embeddings, identities, seed=4)
    is_dev = dev_people(identities, 4)
    for pairs, part in ((result.dev, is_dev), (result.test, ~is_dev)):
        expected = score_pairs(embeddings[part], labels[part])
        assert pairs.genuine.total == expected.genuine.total
        np.testing.assert_array_equal(pairs.impostor.values, expected.impostor.values)
    assert result.calibration.method == "logistic"
    assert result.cllr == cllr(result.calibration, result.test) < 1
    assert result.protocol.seed == 4


def test_its_blocks_are_plain_json_and_its_pack_holds_the_same():
    result = study(*named(random_faces()))
    blocks = result.blocks()
    assert json.loads(json.dumps(blocks)) == blocks
    assert blocks["unsupported_thresholds"] == {"FAR=1e-03": 3000}
    assert blocks["calibration"] == {"method": "logistic", "Cllr": result.cllr}
    pack = result.pack(distance="cosine", model_sha256="m", data_sha256="d")
    assert ThresholdPack.from_json(pack.to_json()) == pack
    assert json.loads(pack.to_json())["operating_points"] == blocks["thresholds"]


def named(case):
    embeddings, labels = case
    return embeddings, [f"person {label}" for label in labels]


@pytest.mark.parametrize("identities", ["", "a", "aa", "ab", "aab", "aabb", "aabbcc", "aabbc"])
def test_too_few_people_are_no_error_but_a_sentence(identities):
    embeddings = np.eye(6)[: len(identities)]
    result = study(embeddings, list(identities))
    blocks = result.blocks()
    assert blocks["thresholds"] == []
    assert blocks["unsupported_thresholds"] == {"FAR=1e-01": 30, "FAR=1e-03": 3000}
    assert f"there are {len(set(identities))} people" in blocks["thresholds_missing"]
    pack = result.pack(distance="cosine", model_sha256="m", data_sha256="d")
    assert ThresholdPack.from_json(pack.to_json()) == pack
    with pytest.raises(UserError, match="this model has no threshold: thresholds are chosen on"):
        pack.operating_point()


@pytest.mark.parametrize("identities", ["aabbccdd", "aabbcd"])
def test_two_people_in_each_part_are_enough(identities):
    embeddings = np.random.default_rng(0).normal(size=(len(identities), 4))
    result = study(embeddings, list(identities), calibration="isotonic")
    assert [point.name for point in result.chosen.points] == ["EER"]
    assert not result.missing
    assert result.calibration.method == "isotonic"
