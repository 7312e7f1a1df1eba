"""The people parted in two, and all that is learnt from both parts."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics.engine.pair_scores import score_pairs
from biometrics.thresholds.fit import cllr
from biometrics.thresholds.pack import ThresholdPack
from biometrics.thresholds.study import dev_people, study_thresholds
from groundfloor.errors import UserError
from tests.biometrics.cases import random_faces

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
        # Where in its block a pair is, and by which processor, may move it by two of these steps.
        np.testing.assert_allclose(
            pairs.impostor.values, expected.impostor.values, rtol=0, atol=2 * 2**-21
        )
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
    result = study(embeddings, list(identities))
    (eer,) = result.chosen.points
    assert (eer.name, eer.state, eer.interval) == ("EER", "provisional", None)
    assert not result.missing
    assert result.calibration.method == "logistic"
