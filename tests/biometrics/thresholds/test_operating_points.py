"""Thresholds chosen on some people and measured on others: by hand, and as properties."""

import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics.engine.pairs import score_pairs
from biometrics.figures.metrics import error_rates, true_accept_rate, verification_metrics
from biometrics.intervals.bootstrap import bootstrap_intervals, clopper_pearson
from biometrics.intervals.jackknife import crossing_interval, far_curve
from biometrics.thresholds import operating_points
from biometrics.thresholds.calibration import cllr
from biometrics.thresholds.operating_points import (
    choose_far,
    choose_operating_points,
    curve_of,
    dev_people,
    far_threshold,
    needed_for,
    study_thresholds,
    supported_from,
)
from biometrics.thresholds.pack import Needed, ThresholdPack
from groundfloor.errors import UserError
from tests.biometrics.cases import HAND_LABELS, HAND_MATRIX, all_scores, faces, random_faces

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


def test_the_thresholds_of_the_hand_worked_case(without_rate_intervals):
    # Genuine 0.1, 0.2, 0.4, 0.6; impostor 0.3, 0.5, 0.6, 0.7, 0.8, 0.9.
    hand = score_pairs(None, HAND_LABELS, HAND_MATRIX)
    (eer,) = chosen(hand, hand, [])
    assert eer.threshold == pytest.approx(0.55)
    curve = curve_of(hand)
    none, one, two, three = (far_threshold(curve, far) for far in (0.16, 1 / 6, 0.49, 0.5))
    # No impostor may pass: between genuine 0.2 and impostor 0.3.
    assert none == pytest.approx(0.25)
    # One may: the last score before impostor 0.5 is genuine 0.4. Two: 0.5 itself, before 0.6.
    assert one == pytest.approx(0.45)
    assert two == pytest.approx(0.55)
    assert three == pytest.approx(0.65)
    assert (eer.dev.false_accepts, eer.dev.false_rejects) == (2, 1)
    assert (eer.dev.FAR, eer.dev.FRR) == (2 / 6, 1 / 4)
    assert (eer.dev.genuine_pairs, eer.dev.impostor_pairs) == (4, 6)
    assert (eer.dev.identities, eer.dev.images) == (2, 5)


@given(case=faces(), far=st.floats(0.01, 0.99))
def test_the_thresholds_are_those_behind_eer_and_tar(case, far):
    pairs = score_pairs(*case, "euclidean")
    curve = curve_of(pairs)
    eer, at_far = operating_points._eer_threshold(curve), far_threshold(curve, far)
    assert eer == np.float32(verification_metrics(pairs)["EER_threshold"])
    false_accepts, false_rejects = error_rates(pairs, at_far)
    assert false_accepts <= far
    assert 1 - false_rejects == pytest.approx(true_accept_rate(pairs, far))


def test_where_the_nearest_pairs_are_impostors_no_pair_is_accepted_at_a_low_far():
    pairs = score_pairs(None, ["a", "a", "b"], [[0, 0.5, 0], [0.5, 0, 0.2], [0, 0.2, 0]])
    threshold = far_threshold(curve_of(pairs), 0.4)
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


def test_a_far_without_enough_dev_people_is_unsupported(without_rate_intervals):
    many = score_pairs(*random_faces(people=12, images=30))
    few = score_pairs(*random_faces(people=4, images=30))
    assert few.impostor.total > 3 / 0.01
    result = choose_operating_points(many, few, [0.1, 1e-2, 1e-3], seed=0)
    assert [point.name for point in result.points] == ["EER", "FAR=1e-01"]
    assert result.unsupported == {"FAR=1e-02": Needed(300, 15), "FAR=1e-03": Needed(3000, 46)}
    result = choose_operating_points(few, many, [0.1, 1e-2], seed=0)
    assert [point.name for point in result.points] == ["EER"]
    assert result.unsupported == {"FAR=1e-01": Needed(30, 5), "FAR=1e-02": Needed(300, 15)}


def test_a_far_without_enough_dev_impostor_pairs_is_unsupported(without_rate_intervals):
    embeddings, labels = random_faces(people=16, images=2)
    kept = np.append(np.unique(labels, return_index=True)[1], np.flatnonzero(labels == 0)[1])
    pairs = score_pairs(embeddings[kept], labels[kept])
    assert (len(pairs.sizes), pairs.impostor.total) == (16, 135)
    result = choose_operating_points(pairs, pairs, [1e-2], seed=0)
    assert result.unsupported == {"FAR=1e-02": Needed(300, 15)}


@pytest.mark.parametrize("far", [0.1, 0.01, 0.001, 1e-4])
def test_people_are_needed_for_as_many_pairs_of_them_as_a_far_takes(far):
    for people, pairs in ((needed_for(far).people, 1 / far), (supported_from(far), 3 / far)):
        assert people * (people - 1) / 2 >= pairs - 1e-6
        assert (people - 1) * (people - 2) / 2 < pairs


def test_a_threshold_is_supported_from_so_many_people_on(without_rate_intervals):
    for people, state in ((8, "provisional"), (9, "supported")):
        dev = score_pairs(*random_faces(people=people, images=6))
        _, point = chosen(dev, dev, [0.1])
        assert (point.state, point.people_needed) == (state, 9)
    for people, state in ((19, "provisional"), (20, "supported")):
        dev = score_pairs(*random_faces(people=people, images=2))
        (eer,) = chosen(dev, dev, [])
        assert (eer.state, eer.people_needed) == (state, 20)


def test_people_of_one_image_do_not_support_the_eer(without_rate_intervals):
    embeddings, labels = random_faces(people=40, images=2)
    kept = np.append(np.unique(labels, return_index=True)[1], np.flatnonzero(labels < 10)[:5])
    pairs = score_pairs(embeddings[kept], labels[kept])
    (eer,) = chosen(pairs, pairs, [])
    assert eer.state == "provisional"


def test_a_provisional_threshold_is_the_plain_one_and_a_supported_one_is_stricter(
    without_rate_intervals,
):
    few, many = (score_pairs(*random_faces(people=people, images=6)) for people in (6, 30))
    for dev, state in ((few, "provisional"), (many, "supported")):
        _, point = chosen(dev, dev, [0.1])
        plain = far_threshold(curve_of(dev), 0.1)
        assert point.state == state
        assert point.threshold < plain if state == "supported" else point.threshold == plain
        assert point.dev.FAR <= 0.1


def test_where_no_limit_is_low_enough_the_threshold_is_provisional(without_rate_intervals):
    # All pairs tie: whoever is drawn, all are accepted or none.
    labels = np.repeat(np.arange(12), 3)
    distances = np.where(labels[:, None] == labels, 0.5, 0.5) * (1 - np.eye(36))
    _, point = chosen(*[score_pairs(None, labels, distances)] * 2, [0.1])
    assert point.state == "provisional"
    assert point.interval is None
    assert point.dev.FAR == 0


@given(case=faces(), far=st.floats(0.05, 0.9))
def test_an_interval_is_wide_or_not_known(case, far):
    pairs = score_pairs(*case, "euclidean")
    for point in chosen_quickly(pairs, [far]):
        if point.interval:
            low, high = point.interval
            assert low < high
            assert low <= point.threshold


@given(st.integers(2, 4), st.integers(2, 30), st.integers(0, 3))
def test_with_four_test_people_nothing_claims_a_far_of_one_per_cent(people, images, seed):
    embeddings, labels = random_faces(people=people, images=images, seed=seed)
    pairs = score_pairs(embeddings, labels)
    (eer,) = chosen_quickly(pairs, [0.01])
    assert (eer.name, eer.state) == ("EER", "provisional")


def chosen_quickly(pairs, fars):
    """The operating points with intervals of the rates that take no resamples."""
    return choose_operating_points(pairs, pairs, fars, seed=0, intervals="clopper_pearson").points


@pytest.mark.slow
def test_a_supported_threshold_keeps_the_far_of_other_people_down_in_95_of_100_draws():
    rng = np.random.default_rng(0)
    some, others = (unequal_faces(rng, 1000, 1)[0] for _ in range(2))
    distances = np.sort((1 - some @ others.T).ravel())
    limit = distances[len(distances) // 10]
    too_high = {"supported": [], "plain": []}
    for _ in range(400):
        dev = score_pairs(*unequal_faces(rng, 14, 3))
        curve = curve_of(dev)
        choice = choose_far(curve, far_curve(dev), 0.1)
        if choice.is_supported:
            too_high["supported"].append(choice.threshold > limit)
        too_high["plain"].append(far_threshold(curve, 0.1) > limit)
    assert len(too_high["supported"]) > 380
    # 5 % of 400 is exceeded by 2.2 % = 2 standard errors at the most.
    assert np.mean(too_high["supported"]) <= 0.072
    assert np.mean(too_high["plain"]) > 0.4


def unequal_faces(rng, people, images):
    """Embeddings of length 1 of people who resemble each other, some more than others."""
    share = 0.7 * rng.uniform(size=(people, 1))
    centres = share * np.eye(16)[rng.integers(0, 3, people)] + rng.normal(size=(people, 16)) / 4
    labels = np.repeat(np.arange(people), images)
    vectors = centres[labels] + rng.normal(size=(len(labels), 16)) / 8
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


# --- Intervals ----------------------------------------------------------------------------------


def test_the_intervals_of_the_thresholds_are_those_of_the_jackknife(without_rate_intervals):
    dev = score_pairs(*random_faces(seed=2, people=12, images=4, spread=1.5))
    eer, at_far = chosen(dev, dev, [0.2])
    assert eer.interval == crossing_interval(dev, curve_of(dev).scores, 0.95)
    assert at_far.interval == far_curve(dev).interval_of(0.2, 0.95)


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
    for people in (12, 80):
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
        assert sampled.threshold == pytest.approx(all_pairs.threshold, abs=0.01)
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
    needed = {"FAR=1e-03": {"impostor_pairs": 3000, "people": 46}}
    assert blocks["unsupported_thresholds"] == needed
    assert blocks["calibration"] == {"method": "logistic", "Cllr": result.cllr}
    pack = result.pack(distance="cosine", model_sha256="a" * 64, data_sha256="b" * 64)
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
    assert blocks["unsupported_thresholds"] == {
        "FAR=1e-01": {"impostor_pairs": 30, "people": 5},
        "FAR=1e-03": {"impostor_pairs": 3000, "people": 46},
    }
    assert f"there are {len(set(identities))} people" in blocks["thresholds_missing"]
    pack = result.pack(distance="cosine", model_sha256="a" * 64, data_sha256="b" * 64)
    assert ThresholdPack.from_json(pack.to_json()) == pack
    with pytest.raises(UserError, match="this model has no threshold: thresholds are chosen on"):
        pack.operating_point()


@pytest.mark.parametrize("identities", ["aabbccdd", "aabbcd"])
def test_two_people_in_each_part_are_enough(identities):
    embeddings = np.random.default_rng(0).normal(size=(len(identities), 4))
    result = study(embeddings, list(identities), calibration="isotonic")
    (eer,) = result.chosen.points
    assert (eer.name, eer.state, eer.interval) == ("EER", "provisional", None)
    assert not result.missing
    assert result.calibration.method == "isotonic"
