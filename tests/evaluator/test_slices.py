"""Groups: how attributes are read, and the figures of the groups among and across each other."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluator import slices as slices_module
from components.evaluator.errors import EvaluationError
from components.evaluator.metrics import error_rates, verification_metrics
from components.evaluator.pairs import score_pairs
from components.evaluator.protocols import distances
from components.evaluator.slices import (
    Slice,
    choose_columns,
    count_accepted,
    measure_slices,
    read_attributes,
    scopes,
)
from tests.evaluator.cases import random_faces

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
    assert groups["y"]["intervals"] == {}
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


@given(
    person=st.lists(st.integers(0, 3), min_size=2, max_size=12),
    data=st.data(),
    cells=st.sampled_from([1, 9, 2**21]),
)
def test_counts_equal_those_of_a_loop_over_all_pairs(person, data, cells):
    count = len(person)
    places = data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    columns = [
        data.draw(st.lists(st.sampled_from("xyz"), min_size=count, max_size=count))
        for _ in range(2)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "BLOCK_CELLS", cells)
        counted = count_accepted(
            np.array(places, np.float32)[:, None],
            np.array(person),
            [Slice.of(column) for column in columns],
            3.0,
            "euclidean",
        )
    for column, counts in zip(columns, counted, strict=True):
        names = sorted(set(column))
        cells_of = {"impostor": {}, "false": {}, "genuine": {}, "accepted": {}}
        for i in range(count):
            for j in range(i):
                groups = tuple(sorted((names.index(column[i]), names.index(column[j]))))
                near = abs(places[i] - places[j]) <= 3
                kinds = ("genuine", "accepted") if person[i] == person[j] else ("impostor", "false")
                for kind in kinds[: 1 + near]:
                    cells_of[kind][groups] = cells_of[kind].get(groups, 0) + 1
        for g in range(len(names)):
            assert counts.genuine[g] == cells_of["genuine"].get((g, g), 0)
            assert counts.accepted[g] == cells_of["accepted"].get((g, g), 0)
            for h in range(len(names)):
                key = tuple(sorted((g, h)))
                assert counts.impostor[g, h] == cells_of["impostor"].get(key, 0)
                assert counts.false_accepts[g, h] == cells_of["false"].get(key, 0)


def test_the_cross_group_accepts_of_a_partition_are_all_false_accepts():
    embeddings, labels = random_faces(people=15, images=4)
    groups = [str(label % 4) for label in labels]
    (counts,) = count_accepted(embeddings, labels, [Slice.of(groups)], 0.4, "cosine")
    pairs = score_pairs(embeddings, labels)
    once = np.triu_indices(4)
    assert counts.false_accepts[once].sum() == pairs.impostor.at_most(0.4)
    assert counts.impostor[once].sum() == pairs.impostor.total


def test_scopes_are_the_groups_in_which_an_eer_is_defined():
    found = scopes({"g": GROUPS, "all": ["one"] * 7}, PEOPLE)
    assert {name: list(images) for name, images in found.items()} == {
        "g=x": [0, 1, 2, 3],
        "all=one": [0, 1, 2, 3, 4, 5, 6],
    }


def test_many_images_are_compared_a_few_rows_at_a_time(monkeypatch):
    seen = []

    def spy(scorer, rows, columns):
        seen.append(rows.stop - rows.start)
        return distances.block_distances(scorer, rows, columns)

    monkeypatch.setattr(distances, "BLOCK_CELLS", 21)
    monkeypatch.setattr(slices_module, "block_distances", spy)
    measure()
    assert seen == [3, 3, 1]
