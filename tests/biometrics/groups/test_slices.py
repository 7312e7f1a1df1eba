"""Groups: how attributes are read, and the figures of the groups among and across each other."""

import json

import numpy as np
import pytest

from biometrics.engine.pair_scores import score_pairs
from biometrics.errors import EvaluationError
from biometrics.figures.metrics import error_rates, verification_metrics
from biometrics.groups.slices import (
    choose_columns,
    measure_slices,
    read_attributes,
    scopes,
)
from biometrics.intervals.rates import clopper_pearson
from tests.biometrics.cases import random_faces

IDENTITIES = ["ann", "ann", "bob", "cy"]
KEYS = ["ann/1", "ann/2", "bob/1", "cy/1"]


# --- Attributes ---------------------------------------------------------------------------------


def test_attributes_of_people_go_to_all_their_images():
    text = "identity,sex,age\nann,f,20-29\nbob,m,\nzoe,f,30-39\n"
    assert read_attributes(text, IDENTITIES, KEYS) == {
        "sex": ["f", "f", "m", "unknown"],
        "age": ["20-29", "20-29", "unknown", "unknown"],
    }


def test_attributes_of_images_are_their_own():
    text = "key\tidentity\tcamera\nann/1\tann\tindoor\nann/2\tann\toutdoor\n"
    assert read_attributes(text, IDENTITIES, KEYS) == {
        "camera": ["indoor", "outdoor", "unknown", "unknown"]
    }


def test_a_row_may_be_there_twice_but_not_contradict_itself():
    text = "identity,sex\nann,f\nbob,m\nann,f\n"
    assert read_attributes(text, IDENTITIES, KEYS)["sex"] == ["f", "f", "m", "unknown"]
    with pytest.raises(EvaluationError, match=r"line 4 .*ann has one row.* than in line 2"):
        read_attributes(text[:-2] + "m\n", IDENTITIES, KEYS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "need a header, .*Received: 0 lines"),
        ("identity,sex\n", "at least one row"),
        ("person,sex\nann,f\n", "need a column identity or key, and one besides"),
        ("identity,key\nann,ann/1\n", "and one besides. Received: identity, key"),
        ("identity,sex,sex\nann,f,f\n", "each column once"),
        ("identity,sex\nann,f\nbob\n", "line 3 .* as many cells as the header has, 2. Received: 1"),
        ("identity,sex\nzoe,f\n", "column identity names nobody there. Received: zoe"),
    ],
)
def test_attributes_that_cannot_be_used_are_refused(text, message):
    with pytest.raises(EvaluationError, match=message):
        read_attributes(text, IDENTITIES, KEYS)


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(EvaluationError, match=r"no column 'sx' \(did you mean sex\?\)"):
        choose_columns({"sex": ["f"], "age": ["20"]}, ["sx"])
    with pytest.raises(EvaluationError, match=r"no column 'camera' \(known: sex, age\)"):
        choose_columns({"sex": ["f"], "age": ["20"]}, ["camera"])


def test_the_smallest_of_too_many_groups_become_one():
    values = [f"g{number:02}" for number in range(33)] + ["g32"]
    assert len(set(choose_columns({"c": values[1:]}, ["c"])["c"])) == 32
    pooled = choose_columns({"c": values}, ["c"])["c"]
    # g32 has two images; of the others, which have one each, the first thirty by name stay.
    assert pooled == [f"g{number:02}" for number in range(30)] + ["other"] * 2 + ["g32"] * 2


# --- Figures ------------------------------------------------------------------------------------

# On a line: a 0, 1; b 3, 9 (group x); c 2, 10 (group y); d 20 (group z). Accepted up to 2.
PLACES = np.array([[0], [1], [3], [9], [2], [10], [20]], np.float32)
PEOPLE = list("aabbccd")
GROUPS = list("xxxxyyz")


def measure(**changes):
    values = {"threshold": 2.0, "distance": "euclidean", "seed": 0}
    return measure_slices(PLACES, PEOPLE, {"g": GROUPS}, **(values | changes))["g"]


def test_the_figures_of_groups_by_hand():
    groups = measure()["groups"]
    # x: genuine 1 (a), 6 (b): one of two is rejected; impostor 3, 9, 2, 8: one of four accepted.
    assert groups["x"]["counts"] == {
        "genuine_pairs": 2, "impostor_pairs": 4, "identities": 2, "images": 4,
    }  # fmt: skip
    assert (groups["x"]["FAR"], groups["x"]["FRR"]) == (1 / 4, 1 / 2)
    assert set(groups["x"]["intervals"]) == {"FAR", "FRR", "EER"}
    # y: a genuine pair at 8, rejected, and no impostor pair. z: a single image.
    assert (groups["y"]["FAR"], groups["y"]["FRR"], groups["y"]["EER"]) == (None, 1.0, None)
    # One person says nearly nothing of how others are rejected, and nothing of false accepts.
    assert set(groups["y"]["intervals"]) == {"FRR"}
    low, high = groups["y"]["intervals"]["FRR"]
    assert low < 0.03
    assert high == 1
    assert groups["z"] == {
        "counts": {"genuine_pairs": 0, "impostor_pairs": 0, "identities": 1, "images": 1},
        "FAR": None,
        "FRR": None,
        "EER": None,
        "intervals": {},
    }


def test_the_cross_group_rates_by_hand():
    result = measure()
    assert result["threshold"] == 2.0
    assert result["cross_far"]["groups"] == ["x", "y", "z"]
    # x with y, |x - y| for y = 2: 2 1 1 7, for y = 10: 10 9 7 1. Four of eight are up to 2.
    assert result["cross_far"]["FAR"] == [[1 / 4, 4 / 8, 0.0], [4 / 8, None, 0.0], [0.0, 0.0, None]]
    assert result["cross_far"]["pairs"] == [[4, 8, 4], [8, 0, 2], [4, 2, 0]]


def test_every_cross_group_rate_has_an_interval_with_it_inside():
    cross_far = measure()["cross_far"]
    for row in range(3):
        for column in range(3):
            rate, interval = (cross_far[key][row][column] for key in ("FAR", "intervals"))
            assert (rate is None) == (interval is None)
            assert rate is None or interval[0] <= rate <= interval[1]
    # The diagonal is what the groups have.
    assert cross_far["intervals"][0][0] == measure()["groups"]["x"]["intervals"]["FAR"]


def test_a_group_of_people_with_one_image_has_an_interval_of_its_far():
    groups = measure_slices(
        PLACES, list("abcdefg"), {"g": GROUPS}, threshold=2.0, distance="euclidean", seed=0
    )["g"]["groups"]
    # x: 0, 1, 3, 9: 1 and 2 of 1 3 9 2 8 6 are accepted.
    assert groups["x"]["FAR"] == 2 / 6
    assert list(groups["x"]["intervals"]) == ["FAR"]
    low, high = groups["x"]["intervals"]["FAR"]
    assert low < 2 / 6 < high


def test_clopper_pearson_intervals_may_be_asked_for():
    result = measure(intervals="clopper_pearson")
    x, y = (result["groups"][name]["intervals"] for name in "xy")
    assert x["FAR"] == result["cross_far"]["intervals"][0][0] == list(clopper_pearson(1, 4))
    assert x["FRR"] == list(clopper_pearson(1, 2))
    assert y["FRR"] == list(clopper_pearson(1, 1))
    assert result["cross_far"]["intervals"][0][1] == list(clopper_pearson(4, 8))
    assert result["cross_far"]["intervals"][2][1] == list(clopper_pearson(0, 2))


def test_a_slice_is_json():
    body = measure()
    assert json.loads(json.dumps(body, allow_nan=False)) == body


def test_images_of_one_person_in_two_groups_are_no_impostor_pair():
    result = measure_slices(
        PLACES[:4], list("aabb"), {"g": list("xyxy")}, threshold=9.0, distance="euclidean", seed=0
    )["g"]
    # a/x b/x: one impostor pair, a/y b/y: one; across a/x b/y and b/x a/y: two.
    assert result["cross_far"]["pairs"] == [[1, 2], [2, 1]]
    assert result["groups"]["x"]["counts"]["genuine_pairs"] == 0


def test_a_group_has_the_figures_of_its_images_alone():
    embeddings, labels = random_faces(people=20, images=5)
    groups = np.where(labels % 2, "odd", "even")
    result = measure_slices(
        embeddings, labels, {"parity": groups}, threshold=0.5, distance="cosine", seed=0
    )["parity"]["groups"]
    for name, group in result.items():
        pairs = score_pairs(embeddings[groups == name], labels[groups == name])
        far, frr = error_rates(pairs, 0.5)
        assert (group["FAR"], group["FRR"]) == (far, frr)
        assert group["EER"] == verification_metrics(pairs)["EER"]
        assert group["intervals"]["FAR"][0] < far < group["intervals"]["FAR"][1]


def test_scopes_are_the_groups_in_which_an_eer_is_defined():
    found = scopes({"g": GROUPS, "all": ["one"] * 7}, PEOPLE)
    assert {name: list(images) for name, images in found.items()} == {
        "g=x": [0, 1, 2, 3],
        "all=one": [0, 1, 2, 3, 4, 5, 6],
    }
